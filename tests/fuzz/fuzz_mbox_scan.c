/* SPDX-License-Identifier: MIT
 *
 * Any octets as an mbox: the same messages however they are fed, no octet of content invented,
 * ends in order.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mbox/mbox_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sums {
    uint64_t content;
    uint64_t hash;
    uint64_t last;
    uint64_t messages;
};

static void
on_begin(void *arg, const char *from)
{
    (void)arg;
    (void)mbox_from_time(from);
}

static bool
on_content(void *arg, const char *p, size_t n)
{
    struct sums *s = arg;

    for (size_t i = 0; i < n; i++)
        s->hash = s->hash * 31 + (unsigned char)p[i];
    s->content += n;
    return true;
}

static bool
on_end(void *arg, uint64_t start, uint64_t after)
{
    struct sums *s = arg;

    if (start < s->last || after < start)
        abort();
    s->last = after;
    s->messages++;
    return true;
}

static struct sums
scan(const char *data, size_t size, size_t step)
{
    struct mbox_scanner scanner;
    struct sums s = {0};

    mbox_scanner_init(&scanner, &s);
    scanner.begin = on_begin;
    scanner.content = on_content;
    scanner.end = on_end;
    for (size_t at = 0; at < size; at += step)
        mbox_scanner_feed(&scanner, data + at, size - at < step ? size - at : step);
    mbox_scanner_end(&scanner, false);
    if (s.content > size || s.last > size)
        abort();
    return s;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data;
    struct sums whole = scan(p, size, size + 1);
    struct sums octets = scan(p, size, 1);
    struct sums threes = scan(p, size, 3);
    struct mbox_namer namer;
    char name[STORE_REF_SIZE];

    if (memcmp(&whole, &octets, sizeof(whole)) != 0 || memcmp(&whole, &threes, sizeof(whole)) != 0)
        abort();
    mbox_namer_init(&namer);
    mbox_namer_put(&namer, p, size);
    mbox_namer_end(&namer, name);
    return 0;
}
