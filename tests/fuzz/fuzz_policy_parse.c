/* SPDX-License-Identifier: MIT
 *
 * Requests of the policy protocol from any octets: pieces change nothing, and every value is an
 * octet string that ends in its field.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy_parse_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int holds)
{
    if (!holds)
        abort();
}

#define REQUIRE_END(field) require(memchr((field), '\0', sizeof(field)) != NULL)

static enum policy_result
take_slowly(struct policy_parser *p, struct span in, size_t *used)
{
    enum policy_result result = POLICY_MORE;
    size_t one;

    for (*used = 0; *used < in.n && result == POLICY_MORE; *used += one)
        result = policy_take(p, (struct span){in.p + *used, 1}, &one);
    return result;
}

static void
compare(const struct policy_request *a, const struct policy_request *b)
{
    REQUIRE_END(a->type);
    REQUIRE_END(a->state);
    REQUIRE_END(a->recipient);
    REQUIRE_END(a->sender);
    REQUIRE_END(a->size);
    require(strcmp(a->type, b->type) == 0 && strcmp(a->state, b->state) == 0 &&
            strcmp(a->recipient, b->recipient) == 0 && strcmp(a->sender, b->sender) == 0 &&
            strcmp(a->size, b->size) == 0);
    require(strchr(a->recipient, '\n') == NULL && strchr(a->sender, '\n') == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = {(const char *)data, size};
    struct policy_parser whole, slow;
    enum policy_result result = POLICY_DONE;
    size_t used, other;

    policy_parser_init(&whole);
    policy_parser_init(&slow);
    while (in.n > 0 && result == POLICY_DONE) {
        result = policy_take(&whole, in, &used);
        require(used <= in.n && used <= POLICY_REQUEST_MAX + size);
        require(take_slowly(&slow, in, &other) == result);
        if (result == POLICY_DONE) {
            require(other == used);
            compare(&whole.request, &slow.request);
        }
        in = span_skip(in, used);
    }
    policy_parser_release(&whole);
    policy_parser_release(&slow);
    return 0;
}
