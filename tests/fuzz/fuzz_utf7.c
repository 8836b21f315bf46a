/* SPDX-License-Identifier: MIT
 *
 * Modified UTF-7 in both directions: each name has exactly one spelling.
 */
#include <stdint.h>
#include <stdlib.h>

#include "doorstep/utf7.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef bool (*convert_fn)(struct span in, struct buf *out);

static void
there_and_back(struct span in, convert_fn there, convert_fn back)
{
    struct buf once, again;

    buf_init(&once, 8 * in.n + 8);
    buf_init(&again, 8 * in.n + 8);
    if (there(in, &once) && (!back(buf_span(&once), &again) || !span_equal(buf_span(&again), in)))
        abort();
    buf_release(&once);
    buf_release(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = {(const char *)data, size};

    there_and_back(in, utf7_encode, utf7_decode);
    there_and_back(in, utf7_decode, utf7_encode);
    return 0;
}
