/* SPDX-License-Identifier: MIT
 *
 * The store's door to a role that main keeps running (auth, outbound, relay, runner): it may be
 * away at any time, and comes back. Such a role is hostile once it has read what strangers say: who
 * says what it may not loses its door, and main is asked for another one. What is asked, and what
 * an answer means, is its owner's: login/, filters.c, relay/relay_link.c; role_questions_priv.h for
 * those whose answers come in pieces. Loop's thread only.
 */
#ifndef DELIVER_ROLE_DOOR_PRIV_H
#define DELIVER_ROLE_DOOR_PRIV_H

#include "doorstep/door_keeper.h"

struct role_door_calls {
    /* A frame; false: no such role says that. One that keeps its descriptor sets fd to -1. */
    bool (*take)(void *arg, struct door_frame *frame);
    /* The role is gone, and its door closed: what it was asked has no answer. cause: static. */
    void (*lost)(void *arg, const char *cause);
    /* Ask main for another one, for this one cannot be trusted; before lost(). */
    void (*replace)(void *arg);
};

struct role_door { /* in its owner's memory */
    struct loop *loop;
    const char *role; /* for the log */
    size_t queue_max; /* unsent octets */
    const struct role_door_calls *calls;
    void *arg;
    struct door_keeper keeper;
};

/* role_door_open() - the door (taken) to such a role; an older one is lost. false: no memory, and
 * it is away. */
bool role_door_open(struct role_door *d, int fd);

/* role_door_is_here() - false: the role is away. */
bool role_door_is_here(const struct role_door *d);

/* role_door_close() - without a word: lost() is not called. */
void role_door_close(struct role_door *d);

/* role_door_lose() - it is gone, or with is_broken: it cannot be trusted, or hangs. Nothing where
 * it is away. */
void role_door_lose(struct role_door *d, const char *cause, bool is_broken);

/* role_door_send() - false: it is away, or does not read what is sent. fd: as door_send(). */
bool role_door_send(struct role_door *d, uint16_t type, uint64_t id, struct span body, int fd);

#endif
