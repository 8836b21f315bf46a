/* SPDX-License-Identifier: MIT
 *
 * Remember: what an IMAP or POP client will ask for. Callers see mailboxes, UIDs and flags, never
 * SQL. One index an account, one connection, used by one thread (the account's worker), with
 * exclusive locking. Changes stand between index_begin() and index_commit(); after a commit
 * they are on stable storage. Every function that fails fills `why`; CORRUPT means that the
 * file is damaged: close, index_set_aside(), open anew, rebuild from the store.
 */
#ifndef DOORSTEP_INDEX_H
#define DOORSTEP_INDEX_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "doorstep/buf.h"
#include "doorstep/clock.h"
#include "doorstep/facts.h"
#include "doorstep/outcome.h"
#include "doorstep/store.h"

struct index;

#define INDEX_OBJECT_SIZE 24

struct index_mailbox {
    int64_t id;
    char name[STORE_MAILBOX_SIZE];
    char object_id[INDEX_OBJECT_SIZE]; /* "M1790000000" (RFC 8474): stays when it is renamed */
    uint32_t uid_validity;
    uint32_t uid_next;
    uint64_t highest_modseq;
    uint64_t messages;
    uint64_t unseen;
    uint64_t octets; /* counted as CRLF */
    uint64_t stamp;  /* store_stamp() at the last reconcile, 0 never */
};

struct index_message {
    int64_t mailbox;
    uint32_t uid;
    uint64_t modseq;          /* given by index_add() and index_set_flags() */
    unsigned flags;           /* STORE_SEEN ... */
    const char *keywords;     /* space-separated, or "" */
    struct timespec received; /* INTERNALDATE */
    struct store_ref ref;
    uint64_t octets;           /* as stored, counted as CRLF, with trace */
    uint64_t lines;            /* the same way */
    const char *digest;        /* as received, or "" when another program brought it */
    const char *delivery_id;   /* ours, or "" */
    const struct facts *facts; /* borrowed; NULL: not known yet, or not asked for */
    struct span facts_packed;  /* index_add(): instead of facts, as facts_pack() made them and
                                * facts_unpack() took them; borrowed. Cheaper: not looked at. */
    bool facts_known;          /* filled when a row is read: it has facts */
};

#define INDEX_LEDGER_KEY_SIZE 65 /* hex with NUL */

/* index_open() - folder/index.sqlite, made and migrated when missing. folder and its parents are
 * made (0700). With create false a missing file gives NULL and NOT_FOUND. schema_dir: where
 * schema/index/ NNN_*.sql lie is compiled in (embedded); no path is needed at run time. */
struct index *index_open(const char *folder, bool create, struct outcome *why);
void index_close(struct index *ix); /* NULL is allowed; rolls back what is open */

/* index_set_aside() - rename a damaged index.sqlite (with -wal) to index.sqlite.damaged-TIME; call
 * with it closed. */
bool index_set_aside(const char *folder, struct outcome *why);

/* index_remove() - the index of an account that is no more; call with it closed. */
bool index_remove(const char *folder, struct outcome *why);

/* index_was_removed() - somebody took the file away while it was open: close it and open a new one.
 * One stat(2). */
bool index_was_removed(struct index *ix);

/* index_check() - SQLite's quick_check (or integrity_check when full). */
bool index_check(struct index *ix, bool full, struct outcome *why);

bool index_begin(struct index *ix, struct outcome *why);
/* index_commit() - on stable storage, with all that was committed unsynced before; then
 * index_mark(), since no journal knows of UIDs that were given here. When it is only the sync that
 * fails, or the write before it, the changes stand all the same, though a crash may take them; a
 * later commit that succeeds makes up for it. */
bool index_commit(struct index *ix, struct outcome *why);
/* index_commit_unsynced() - committed, but a power cut may take it back (a crash of ours not): for
 * what a journal holds until the file system was synced (syncfs) or an index_commit() returned.
 * When it is only the write that fails, the changes stand all the same, as above. */
bool index_commit_unsynced(struct index *ix, struct outcome *why);
/* index_sync() - all that was committed unsynced is on stable storage. */
bool index_sync(struct index *ix, struct outcome *why);
void index_rollback(struct index *ix);

typedef bool (*index_mailbox_fn)(void *arg, const struct index_mailbox *m);
typedef bool (*index_message_fn)(void *arg, const struct index_message *m);

/* index_mailbox_find() - false with NOT_FOUND when there is none of that name. */
bool index_mailbox_find(struct index *ix, const char *name, struct index_mailbox *out,
                        struct outcome *why);

/* index_mailbox_find_object() - by object_id. NOT_FOUND. */
bool index_mailbox_find_object(struct index *ix, const char *object_id, struct index_mailbox *out,
                               struct outcome *why);

/* index_mailbox_add() - EXISTS when it does. uid_validity must be larger than any given before for
 * this account (accounts_uid_validity()). */
bool index_mailbox_add(struct index *ix, const char *name, uint32_t uid_validity,
                       struct index_mailbox *out, struct outcome *why);
