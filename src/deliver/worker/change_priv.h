/* SPDX-License-Identifier: MIT
 *
 * Changes that somebody makes through us: flags, moves, removals. What was answered survives a
 * power cut: the journal has it before the store and the index do. Worker's thread; not inside a
 * transaction.
 */
#ifndef DELIVER_CHANGE_PRIV_H
#define DELIVER_CHANGE_PRIV_H

#include "worker_priv.h"

/* As they lie in the journal: numbers stay. */
enum change_kind {
    CHANGE_FLAGS = 1,
    CHANGE_MOVE = 2,
    CHANGE_REMOVE = 3,
    CHANGE_RENAMED = 4,  /* a mailbox, with what lies below it */
    CHANGE_DELETED = 5,  /* a mailbox */
    CHANGE_GONE = 6,     /* the account */
    CHANGE_UNDONE = 7,   /* the change with this id: it failed, and somebody was told */
    CHANGE_VALIDITY = 8, /* UIDVALIDITYs that were recorded before count no more */
};

#define CHANGE_MESSAGES_MAX 1000

struct change_message {
    uint32_t uid;
    const char *name;     /* in the store */
    unsigned flags;       /* FLAGS: all that it has afterwards */
    const char *keywords; /* FLAGS: the same */
    uint32_t to_uid;      /* MOVE: given by change_make() */

    /* While it is carried out. */
    bool is_gone;           /* not in the store: another program removed it */
    bool is_elsewhere;      /* a replay knows that it was moved on: its row moves all the same */
    struct store_ref moved; /* MOVE: where it lies then */
};

struct change { /* of messages in one mailbox, or of the mailbox; strings are borrowed */
    enum change_kind kind;
    char id[ID_SIZE]; /* given by change_make() */
    const char *mailbox;
    uint32_t uid_validity;
    const char *to; /* MOVE, RENAMED */
    uint32_t to_validity;
    bool is_replayed; /* at start, before anybody looks: UIDs come back in any order */
    struct change_message *list;
    uint32_t count;
};

/* change_make() - journal, store, index; safe when it returns true. A message that is gone from the
 * store is no failure. After one, some messages may be changed and others not; index and store
 * agree after the next reconcile, and no replay tries again. */
bool change_make(struct worker *w, struct open_account *oa, struct change *c, struct outcome *why);

/* change_apply() - store and index alone, as a replay does: what was done already stays done. */
bool change_apply(struct open_account *oa, struct change *c, struct outcome *why);

/* change_record() - a change that is carried out elsewhere (mailboxes, accounts) is on stable
 * storage in the journal; c->id is filled. change_undo() - it was not carried out after all. */
bool change_record(struct worker *w, const struct account *a, struct change *c,
                   struct outcome *why);
void change_undo(struct worker *w, const struct account *a, const struct change *c);

#endif
