/* SPDX-License-Identifier: MIT
 *
 * What store and sorter say of Sieve, from any bytes: the first octet says whether a run or a
 * result. What is accepted packs again to the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "doorstep/filing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_run(struct span in, struct arena *arena, struct buf *out)
{
    struct filing_run run;
    struct unpack u;
    struct pack p;

    unpack_init(&u, in);
    filing_run_unpack(&run, arena, &u);
    if (!unpack_done(&u))
        return;
    pack_init(&p, out);
    filing_run_pack(&run, &p);
    if (p.full || !span_equal(buf_span(out), in))
        abort();
}

static void
try_result(struct span in, struct arena *arena, struct buf *out)
{
    struct filing_result result;
    struct unpack u;
    struct pack p;

    unpack_init(&u, in);
    filing_result_unpack(&result, arena, &u);
    if (!unpack_done(&u))
        return;
    for (uint32_t i = 0; i < result.action_count; i++)
        if (result.actions[i].edition > result.edition_count)
            abort();
    pack_init(&p, out);
    filing_result_pack(&result, &p);
    if (p.full || !span_equal(buf_span(out), in))
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct buf out;

    if (size == 0)
        return 0;
    struct span in = {(const char *)data + 1, size - 1};
    arena_init(&arena, 16 * 1024 * 1024);
    buf_init(&out, 2 * size + 1024);
    if (data[0] == 'r')
        try_run(in, &arena, &out);
    else
        try_result(in, &arena, &out);
    buf_release(&out);
    arena_release(&arena);
    return 0;
}