bool index_mailbox_rename(struct index *ix, int64_t id, const char *name, struct outcome *why);
bool index_mailbox_delete(struct index *ix, int64_t id, struct outcome *why);
bool index_mailbox_list(struct index *ix, index_mailbox_fn fn, void *arg, struct outcome *why);
bool index_mailbox_set_stamp(struct index *ix, int64_t id, uint64_t stamp, struct outcome *why);

/* index_mailbox_recount() - its counters, from its rows (fsck). Inside a transaction. */
bool index_mailbox_recount(struct index *ix, int64_t id, struct outcome *why);

/* index_take_uid() - the next UID of the mailbox; taken for good once the transaction commits. */
bool index_take_uid(struct index *ix, int64_t mailbox, uint32_t *uid, struct outcome *why);

/* index_reserve_uid() - the same at once and in memory alone, in or outside of a transaction: for a
 * delivery whose row comes later. Given once also when that transaction rolls back. (A crash
 * forgets it: the journal tells.) index_take_uid() and index_add() respect it. */
bool index_reserve_uid(struct index *ix, int64_t mailbox, uint32_t *uid, struct outcome *why);

/* index_uid_state() - may a message that was promised this UID have it? In or outside of a
 * transaction. */
enum index_uid_state {
    INDEX_UID_FREE,     /* neither this nor a higher one was ever seen in the mailbox */
    INDEX_UID_TAKEN,    /* a message has it */
    INDEX_UID_EXPUNGED, /* a message had it */
    INDEX_UID_PASSED    /* a higher one was seen: clients do not look below it */
};
bool index_uid_state(struct index *ix, int64_t mailbox, uint32_t uid, enum index_uid_state *state,
                     struct outcome *why);

/* index_burn_uid() - no message will ever get this UID or a smaller one (again). A row that has it
 * stays; without one it counts as a message that was removed (VANISHED, RFC 7162). Inside a
 * transaction. */
bool index_burn_uid(struct index *ix, int64_t mailbox, uint32_t uid, struct outcome *why);

/* index_raise_modseq() - after a crash that may have taken rows back: no MODSEQ that was seen then
 * is given again. Before the rows of a replay; once an account and start. Inside a transaction. */
bool index_raise_modseq(struct index *ix, struct outcome *why);

/* index_add() - a row; counts of the mailbox move in the same transaction. m->modseq is filled. */
bool index_add(struct index *ix, struct index_message *m, struct outcome *why);

/* index_set_facts() - for a row that was added without, or is to be refreshed. octets and lines as
 * stored, counted as CRLF, with trace. */
bool index_set_facts(struct index *ix, int64_t mailbox, uint32_t uid, const struct facts *facts,
                     uint64_t octets, uint64_t lines, struct outcome *why);

/* index_set_flags() - MODSEQ rises only when something differs; keywords NULL leaves them as they
 * are. */
bool index_set_flags(struct index *ix, int64_t mailbox, uint32_t uid, unsigned flags,
                     const char *keywords, struct outcome *why);

/* index_expunge() - the row goes, (mailbox, uid, modseq) stays in the expunge table (RFC 7162). */
bool index_expunge(struct index *ix, int64_t mailbox, uint32_t uid, struct outcome *why);

/* index_message_find() - by UID; index_message_find_ref() - by name in the store. Facts included;
 * all memory from arena. false with NOT_FOUND when there is none. */
bool index_message_find(struct index *ix, int64_t mailbox, uint32_t uid, struct arena *arena,
                        struct index_message *out, struct outcome *why);
bool index_message_find_ref(struct index *ix, int64_t mailbox, const char *name,
                            struct arena *arena, struct index_message *out, struct outcome *why);

/* index_message_list() - in UID order from uid_from on; facts only when with_facts. Borrowed for
 * the call. fn must not change the index. */
bool index_message_list(struct index *ix, int64_t mailbox, uint32_t uid_from, bool with_facts,
                        index_message_fn fn, void *arg, struct outcome *why);

/* index_usage() - what quota counts, over all mailboxes: stored octets (,S=) and messages. Kept by
 * triggers or counters, not by a scan. */
bool index_usage(struct index *ix, uint64_t *octets, uint64_t *messages, struct outcome *why);

/* What a checkpoint does for one index, in this order: rows committed, index_mark(), then a sync of
 * the file system (the caller's: syncfs), then the journal's segment is free. */

/* index_mark() - writes beside the database up to which UID each mailbox has given some
 * (folder/index.mark; not synced). Outside of transactions; nothing to do costs nothing. */
bool index_mark(struct index *ix, struct outcome *why);

/* index_has_lost_rows() - the mark knows UIDs that the index did not know when it was opened and
 * does not know now: its WAL was removed, cut or damaged, and no journal brought the rows back.
 * Ask after a replay; then index_renew_validity(). Asked or not: no UID that the mark knows is
 * given a second time. */
bool index_has_lost_rows(struct index *ix);

/* index_renew_validity() - every mailbox gets a new UIDVALIDITY from `next` (called once a
 * mailbox). UIDs stay as they are; what the mark said is of no meaning once this is committed.
 * Inside a transaction. */
