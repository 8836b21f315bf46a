/* SPDX-License-Identifier: MIT
 *
 * What scripts do besides filing, as a record of the journal has it, from any bytes: keys,
 * failures, and mail for the queue. What is accepted packs again to the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "effects_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_item(const struct queue_item *item)
{
    if (item->recipient_count == 0 || item->recipient_count > QUEUE_RECIPIENTS_MAX ||
        item->head.n > QUEUE_TEXT_MAX || item->text.n > QUEUE_TEXT_MAX || item->once[0] == '\0')
        abort();
    if (item->file[0] != '\0' && !queue_is_file_name(item->file))
        abort();
    for (size_t i = 0; i < item->recipient_count; i++)
        if (strpbrk(item->recipients[i].address, "\r\n") != NULL)
            abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = {(const char *)data, size};
    struct arena arena;
    struct effect e;
    struct unpack u;
    struct buf out;

    arena_init(&arena, 16 * 1024 * 1024);
    buf_init(&out, size + 1024);
    unpack_init(&u, in);
    while (u.rest.n > 0 && effect_unpack(&e, &arena, &u)) {
        if (e.kind == EFFECT_SEND)
            check_item(&e.item);
        if (!effects_pack(&e, &out))
            abort();
    }
    if (!u.broken && !span_equal(buf_span(&out), in))
        abort();
    buf_release(&out);
    arena_release(&arena);
    return 0;
}
