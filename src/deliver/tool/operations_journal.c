/* SPDX-License-Identifier: MIT
 *
 * The tool's operations on the journals: what is in them, whether it can be read, and trying again
 * what a replay had to keep. Journals are read beside their writers; a worker is asked only for
 * what it keeps.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "kept_priv.h"
#include "operation_priv.h"

#define ROWS_A_SLICE 500
#define RECORD_ARENA ((size_t)512 * 1024 * 1024)

struct telling { /* of one slice */
    struct operation *op;
    struct arena arena;
    const char *account; /* only of this one, or NULL */
    uint64_t skip, left; /* records */
    uint64_t unreadable;
};

static struct journal_reader *
open_reader(struct operation *op)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/journal", op->deliver->settings->state_dir);
    struct journal_reader *reader = journal_reader_open(path, &op->why);
    op->failed = reader == NULL;
    return reader;
}

/* ---- show ---- */

static void
print_name(const char *user, const char *domain, char out[ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE])
{
    snprintf(out, ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE, "%s@%s", user, domain);
}

struct fields { /* of a row; NULL and 0: none */
    const char *kind, *id, *user, *domain, *mailbox;
    uint32_t uid;
    uint64_t octets;
};

static json_t *
number_or_null(uint64_t n)
{
    return n == 0 ? json_null() : json_integer((json_int_t)n);
}

static void
add_row(struct telling *t, const struct journal_entry *e, const struct fields *f)
{
    char name[ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE];

    print_name(f->user, f->domain, name);
    if (t->account != NULL && strcasecmp(t->account, name) != 0)
        return;
    json_t *causes = json_object_get(t->op->kept, name);
    const char *cause = json_string_value(json_object_get(causes, f->id));
    operation_row(t->op,
                  json_pack("{s:s, s:s, s:s, s:s?, s:o, s:o, s:s?, s:s, s:I, s:I}", "kind", f->kind,
                            "id", f->id, "account", name, "mailbox", f->mailbox, "uid",
                            number_or_null(f->uid), "octets", number_or_null(f->octets), "cause",
                            cause, "file", e->file, "segment", (json_int_t)e->segment, "offset",
                            (json_int_t)e->offset));
}

static bool
tell_message(struct telling *t, const struct journal_entry *e)
{
    struct record_message m;

    if (!record_message_unpack(&m, e->record, &t->arena))
        return false;
    for (uint32_t i = 0; i < m.part_count; i++) {
        const struct record_part *part = &m.parts[i];
        const struct fields f = {e->type == RECORD_KEPT ? "kept" : "message",
                                 m.id,
                                 part->account.user,
                                 part->account.domain,
                                 part->mailbox,
                                 part->uid,
                                 part->ref.wire_octets};
        add_row(t, e, &f);
    }
    return true;
}

static bool
tell_cancel(struct telling *t, const struct journal_entry *e)
{
    struct record_cancel c;

    if (!record_cancel_unpack(&c, e->record))
        return false;
    add_row(t, e, &(struct fields){"cancel", c.name, c.user, c.domain, NULL, 0, 0});
    return true;
}

static bool
tell_ledger(struct telling *t, const struct journal_entry *e)
{
    struct record_ledger l;

    if (!record_ledger_unpack(&l, e->record, &t->arena))
        return false;
    const struct account *a = &l.account;
    add_row(t, e, &(struct fields){"ledger", l.id, a->user, a->domain, NULL, 0, 0});
    return true;
}

static bool
tell_change(struct telling *t, const struct journal_entry *e)
{
    static const char *const kinds[] = {
        [CHANGE_FLAGS] = "flags",     [CHANGE_MOVE] = "move",
        [CHANGE_REMOVE] = "remove",   [CHANGE_RENAMED] = "renamed",
        [CHANGE_DELETED] = "deleted", [CHANGE_GONE] = "account-gone",
        [CHANGE_UNDONE] = "undone",   [CHANGE_VALIDITY] = "uidvalidity",
    };
    struct account a;
    struct change c;

    if (!record_change_unpack(&a, &c, e->record, &t->arena))
        return false;
    struct fields f = {kinds[c.kind], c.id, a.user, a.domain, c.mailbox, 0, 0};
    for (uint32_t i = 0; i < c.count; i++) {
        f.uid = c.list[i].uid;
        add_row(t, e, &f);
    }
    if (c.count == 0)
        add_row(t, e, &f);
    return true;
}

static bool
tell(struct telling *t, const struct journal_entry *e)
{
    arena_init(&t->arena, RECORD_ARENA);
    bool ok = false;
    switch (e->type) {
    case RECORD_MESSAGE:
    case RECORD_KEPT:
        ok = tell_message(t, e);
        break;
    case RECORD_CANCEL:
        ok = tell_cancel(t, e);
        break;
    case RECORD_LEDGER:
        ok = tell_ledger(t, e);
        break;
    case RECORD_CHANGE:
        ok = tell_change(t, e);
        break;
    }
    arena_release(&t->arena);
    return ok;
}

