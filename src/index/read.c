/* SPDX-License-Identifier: MIT
 *
 * What reads messages. The file is not trusted: a number out of range, a text with a NUL, a blob
 * that is none of ours makes the row CORRUPT, never a wild pointer or length.
 */
#include "index_priv.h"

#include <string.h>

#define ROW_MEMORY_MAX (96 * 1024 * 1024) /* of one row while it is listed; db.c bounds values */

#define MESSAGE_COLUMNS                                                                            \
    "m.mailbox, m.uid, m.modseq, m.flags, m.keywords, m.internal_date, m.store_name, "             \
    "m.stored_octets, m.octets, m.lines, m.trace_octets, m.is_crlf, m.digest, m.delivery_id"
#define FACTS_COLUMNS "f.message, f.packed"
#define FACTS_AT 14 /* first of FACTS_COLUMNS when both are selected */
#define BOTH                                                                                       \
    "SELECT " MESSAGE_COLUMNS ", " FACTS_COLUMNS                                                   \
    " FROM messages m LEFT JOIN facts f ON f.message = m.id "

uint64_t
index_row_max(struct row *r, int column, uint64_t max)
{
    int64_t v = db_int(r->s, column);
    if (v >= 0 && (uint64_t)v <= max)
        return (uint64_t)v;
    r->bad = true;
    return 0;
}

uint64_t
index_row_u64(struct row *r, int column)
{
    return index_row_max(r, column, INT64_MAX);
}

uint32_t
index_row_u32(struct row *r, int column)
{
    return (uint32_t)index_row_max(r, column, UINT32_MAX);
}

static struct span
row_span(struct row *r, int column)
{
    struct span s = db_blob(r->s, column);
    if (s.n == 0 || memchr(s.p, '\0', s.n) == NULL)
        return s;
    r->bad = true;
    return SPAN_NONE;
}

const char *
index_row_text(struct row *r, int column)
{
    const char *copy = arena_copy(r->arena, row_span(r, column));
    if (copy == NULL)
        r->full = true;
    return copy == NULL ? "" : copy;
}

void
index_row_copy(struct row *r, int column, char *out, size_t size)
{
    struct span s = row_span(r, column);
    if (s.n >= size) {
        r->bad = true;
        s = SPAN_NONE;
    }
    if (s.n > 0)
        memcpy(out, s.p, s.n);
    out[s.n] = '\0';
}

bool
index_row_ok(const struct row *r, struct outcome *why)
{
    if (r->full)
        return outcome_set(why, OUTCOME_SYSTEM, "out of memory: index row");
    return !r->bad || outcome_set(why, OUTCOME_CORRUPT, "index row holds what was never written");
}

static void
read_message(struct row *r, struct index_message *out)
{
    struct db_statement *s = r->s;
    *out = (struct index_message){.mailbox = db_int(s, 0)};
    out->uid = (uint32_t)index_row_max(r, 1, UID_MAX);
    out->modseq = index_row_u64(r, 2);
    out->flags = (unsigned)index_row_max(r, 3, FLAGS_ALL);
    out->keywords = index_row_text(r, 4);
    if (!internal_date_parse(index_row_text(r, 5), &out->received))
        r->bad = true;
    index_row_copy(r, 6, out->ref.name, sizeof(out->ref.name));
    out->ref.stored_octets = db_is_null(s, 7) ? UINT64_MAX : index_row_u64(r, 7);
    out->octets = index_row_u64(r, 8);
    out->ref.wire_octets = out->octets;
    out->lines = index_row_u64(r, 9);
    out->ref.trace_octets = index_row_u32(r, 10);
    out->ref.is_crlf = index_row_max(r, 11, 1) != 0;
    out->digest = index_row_text(r, 12);
    out->delivery_id = index_row_text(r, 13);
}

static struct facts *
read_facts(struct row *r)
{
    struct facts *f = arena_alloc(r->arena, sizeof(*f));
    struct unpack u;
    if (f == NULL) {
        r->full = true;
        return NULL;
    }
    unpack_init(&u, db_blob(r->s, FACTS_AT + 1));
    if (!facts_unpack(f, r->arena, &u) || !unpack_done(&u))
        r->bad = true;
    return f;
}

static bool
read_both(struct row *r, bool with_facts, struct index_message *out, struct outcome *why)
{
    read_message(r, out);
    /* Without facts the column of their key says whether they are there. */
    out->facts_known = !db_is_null(r->s, FACTS_AT);
    if (with_facts && out->facts_known)
        out->facts = read_facts(r);
    return index_row_ok(r, why);
}

/* find_one() - step a bound statement, which is reset after it. */
static bool
find_one(struct db_statement *s, struct arena *arena, struct index_message *out,
         struct outcome *why)
{
    enum db_result result = db_next(s, why);
    struct row row = {.s = s, .arena = arena};
    bool ok = result == DB_ROW && read_both(&row, true, out, why);
    if (result == DB_DONE)
        outcome_set(why, OUTCOME_NOT_FOUND, NULL);
    db_reset(s);
    return ok;
}

bool
index_message_find(struct index *ix, int64_t mailbox, uint32_t uid, struct arena *arena,
                   struct index_message *out, struct outcome *why)
{
    struct db_statement *s = db_prepare(ix->db, BOTH "WHERE m.mailbox = ? AND m.uid = ?", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, mailbox);
    db_bind_int(s, 2, uid);
    return find_one(s, arena, out, why);
}

bool
index_message_find_ref(struct index *ix, int64_t mailbox, const char *name, struct arena *arena,
                       struct index_message *out, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(ix->db, BOTH "WHERE m.mailbox = ? AND m.store_name = ?", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, mailbox);
    db_bind_text(s, 2, name);
    return find_one(s, arena, out, why);
}

static struct db_statement *
prepare_list(struct index *ix, bool with_facts, struct outcome *why)
{
    if (with_facts)
        return db_prepare(ix->db, BOTH "WHERE m.mailbox = ? AND m.uid >= ? ORDER BY m.uid", why);
    return db_prepare(ix->db,
                      "SELECT " MESSAGE_COLUMNS
                      ", f.message FROM messages m LEFT JOIN facts f ON f.message = m.id "
                      "WHERE m.mailbox = ? AND m.uid >= ? ORDER BY m.uid",
                      why);
}

bool
index_message_list(struct index *ix, int64_t mailbox, uint32_t uid_from, bool with_facts,
                   index_message_fn fn, void *arg, struct outcome *why)
{
    struct index_message m;
    enum db_result result;
    bool go_on = true;
    struct db_statement *s = prepare_list(ix, with_facts, why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, mailbox);
    db_bind_int(s, 2, uid_from);
    while (go_on && (result = db_next(s, why)) == DB_ROW) {
        struct arena arena;
        arena_init(&arena, ROW_MEMORY_MAX);
        struct row row = {.s = s, .arena = &arena};
        if (read_both(&row, with_facts, &m, why))
            go_on = fn(arg, &m);
        else
            result = DB_FAILED;
        arena_release(&arena);
        if (result == DB_FAILED)
            break;
    }
    db_reset(s);
    return result != DB_FAILED;
}
