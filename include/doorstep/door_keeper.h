/* SPDX-License-Identifier: MIT
 *
 * A door that is kept on a loop: its frames are handed to its owner as they come, a bounded number
 * a turn, and what waits unsent goes out when there is room. Each frame is hostile: the first one
 * that nobody on the other side may say costs that side its door. One that is gone is noticed by
 * reading, when all that it sent before has been heard. Loop's thread only.
 */
#ifndef DOORSTEP_DOOR_KEEPER_H
#define DOORSTEP_DOOR_KEEPER_H

#include "doorstep/door.h"
#include "doorstep/loop.h"

/* What its owner does. Each of these may close the keeper, open it anew, or free it. */
struct door_keeper_calls {
    /* A frame; false: nobody there says that. Who keeps its descriptor sets fd to -1; any other is
     * closed. */
    bool (*take)(void *arg, struct door_frame *f);
    /* The door is closed: DOOR_CLOSED, the other side has ended; DOOR_BROKEN, it said what nobody
     * there says, or what is no frame. */
    void (*lost)(void *arg, enum door_result how);
    /* Is more to come now? NULL, or true: the socket is asked until it is empty. */
    bool (*awaits)(void *arg);
    /* NULL, or told when what waited has been sent, or some of it. */
    void (*sent)(void *arg);
};

struct door_keeper {   /* in its owner's memory, which sets the first three and zeroes the rest */
    struct loop *loop; /* borrowed */
    const struct door_keeper_calls *calls;
    void *arg; /* of the calls */
    bool is_paused;
    struct door *door;        /* owned; NULL: there is none */
    struct loop_watch *watch; /* owned */
    struct loop_chore flush;  /* due while frames of this turn wait */
};

/* door_keeper_open() - keep this door (taken; NULL: there was no memory for it). The keeper has
 * none. false: no memory, and it has none. */
bool door_keeper_open(struct door_keeper *k, struct door *d);

/* door_keeper_close() - nothing more is heard or sent; lost() is not called. Without a door:
 * nothing. */
void door_keeper_close(struct door_keeper *k);

/* door_keeper_pause() - nothing is heard before door_keeper_resume(). May be said of one that has
 * no door yet. */
void door_keeper_pause(struct door_keeper *k);
void door_keeper_resume(struct door_keeper *k);

/* door_keeper_send() - as door_send(). false also without a door. */
bool door_keeper_send(struct door_keeper *k, uint16_t type, uint64_t id, struct span body, int fd);

/* door_keeper_send_pieces() - as door_send_pieces(). */
bool door_keeper_send_pieces(struct door_keeper *k, uint16_t type, uint64_t id, struct span packed,
                             int fd);

/* door_keeper_put() - as door_put(); it goes out at the end of the turn. */
bool door_keeper_put(struct door_keeper *k, uint16_t type, uint64_t id, struct span body);

#endif
