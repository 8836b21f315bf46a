/* SPDX-License-Identifier: MIT
 *
 * Paths, mailboxes, domains and account names from any bytes. What is accepted must print, and
 * parse again to the same address.
 */
#include <stdint.h>
#include <stdlib.h>

#include "doorstep/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
    if (!holds)
        abort();
}

static void
check_printed(const struct address *a, struct arena *arena)
{
    const unsigned flags = ADDRESS_ALLOW_NULL | ADDRESS_ALLOW_POSTMASTER | ADDRESS_ALLOW_UTF8;
    struct address again;
    struct buf text;

    buf_init(&text, 4096);
    require(address_print(a, &text));
    /* Quotes and backslashes may take a sender's local part over its limit once it is printed. */
    enum address_result result = address_parse_mailbox(buf_span(&text), flags, arena, &again);
    require(result == ADDRESS_OK || result == ADDRESS_TOO_LONG);
    require(result != ADDRESS_OK || address_equal(a, &again, false));
    buf_release(&text);
}

static void
check_name(struct span in)
{
    char once[256], twice[256];

    if (!account_name_fold(in, true, once, sizeof(once)))
        return;
    require(account_name_fold(span_of(once), true, twice, sizeof(twice)));
    require(span_equal(span_of(once), span_of(twice)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = {(const char *)data, size}, rest;
    struct arena arena;
    struct address a;

    for (unsigned flags = 0; flags < 8; flags++) {
        arena_init(&arena, 65536);
        if (address_parse_path(in, flags, &arena, &a, &rest) == ADDRESS_OK)
            check_printed(&a, &arena);
        if (address_parse_mailbox(in, flags, &arena, &a) == ADDRESS_OK)
            check_printed(&a, &arena);
        arena_release(&arena);
    }
    check_name(in);
    return 0;
}
