/* SPDX-License-Identifier: MIT
 *
 * Netstrings from any octets: pieces change nothing, what was read prints as it came (but for what
 * is longer than is kept), and nothing is used beyond the end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "netstring_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int holds)
{
    if (!holds)
        abort();
}

static void
print_again(const struct netstring *n, struct span in)
{
    struct buf out;

    buf_init(&out, NETSTRING_MAX + 16);
    require(netstring_print(&out, buf_span(&n->payload)));
    require(netstring_is_cut(n) || span_equal(buf_span(&out), in));
    buf_release(&out);
}

/* The first one, octet by octet. */
static enum netstring_result
take_slowly(struct netstring *n, struct span in, size_t *used)
{
    enum netstring_result result = NETSTRING_MORE;
    size_t one;

    for (*used = 0; *used < in.n && result == NETSTRING_MORE; *used += one)
        result = netstring_take(n, (struct span){in.p + *used, 1}, &one);
    return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = {(const char *)data, size};
    struct netstring whole, slow;
    enum netstring_result result = NETSTRING_DONE;
    size_t used, other;

    netstring_init(&whole);
    netstring_init(&slow);
    while (in.n > 0 && result == NETSTRING_DONE) {
        result = netstring_take(&whole, in, &used);
        require(used <= in.n && whole.payload.len <= NETSTRING_KEPT);
        require(take_slowly(&slow, in, &other) == result && other == used);
        if (result == NETSTRING_DONE) {
            require(span_equal(buf_span(&whole.payload), buf_span(&slow.payload)));
            print_again(&whole, (struct span){in.p, used});
        }
        in = span_skip(in, used);
    }
    netstring_release(&whole);
    netstring_release(&slow);
    return 0;
}
