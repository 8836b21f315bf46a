/* SPDX-License-Identifier: MIT
 *
 * What the files of the hand's side share: the process's one struct, replies, and the verbs that
 * have files of their own. A verb returns false when the call is damaged or out of place: the hand
 * ends.
 */
#ifndef STORE_HAND_SERVE_PRIV_H
#define STORE_HAND_SERVE_PRIV_H

#include "doorstep/door.h"

#include "hand_priv.h"
#include "store_priv.h"

struct serve {
    struct door *door;
    struct store *st; /* NULL before HAND_OPEN */
    struct settings_store settings;
    char driver[64];
    char path[STORE_PATH_MAX + 1];
    uint64_t id; /* of the call being served */
    struct buf body;
    struct pack reply;
    bool is_lost; /* the store is gone or broken: end */
    uint64_t last_handle;
    size_t staged_count;
    struct serve_staged {
        uint64_t handle;
        struct store_staged *staged;
    } staged[HAND_STAGED_MAX];
};

void serve_reply_begin(struct serve *s, enum hand_result result);
/* serve_reply_send() - the queue is flushed before the next call is read, so a slow store slows its
 * hand. */
void serve_reply_send(struct serve *s, int fd);
void serve_reply_failed(struct serve *s, const struct outcome *why);
void serve_reply_plain(struct serve *s, bool ok, const struct outcome *why);

bool serve_stage(struct serve *s, struct unpack *u, int fd);
bool serve_sync(struct serve *s, struct unpack *u);
bool serve_publish(struct serve *s, struct unpack *u);
bool serve_commit(struct serve *s, struct unpack *u);
/* serve_end_of() - discard or forget. */
bool serve_end_of(struct serve *s, struct unpack *u,
                  void (*end)(struct store *, struct store_staged *));
bool serve_scan(struct serve *s, struct unpack *u);
bool serve_list(struct serve *s, struct unpack *u);

#endif
