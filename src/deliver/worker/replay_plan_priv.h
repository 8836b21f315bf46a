/* SPDX-License-Identifier: MIT
 *
 * What the journals of a crash say, read through once before anything is done: which message was
 * cancelled, removed or moved later, which mailbox renamed. Made by one thread; afterwards
 * read-only but for what belongs to an account, which its worker alone touches.
 */
#ifndef DELIVER_REPLAY_PLAN_PRIV_H
#define DELIVER_REPLAY_PLAN_PRIV_H

#include "doorstep/journal.h"
#include "doorstep/table.h"

#include "record_change_priv.h"
#include "record_priv.h"

struct replay_entry { /* a record; its number in the order of all is its place in the list */
    struct journal_entry at;
    bool is_broken; /* whole, and yet none of ours */
    bool is_undone; /* a change that failed, and somebody was told */
};

struct replay_place { /* where a message was moved to through us, the last time */
    char mailbox[STORE_MAILBOX_SIZE];
    uint32_t uid_validity;
    uint32_t uid;
};

struct replay_fate { /* of a message, by account and name in the store */
    uint64_t key;
    size_t message; /* 1 + number of the last record that brings it; 0: none does */
    size_t move;    /* 1 + number of the last change that moves it */
    bool is_cancelled;
    bool is_removed;
    struct replay_place *to; /* owned; with move */
    UT_hash_handle hh;
};

struct replay_mailbox { /* that records speak of */
    struct replay_mailbox *next;
    uint32_t uid_validity; /* as all deliveries into it have recorded it */
    bool is_ambiguous;     /* they have not */
    uint32_t highest;
    size_t first; /* number of the first of them */
    char name[STORE_MAILBOX_SIZE];
};

struct replay_rename {          /* or a removal, of a mailbox */
    struct replay_rename *next; /* later ones behind */
    size_t number;
    bool is_removal;
    uint32_t uid_validity;
    char from[STORE_MAILBOX_SIZE], to[STORE_MAILBOX_SIZE];
};

struct replay_account {
    struct account account; /* as the last record has it */
    size_t gone;            /* records before this one are of an account that was deleted */
    size_t renewed;         /* UIDVALIDITYs recorded before this one count no more */
    struct replay_mailbox *mailboxes; /* owned */
    struct replay_rename *renames;    /* owned */
    bool is_begun;                    /* its worker's: MODSEQ raised, renames done */
    bool is_again;                    /* the same: its index was found damaged on the way */
    bool is_busy;                     /* the same: locked for longer than one waits */
    UT_hash_handle hh;
    char key[];
};

struct replay_plan {
    struct replay_entry *entries; /* owned; borrow from the reader */
    size_t count, room;
    struct replay_fate *fates;       /* uthash by key */
    struct replay_account *accounts; /* uthash by user@domain */
    struct replay_undone *undone;    /* uthash by id */
    unsigned char salt[16];          /* of the keys */
    uint64_t damaged, broken, torn, unknown;
    char **damaged_files; /* owned; each once */
    size_t damaged_count;
};

/* replay_plan_new() - borrows the records from the reader, which must live as long. NULL: no
 * memory. What is damaged is logged and counted. */
struct replay_plan *replay_plan_new(struct journal_reader *reader, struct outcome *why);
void replay_plan_free(struct replay_plan *p); /* NULL is allowed */

struct replay_account *replay_plan_account(const struct replay_plan *p, const char *user,
                                           const char *domain);

/* replay_plan_fate() - NULL: no record speaks of it. */
const struct replay_fate *replay_plan_fate(const struct replay_plan *p, const char *user,
                                           const char *domain, const char *name);

/* replay_plan_mailbox() - what a mailbox that record `number` names is called now; false: it was
 * deleted, with all that was in it. */
bool replay_plan_mailbox(const struct replay_account *a, size_t number, const char *name,
                         char out[STORE_MAILBOX_SIZE]);

/* replay_plan_validity() - what the records agree on for a mailbox, by its name now; 0: nothing, or
 * a newer one was given since. *highest: of all that they say. */
uint32_t replay_plan_validity(const struct replay_account *a, const char *name, uint32_t *highest);

/* replay_message_key() - a message's key among the fates; replay_account_key() - user@domain, and
 * its length. */
uint64_t replay_message_key(const struct replay_plan *p, const char *user, const char *domain,
                            const char *name);
size_t replay_account_key(char out[ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE], const char *user,
                          const char *domain);

#endif
