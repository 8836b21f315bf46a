/* SPDX-License-Identifier: MIT
 *
 * What the files of this folder share. Counters of mailboxes live in memory while a transaction is
 * open and are written once at its end: many deliveries, one row.
 */
#ifndef DOORSTEP_INDEX_PRIV_H
#define DOORSTEP_INDEX_PRIV_H

#include "doorstep/arena.h"
#include "doorstep/db.h"
#include "doorstep/index.h"
#include "doorstep/table.h"

#define INDEX_MARK_NAME "index.mark"
#define INDEX_CACHE_KIB 16  /* of SQLite's pages between transactions; a thousand may be open */
#define LEDGER_BITS 8192    /* of the filter in front of the ledger: 1 KiB an open index */
#define UID_MAX 4294967294U /* so that UIDNEXT is a uint32_t too */
#define KEYWORDS_SIZE 4096  /* of one message, with the terminating NUL */
#define FLAGS_ALL                                                                                  \
    (STORE_SEEN | STORE_ANSWERED | STORE_FLAGGED | STORE_DELETED | STORE_DRAFT | STORE_FORWARDED)

extern const struct db_step index_steps[]; /* made from schema/index */
extern const unsigned index_step_count;

struct mailbox_state { /* what changes with every delivery; the truth while it is in memory */
    int64_t id;
    uint32_t uid_next;
    uint64_t highest_modseq;
    uint64_t messages, unseen, octets, stored_octets;
    bool is_dirty; /* the row is behind */
    UT_hash_handle hh;
};

struct index_totals { /* of the account */
    uint64_t modseq;  /* highest given */
    uint64_t messages, stored_octets;
};

struct reservation { /* UIDs below `next` are promised to rows that come later */
    int64_t mailbox;
    uint32_t next;
    UT_hash_handle hh;
};

struct behind { /* what index.mark knows and this index did not, when it was opened */
    uint32_t validity;
    uint32_t from, to; /* UIDs, `to` not among them; from 0 in the mark: none is missing */
};

struct index {
    struct db *db;                    /* owned */
    char *folder;                     /* owned */
    struct mailbox_state *states;     /* owned; uthash by id */
    struct reservation *reservations; /* owned; uthash by mailbox, until the index is closed */
    struct behind *behind;            /* owned; sorted by validity; as a rule none */
    size_t behind_count;
    struct index_totals now, then; /* then: as at index_begin() */
    bool in_transaction;
    bool mark_is_due;  /* the mark says something else */
    bool has_personal; /* rows that belong elsewhere */
    bool is_renewed;   /* in this transaction: `behind` is of no meaning after it */
    unsigned char ledger_bits[LEDGER_BITS / 8]; /* two for each key that the ledger may have */
};

/* A row as it is read: everything is checked as if a stranger had written the file. `bad` is
 * sticky, and so is `full` (no memory); ask index_row_ok() once. */
struct row {
    struct db_statement *s;
    struct arena *arena; /* where strings go */
    bool bad, full;
};

uint64_t index_row_u64(struct row *r, int column);
uint32_t index_row_u32(struct row *r, int column);
uint64_t index_row_max(struct row *r, int column, uint64_t max);
const char *index_row_text(struct row *r, int column);
void index_row_copy(struct row *r, int column, char *out, size_t size);
bool index_row_ok(const struct row *r, struct outcome *why);

/* index_bind_u64() - numbers past 2^63 become the largest that a row holds. */
void index_bind_u64(struct db_statement *s, int n, uint64_t v);

/* index_folder_make() - path with its parents, 0700; the first db_sync() of what is made there
 * makes their names durable too. */
bool index_folder_make(const char *path, struct outcome *why);

/* mailbox_state_load() - of that id, from memory or its row; NULL: `why` (NOT_FOUND). Borrowed
 * until the transaction ends. */
struct mailbox_state *mailbox_state_load(struct index *ix, int64_t id, struct outcome *why);
bool mailbox_states_write(struct index *ix, struct outcome *why);
void mailbox_states_release(struct index *ix);
bool index_totals_read(struct index *ix, struct outcome *why);

/* ledger_filter_read() - at open: which keys the ledger cannot have. */
bool ledger_filter_read(struct index *ix, struct outcome *why);

/* uid_given() - a row or a burned one has this UID: UIDNEXT is larger. */
void uid_given(struct index *ix, struct mailbox_state *state, uint32_t uid);

/* uid_reserve_below() - smaller ones than `next` are not to be given. uid_reserved_next(): 1 when
 * nothing is reserved. uid_reservation_forget(): the mailbox is a new one. */
bool uid_reserve_below(struct index *ix, int64_t mailbox, uint32_t next, struct outcome *why);
uint32_t uid_reserved_next(const struct index *ix, int64_t mailbox);
void uid_reservation_forget(struct index *ix, int64_t mailbox);
void uid_reservations_release(struct index *ix);

/* mark_read() - the mark compared with the rows, at open. mark_floor(): a mailbox of that
 * UIDVALIDITY was added; it gives no UID that the mark knows. */
bool mark_read(struct index *ix, struct outcome *why);
bool mark_floor(struct index *ix, int64_t mailbox, uint32_t validity, struct outcome *why);
void mark_release(struct index *ix);

/* index_knows_all() - each of these UIDs has a row, or had one that was removed, or the mailbox is
 * no more. */
bool index_knows_all(struct index *ix, const struct behind *b);

/* modseq_floor_write() - MODSEQs up to now are not given again, also when nothing shows them. */
bool modseq_floor_write(struct index *ix, struct outcome *why);

/* Room in the counters for one message more, or less. */
struct message_size {
    unsigned flags;
    uint64_t octets, stored_octets;
};
uint64_t mailbox_state_touch(struct index *ix, struct mailbox_state *state); /* the new MODSEQ */
void mailbox_state_count(struct index *ix, struct mailbox_state *state,
                         const struct message_size *m);
void mailbox_state_uncount(struct index *ix, struct mailbox_state *state,
                           const struct message_size *m);

#define DATE_SIZE 31 /* "2026-11-22T03:36:13.123456789Z" */
void internal_date_print(struct timespec t, char out[DATE_SIZE]);
bool internal_date_parse(const char *text, struct timespec *out);

#endif
