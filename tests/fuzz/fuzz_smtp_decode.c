/* SPDX-License-Identifier: MIT
 *
 * DATA content: the first two octets choose bare_newline and the split, the rest is decoded whole
 * and in pieces; the end must be in the same place and behind CRLF.CRLF, and the content the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "decode_priv.h"
#include "doorstep/buf.h"

static void
require(bool holds)
{
    if (!holds)
        abort();
}

static void
collect(void *arg, struct span octets)
{
    require(octets.n > 0 && buf_append_span(arg, octets));
}

static size_t
decode(struct smtp_decode *d, struct span in, size_t split, struct buf *out)
{
    const struct decode_sink sink = {collect, out};
    size_t used = 0;

    while (used < in.n && d->state != DECODE_END) {
        size_t n = split < in.n - used ? split : in.n - used;

        used += smtp_decode_feed(d, (struct span){in.p + used, n}, &sink);
    }
    if (d->state != DECODE_END)
        smtp_decode_finish(d, &sink);
    return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct smtp_decode whole, pieces;
    struct buf out[2];
    struct span in;
    size_t used;

    if (size < 3)
        return 0;
    in = (struct span){(const char *)data + 2, size - 2};
    for (int i = 0; i < 2; i++)
        buf_init(&out[i], 16 << 20);
    smtp_decode_init(&whole, (enum bare_newline)(data[0] % 3), (data[0] & 4) != 0);
    smtp_decode_init(&pieces, (enum bare_newline)(data[0] % 3), (data[0] & 4) != 0);
    used = decode(&whole, in, in.n, &out[0]);
    require(decode(&pieces, in, 1u + data[1] % 16, &out[1]) == used);
    require(span_equal(buf_span(&out[0]), buf_span(&out[1])));
    require(whole.saw_bare == pieces.saw_bare);
    if (used < in.n)
        require(used >= 3 && memcmp(in.p + used - 3, ".\r\n", 3) == 0 &&
                (used == 3 || (used >= 5 && memcmp(in.p + used - 5, "\r\n", 2) == 0)));
    for (int i = 0; i < 2; i++)
        buf_release(&out[i]);
    return 0;
}
