/* SPDX-License-Identifier: MIT
 *
 * An account that a worker has open: its index and its store. Kept open, the longest unused
 * closed first. Everything here runs on the worker's thread.
 */
#ifndef DELIVER_ACCOUNT_PRIV_H
#define DELIVER_ACCOUNT_PRIV_H

#include "doorstep/accounts.h"
#include "doorstep/index.h"
#include "doorstep/store.h"
#include "doorstep/table.h"

#include "hands_priv.h"
#include "jobs_priv.h"

struct personal;
struct worker;
struct row;

struct loan { /* of the index, to the syncer's thread; loan_priv.h */
    struct job job;
    struct job_thread *worker;
    bool is_lent;
};

struct open_account {
    struct account account;
    struct store_account who; /* borrows from account */
    const struct settings_domain *domain;
    const struct settings_store *store_settings;
    char *folder;              /* owned: state_dir/accounts/DOMAIN/USER */
    struct index *index;       /* owned */
    struct personal *personal; /* owned; NULL: nobody asks; account_personal() */
    bool lacks_personal;       /* its file was looked for, and is not there */
    struct store *store;       /* owned */
    struct hand_request *hand; /* owned; asked and not there yet */
    int64_t inbox;             /* row of INBOX in the index, 0: not looked up yet */
    uint32_t inbox_validity;   /* its UIDVALIDITY */
    bool is_journalled;        /* the journal may hold what its store does not have safe yet */
    bool needs_mark;           /* UIDs were given since index_mark() */
    struct row *rows;          /* owned: wait to be written, the first one first; rows.c */
    uint64_t rows_segment;     /* of the journal: the oldest that has one of them */
    unsigned row_count;
    uint64_t row_octets, row_messages; /* what they add to the usage */
    uint64_t send_items, send_octets;  /* that rows will put into the queue */
    uint64_t rows_since_ms;
    struct open_account *prev_waiting, *next_waiting;
    struct loan loan;
    uint64_t tidied_ms; /* when housekeeping was here, 0: not yet */
    uint64_t looked_ms; /* when its file was last seen to be there */
    unsigned aside;     /* deliveries that wait for this account */
    struct open_account *next_in_batch;
    bool in_batch;
    UT_hash_handle hh; /* by key; the order of the table is the order of use */
    char key[];        /* user@domain */
};

enum account_result { ACCOUNT_OPEN, ACCOUNT_FAILED, ACCOUNT_LATER };

/* account_open() - LATER, too, while its index is lent. From those open, else opened. create false:
 * NOT_FOUND when there is neither an index nor mail yet. LATER: a hand was asked for; try again in
 * wait->ms. *out is the worker's, valid until the worker's next account_open(). */
enum account_result account_open(struct worker *w, const struct account *a, bool create,
                                 struct open_account **out, struct store_wait *wait,
                                 struct outcome *why);

/* account_look() - the same for those who look at it: every delivery has its row by now. */
enum account_result account_look(struct worker *w, const struct account *a, bool create,
                                 struct open_account **out, struct store_wait *wait,
                                 struct outcome *why);

/* account_close() - write its rows, then forget it; it must not be in a batch. false: they cannot
 * be written; it stays. */
bool account_close(struct worker *w, struct open_account *oa, struct outcome *why);

/* account_close_all() - the worker ends; the journal has the rows that were not written. */
void account_close_all(struct worker *w);

/* account_checkpoint() - its index's WAL goes into the database when it is larger than that. */
void account_checkpoint(struct open_account *oa, uint64_t wal_octets);

/* account_mark() - index_mark() where it is needed. */
bool account_mark(struct open_account *oa, struct outcome *why);

/* account_mend() - rows that its index had are lost, and no journal brought them back: every
 * mailbox gets a new UIDVALIDITY. After a replay, and whenever an index is opened later. */
bool account_mend(struct worker *w, struct open_account *oa, struct outcome *why);

/* account_uid_validity() - the next one to be given, larger than at_least. */
bool account_uid_validity(struct worker *w, uint32_t at_least, uint32_t *out, struct outcome *why);

/* account_sends() - what deliveries of the account that have been answered will put into the queue.
 */
void account_sends(struct worker *w, const struct account *a, uint64_t *items, uint64_t *octets);

/* account_is_lent() - and cannot be closed yet. */
bool account_is_lent(struct worker *w, const char *user, const char *domain);

/* account_forget_name() - close it when it is open (it was deleted); nothing may wait for it, and
 * it is not lent. */
void account_forget_name(struct worker *w, const char *user, const char *domain);

/* account_reopen_index() - for rows that wait: an index that is damaged or was removed is begun
 * anew.
 */
bool account_reopen_index(struct worker *w, struct open_account *oa, struct outcome *why);

/* account_renew_index() - the index is damaged: set it aside and begin a new one. */
bool account_renew_index(struct worker *w, struct open_account *oa, struct outcome *why);

/* account_recover_index() - a look at the index failed with `why`: true, it may be tried once more.
 * A damaged one was made anew; of one that the disk would not give a page of nothing is changed:
 * the connection reads that page again, and only what it finds then counts. false: nothing helps
 * now. */
bool account_recover_index(struct worker *w, struct open_account *oa, struct outcome *why);

/* account_mailbox() - the index's row of a mailbox; with create it is added when the index lacks
 * it, and what the store already holds there is taken in first. Not inside a transaction. */
bool account_mailbox(struct worker *w, struct open_account *oa, const char *name, bool create,
                     struct index_mailbox *out, struct outcome *why);

/* account_inbox() - the same for INBOX, remembered. */
bool account_inbox(struct worker *w, struct open_account *oa, struct outcome *why);

#endif
