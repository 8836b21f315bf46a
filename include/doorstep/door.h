/* SPDX-License-Identifier: MIT
 *
 * One end of a door: an AF_UNIX SOCK_SEQPACKET socketpair between two roles. A frame is a type,
 * a request id, a body, and at most one descriptor; a packet is one frame or several. Sending never
 * blocks: what the socket refuses waits in a bounded queue until door_flush(). Receiving checks the
 * lengths and version and closes descriptors nobody asked for; the body is hostile to whoever reads
 * it.
 * One thread at a time per end.
 */
#ifndef DOORSTEP_DOOR_H
#define DOORSTEP_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/span.h"

#define DOOR_BODY_MAX 65536                /* octets of body in one frame */
#define DOOR_PIECE_MAX (DOOR_BODY_MAX - 1) /* and of what is sent in pieces; see below */

struct door;

struct door_frame {
    uint16_t type;
    uint64_t id;      /* request id, chosen by the asking side */
    struct span body; /* borrowed from the door until the next door_receive() */
    int fd;           /* -1, or a descriptor that the receiver now owns */
};

enum door_result {
    DOOR_OK,
    DOOR_AGAIN,  /* nothing there now (receive), or some frames still wait (flush) */
    DOOR_CLOSED, /* the other side is gone */
    DOOR_BROKEN  /* the other side sent what no frame is; treat it as taken over */
};

/* door_pair() - two connected descriptors, close-on-exec, non-blocking; false with errno. */
bool door_pair(int fds[2]);

/* door_new() - takes fd, also where it fails. queue_max: octets that may wait unsent. NULL without
 * memory. */
struct door *door_new(int fd, size_t queue_max);
void door_free(struct door *d); /* closes fd; NULL is allowed */

int door_fd(const struct door *d);

/* door_receive() - the next frame. A frame that should bring a descriptor has fd -1 when this
 * process had none free: fail that request, not the door. DOOR_AGAIN also without memory. */
enum door_result door_receive(struct door *d, struct door_frame *out);

/* door_holds() - there are frames that came with the last one: the socket will not tell of them, so
 * whoever waits on it takes them first. */
bool door_holds(const struct door *d);

/* door_send() - fd (or -1) is duplicated by the kernel, the caller keeps its own. false: the queue
 * is full, no memory, or the other side is gone; nothing of the frame was sent. */
bool door_send(struct door *d, uint16_t type, uint64_t id, struct span body, int fd);

/* door_put() - the same for a frame that may wait a moment: it goes out with those put before and
 * behind it, at the latest with the next door_flush() or door_send(), which the caller owes it. */
bool door_put(struct door *d, uint16_t type, uint64_t id, struct span body);

/* door_send_pieces() - as door_send(), for what may be longer than a frame's body: each frame of it
 * is a u8, 1 when more of them follow, and a piece; fd goes with the last. false: part of it may be
 * sent. */
bool door_send_pieces(struct door *d, uint16_t type, uint64_t id, struct span packed, int fd);

/* door_flush() - sends what waits. DOOR_AGAIN: some of it waits on; DOOR_CLOSED: nobody reads it.
 */
enum door_result door_flush(struct door *d);

/* door_open_readonly() - the file of fd opened once more, so that no writable descriptor goes to
 * another process. Owned by the caller; -1 with errno. */
int door_open_readonly(int fd);

/* Passwords pass through doors. door_mark_secret() - what waits unsent now is wiped when it has
 * left. door_forget() - the frame received last is wiped, body and all. */
void door_mark_secret(struct door *d);
void door_forget(struct door *d);

/* door_queued() - octets that wait for door_flush(). */
size_t door_queued(const struct door *d);

/* door_call() - for blocking users: send, then wait up to timeout_ms for the frame with this id;
 * others are dropped. DOOR_AGAIN: time ran out. */
enum door_result door_call(struct door *d, uint16_t type, uint64_t id, struct span body, int fd,
                           unsigned timeout_ms, struct door_frame *out);

/* door_await() - for them too: the next frame, as soon as it is there. DOOR_AGAIN: none came in
 * timeout_ms (-1: no end), or poll(2) failed. */
enum door_result door_await(struct door *d, int timeout_ms, struct door_frame *out);

/* door_wait() - poll(2) for reading (or writing, with for_write) up to timeout_ms (-1: no end). */
bool door_wait(struct door *d, bool for_write, int timeout_ms);

#endif
