/* SPDX-License-Identifier: MIT
 *
 * Runs of Sieve and their results as bytes: see filing.h.
 */
#include "doorstep/filing.h"

#include "doorstep/charset.h"
#include "doorstep/unpack_string.h"

static const char *const kind_names[FILING_KINDS] = {
    [FILING_FILE] = "fileinto",     [FILING_DISCARD_IT] = "discard", [FILING_REJECT] = "reject",
    [FILING_EREJECT] = "ereject",   [FILING_MARK] = "duplicate",     [FILING_REDIRECT] = "redirect",
    [FILING_VACATION] = "vacation", [FILING_NOTIFY] = "notify",      [FILING_REPORT] = "report",
    [FILING_PIPE] = "pipe",
};

const char *
filing_kind_name(enum filing_kind kind)
{
    return kind_names[kind];
}

/* ---- pieces ---- */

static uint8_t
unpack_enum(struct unpack *u, uint8_t count)
{
    uint8_t v = unpack_u8(u);

    if (v >= count)
        u->broken = true;
    return u->broken ? 0 : v;
}

/* At most max, and no more than there can be: each takes an octet at least. */
static uint32_t
unpack_count(struct unpack *u, uint32_t max)
{
    uint32_t n = unpack_u32(u);

    if (n > max || n > u->rest.n)
        u->broken = true;
    return u->broken ? 0 : n;
}

static void *
unpack_list(struct unpack *u, struct arena *arena, uint32_t count, size_t size)
{
    void *list = count == 0 ? NULL : arena_alloc(arena, count * size);

    if (count > 0 && list == NULL)
        u->broken = true;
    return list;
}

/* UTF-8, without control octets. */
static const char *
unpack_name(struct unpack *u, struct arena *arena)
{
    const char *s = unpack_line(u, arena, FILING_NAME_MAX);

    if (!utf8_is_valid(span_of(s)))
        u->broken = true;
    return u->broken ? "" : s;
}

/* UTF-8, with line ends and whatever else is no NUL. */
static const char *
unpack_text(struct unpack *u, struct arena *arena)
{
    const char *s = unpack_string(u, arena, FILING_TEXT_MAX);

    if (!utf8_is_valid(span_of(s)))
        u->broken = true;
    return u->broken ? "" : s;
}

static void
pack_names(struct pack *p, const char **names, uint32_t count)
{
    pack_u32(p, count);
    for (uint32_t i = 0; i < count; i++)
        pack_str(p, names[i]);
}

static const char **
unpack_names(struct unpack *u, struct arena *arena, uint32_t max, uint32_t *count)
{
    *count = unpack_count(u, max);
    const char **names = unpack_list(u, arena, *count, sizeof *names);
    for (uint32_t i = 0; !u->broken && i < *count; i++)
        names[i] = unpack_name(u, arena);
    return names;
}

/* Header fields, whole: ASCII lines that end in CRLF, none empty, the first one no continuation. */
static bool
is_head(struct span s)
{
    bool ok = true, is_first = true;

    while (ok && s.n > 0) {
        size_t n = span_find(s, '\r');
        ok = n > 0 && n + 1 < s.n && s.p[n + 1] == '\n' &&
             (!is_first || (s.p[0] != ' ' && s.p[0] != '\t'));
        for (size_t i = 0; ok && i < n; i++)
            ok = (s.p[i] >= ' ' && s.p[i] < 127) || s.p[i] == '\t';
        is_first = false;
        s = span_skip(s, n + 2);
    }
    return ok;
}

static const char *
unpack_head(struct unpack *u, struct arena *arena)
{
    const char *s = unpack_string(u, arena, FILING_HEAD_MAX);

    if (!is_head(span_of(s)))
        u->broken = true;
    return u->broken ? "" : s;
}

/* ---- a run ---- */

void
filing_run_pack(const struct filing_run *run, struct pack *p)
{
    pack_str(p, run->id);
    pack_str(p, run->sender);
    pack_str(p, run->recipient);
    pack_str(p, run->original_recipient);
    pack_str(p, run->login);
    pack_str(p, run->notify);
    pack_str(p, run->orcpt);
    pack_str(p, run->ret);
    pack_str(p, run->envid);
    pack_str(p, run->remote_ip);
    pack_str(p, run->remote_host);
    pack_str(p, run->address);
    pack_str(p, run->user);
    pack_str(p, run->delimiters);
    pack_names(p, run->aliases, run->alias_count);
    pack_u32(p, run->script_count);
    for (uint32_t i = 0; i < run->script_count; i++) {
        pack_str(p, run->scripts[i].name);
        pack_str(p, run->scripts[i].hash);
        pack_u8(p, (uint8_t)run->scripts[i].layer);
    }
}

