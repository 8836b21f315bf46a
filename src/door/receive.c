/* SPDX-License-Identifier: MIT
 *
 * What comes in by a door: whoever sends it may have been taken over, so a packet is frames and
 * nothing else, and no descriptor stays that nobody asked for.
 */
#include "door_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t
door_parse_number(const uint8_t *in, size_t octets)
{
    uint64_t v = 0;

    for (size_t i = octets; i > 0; i--)
        v = v << 8 | in[i - 1];
    return v;
}

void
door_forget(struct door *d)
{
    if (d->in != NULL)
        explicit_bzero(d->in, d->in_used);
}

/* Takes the first descriptor that came along, closes all others, and returns how many came. */
static size_t
door_collect_fds(struct msghdr *msg, int *fd)
{
    size_t count = 0;

    *fd = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int got;
            memcpy(&got, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (count++ == 0)
                *fd = got;
            else
                close(got);
        }
    }
    return count;
}

/* Octets of the frame at the begin of `rest`; 0: that is none. */
static size_t
door_frame_size(const uint8_t *bytes, size_t rest)
{
    if (rest < DOOR_HEAD_SIZE || door_parse_number(bytes, 2) != DOOR_VERSION)
        return 0;
    uint64_t body = door_parse_number(bytes + 4, 4);
    return body <= rest - DOOR_HEAD_SIZE ? DOOR_HEAD_SIZE + (size_t)body : 0;
}

/* A packet is frames and nothing else; how many, or 0. */
static size_t
door_count_frames(const uint8_t *packet, size_t size)
{
    size_t count = 0;

    for (size_t at = 0; at < size; count++) {
        size_t n = door_frame_size(packet + at, size - at);
        if (n == 0)
            return 0;
        at += n;
    }
    return count;
}

bool
door_holds(const struct door *d)
{
    return d->in_used < d->in_size;
}

static void
door_hand_out(struct door *d, struct door_frame *out)
{
    const uint8_t *frame = d->in + d->in_used;
    size_t size = door_frame_size(frame, d->in_size - d->in_used);

    out->type = (uint16_t)door_parse_number(frame + 2, 2);
    out->id = door_parse_number(frame + 8, 8);
    out->body = (struct span){(const char *)frame + DOOR_HEAD_SIZE, size - DOOR_HEAD_SIZE};
    d->in_used += size;
}

static enum door_result
door_read_packet(struct door *d, struct msghdr *msg, size_t *size)
{
    ssize_t got;

    do {
        got = recvmsg(d->fd, msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == EAGAIN ? DOOR_AGAIN : DOOR_CLOSED;
    *size = (size_t)got;
    return DOOR_OK;
}

enum door_result
door_receive(struct door *d, struct door_frame *out)
{
    union door_control control;
    size_t size = 0;

    out->fd = -1;
    if (door_holds(d)) {
        door_hand_out(d, out);
        return DOOR_OK;
    }
    if (d->in == NULL)
        d->in = malloc(DOOR_PACKET_MAX);
    if (d->in == NULL)
        return DOOR_AGAIN; /* the packet waits in the socket */
    struct iovec part = {d->in, DOOR_PACKET_MAX};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};

    enum door_result result = door_read_packet(d, &msg, &size);
    if (result != DOOR_OK)
        return result;
    size_t fds = door_collect_fds(&msg, &out->fd);
    /* MSG_CTRUNC without any descriptor is our own lack of free ones, not a lie of the peer's. */
    bool too_many = fds > 1 || (fds == 1 && (msg.msg_flags & MSG_CTRUNC) != 0);
    size_t frames = (msg.msg_flags & MSG_TRUNC) != 0 ? 0 : door_count_frames(d->in, size);
    if (frames > 0 && !too_many && (frames == 1 || fds == 0)) {
        d->in_used = 0;
        d->in_size = size;
        door_hand_out(d, out);
        return DOOR_OK;
    }
    if (out->fd >= 0)
        close(out->fd);
    out->fd = -1;
    return size == 0 ? DOOR_CLOSED : DOOR_BROKEN; /* an empty packet is how the end reads */
}
