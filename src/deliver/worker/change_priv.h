/* SPDX-License-Identifier: MIT
 *
 * Changes that somebody makes through us: flags, moves, removals. What was answered survives a
 * power cut. Worker's thread; not inside a transaction.
 */
#ifndef DELIVER_CHANGE_PRIV_H
#define DELIVER_CHANGE_PRIV_H

#include "worker_priv.h"

enum change_kind {
    CHANGE_FLAGS,
    CHANGE_MOVE,
    CHANGE_REMOVE,
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
    struct store_ref moved; /* MOVE: where it lies then */
};

struct change { /* of messages in one mailbox; strings are borrowed */
    enum change_kind kind;
    const char *mailbox;
    uint32_t uid_validity;
    const char *to; /* MOVE */
    uint32_t to_validity;
    struct change_message *list;
    uint32_t count;
};

/* change_make() - carries it out: store, then index. A message that is gone from the store is no
 * failure. After one, some messages may be changed and others not; index and store agree after the
 * next reconcile. */
bool change_make(struct open_account *oa, struct change *c, struct outcome *why);

#endif
