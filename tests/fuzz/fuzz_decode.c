/* SPDX-License-Identifier: MIT
 *
 * Transfer encodings: the first octet says which and how large the pieces are; pieces make no
 * difference, and nothing decodes to more than it was.
 */
#include <stdlib.h>

#include "doorstep/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
decode(enum decode_kind kind, struct span in, size_t piece, struct buf *out)
{
    struct decode d;

    buf_init(out, in.n);
    decode_init(&d, kind);
    for (; in.n > 0; in = span_skip(in, piece))
        if (!decode_feed(&d, (struct span){in.p, in.n < piece ? in.n : piece}, out))
            abort();
    if (!decode_finish(&d, out))
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole, pieces;

    if (size == 0)
        return 0;
    struct span in = {(const char *)data + 1, size - 1};
    enum decode_kind kind = (enum decode_kind)(data[0] % 3);
    decode(kind, in, in.n + 1, &whole);
    decode(kind, in, 1 + data[0] / 3, &pieces);
    if (!span_equal(buf_span(&whole), buf_span(&pieces)))
        abort();
    buf_release(&whole);
    buf_release(&pieces);
    return 0;
}