static bool
on_shown(void *arg, const struct journal_entry *e)
{
    struct telling *t = arg;

    if (t->skip > 0) {
        t->skip--;
        return true;
    }
    if (t->left == 0) {
        t->op->more = true;
        return false;
    }
    t->left--;
    t->op->position++;
    if (!tell(t, e))
        add_row(t, e, &(struct fields){"unreadable", "", "", "", NULL, 0, e->record.n});
    return !t->op->failed;
}

static void
note_causes(struct operation *op, const struct worker *w)
{
    char name[ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE];

    for (const struct kept *k = w->kept; k != NULL; k = k->next) {
        print_name(k->account.user, k->account.domain, name);
        if (json_object_get(op->kept, name) == NULL)
            json_object_set_new(op->kept, name, json_object());
        json_object_set_new(
            json_object_get(op->kept, name), k->id,
            json_string(k->why.cause[0] != '\0' ? k->why.cause : outcome_text(&k->why)));
    }
}

void
operation_journal_show(struct operation *op, struct worker *w)
{
    static const struct journal_hooks hooks = {.record = on_shown};
    struct telling t = {.op = op,
                        .account = json_string_value(json_object_get(op->args, "account")),
                        .skip = op->position,
                        .left = ROWS_A_SLICE};

    if (op->kept == NULL)
        op->kept = json_object();
    if (w != NULL) {
        note_causes(op, w);
        return;
    }
    if (op->reader == NULL)
        op->reader = open_reader(op);
    if (op->reader != NULL)
        journal_reader_run(op->reader, &hooks, &t);
}

/* ---- verify ---- */

static void
add_problem(struct telling *t, const char *file, uint64_t offset, const char *problem)
{
    operation_row(t->op, json_pack("{s:s, s:I, s:s}", "file", file, "offset", (json_int_t)offset,
                                   "problem", problem));
}

static bool
on_checked(void *arg, const struct journal_entry *e)
{
    struct telling *t = arg;
    json_t *rows = t->op->rows;

    t->op->rows = json_array(); /* what it would tell is not asked for */
    bool ok = t->op->rows != NULL && tell(t, e);
    json_decref(t->op->rows);
    t->op->rows = rows;
    if (!ok) {
        t->unreadable++;
        add_problem(t, e->file, e->offset, "unreadable");
    }
    return !t->op->failed;
}

static void
on_found(void *arg, enum journal_finding what, const char *file, uint64_t offset)
{
    static const char *const problems[] = {
        [JOURNAL_TORN] = "torn", [JOURNAL_DAMAGED] = "damaged", [JOURNAL_UNKNOWN] = "unknown"};

    add_problem(arg, file, offset, problems[what]);
}

static uint64_t
count_rows(const struct operation *op, const char *problem)
{
    uint64_t count = 0;

    for (size_t i = 0; i < json_array_size(op->rows); i++) {
        const json_t *row = json_array_get(op->rows, i);
        count += strcmp(json_string_value(json_object_get(row, "problem")), problem) == 0;
    }
    return count;
}

/* A daemon that was started for this has carried out what there was, and tells what it found. */
void
operation_journal_verify(struct operation *op, struct worker *w)
{
    static const struct journal_hooks hooks = {on_checked, on_found};
    const struct recovery_report *start = &op->deliver->recovered;
    struct journal_reader *reader = open_reader(op);
    struct telling t = {.op = op};
    struct journal_usage usage;

    (void)w;
    if (reader == NULL)
        return;
    journal_reader_run(reader, &hooks, &t);
    journal_reader_usage(reader, &usage);
    journal_reader_close(reader);
    op->ok = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "segments",
                       (json_int_t)usage.segments, "live", (json_int_t)usage.live, "records",
                       (json_int_t)usage.records, "octets", (json_int_t)usage.octets, "damaged",
                       (json_int_t)(count_rows(op, "damaged") + t.unreadable), "torn",
                       (json_int_t)count_rows(op, "torn"), "unknown",
                       (json_int_t)count_rows(op, "unknown"), "damaged_at_start",
                       (json_int_t)start->damaged, "records_at_start", (json_int_t)start->records);
}

/* ---- replay ---- */

void
operation_journal_replay(struct operation *op, struct worker *w)
{
    const struct recovery_report *start = &op->deliver->recovered;

    if (w != NULL) {
        batch_finish(w);
        op->repaired += kept_retry(w);
        op->problems += atomic_load(&w->kept_count);
        return;
    }
    op->ok = json_pack(
        "{s:I, s:I, s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I}}", "delivered", (json_int_t)op->repaired,
        "kept", (json_int_t)op->problems, "at_start", "records", (json_int_t)start->records,
        "messages", (json_int_t)start->counts.messages, "rows", (json_int_t)start->counts.rows,
        "changes", (json_int_t)start->counts.changes, "kept", (json_int_t)start->counts.kept,
        "damaged", (json_int_t)start->damaged, "duration_ms", (json_int_t)start->ms);
}
