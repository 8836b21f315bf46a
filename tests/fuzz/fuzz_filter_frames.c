/* SPDX-License-Identifier: MIT
 *
 * What edge, store and the outbound role tell each other about filters: an event, a verdict, a
 * result. The first octet chooses which; what is read whole is packed again, and read as the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
    if (!holds)
        abort();
}

static void
event_again(struct arena *arena, struct unpack *u, struct pack *p)
{
    struct filter_event e;

    if (!filter_event_unpack(&e, arena, u))
        return;
    require(e.stage < FILTER_STAGES);
    for (uint32_t i = 0; i < e.argument_count; i++)
        require(strpbrk(e.arguments[i], "\r\n") == NULL);
    for (uint32_t i = 0; i < e.macro_count; i++)
        require(strpbrk(e.macros[i].value, "\r\n") == NULL);
    filter_event_pack(&e, p);
}

static void
verdict_again(struct unpack *u, struct pack *p)
{
    struct outcome o;

    outcome_unpack(&o, u);
    if (u->broken)
        return;
    require(strpbrk(o.text, "\r") == NULL && outcome_code(&o) >= 200);
    outcome_pack(&o, p);
}

static void
result_again(struct arena *arena, struct unpack *u, struct pack *p)
{
    struct filter_result r;

    if (!filter_result_unpack(&r, arena, u))
        return;
    require(r.verdict <= FILTER_LOST && strpbrk(r.reason, "\r\n") == NULL);
    require(r.verdict == FILTER_PASS || r.verdict == FILTER_DISCARD || !outcome_is_success(&r.why));
    for (uint32_t i = 0; i < r.added_count; i++)
        require(!r.added[i].is_null);
    filter_result_pack(&r, p);
}

/* false: no role of ours says that. */
static bool
there_and_back(unsigned kind, struct span in, struct buf *out)
{
    struct arena arena;
    struct unpack u;
    struct pack p;

    arena_init(&arena, 4 << 20);
    pack_init(&p, out);
    unpack_init(&u, in);
    if (kind == 0)
        event_again(&arena, &u, &p);
    else if (kind == 1)
        verdict_again(&u, &p);
    else
        result_again(&arena, &u, &p);
    arena_release(&arena);
    return unpack_done(&u) && !p.full;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = {(const char *)data + 1, size - 1};
    struct buf once, twice;

    if (size < 1 || size > 60000)
        return 0;
    buf_init(&once, 65536);
    buf_init(&twice, 65536);
    if (there_and_back(data[0] % 3, in, &once)) {
        require(there_and_back(data[0] % 3, buf_span(&once), &twice));
        require(span_equal(buf_span(&once), buf_span(&twice)));
        require(data[0] % 3 != 0 || span_equal(buf_span(&once), in));
    }
    buf_release(&once);
    buf_release(&twice);
    return 0;
}
