/* SPDX-License-Identifier: MIT
 *
 * What changes messages: a row more, other flags, facts that were found out later, a row less. All
 * inside the caller's transaction; after a failure other than EXISTS, NOT_FOUND and BAD_REQUEST the
 * caller rolls back.
 */
#include "index_priv.h"

#include <assert.h>

#define FACTS_MAX (16 * 1024 * 1024) /* 10,000 parts and 256 KiB of headers take far less */

struct found { /* a row that is about to change */
    int64_t id;
    struct message_size size;
    bool is_size_known;
    char keywords[KEYWORDS_SIZE];
};

void
index_bind_u64(struct db_statement *s, int n, uint64_t v)
{
    db_bind_int(s, n, v > INT64_MAX ? INT64_MAX : (int64_t)v);
}

static bool
find(struct index *ix, int64_t mailbox, uint32_t uid, struct found *out, struct outcome *why)
{
    struct db_statement *s = db_prepare(ix->db,
                                        "SELECT id, flags, octets, stored_octets, keywords "
                                        "FROM messages WHERE mailbox = ? AND uid = ?",
                                        why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, mailbox);
    db_bind_int(s, 2, uid);
    enum db_result result = db_next(s, why);
    if (result == DB_FAILED)
        return false;
    if (result == DB_DONE) {
        db_reset(s);
        return outcome_set(why, OUTCOME_NOT_FOUND, "no message %lld/%u", (long long)mailbox, uid);
    }
    struct row row = {.s = s};
    *out = (struct found){.id = db_int(s, 0), .is_size_known = !db_is_null(s, 3)};
    out->size.flags = (unsigned)index_row_max(&row, 1, FLAGS_ALL);
    out->size.octets = index_row_u64(&row, 2);
    out->size.stored_octets = index_row_u64(&row, 3);
    index_row_copy(&row, 4, out->keywords, sizeof(out->keywords));
    db_reset(s);
    return index_row_ok(&row, why);
}

