/* SPDX-License-Identifier: MIT
 *
 * Items and their recipients as rows. Called with the mutex held; changes inside a transaction.
 */
#include "queue_priv.h"

#include <stdio.h>
#include <string.h>

#include "doorstep/arena.h"

#define DOMAIN_SIZE 512 /* with its NUL */

/* An item's whole text, its recipients, and room for both more than once. */
#define READ_MAX (4 * 1024 * 1024)

/* ------------------------------------------------------------------ adding */

/* is_known() - waiting, or done already. */
static bool
is_known(struct queue *q, const char *once, bool *known, struct outcome *why)
{
    struct db_statement *s = db_prepare(q->db,
                                        "SELECT EXISTS (SELECT 1 FROM items WHERE once = ?1) OR "
                                        "EXISTS (SELECT 1 FROM done WHERE once = ?1)",
                                        why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, once);
    if (!db_next_row(s, why))
        return false;
    *known = db_int(s, 0) != 0;
    db_reset(s);
    return true;
}

/* The domain of an address as routes are looked up by it. */
static void
print_domain(const char *address, char out[DOMAIN_SIZE])
{
    const char *at = strrchr(address, '@');
    struct span domain = span_of(at == NULL ? "" : at + 1);

    if (!domain_normalize(domain, out, DOMAIN_SIZE))
        snprintf(out, DOMAIN_SIZE, "%.*s", (int)(domain.n < DOMAIN_SIZE ? domain.n : 0), domain.p);
}

