/* SPDX-License-Identifier: MIT
 *
 * PROXY headers from any octets: no prefix of a header is one, what follows does not change it, and
 * texts end where they should.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int holds)
{
    if (!holds)
        abort();
}

/* On memory of its own length, so that the sanitizer sees a look beyond it. */
static enum proxy_result
parse(const uint8_t *data, size_t size, struct proxy_header *h, size_t *used)
{
    char *copy = malloc(size);
    enum proxy_result result;

    require(copy != NULL || size == 0);
    if (size > 0)
        memcpy(copy, data, size);
    result = proxy_parse((struct span){copy, size}, h, used);
    free(copy);
    return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct proxy_header whole, part;
    size_t used, other;

    if (parse(data, size, &whole, &used) != PROXY_DONE)
        return 0;
    require(used > 0 && used <= size && used <= PROXY_HEADER_MAX);
    require(memchr(whole.client_cn, '\0', sizeof(whole.client_cn)) != NULL);
    require(memchr(whole.authority, '\0', sizeof(whole.authority)) != NULL);
    require(memchr(whole.unique_id, '\0', sizeof(whole.unique_id)) != NULL);
    require(!whole.has_client || whole.source.ss_family == AF_INET ||
            whole.source.ss_family == AF_INET6);
    require(parse(data, used, &part, &other) == PROXY_DONE && other == used);
    require(memcmp(&whole, &part, sizeof(whole)) == 0);
    for (size_t n = used > 40 ? used - 40 : 0; n < used; n++)
        require(parse(data, n, &part, &other) == PROXY_MORE);
    return 0;
}