void
filing_run_unpack(struct filing_run *run, struct arena *arena, struct unpack *u)
{
    *run = (struct filing_run){0};
    run->id = unpack_string(u, arena, FILING_NAME_MAX);
    run->sender = unpack_string(u, arena, FILING_NAME_MAX);
    run->recipient = unpack_string(u, arena, FILING_NAME_MAX);
    run->original_recipient = unpack_string(u, arena, FILING_NAME_MAX);
    run->login = unpack_string(u, arena, FILING_NAME_MAX);
    run->notify = unpack_string(u, arena, FILING_NAME_MAX);
    run->orcpt = unpack_string(u, arena, FILING_NAME_MAX);
    run->ret = unpack_string(u, arena, FILING_NAME_MAX);
    run->envid = unpack_string(u, arena, FILING_NAME_MAX);
    run->remote_ip = unpack_string(u, arena, FILING_NAME_MAX);
    run->remote_host = unpack_string(u, arena, FILING_NAME_MAX);
    run->address = unpack_string(u, arena, FILING_NAME_MAX);
    run->user = unpack_string(u, arena, FILING_NAME_MAX);
    run->delimiters = unpack_string(u, arena, FILING_NAME_MAX);
    run->aliases = unpack_names(u, arena, FILING_ALIASES_MAX, &run->alias_count);
    run->script_count = unpack_count(u, FILING_SCRIPTS_MAX);
    run->scripts = unpack_list(u, arena, run->script_count, sizeof *run->scripts);
    for (uint32_t i = 0; !u->broken && i < run->script_count; i++) {
        run->scripts[i].name = unpack_string(u, arena, FILING_NAME_MAX);
        run->scripts[i].hash = unpack_string(u, arena, FILING_NAME_MAX);
        run->scripts[i].layer = (enum filing_layer)unpack_enum(u, FILING_DISCARD + 1);
    }
}

/* ---- a result ---- */

static void
pack_action(struct pack *p, const struct filing_action *a)
{
    pack_u8(p, (uint8_t)a->kind);
    pack_u32(p, a->line);
    pack_str(p, a->script);
    pack_u32(p, a->edition);
    pack_u8(p, a->is_sent);
    pack_str(p, a->mailbox);
    pack_str(p, a->special_use);
    pack_str(p, a->mailbox_id);
    pack_u8(p, a->create);
    pack_u8(p, a->has_flags);
    pack_names(p, a->flags, a->flag_count);
    pack_str(p, a->text);
    pack_str(p, a->key);
    pack_u32(p, a->seconds);
    pack_str(p, a->reverse_path);
    pack_names(p, a->recipients, a->recipient_count);
    pack_str(p, a->head);
    pack_u32(p, a->field_count);
    for (uint32_t i = 0; i < a->field_count; i++) {
        pack_str(p, a->fields[i].name);
        pack_str(p, a->fields[i].value);
    }
}

static void
unpack_fields(struct filing_action *a, struct arena *arena, struct unpack *u)
{
    a->field_count = unpack_count(u, FILING_FIELDS_MAX);
    a->fields = unpack_list(u, arena, a->field_count, sizeof *a->fields);
    for (uint32_t i = 0; !u->broken && i < a->field_count; i++) {
        a->fields[i].name = unpack_name(u, arena);
        a->fields[i].value = unpack_text(u, arena);
    }
}

static void
unpack_action(struct filing_action *a, uint32_t editions, struct arena *arena, struct unpack *u)
{
    a->kind = (enum filing_kind)unpack_enum(u, FILING_KINDS);
    a->line = unpack_u32(u);
    a->script = unpack_name(u, arena);
    a->edition = unpack_u32(u);
    a->is_sent = unpack_enum(u, 2) != 0;
    a->mailbox = unpack_name(u, arena);
    a->special_use = unpack_name(u, arena);
    a->mailbox_id = unpack_name(u, arena);
    a->create = unpack_enum(u, 2) != 0;
    a->has_flags = unpack_enum(u, 2) != 0;
    a->flags = unpack_names(u, arena, FILING_FLAGS_MAX, &a->flag_count);
    a->text = unpack_text(u, arena);
    a->key = unpack_name(u, arena);
    a->seconds = unpack_u32(u);
    a->reverse_path = unpack_name(u, arena);
    a->recipients = unpack_names(u, arena, FILING_RECIPIENTS_MAX, &a->recipient_count);
    a->head = unpack_head(u, arena);
    unpack_fields(a, arena, u);
    if (a->edition > editions)
        u->broken = true;
}

void
filing_result_pack(const struct filing_result *result, struct pack *p)
{
    pack_u8(p, (uint8_t)result->status);
    pack_u8(p, (uint8_t)result->layer);
    pack_str(p, result->error);
    pack_u32(p, result->edition_count);
    pack_u32(p, result->action_count);
    for (uint32_t i = 0; i < result->action_count; i++)
        pack_action(p, &result->actions[i]);
}

void
filing_result_unpack(struct filing_result *result, struct arena *arena, struct unpack *u)
{
    *result = (struct filing_result){0};
    result->status = (enum filing_status)unpack_enum(u, FILING_DEFERRED + 1);
    result->layer = (enum filing_layer)unpack_enum(u, FILING_DISCARD + 1);
    result->error = unpack_text(u, arena);
    result->edition_count = unpack_u32(u);
    if (result->edition_count > FILING_ACTIONS_MAX)
        u->broken = true;
    result->action_count = unpack_count(u, FILING_ACTIONS_MAX);
    result->actions = unpack_list(u, arena, result->action_count, sizeof *result->actions);
    for (uint32_t i = 0; !u->broken && i < result->action_count; i++)
        unpack_action(&result->actions[i], result->edition_count, arena, u);
}
