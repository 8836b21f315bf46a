/* SPDX-License-Identifier: MIT
 *
 * Encoded words: any value becomes valid UTF-8 on one line.
 */
#include <stdlib.h>

#include "doorstep/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct charsets *set = charsets_new();
    struct buf out;

    buf_init(&out, 4096);
    if (set != NULL)
        words_decode(set, (struct span){(const char *)data, size}, &out);
    if (!utf8_is_valid(buf_span(&out)))
        abort();
    for (size_t i = 0; i < out.len; i++)
        if ((unsigned char)out.data[i] < ' ')
            abort();
    buf_release(&out);
    charsets_free(set);
    return 0;
}
