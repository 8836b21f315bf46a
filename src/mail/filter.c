/* SPDX-License-Identifier: MIT
 *
 * Events for content filters and their results as bytes: packed by one role, read by another one
 * that trusts it no more than the network.
 */
#include "doorstep/filter.h"

#include "doorstep/unpack_string.h"

#define STRING_MAX 4096 /* of an event: command lines have far less */

void
filter_event_argument(struct filter_event *e, const char *argument)
{
    if (e->argument_count < FILTER_ARGUMENTS_MAX)
        e->arguments[e->argument_count++] = argument;
}

void
filter_event_macro(struct filter_event *e, const char *name, const char *value)
{
    if (e->macro_count < FILTER_MACROS_MAX)
        e->macros[e->macro_count++] = (struct filter_macro){name, value != NULL ? value : ""};
}

void
filter_event_pack(const struct filter_event *e, struct pack *p)
{
    pack_u8(p, (uint8_t)e->stage);
    pack_u8(p, e->is_late);
    pack_u32(p, e->argument_count);
    for (uint32_t i = 0; i < e->argument_count; i++)
        pack_str(p, e->arguments[i]);
    pack_u32(p, e->macro_count);
    for (uint32_t i = 0; i < e->macro_count; i++) {
        pack_str(p, e->macros[i].name);
        pack_str(p, e->macros[i].value);
    }
}

static uint32_t
unpack_count(struct unpack *u, uint32_t max)
{
    uint32_t n = unpack_u32(u);

    if (n > max)
        u->broken = true;
    return u->broken ? 0 : n;
}

static bool
unpack_bool(struct unpack *u)
{
    uint8_t v = unpack_u8(u);

    if (v > 1)
        u->broken = true;
    return v == 1;
}

bool
filter_event_unpack(struct filter_event *e, struct arena *arena, struct unpack *u)
{
    uint8_t stage = unpack_u8(u);

    if (stage >= FILTER_STAGES)
        u->broken = true;
    e->stage = u->broken ? FILTER_CONNECT : (enum filter_stage)stage;
    e->is_late = unpack_bool(u);
    e->argument_count = unpack_count(u, FILTER_ARGUMENTS_MAX);
    for (uint32_t i = 0; i < e->argument_count; i++)
        e->arguments[i] = unpack_line(u, arena, STRING_MAX);
    e->macro_count = unpack_count(u, FILTER_MACROS_MAX);
    for (uint32_t i = 0; i < e->macro_count; i++) {
        e->macros[i].name = unpack_line(u, arena, STRING_MAX);
        e->macros[i].value = unpack_line(u, arena, STRING_MAX);
    }
    return !u->broken;
}

static void
pack_addresses(const struct address *list, uint32_t count, struct pack *p)
{
    pack_u32(p, count);
    for (uint32_t i = 0; i < count; i++)
        address_pack(&list[i], p);
}

void
filter_result_pack(const struct filter_result *r, struct pack *p)
{
    pack_u8(p, (uint8_t)r->verdict);
    outcome_pack(&r->why, p);
    pack_str(p, r->quarantine);
    pack_str(p, r->reason);
    pack_str(p, r->flags);
    pack_u8(p, r->has_sender);
    if (r->has_sender)
        address_pack(&r->sender, p);
    pack_addresses(r->added, r->added_count, p);
    pack_addresses(r->deleted, r->deleted_count, p);
    pack_u8(p, r->is_changed);
    pack_span(p, r->header);
    pack_u8(p, r->has_new_body);
    pack_u64(p, r->body_offset);
    pack_u64(p, r->body_octets);
}

static struct address *
unpack_addresses(uint32_t *count, struct arena *arena, struct unpack *u)
{
    struct address *list;

    *count = unpack_count(u, FILTER_RECIPIENTS_MAX);
    list = *count == 0 ? NULL : arena_alloc(arena, *count * sizeof(*list));
    if (*count > 0 && list == NULL)
        u->broken = true;
    for (uint32_t i = 0; i < *count && !u->broken; i++) {
        address_unpack(&list[i], arena, u);
        if (list[i].is_null)
            u->broken = true;
    }
    return list;
}

bool
filter_result_unpack(struct filter_result *r, struct arena *arena, struct unpack *u)
{
    uint8_t verdict = unpack_u8(u);

    *r = (struct filter_result){.verdict = (enum filter_verdict)verdict};
    if (verdict > FILTER_LOST)
        u->broken = true;
    outcome_unpack(&r->why, u);
    r->quarantine = unpack_line(u, arena, STRING_MAX);
    r->reason = unpack_line(u, arena, STRING_MAX);
    r->flags = unpack_line(u, arena, STRING_MAX);
    r->has_sender = unpack_bool(u);
    if (r->has_sender)
        address_unpack(&r->sender, arena, u);
    r->added = unpack_addresses(&r->added_count, arena, u);
    r->deleted = unpack_addresses(&r->deleted_count, arena, u);
    r->is_changed = unpack_bool(u);
    r->header = unpack_span(u, FILTER_HEADER_MAX * 2);
    r->has_new_body = unpack_bool(u);
    r->body_offset = unpack_u64(u);
    r->body_octets = unpack_u64(u);
    if ((verdict == FILTER_REFUSE || verdict == FILTER_LOST) && outcome_is_success(&r->why))
        u->broken = true;
    return !u->broken;
}
