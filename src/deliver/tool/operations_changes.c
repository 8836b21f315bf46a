/* SPDX-License-Identifier: MIT
 *
 * The tool's operations that change messages: flags, moves, removals. Either every message that is
 * named is there, or nothing is changed.
 */
#include <string.h>
#include <strings.h>

#include "change_priv.h"
#include "flags_priv.h"
#include "operation_priv.h"

#define ROW_ARENA (32 * 1024 * 1024)
#define CHANGE_ARENA (16 * 1024 * 1024)
#define KEYWORDS_MAX 65536

struct making { /* one operation's work */
    struct operation *op;
    struct worker *worker;
    struct open_account *account;
    struct index_mailbox mailbox, to;
    struct change change;
    struct arena arena;
};

static uint32_t
read_uid(struct operation *op, const json_t *value)
{
    json_int_t uid = json_is_integer(value) ? json_integer_value(value) : 0;

    if (uid > 0 && uid <= UINT32_MAX)
        return (uint32_t)uid;
    operation_fail(op, OUTCOME_BAD_REQUEST, "a UID must be a number of at least 1");
    return 0;
}

static bool
copy_row(struct making *m, const struct index_message *row)
{
    const struct change_message one = {
        .uid = row->uid,
        .name = arena_copy(&m->arena, span_of(row->ref.name)),
        .flags = row->flags,
        .keywords = arena_copy(&m->arena, span_of(row->keywords)),
    };

    if (one.name == NULL || one.keywords == NULL) {
        operation_fail(m->op, OUTCOME_SYSTEM, "out of memory");
        return false;
    }
    m->change.list[m->change.count++] = one;
    return true;
}

/* One message more for the change, as it is now. */
static bool
add_message(struct making *m, const json_t *value)
{
    struct operation *op = m->op;
    uint32_t uid = read_uid(op, value);
    struct index_message row;
    struct arena arena;

    if (uid == 0)
        return false;
    arena_init(&arena, ROW_ARENA);
    bool ok = index_message_find(m->account->index, m->mailbox.id, uid, &arena, &row, &op->why) &&
              copy_row(m, &row);
    arena_release(&arena);
    op->failed = !ok;
    if (!ok && op->why.kind == OUTCOME_NOT_FOUND)
        operation_fail(op, OUTCOME_NOT_FOUND, "no message with UID %u in %s", uid, m->mailbox.name);
    return ok;
}

/* The mailbox opened, and room for `count` messages. false: failed, or op->more. */
static bool
begin(struct making *m, struct operation *op, struct worker *w, enum change_kind kind, size_t count)
{
    const char *name = operation_text(op, "mailbox");

    *m = (struct making){.op = op, .worker = w, .change.kind = kind};
    m->account = name == NULL ? NULL : operation_account(op, w, false);
    if (m->account == NULL || !operation_mailbox(op, w, m->account, name, &m->mailbox))
        return false;
    m->change.mailbox = m->mailbox.name;
    m->change.uid_validity = m->mailbox.uid_validity;
    m->change.to = "";
    arena_init(&m->arena, CHANGE_ARENA);
    m->change.list = arena_alloc(&m->arena, count * sizeof *m->change.list);
    if (m->change.list == NULL)
        operation_fail(op, OUTCOME_SYSTEM, "out of memory");
    return m->change.list != NULL;
}

static bool
carry_out(struct making *m)
{
    if (change_make(m->worker, m->account, &m->change, &m->op->why))
        return true;
    m->op->failed = true;
    return false;
}

static bool
read_flags(struct making *m, unsigned *flags, struct buf *keywords)
{
    const json_t *add = json_object_get(m->op->args, "add");
    const json_t *remove = json_object_get(m->op->args, "remove");

    if (json_array_size(add) + json_array_size(remove) == 0) {
        operation_fail(m->op, OUTCOME_BAD_REQUEST,
                       "no flags: \"add\" or \"remove\" must name some");
        return false;
    }
    const char *bad = flags_edit(add, remove, flags, keywords);
    if (bad != NULL)
        operation_fail(m->op, OUTCOME_BAD_REQUEST, "\"%s\" is no flag and no keyword", bad);
    return bad == NULL;
}

static void
flag_message(struct making *m, struct buf *keywords)
{
    if (!add_message(m, json_object_get(m->op->args, "uid")))
        return;
    struct change_message *one = &m->change.list[0];
    if (!buf_append_str(keywords, one->keywords) || !read_flags(m, &one->flags, keywords))
        return;
    one->keywords = buf_str(keywords);
    if (carry_out(m))
        m->op->ok = json_pack("{s:I, s:o, s:o}", "uid", (json_int_t)one->uid, "flags",
                              flags_json(one->flags), "keywords", keywords_json(one->keywords));
}

void
operation_message_flag(struct operation *op, struct worker *w)
{
    struct making m;
    struct buf keywords;

    buf_init(&keywords, KEYWORDS_MAX);
    if (begin(&m, op, w, CHANGE_FLAGS, 1))
        flag_message(&m, &keywords);
    buf_release(&keywords);
    arena_release(&m.arena);
}

static void
move_message(struct making *m, struct worker *w)
{
    struct operation *op = m->op;
    const char *to = operation_text(op, "to");

    if (to == NULL || !operation_mailbox(op, w, m->account, to, &m->to) ||
        !add_message(m, json_object_get(op->args, "uid")))
        return;
    if (m->to.id == m->mailbox.id) {
        operation_fail(op, OUTCOME_BAD_REQUEST, "it is in %s already", m->to.name);
        return;
    }
    m->change.to = m->to.name;
    m->change.to_validity = m->to.uid_validity;
    if (carry_out(m))
        op->ok = json_pack("{s:s, s:I}", "mailbox", m->to.name, "uid",
                           (json_int_t)m->change.list[0].to_uid);
}

void
operation_message_move(struct operation *op, struct worker *w)
{
    struct making m;

    if (begin(&m, op, w, CHANGE_MOVE, 1))
        move_message(&m, w);
    arena_release(&m.arena);
}

static bool
is_listed(const struct making *m, const json_t *value)
{
    for (uint32_t i = 0; i < m->change.count; i++)
        if (json_integer_value(value) == m->change.list[i].uid)
            return true;
    return false;
}

static void
remove_messages(struct making *m, const json_t *uids)
{
    for (size_t i = 0; i < json_array_size(uids); i++) {
        const json_t *value = json_array_get(uids, i);
        if (!is_listed(m, value) && !add_message(m, value))
            return;
    }
    if (carry_out(m))
        m->op->ok = json_pack("{s:I}", "removed", (json_int_t)m->change.count);
}

void
operation_message_delete(struct operation *op, struct worker *w)
{
    const json_t *uids = json_object_get(op->args, "uids");
    size_t count = json_array_size(uids);
    struct making m = {0};

    if (count == 0 || count > CHANGE_MESSAGES_MAX)
        operation_fail(op, OUTCOME_BAD_REQUEST, "\"uids\" must be a list of 1 to %d numbers",
                       CHANGE_MESSAGES_MAX);
    else if (begin(&m, op, w, CHANGE_REMOVE, count))
        remove_messages(&m, uids);
    arena_release(&m.arena);
}