static bool
insert_recipient(struct queue *q, int64_t item, const struct queue_recipient *r, time_t queued,
                 struct outcome *why)
{
    struct db_statement *s = db_prepare(
        q->db,
        "INSERT INTO recipients (item, address, domain, orcpt, notify, attempts, next_attempt, "
        "is_held, is_delay_told, last_reply, last_host) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        why);
    char domain[DOMAIN_SIZE];
    if (s == NULL)
        return false;
    print_domain(r->address, domain);
    db_bind_int(s, 1, item);
    db_bind_text(s, 2, r->address);
    db_bind_text(s, 3, domain);
    db_bind_text(s, 4, r->orcpt);
    db_bind_int(s, 5, r->notify);
    db_bind_int(s, 6, r->attempts);
    db_bind_int(s, 7, r->next_attempt == 0 ? queued : r->next_attempt);
    db_bind_int(s, 8, r->is_held);
    db_bind_int(s, 9, r->is_delay_told);
    db_bind_text(s, 10, r->last_reply);
    db_bind_text(s, 11, r->last_host);
    return db_run(s, why);
}

static bool
insert_row(struct queue *q, const struct queue_item *item, struct outcome *why)
{
    struct db_statement *s = db_prepare(
        q->db,
        "INSERT INTO items (once, kind, account, delivery_id, queued, expires, reverse_path, "
        "envid, ret, body, smtputf8, require_tls, by, head, text, file, octets) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, item->once);
    db_bind_text(s, 2, item->kind);
    db_bind_text(s, 3, item->account);
    db_bind_text(s, 4, item->delivery_id);
    db_bind_int(s, 5, item->queued);
    db_bind_int(s, 6, item->expires);
    db_bind_text(s, 7, item->reverse_path);
    db_bind_text(s, 8, item->envid);
    db_bind_int(s, 9, item->ret);
    db_bind_int(s, 10, item->body);
    db_bind_int(s, 11, item->smtputf8);
    db_bind_int(s, 12, item->require_tls);
    db_bind_text(s, 13, item->by);
    db_bind_blob(s, 14, item->head);
    db_bind_blob(s, 15, item->text);
    db_bind_text(s, 16, item->file);
    db_bind_int(s, 17, (int64_t)item->octets);
    return db_run(s, why);
}

static bool
check(const struct queue_item *item, struct outcome *why)
{
    bool ok = item->once[0] != '\0' && item->recipient_count > 0 &&
              item->recipient_count <= QUEUE_RECIPIENTS_MAX && item->head.n <= QUEUE_TEXT_MAX &&
              item->text.n <= QUEUE_TEXT_MAX &&
              (item->file[0] == '\0' || queue_is_file_name(item->file));

    return ok || outcome_set(why, OUTCOME_BAD_REQUEST, "nothing that can be queued");
}

bool
item_insert(struct queue *q, const struct queue_item *item, struct outcome *why)
{
    bool known;

    if (!check(item, why) || !is_known(q, item->once, &known, why))
        return false;
    if (known)
        return true;
    bool ok = insert_row(q, item, why);
    int64_t id = db_last_rowid(q->db);
    for (size_t i = 0; ok && i < item->recipient_count; i++)
        ok = insert_recipient(q, id, &item->recipients[i], item->queued, why);
    return ok;
}

/* ------------------------------------------------------------------ reading */

static const char *
copy_text(struct db_statement *s, int column, struct arena *arena, bool *ok)
{
    const char *copy = arena_copy(arena, span_of(db_text(s, column)));

    *ok = *ok && copy != NULL;
    return copy == NULL ? "" : copy;
}

static struct span
copy_blob(struct db_statement *s, int column, struct arena *arena, bool *ok)
{
    struct span blob = db_blob(s, column);
    const char *copy = arena_copy(arena, blob);

    *ok = *ok && copy != NULL;
    return copy == NULL ? SPAN_NONE : (struct span){copy, blob.n};
}

static bool
read_row(struct db_statement *s, struct arena *arena, struct queue_item *item)
{
    bool ok = true;

    *item = (struct queue_item){
        .id = db_int(s, 0),
        .once = copy_text(s, 1, arena, &ok),
        .kind = copy_text(s, 2, arena, &ok),
        .account = copy_text(s, 3, arena, &ok),
        .delivery_id = copy_text(s, 4, arena, &ok),
        .queued = (time_t)db_int(s, 5),
        .expires = (time_t)db_int(s, 6),
        .reverse_path = copy_text(s, 7, arena, &ok),
        .envid = copy_text(s, 8, arena, &ok),
        .ret = (enum envelope_ret)db_int(s, 9),
        .body = (enum envelope_body)db_int(s, 10),
        .smtputf8 = db_int(s, 11) != 0,
        .require_tls = db_int(s, 12) != 0,
        .by = copy_text(s, 13, arena, &ok),
        .file = copy_text(s, 14, arena, &ok),
        .octets = (uint64_t)db_int(s, 15),
        .head = copy_blob(s, 16, arena, &ok),
        .text = copy_blob(s, 17, arena, &ok),
    };
    return ok;
}

static bool
read_item(struct queue *q, int64_t id, enum item_parts parts, struct arena *arena,
          struct queue_item *item, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(q->db,
                   "SELECT id, once, kind, account, delivery_id, queued, expires, reverse_path, "
                   "envid, ret, body, smtputf8, require_tls, by, file, octets, "
                   "iif(?2, head, x''), iif(?2, text, x'') FROM items WHERE id = ?1",
                   why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, id);
    db_bind_int(s, 2, parts == ITEM_WHOLE);
    enum db_result result = db_next(s, why);
    if (result == DB_FAILED)
        return false;
    bool ok = result == DB_ROW ? read_row(s, arena, item) ||
                                     outcome_set(why, OUTCOME_SYSTEM, "no memory for an item")
                               : outcome_set(why, OUTCOME_NOT_FOUND, "no such item");
    db_reset(s);
    return ok;
}

static bool
is_listed(const struct item_recipients *only, int64_t id)
{
    bool found = only == NULL;

    for (size_t i = 0; !found && i < only->count; i++)
        found = only->ids[i] == id;
    return found;
}

static bool
read_recipient(struct db_statement *s, struct arena *arena, struct queue_recipient *r)
{
    bool ok = true;

    *r = (struct queue_recipient){
        .id = db_int(s, 0),
        .address = copy_text(s, 1, arena, &ok),
        .orcpt = copy_text(s, 2, arena, &ok),
        .notify = (unsigned)db_int(s, 3),
        .attempts = (unsigned)db_int(s, 4),
        .next_attempt = (time_t)db_int(s, 5),
        .is_held = db_int(s, 6) != 0,
        .is_delay_told = db_int(s, 7) != 0,
        .last_reply = copy_text(s, 8, arena, &ok),
        .last_host = copy_text(s, 9, arena, &ok),
    };
    return ok;
}

static bool
read_recipients(struct queue *q, const struct item_recipients *only, struct arena *arena,
                struct queue_item *item, struct outcome *why)
{
    struct queue_recipient *list = arena_alloc(arena, QUEUE_RECIPIENTS_MAX * sizeof *list);
    struct db_statement *s =
        db_prepare(q->db,
                   "SELECT id, address, orcpt, notify, attempts, next_attempt, is_held, "
                   "is_delay_told, last_reply, last_host FROM recipients WHERE item = ? "
                   "ORDER BY id",
                   why);
    enum db_result result = DB_DONE;
    bool ok = list != NULL;
    size_t count = 0;

    if (s == NULL)
        return false;
    db_bind_int(s, 1, item->id);
    while (ok && count < QUEUE_RECIPIENTS_MAX && (result = db_next(s, why)) == DB_ROW)
        if (is_listed(only, db_int(s, 0)))
            ok = read_recipient(s, arena, &list[count++]);
    if (result == DB_FAILED)
        return false;
    db_reset(s);
    item->recipients = list;
    item->recipient_count = count;
    return ok || outcome_set(why, OUTCOME_SYSTEM, "no memory for an item");
}

bool
item_read(struct queue *q, int64_t id, enum item_parts parts, const struct item_recipients *only,
          queue_item_fn fn, void *arg, struct outcome *why)
{
    struct queue_item item;
    struct arena arena;

    arena_init(&arena, READ_MAX);
    bool ok = read_item(q, id, parts, &arena, &item, why) &&
              read_recipients(q, only, &arena, &item, why) &&
              (item.recipient_count > 0 || outcome_set(why, OUTCOME_NOT_FOUND, "no recipients"));
    if (ok)
        (void)fn(arg, &item);
    arena_release(&arena);
    return ok;
}

/* ------------------------------------------------------------------ removing */

static bool
remember(struct queue *q, int64_t id, time_t now, struct outcome *why)
{
    struct db_statement *s = db_prepare(
        q->db, "INSERT OR IGNORE INTO done (once, at) SELECT once, ?2 FROM items WHERE id = ?1",
        why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, id);
    db_bind_int(s, 2, now);
    return db_run(s, why);
}

bool
item_remove(struct queue *q, int64_t id, time_t now, char file[QUEUE_NAME_SIZE],
            struct outcome *why)
{
    if (!remember(q, id, now, why))
        return false;
    struct db_statement *s =
        db_prepare(q->db, "DELETE FROM items WHERE id = ? RETURNING file", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, id);
    file[0] = '\0';
    enum db_result result;
    while ((result = db_next(s, why)) == DB_ROW)
        snprintf(file, QUEUE_NAME_SIZE, "%s", db_text(s, 0));
    if (result == DB_FAILED)
        return false;
    db_reset(s);
    return true;
}