/* insert_message() - ref.stored_octets UINT64_MAX is kept as NULL. */
static bool
insert_message(struct index *ix, const struct index_message *m, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(ix->db,
                   "INSERT INTO messages (mailbox, uid, modseq, flags, keywords, internal_date, "
                   "store_name, stored_octets, octets, lines, trace_octets, is_crlf, digest, "
                   "delivery_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   why);
    char date[DATE_SIZE];
    if (s == NULL)
        return false;
    internal_date_print(m->received, date);
    db_bind_int(s, 1, m->mailbox);
    db_bind_int(s, 2, m->uid);
    index_bind_u64(s, 3, m->modseq);
    db_bind_int(s, 4, m->flags & FLAGS_ALL);
    db_bind_text(s, 5, m->keywords == NULL ? "" : m->keywords);
    db_bind_text(s, 6, date);
    db_bind_text(s, 7, m->ref.name);
    if (m->ref.stored_octets == UINT64_MAX)
        db_bind_null(s, 8);
    else
        index_bind_u64(s, 8, m->ref.stored_octets);
    index_bind_u64(s, 9, m->octets);
    index_bind_u64(s, 10, m->lines);
    db_bind_int(s, 11, m->ref.trace_octets);
    db_bind_int(s, 12, m->ref.is_crlf);
    db_bind_text(s, 13, m->digest == NULL ? "" : m->digest);
    db_bind_text(s, 14, m->delivery_id == NULL ? "" : m->delivery_id);
    return db_run(s, why);
}

static bool
insert_facts(struct index *ix, int64_t message, struct span packed, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(ix->db, "INSERT INTO facts (message, packed) VALUES (?, ?)", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, message);
    db_bind_blob(s, 2, packed);
    return db_run(s, why);
}

static bool
delete_facts(struct index *ix, int64_t message, struct outcome *why)
{
    struct db_statement *s = db_prepare(ix->db, "DELETE FROM facts WHERE message = ?", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, message);
    return db_run(s, why);
}

static bool
pack_and_insert(struct index *ix, int64_t message, const struct facts *f, struct outcome *why)
{
    struct buf octets;
    struct pack p;
    buf_init(&octets, FACTS_MAX);
    pack_init(&p, &octets);
    facts_pack(f, &p);
    bool ok = p.full ? outcome_set(why, OUTCOME_SYSTEM, "facts do not fit into a row")
                     : insert_facts(ix, message, buf_span(&octets), why);
    buf_release(&octets);
    return ok;
}

static bool
add_facts(struct index *ix, const struct index_message *m, struct outcome *why)
{
    int64_t id = db_last_rowid(ix->db);
    if (m->facts_packed.n > 0)
        return insert_facts(ix, id, m->facts_packed, why);
    return m->facts == NULL || pack_and_insert(ix, id, m->facts, why);
}

bool
index_add(struct index *ix, struct index_message *m, struct outcome *why)
{
    assert(ix->in_transaction);
    const struct message_size size = {
        .flags = m->flags,
        .octets = m->octets,
        .stored_octets = m->ref.stored_octets == UINT64_MAX ? 0 : m->ref.stored_octets,
    };
    if (m->uid == 0 || m->uid > UID_MAX || m->ref.name[0] == '\0')
        return outcome_set(why, OUTCOME_BAD_REQUEST, "message without UID or store name");
    if (m->keywords != NULL && strlen(m->keywords) >= KEYWORDS_SIZE)
        return outcome_set(why, OUTCOME_BAD_REQUEST, "too many keywords");
    struct mailbox_state *state = mailbox_state_load(ix, m->mailbox, why);
    if (state == NULL)
        return false;
    m->modseq = ix->now.modseq + 1;
    if (!insert_message(ix, m, why))
        return false;
    if (!add_facts(ix, m, why))
        return false;
    mailbox_state_touch(ix, state);
    mailbox_state_count(ix, state, &size);
    uid_given(ix, state, m->uid);
    return true;
}

bool
index_set_facts(struct index *ix, int64_t mailbox, uint32_t uid, const struct facts *facts,
                uint64_t octets, uint64_t lines, struct outcome *why)
{
    assert(ix->in_transaction);
    struct found old;
    struct mailbox_state *state = mailbox_state_load(ix, mailbox, why);
    if (state == NULL || !find(ix, mailbox, uid, &old, why) || !delete_facts(ix, old.id, why) ||
        !pack_and_insert(ix, old.id, facts, why))
        return false;
    struct db_statement *s = db_prepare(
        ix->db, "UPDATE messages SET octets = ?, lines = ?, stored_octets = ? WHERE id = ?", why);
    if (s == NULL)
        return false;
    struct message_size size = old.size;
    size.octets = octets;
    if (!old.is_size_known)
        size.stored_octets = octets;
    index_bind_u64(s, 1, octets);
    index_bind_u64(s, 2, lines);
    index_bind_u64(s, 3, size.stored_octets);
    db_bind_int(s, 4, old.id);
    if (!db_run(s, why))
        return false;
    mailbox_state_uncount(ix, state, &old.size);
    mailbox_state_count(ix, state, &size);
    return true;
}

bool
index_set_flags(struct index *ix, int64_t mailbox, uint32_t uid, unsigned flags,
                const char *keywords, struct outcome *why)
{
    assert(ix->in_transaction);
    struct found old;
    struct mailbox_state *state = mailbox_state_load(ix, mailbox, why);
    if (state == NULL || !find(ix, mailbox, uid, &old, why))
        return false;
    flags &= FLAGS_ALL;
    if (keywords == NULL)
        keywords = old.keywords;
    if (strlen(keywords) >= KEYWORDS_SIZE)
        return outcome_set(why, OUTCOME_BAD_REQUEST, "too many keywords");
    if (flags == old.size.flags && strcmp(keywords, old.keywords) == 0)
        return true;
    struct db_statement *s = db_prepare(
        ix->db, "UPDATE messages SET flags = ?, keywords = ?, modseq = ? WHERE id = ?", why);
    if (s == NULL)
        return false;
    struct message_size size = old.size;
    size.flags = flags;
    db_bind_int(s, 1, flags);
    db_bind_text(s, 2, keywords);
    index_bind_u64(s, 3, mailbox_state_touch(ix, state));
    db_bind_int(s, 4, old.id);
    if (!db_run(s, why))
        return false;
    mailbox_state_uncount(ix, state, &old.size);
    mailbox_state_count(ix, state, &size);
    return true;
}

static bool
note_expunge(struct index *ix, int64_t mailbox, uint32_t uid, uint64_t modseq, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(ix->db, "INSERT INTO expunges (mailbox, modseq, uid) VALUES (?, ?, ?)", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, mailbox);
    index_bind_u64(s, 2, modseq);
    db_bind_int(s, 3, uid);
    return db_run(s, why);
}

bool
index_expunge(struct index *ix, int64_t mailbox, uint32_t uid, struct outcome *why)
{
    assert(ix->in_transaction);
    struct found old;
    struct mailbox_state *state = mailbox_state_load(ix, mailbox, why);
    if (state == NULL || !find(ix, mailbox, uid, &old, why))
        return false;
    struct db_statement *s = db_prepare(ix->db, "DELETE FROM messages WHERE id = ?", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, old.id);
    if (!db_run(s, why) || !note_expunge(ix, mailbox, uid, mailbox_state_touch(ix, state), why))
        return false;
    mailbox_state_uncount(ix, state, &old.size);
    return true;
}
