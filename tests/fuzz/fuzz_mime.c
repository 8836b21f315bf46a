/* SPDX-License-Identifier: MIT
 *
 * A whole message to facts, in pieces whose size the first octet says: whatever comes, what
 * facts_check() promises holds, and the pieces make no difference.
 */
#include <stdio.h>
#include <stdlib.h>

#include "doorstep/sort.h"

#include "facts_check.h"

#define ARENA_MAX (8 * SORT_FACTS_MAX)

static void
scan(struct sort_scan *s, struct span in, size_t piece, struct buf *packed)
{
    struct arena arena;
    struct facts facts;
    struct pack p;

    for (; in.n > 0; in = span_skip(in, piece))
        sort_scan_feed(s, in.p, in.n < piece ? in.n : piece);
    arena_init(&arena, ARENA_MAX);
    if (!sort_scan_finish(s, &arena, &facts))
        abort();
    const char *wrong = facts_check(&facts);
    if (wrong != NULL) {
        fprintf(stderr, "%s\n", wrong);
        abort();
    }
    buf_init(packed, SORT_FACTS_MAX);
    pack_init(&p, packed);
    facts_pack(&facts, &p);
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sort_scan *s = sort_scan_new();
    struct span in = {(const char *)data + 1, size - 1};
    struct buf whole, pieces;

    if (size == 0 || s == NULL) {
        sort_scan_free(s);
        return 0;
    }
    scan(s, in, in.n + 1, &whole);
    scan(s, in, 1 + data[0] % 64u, &pieces);
    if (!span_equal(buf_span(&whole), buf_span(&pieces)))
        abort();
    buf_release(&whole);
    buf_release(&pieces);
    sort_scan_free(s);
    return 0;
}
