/* SPDX-License-Identifier: MIT
 *
 * The bodies of frames about log-ins: what one side may send the other. The first octet chooses the
 * frame; what is read whole is packed again, and is the same.
 */
#include <stdlib.h>
#include <string.h>

#include "doorstep/auth.h"

static void
require(bool holds)
{
    if (!holds)
        abort();
}

static void
pack_again(unsigned kind, struct unpack *u, struct pack *p)
{
    struct auth_client client;
    struct auth_begin begin;
    struct auth_secret secret;
    struct auth_done done;

    switch (kind) {
    case 0:
        auth_client_unpack(&client, u);
        auth_client_pack(&client, p);
        break;
    case 1:
        auth_begin_unpack(&begin, u);
        auth_begin_pack(&begin, p);
        break;
    case 2:
        auth_secret_unpack(&secret, u);
        auth_secret_pack(&secret, p);
        break;
    default:
        auth_done_unpack(&done, u);
        require(u->broken || done.verdict < SASL_VERDICT_COUNT);
        auth_done_pack(&done, p);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = {(const char *)data + 1, size - 1};
    struct unpack u;
    struct buf again;
    struct pack p;

    if (size < 1 || size > 60000)
        return 0;
    buf_init(&again, 65536);
    pack_init(&p, &again);
    unpack_init(&u, in);
    pack_again(data[0] % 4, &u, &p);
    if (unpack_done(&u))
        require(!p.full && span_equal(buf_span(&again), in));
    buf_release(&again);
    return 0;
}
