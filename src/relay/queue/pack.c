/* SPDX-License-Identifier: MIT
 *
 * An item in a record of the journal: what the delivery that made it knows. Read after a crash, and
 * so as hostile as any file.
 */
#include "queue_priv.h"

#include "doorstep/unpack_string.h"

#define NAME_MAX_OCTETS 1024 /* of an address, an id, a parameter */

static void
pack_recipient(const struct queue_recipient *r, struct pack *p)
{
    pack_str(p, r->address);
    pack_str(p, r->orcpt);
    pack_u8(p, (uint8_t)r->notify);
}

void
queue_item_pack(const struct queue_item *item, struct pack *p)
{
    pack_str(p, item->once);
    pack_str(p, item->kind);
    pack_str(p, item->reverse_path);
    pack_str(p, item->envid);
    pack_u8(p, (uint8_t)item->ret);
    pack_u8(p, (uint8_t)item->body);
    pack_u8(p, item->smtputf8);
    pack_u8(p, item->require_tls);
    pack_str(p, item->by);
    pack_span(p, item->head);
    pack_span(p, item->text);
    pack_str(p, item->file);
    pack_u64(p, item->octets);
    pack_u32(p, (uint32_t)item->recipient_count);
    for (size_t i = 0; i < item->recipient_count; i++)
        pack_recipient(&item->recipients[i], p);
}

static uint8_t
unpack_below(struct unpack *u, uint8_t count)
{
    uint8_t v = unpack_u8(u);

    if (v >= count)
        u->broken = true;
    return u->broken ? 0 : v;
}

static struct span
unpack_text(struct unpack *u, struct arena *arena)
{
    struct span s = unpack_span(u, QUEUE_TEXT_MAX);
    const char *copy = u->broken ? NULL : arena_copy(arena, s);

    if (copy == NULL)
        u->broken = true;
    return u->broken ? SPAN_NONE : (struct span){copy, s.n};
}

static const char *
unpack_file(struct unpack *u, struct arena *arena)
{
    const char *name = unpack_string(u, arena, QUEUE_NAME_SIZE - 1);

    if (name[0] != '\0' && !queue_is_file_name(name))
        u->broken = true;
    return u->broken ? "" : name;
}

static void
unpack_recipients(struct queue_item *item, struct arena *arena, struct unpack *u)
{
    uint32_t count = unpack_u32(u);

    if (count == 0 || count > QUEUE_RECIPIENTS_MAX || count > u->rest.n)
        u->broken = true;
    struct queue_recipient *list = u->broken ? NULL : arena_alloc(arena, count * sizeof *list);
    if (list == NULL)
        u->broken = true;
    for (uint32_t i = 0; !u->broken && i < count; i++) {
        list[i].address = unpack_line(u, arena, NAME_MAX_OCTETS);
        list[i].orcpt = unpack_line(u, arena, NAME_MAX_OCTETS);
        list[i].notify = unpack_below(u, 16);
        list[i].last_reply = list[i].last_host = "";
    }
    item->recipients = list;
    item->recipient_count = u->broken ? 0 : count;
}

void
queue_item_unpack(struct queue_item *item, struct arena *arena, struct unpack *u)
{
    *item = (struct queue_item){.account = "", .delivery_id = ""};
    item->once = unpack_line(u, arena, NAME_MAX_OCTETS);
    item->kind = unpack_line(u, arena, NAME_MAX_OCTETS);
    item->reverse_path = unpack_line(u, arena, NAME_MAX_OCTETS);
    item->envid = unpack_line(u, arena, NAME_MAX_OCTETS);
    item->ret = (enum envelope_ret)unpack_below(u, RET_HDRS + 1);
    item->body = (enum envelope_body)unpack_below(u, BODY_BINARYMIME + 1);
    item->smtputf8 = unpack_below(u, 2) != 0;
    item->require_tls = unpack_below(u, 2) != 0;
    item->by = unpack_line(u, arena, NAME_MAX_OCTETS);
    item->head = unpack_text(u, arena);
    item->text = unpack_text(u, arena);
    item->file = unpack_file(u, arena);
    item->octets = unpack_u64(u);
    if (item->once[0] == '\0' || item->octets > INT64_MAX)
        u->broken = true;
    unpack_recipients(item, arena, u);
}
