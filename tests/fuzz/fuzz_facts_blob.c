/* SPDX-License-Identifier: MIT
 *
 * The header and part columns of an index that somebody damaged: what is read writes the same
 * again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "index_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
same(const struct buf *out, struct span in)
{
    if (!span_equal(buf_span(out), in))
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span in = {(const char *)data, size};
    struct arena arena;
    struct buf out;
    struct facts f = {0};
    arena_init(&arena, 1 << 24);
    buf_init(&out, 1 << 24);
    if (index_facts_read_headers(in, &arena, &f)) {
        if (!index_facts_headers(&f, &out))
            abort();
        same(&out, in);
    }
    buf_reset(&out);
    if (index_facts_read_parts(in, &arena, &f)) {
        if (!index_facts_parts(&f, &out))
            abort();
        same(&out, in);
    }
    buf_release(&out);
    arena_release(&arena);
    return 0;
}
