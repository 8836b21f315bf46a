/* SPDX-License-Identifier: MIT
 *
 * Mailboxes: names, UIDVALIDITY, UIDs, MODSEQs and counters. Counters move in memory (struct
 * mailbox_state) and are written by index_commit(), one row a mailbox, in the transaction
 * of the rows that they count.
 */
#include "index_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAILBOX_COLUMNS                                                                            \
    "id, name, object_id, uid_validity, uid_next, highest_modseq, messages, unseen, octets, "      \
    "stored_octets, stamp"

/* canonical() - RFC 9051 5.1: INBOX in any case is one mailbox. */
static const char *
canonical(const char *name)
{
    return strcasecmp(name, "INBOX") == 0 ? "INBOX" : name;
}

static bool
name_fits(const char *name)
{
    return name[0] != '\0' && strlen(name) < STORE_MAILBOX_SIZE;
}

static bool
read_state(struct row *row, struct mailbox_state *out, struct outcome *why)
{
    out->id = db_int(row->s, 0);
    out->uid_next = index_row_u32(row, 4);
    out->highest_modseq = index_row_u64(row, 5);
    out->messages = index_row_max(row, 6, UID_MAX);
    out->unseen = index_row_max(row, 7, UID_MAX);
    out->octets = index_row_u64(row, 8);
    out->stored_octets = index_row_u64(row, 9);
    if (out->uid_next == 0 || out->unseen > out->messages)
        row->bad = true;
    return index_row_ok(row, why);
}

static struct mailbox_state *
state_keep(struct index *ix, const struct mailbox_state *state, struct outcome *why)
{
    struct mailbox_state *copy = malloc(sizeof(*copy));
    if (copy != NULL) {
        *copy = *state;
        HASH_ADD(hh, ix->states, id, sizeof(copy->id), copy);
        if (copy->hh.tbl != NULL)
            return copy;
        free(copy);
    }
    outcome_set(why, OUTCOME_SYSTEM, "out of memory: mailbox");
    return NULL;
}

static struct mailbox_state *
state_in_memory(struct index *ix, int64_t id)
{
    struct mailbox_state *state;
    HASH_FIND(hh, ix->states, &id, sizeof(id), state);
    return state;
}

struct mailbox_state *
mailbox_state_load(struct index *ix, int64_t id, struct outcome *why)
{
    struct mailbox_state *state = state_in_memory(ix, id);
    if (state != NULL)
        return state;
    struct db_statement *s =
        db_prepare(ix->db, "SELECT " MAILBOX_COLUMNS " FROM mailboxes WHERE id = ?", why);
    if (s == NULL)
        return NULL;
    db_bind_int(s, 1, id);
    enum db_result result = db_next(s, why);
    struct mailbox_state read = {0};
    struct row row = {.s = s};
    bool ok = result == DB_ROW && read_state(&row, &read, why);
    if (result == DB_DONE)
        outcome_set(why, OUTCOME_NOT_FOUND, "no mailbox %lld", (long long)id);
    db_finish(s); /* once a mailbox: its memory counts when a thousand indexes are open */
    return ok ? state_keep(ix, &read, why) : NULL;
}

static bool
state_write(struct index *ix, struct mailbox_state *state, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(ix->db,
                   "UPDATE mailboxes SET uid_next = ?, highest_modseq = ?, messages = ?, "
                   "unseen = ?, octets = ?, stored_octets = ? WHERE id = ?",
                   why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, state->uid_next);
    index_bind_u64(s, 2, state->highest_modseq);
    index_bind_u64(s, 3, state->messages);
    index_bind_u64(s, 4, state->unseen);
    index_bind_u64(s, 5, state->octets);
    index_bind_u64(s, 6, state->stored_octets);
    db_bind_int(s, 7, state->id);
    state->is_dirty = false;
    return db_run(s, why);
}

bool
mailbox_states_write(struct index *ix, struct outcome *why)
{
    for (struct mailbox_state *s = ix->states; s != NULL; s = s->hh.next)
        if (s->is_dirty && !state_write(ix, s, why))
            return false;
    return true;
}

