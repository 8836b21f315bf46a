/* SPDX-License-Identifier: MIT
 *
 * What the files of the hand's driver share: the store behind a door, and one call through it.
 * hand_priv.h has what is said.
 */
#ifndef STORE_HAND_CALL_PRIV_H
#define STORE_HAND_CALL_PRIV_H

#include "doorstep/door.h"

#include "hand_priv.h"

struct hand {
    struct store base;
    struct door *door; /* owned; NULL once it is given up */
    uint64_t last_id;
    struct buf body; /* of the call being made */
    struct pack pack;
};

struct hand_staged {
    struct store_staged base;
    uint64_t handle; /* the hand's name for it */
};

static inline struct hand *
hand_of(struct store *st)
{
    return (struct hand *)st;
}

/* hand_call_begin() - a call's body, to which the caller packs the arguments. */
struct pack *hand_call_begin(struct hand *h, enum hand_verb verb);

/* hand_call() - what was begun is sent, with fd or -1, and one reply awaited: true for HAND_DONE
 * and HAND_MORE, with u behind the result; *reply_fd (or -1) is owned by the caller. */
bool hand_call(struct hand *h, int fd, struct unpack *u, enum hand_result *result, int *reply_fd,
               struct outcome *why);

/* hand_call_plain() - a call that gives nothing back. */
bool hand_call_plain(struct hand *h, struct outcome *why);

/* hand_reply_begin() - the result of a reply; HAND_FAILED fills `why`. false: not a reply. */
bool hand_reply_begin(struct unpack *u, const struct door_frame *f, enum hand_result *result,
                      struct outcome *why);

/* hand_give_up() - from here on every call fails; the other side sees the door close and ends. */
bool hand_give_up(struct hand *h, struct outcome *why, const char *what);

/* Methods of the driver: hand_deliver.c and hand_listing.c. */
enum store_result hand_stage(struct store *st, const struct store_mail *mail,
                             struct store_staged **staged, struct store_ref *ref,
                             struct store_wait *wait, struct outcome *why);
bool hand_sync(struct store *st, struct store_staged *staged, struct outcome *why);
bool hand_publish(struct store *st, struct store_staged *staged, struct outcome *why);
bool hand_commit(struct store *st, struct outcome *why);
void hand_discard(struct store *st, struct store_staged *staged);
void hand_forget(struct store *st, struct store_staged *staged);
bool hand_scan(struct store *st, const char *mailbox, store_entry_fn fn, void *arg,
               struct outcome *why);
bool hand_mailbox_list(struct store *st, store_mailbox_fn fn, void *arg, struct outcome *why);

#endif
