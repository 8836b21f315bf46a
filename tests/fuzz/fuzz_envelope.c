/* SPDX-License-Identifier: MIT
 *
 * Envelopes from any bytes: what is accepted must pack to the bytes that it came from.
 */
#include <stdint.h>
#include <stdlib.h>

#include "doorstep/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = {(const char *)data, size};
    struct envelope e;
    struct arena arena;
    struct unpack u;

    arena_init(&arena, 1024 * 1024);
    unpack_init(&u, in);
    if (envelope_unpack(&e, &arena, &u) && unpack_done(&u)) {
        struct buf out;
        struct pack p;
        buf_init(&out, size);
        pack_init(&p, &out);
        envelope_pack(&e, &p);
        if (p.full || !span_equal(buf_span(&out), in))
            abort();
        buf_release(&out);
    }
    arena_release(&arena);
    return 0;
}