void
mailbox_states_release(struct index *ix)
{
    struct mailbox_state *s, *next;
    HASH_ITER(hh, ix->states, s, next)
    {
        HASH_DEL(ix->states, s);
        free(s);
    }
}

bool
index_totals_read(struct index *ix, struct outcome *why)
{
    struct db_statement *s = db_prepare(
        ix->db,
        "SELECT max(modseq_floor, coalesce(max(highest_modseq), 0)), "
        "coalesce(sum(messages), 0), coalesce(sum(stored_octets), 0), count(account.id), "
        "has_personal "
        "FROM account LEFT JOIN mailboxes",
        why);
    if (s == NULL || !db_next_row(s, why))
        return false;
    struct row row = {.s = s};
    ix->now.modseq = index_row_u64(&row, 0);
    ix->now.messages = index_row_u64(&row, 1);
    ix->now.stored_octets = index_row_u64(&row, 2);
    ix->has_personal = db_int(s, 4) != 0;
    if (db_int(s, 3) == 0)
        row.bad = true; /* the one row of account is gone */
    db_reset(s);
    return index_row_ok(&row, why);
}

uint64_t
mailbox_state_touch(struct index *ix, struct mailbox_state *state)
{
    state->is_dirty = true;
    state->highest_modseq = ++ix->now.modseq;
    return state->highest_modseq;
}

void
mailbox_state_count(struct index *ix, struct mailbox_state *state, const struct message_size *m)
{
    state->is_dirty = true;
    state->messages++;
    state->unseen += (m->flags & STORE_SEEN) == 0;
    state->octets += m->octets;
    state->stored_octets += m->stored_octets;
    ix->now.messages++;
    ix->now.stored_octets += m->stored_octets;
}

/* less() - a counter of a damaged file may be too small; it never wraps. */
static uint64_t
less(uint64_t counter, uint64_t by)
{
    return counter > by ? counter - by : 0;
}

void
mailbox_state_uncount(struct index *ix, struct mailbox_state *state, const struct message_size *m)
{
    state->is_dirty = true;
    state->messages = less(state->messages, 1);
    state->unseen = less(state->unseen, (m->flags & STORE_SEEN) == 0);
    state->octets = less(state->octets, m->octets);
    state->stored_octets = less(state->stored_octets, m->stored_octets);
    ix->now.messages = less(ix->now.messages, 1);
    ix->now.stored_octets = less(ix->now.stored_octets, m->stored_octets);
}

/* read_mailbox() - the row, its counters from memory when they are there. */
static bool
read_mailbox(struct index *ix, struct db_statement *s, struct index_mailbox *out,
             struct outcome *why)
{
    struct row row = {.s = s};
    struct mailbox_state read = {0};
    *out = (struct index_mailbox){.id = db_int(s, 0), .stamp = (uint64_t)db_int(s, 10)};
    index_row_copy(&row, 1, out->name, sizeof(out->name));
    index_row_copy(&row, 2, out->object_id, sizeof(out->object_id));
    out->uid_validity = index_row_u32(&row, 3);
    if (!read_state(&row, &read, why))
        return false;
    const struct mailbox_state *state = state_in_memory(ix, out->id);
    if (state == NULL)
        state = &read;
    uint32_t reserved = uid_reserved_next(ix, out->id);
    out->uid_next = state->uid_next > reserved ? state->uid_next : reserved;
    out->highest_modseq = state->highest_modseq;
    out->messages = state->messages;
    out->unseen = state->unseen;
    out->octets = state->octets;
    return true;
}

static bool
find(struct index *ix, const char *sql, const char *word, struct index_mailbox *out,
     struct outcome *why)
{
    struct db_statement *s = db_prepare(ix->db, sql, why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, word);
    enum db_result result = db_next(s, why);
    if (result == DB_DONE)
        outcome_set(why, OUTCOME_NOT_FOUND, "no mailbox %s", word);
    bool ok = result == DB_ROW && read_mailbox(ix, s, out, why);
    db_finish(s);
    return ok;
}

bool
index_mailbox_find(struct index *ix, const char *name, struct index_mailbox *out,
                   struct outcome *why)
{
    return find(ix, "SELECT " MAILBOX_COLUMNS " FROM mailboxes WHERE name = ?", canonical(name),
                out, why);
}

