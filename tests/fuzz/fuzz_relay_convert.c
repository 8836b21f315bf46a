/* SPDX-License-Identifier: MIT
 *
 * Messages for next hops that take ASCII alone. What is converted is ASCII without NULs, has the
 * parts that it had, and each of them decodes to what it was; reads of one octet give the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "convert_priv.h"
#include "doorstep/charset.h"
#include "doorstep/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LEAVES_MAX 64 /* that are compared */

struct text {
    struct span octets;
    size_t read_max;
};

static void
require(bool holds)
{
    if (!holds)
        abort();
}

static ssize_t
read_text(void *arg, uint64_t at, void *out, size_t n)
{
    const struct text *t = arg;

    n = n > t->read_max ? t->read_max : n;
    n = n > t->octets.n - at ? t->octets.n - (size_t)at : n;
    memcpy(out, t->octets.p + at, n);
    return (ssize_t)n;
}

/* A NUL, or CR and LF that are not together. */
static bool
has_binary(struct span message)
{
    for (size_t i = 0; i < message.n; i++) {
        bool follows_cr = i > 0 && message.p[i - 1] == '\r';
        if (message.p[i] == '\0' || (message.p[i] == '\n') != follows_cr)
            return true;
    }
    return message.n > 0 && message.p[message.n - 1] == '\r';
}

/* false: it is refused. */
static bool
convert(struct span message, size_t read_max, struct buf *out)
{
    struct text text = {message, read_max};
    struct relay_job job = {.octets = message.n};
    struct source source = {&job, read_text, &text};
    struct convert *c = convert_new(&source);
    const char *why = NULL;
    char octets[512];
    ssize_t n = 0;

    require(c != NULL);
    require(convert_has_8bit(c) == !utf8_is_ascii(message));
    require(convert_has_8bit(c) || !convert_has_8bit_header(c));
    require(convert_has_binary(c) == has_binary(message));
    bool ok = convert_is_whole(c) && convert_plan(c, &why);
    while (ok && (n = convert_read(c, octets, sizeof(octets))) > 0)
        require(buf_append(out, octets, (size_t)n));
    require(n == 0 && (ok || why != NULL || !convert_is_whole(c)));
    convert_free(c);
    return ok;
}

/* ------------------------------------------------------------------ what a message says */

struct meaning {
    struct mime *mime;
    struct buf leaves[LEAVES_MAX]; /* decoded, without CR and what ends them */
    uint32_t decoding;             /* the leaf */
    struct decode decode;
};

static bool
on_header(void *arg, uint32_t part, const struct mime_header *header)
{
    struct meaning *m = arg;
    uint32_t count;

    m->decoding = part;
    decode_init(&m->decode, decode_kind_of(header->encoding));
    return mime_parts(m->mime, &count)[part].kind == MIME_LEAF && part < LEAVES_MAX;
}

static bool
on_body(void *arg, uint32_t part, struct span octets)
{
    struct meaning *m = arg;

    require(part == m->decoding);
    return decode_feed(&m->decode, octets, &m->leaves[part]);
}

static void
strip(struct buf *b)
{
    size_t n = 0;

    for (size_t i = 0; i < b->len; i++) {
        if (b->data[i] != '\r')
            b->data[n++] = b->data[i];
    }
    while (n > 0 && b->data[n - 1] == '\n') /* some line end may come with a body */
        n--;
    b->len = n;
}

static void
on_end(void *arg, uint32_t part)
{
    struct meaning *m = arg;

    if (part >= LEAVES_MAX)
        return;
    if (part == m->decoding)
        decode_finish(&m->decode, &m->leaves[part]);
    strip(&m->leaves[part]);
}

static void
read_meaning(struct meaning *m, struct span message)
{
    static const struct mime_events events = {on_header, on_body, on_end};

    for (size_t i = 0; i < LEAVES_MAX; i++)
        buf_init(&m->leaves[i], 1 << 20);
    m->mime = mime_new(&events, m);
    require(m->mime != NULL);
    mime_feed(m->mime, message);
    mime_finish(m->mime);
}

static void
release_meaning(struct meaning *m)
{
    for (size_t i = 0; i < LEAVES_MAX; i++)
        buf_release(&m->leaves[i]);
    mime_free(m->mime);
}

static void
compare(struct span before, struct span after)
{
    static struct meaning a, b;
    uint32_t count, other_count;
    const struct mime_part *rows, *other_rows;

    read_meaning(&a, before);
    read_meaning(&b, after);
    rows = mime_parts(a.mime, &count);
    other_rows = mime_parts(b.mime, &other_count);
    require(count == other_count);
    for (uint32_t i = 0; i < count; i++)
        require(rows[i].kind == other_rows[i].kind && rows[i].parent == other_rows[i].parent);
    for (uint32_t i = 0; i < count && i < LEAVES_MAX; i++)
        require(span_equal(buf_span(&a.leaves[i]), buf_span(&b.leaves[i])));
    release_meaning(&a);
    release_meaning(&b);
}

/* A line that is a CR is not an empty one, and ends what is read of a header all the same; on the
 * wire it is a space. */
static bool
has_cr_line(struct span message)
{
    return message.n > 0 && memmem(message.p, message.n, "\r\r\n", 3) != NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span message = {(const char *)data, size};
    struct buf once, again;

    buf_init(&once, 4 << 20);
    buf_init(&again, 4 << 20);
    if (convert(message, 65536, &once)) {
        require(utf8_is_ascii(buf_span(&once)));
        require(convert(message, 1, &again));
        require(span_equal(buf_span(&once), buf_span(&again)));
        if (!has_cr_line(message))
            compare(message, buf_span(&once));
    }
    buf_release(&once);
    buf_release(&again);
    return 0;
}
