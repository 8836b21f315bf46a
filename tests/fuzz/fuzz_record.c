/* SPDX-License-Identifier: MIT
 *
 * Records of the journal from any bytes: the first octet says of which type. What is accepted packs
 * again, and that is accepted too.
 */
#include <stdint.h>
#include <stdlib.h>

#include "record_change_priv.h"
#include "record_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_message(struct span in, struct arena *arena)
{
    struct record_message m, again;
    struct buf out;

    if (!record_message_unpack(&m, in, arena))
        return;
    for (uint32_t i = 0; i < m.part_count; i++) {
        buf_init(&out, 2 * in.n + 1024);
        if (!record_message_repack(&out, &m, &m.parts[i], 1, 1) ||
            !record_message_unpack(&again, buf_span(&out), arena) || again.part_count != 1)
            abort();
        buf_release(&out);
    }
}

static void
try_change(struct span in, struct arena *arena)
{
    struct account account;
    struct change c;
    struct buf out;

    if (!record_change_unpack(&account, &c, in, arena))
        return;
    buf_init(&out, RECORD_CHANGE_MAX);
    if (!record_change_pack(&out, &account, &c) ||
        !record_change_unpack(&account, &c, buf_span(&out), arena))
        abort();
    buf_release(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct record_cancel cancel;
    struct record_ledger ledger;
    struct arena arena;

    if (size == 0)
        return 0;
    struct span in = {(const char *)data + 1, size - 1};
    arena_init(&arena, 64 * 1024 * 1024);
    switch (data[0] % 4) {
    case 0:
        try_message(in, &arena);
        break;
    case 1:
        try_change(in, &arena);
        break;
    case 2:
        record_cancel_unpack(&cancel, in);
        break;
    case 3:
        record_ledger_unpack(&ledger, in, &arena);
        break;
    }
    arena_release(&arena);
    return 0;
}
