/* SPDX-License-Identifier: MIT
 *
 * What main hands to an edge, from octets that are anything: services and ticket keys are read
 * whole or refused, and what was read is written again as the same octets.
 */
#include <stdint.h>
#include <stdlib.h>

#include "doorstep/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect_same(struct buf *out, struct pack *p, struct span read)
{
    if (p->full || !span_equal(buf_span(out), read))
        abort();
    buf_release(out);
}

static void
try_service(struct span in)
{
    static struct tls_pair pairs[TLS_PAIRS_MAX];
    char name[TLS_NAME_SIZE];
    struct tls_service service;
    struct unpack u;
    struct pack p;
    struct buf out;

    unpack_init(&u, in);
    tls_service_unpack(&service, name, pairs, &u);
    if (u.broken)
        return;
    buf_init(&out, in.n);
    pack_init(&p, &out);
    tls_service_pack(&service, &p);
    expect_same(&out, &p, (struct span){in.p, in.n - u.rest.n});
}

static void
try_keys(struct span in)
{
    struct tls_ticket_keys keys;
    struct unpack u;
    struct pack p;
    struct buf out;

    unpack_init(&u, in);
    tls_ticket_keys_unpack(&keys, &u);
    if (u.broken) {
        if (keys.count != 0)
            abort();
        return;
    }
    buf_init(&out, in.n);
    pack_init(&p, &out);
    tls_ticket_keys_pack(&keys, &p);
    expect_same(&out, &p, (struct span){in.p, in.n - u.rest.n});
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span in = {(const char *)data, size};

    try_service(in);
    try_keys(in);
    return 0;
}