bool
index_mailbox_find_object(struct index *ix, const char *object_id, struct index_mailbox *out,
                          struct outcome *why)
{
    return find(ix, "SELECT " MAILBOX_COLUMNS " FROM mailboxes WHERE object_id = ? LIMIT 1",
                object_id, out, why);
}

bool
index_mailbox_add(struct index *ix, const char *name, uint32_t uid_validity,
                  struct index_mailbox *out, struct outcome *why)
{
    assert(ix->in_transaction);
    if (!name_fits(name) || uid_validity == 0)
        return outcome_set(why, OUTCOME_BAD_REQUEST, "mailbox name or uid_validity");
    struct db_statement *s =
        db_prepare(ix->db,
                   "INSERT INTO mailboxes (name, special_use, uid_validity, uid_next, "
                   "highest_modseq, messages, unseen, octets, stored_octets, stamp, object_id) "
                   "VALUES (?, '', ?2, 1, ?, 0, 0, 0, 0, 0, 'M' || ?2)",
                   why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, canonical(name));
    db_bind_int(s, 2, uid_validity);
    index_bind_u64(s, 3, ix->now.modseq + 1);
    bool ok = db_run(s, why);
    db_finish(s); /* once a mailbox, as in mailbox_state_load() */
    if (!ok)
        return false;
    ix->now.modseq++;
    uid_reservation_forget(ix, db_last_rowid(ix->db));
    return mark_floor(ix, db_last_rowid(ix->db), uid_validity, why) &&
           index_mailbox_find(ix, name, out, why);
}

bool
index_mailbox_rename(struct index *ix, int64_t id, const char *name, struct outcome *why)
{
    assert(ix->in_transaction);
    if (!name_fits(name))
        return outcome_set(why, OUTCOME_BAD_REQUEST, "mailbox name is too long");
    struct db_statement *s = db_prepare(ix->db, "UPDATE mailboxes SET name = ? WHERE id = ?", why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, canonical(name));
    db_bind_int(s, 2, id);
    if (!db_run(s, why))
        return false;
    return db_changes(ix->db) == 1 ||
           outcome_set(why, OUTCOME_NOT_FOUND, "no mailbox %lld", (long long)id);
}

bool
modseq_floor_write(struct index *ix, struct outcome *why)
{
    struct db_statement *s = db_prepare(ix->db, "UPDATE account SET modseq_floor = ?", why);
    if (s == NULL)
        return false;
    index_bind_u64(s, 1, ix->now.modseq);
    return db_run(s, why);
}

bool
index_mailbox_delete(struct index *ix, int64_t id, struct outcome *why)
{
    assert(ix->in_transaction);
    struct mailbox_state *state = mailbox_state_load(ix, id, why);
    if (state == NULL || !modseq_floor_write(ix, why))
        return false;
    struct db_statement *s = db_prepare(ix->db, "DELETE FROM mailboxes WHERE id = ?", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, id);
    if (!db_run(s, why))
        return false;
    ix->now.messages = less(ix->now.messages, state->messages);
    ix->now.stored_octets = less(ix->now.stored_octets, state->stored_octets);
    HASH_DEL(ix->states, state);
    free(state);
    return true;
}

bool
index_mailbox_list(struct index *ix, index_mailbox_fn fn, void *arg, struct outcome *why)
{
    struct index_mailbox m;
    enum db_result result;
    struct db_statement *s =
        db_prepare(ix->db, "SELECT " MAILBOX_COLUMNS " FROM mailboxes ORDER BY name", why);
    if (s == NULL)
        return false;
    while ((result = db_next(s, why)) == DB_ROW) {
        if (!read_mailbox(ix, s, &m, why)) {
            result = DB_FAILED;
            break;
        }
        if (!fn(arg, &m))
            break;
    }
    db_reset(s);
    return result != DB_FAILED;
}

bool
index_mailbox_set_stamp(struct index *ix, int64_t id, uint64_t stamp, struct outcome *why)
{
    assert(ix->in_transaction);
    struct db_statement *s = db_prepare(ix->db, "UPDATE mailboxes SET stamp = ? WHERE id = ?", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, (int64_t)stamp);
    db_bind_int(s, 2, id);
    return db_run(s, why);
}
