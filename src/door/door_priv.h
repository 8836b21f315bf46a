/* SPDX-License-Identifier: MIT
 *
 * Inside a door: door.c makes and ends one, send.c has what goes out and waits for that, receive.c
 * what comes in, wait.c those who have no loop and wait.
 */
#ifndef DOOR_DOOR_PRIV_H
#define DOOR_DOOR_PRIV_H

#include <sys/socket.h>

#include "doorstep/door.h"
#include "doorstep/door_frames.h"

/* The head of a packet, little-endian: u16 version, u16 type, u32 octets of body, u64 id. */
#define DOOR_HEAD_SIZE 16
#define DOOR_PACKET_MAX (DOOR_HEAD_SIZE + DOOR_BODY_MAX)

/* Room to see, and close, more descriptors than the one that a frame may carry. */
#define DOOR_FDS_SEEN 4

union door_control {
    char bytes[CMSG_SPACE(DOOR_FDS_SEEN * sizeof(int))];
    struct cmsghdr align;
};

struct door_packet { /* frames that wait to be sent */
    struct door_packet *next;
    int fd;      /* owned, or -1 */
    size_t size; /* of bytes, as far as they are used */
    size_t room; /* of bytes; DOOR_PACKET_MAX: it takes more frames */
    uint8_t bytes[];
};

struct door {
    int fd;
    bool send_closed;           /* the other side no longer reads; what it sent may still be read */
    bool is_secret;             /* wipe what leaves the queue, until it is empty */
    bool is_blocked;            /* the socket took no more; until door_flush() */
    uint8_t *in;                /* DOOR_PACKET_MAX octets, made at the first receive */
    size_t in_used, in_size;    /* of the packet in it: octets handed out, and all */
    struct door_packet *first;  /* queue, oldest first */
    struct door_packet **last;  /* where the next one is hung in */
    struct door_packet *newest; /* the last in the queue, while there is one */
    struct door_packet *spare;  /* one that takes more frames, kept for the next */
    size_t queued;
    size_t queue_max;
};

/* door_drop_first() - of the packets that wait: it has gone, or nobody is there to take it. */
void door_drop_first(struct door *d);

#endif