typedef bool (*index_validity_fn)(void *arg, uint32_t *validity, struct outcome *why);
bool index_renew_validity(struct index *ix, index_validity_fn next, void *arg, struct outcome *why);

/* index_wal_octets() - what of the WAL is in use. */
uint64_t index_wal_octets(const struct index *ix);

/* index_checkpoint() - when the WAL has grown past `wal_octets`: its pages go into the database and
 * its file is cut (SQLite's checkpoint, with its two syncs, and one more in the commit after it).
 * No commit does this by itself. Not inside a transaction. true: nothing failed. */
bool index_checkpoint(struct index *ix, uint64_t wal_octets, struct outcome *why);

/* The ledger (promise 4). key: hex digest over what design section 8 names. find: NOT_FOUND when it
 * is not there or older than `since`. */
bool index_ledger_find(struct index *ix, const char *key, time_t since, char delivery_id[ID_SIZE],
                       struct outcome *why);
bool index_ledger_add(struct index *ix, const char *key, const char *delivery_id, time_t when,
                      struct outcome *why);
bool index_ledger_prune(struct index *ix, time_t before, struct outcome *why);

/* What Sieve leaves behind. Changes inside a transaction. */
#define INDEX_SIEVE_LOG_MAX 100 /* entries that are kept */
#define INDEX_SEEN_MAX 10000    /* keys that are remembered */
#define INDEX_SEEN_PRUNED 100   /* at once */

/* index_seen_find() - is the key remembered now? NOT_FOUND. */
bool index_seen_find(struct index *ix, const char *key, time_t now, struct outcome *why);

/* index_seen_by() - the same, and which one set it: what index_seen_add() was told. */
#define INDEX_ONCE_SIZE 96
bool index_seen_by(struct index *ix, const char *key, time_t now, char once[INDEX_ONCE_SIZE],
                   struct outcome *why);
bool index_seen_add(struct index *ix, const char *key, time_t until, const char *once,
                    struct outcome *why);

/* index_seen_prune() - some of those whose time is over, and of those above INDEX_SEEN_MAX the ones
 * whose time would be over first. */
bool index_seen_prune(struct index *ix, time_t now, struct outcome *why);

/* What waited in the account before there was a queue. */
struct index_outgoing { /* strings are borrowed */
    int64_t id;
    const char *once; /* the same twice is one */
    const char *kind, *delivery_id, *sender, *details, *file;
    time_t queued;
};
typedef bool (*index_outgoing_fn)(void *arg, const struct index_outgoing *o);
bool index_outgoing_list(struct index *ix, index_outgoing_fn fn, void *arg, struct outcome *why);
bool index_outgoing_clear(struct index *ix, struct outcome *why);

typedef bool (*index_log_fn)(void *arg, time_t logged, const char *delivery_id, const char *text);
bool index_sieve_log_add(struct index *ix, time_t logged, const char *delivery_id, const char *text,
                         struct outcome *why);
bool index_sieve_log_list(struct index *ix, index_log_fn fn, void *arg, struct outcome *why);

/* What its owner wrote lay here once: index_has_personal() - and is here still. index_personal() -
 * it is told, row by row, of a damaged table (CORRUPT) as far as it can be read; a text may be
 * another than its hash (BLAKE2b-256, hex) says then. index_personal_clear() - it is elsewhere now;
 * outside of transactions. */
struct index_personal_fns { /* false ends the telling */
    bool (*script)(void *arg, const char *name, struct span text, const char *hash, time_t changed,
                   bool is_active);
    bool (*use)(void *arg, const char *mailbox, const char *special_use);
    bool (*annotation)(void *arg, const char *mailbox, const char *name, struct span value);
};
bool index_has_personal(const struct index *ix);
bool index_personal(struct index *ix, const struct index_personal_fns *fns, void *arg,
                    struct outcome *why);
bool index_personal_clear(struct index *ix, struct outcome *why);

/* index_reconcile() - one mailbox compared with what the store lists (store_scan() entries); rows
 * are added (without facts), reflagged, expunged, in one transaction of the caller's. 100,000
 * entries in well under 2 s. */
struct index_changes {
    uint64_t added, reflagged, removed;
};
struct index_reconcile;
struct index_reconcile *index_reconcile_begin(struct index *ix, int64_t mailbox,
                                              struct outcome *why);

/* index_reconcile_trust_flags() - STORE_SEEN ... that the store's format carries (default all); all
 * others stay as the index knows them. 0 for a store without STORE_CAN_FLAGS. */
void index_reconcile_trust_flags(struct index_reconcile *r, unsigned mask);
bool index_reconcile_entry(struct index_reconcile *r, const struct store_entry *e,
                           struct outcome *why);
/* index_reconcile_end() - expunges what was not seen (when complete), gives UIDs to what is new in
 * order of arrival, then name; frees r, always. After a failure of an entry or of this: roll back.
 */
bool index_reconcile_end(struct index_reconcile *r, bool complete, struct index_changes *changes,
                         struct outcome *why);

#endif
