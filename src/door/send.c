/* SPDX-License-Identifier: MIT
 *
 * What goes out by a door, and the bounded queue of what the socket does not take yet.
 */
#include "door_priv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/buf.h"

static void
door_print_number(uint8_t *out, size_t octets, uint64_t v)
{
    for (size_t i = 0; i < octets; i++)
        out[i] = (uint8_t)(v >> (8 * i));
}

static void
door_print_head(uint8_t head[DOOR_HEAD_SIZE], uint16_t type, uint64_t id, size_t body)
{
    door_print_number(head, 2, DOOR_VERSION);
    door_print_number(head + 2, 2, type);
    door_print_number(head + 4, 4, body);
    door_print_number(head + 8, 8, id);
}

/* One packet to the kernel. */
static enum door_result
door_transmit(struct door *d, struct iovec *parts, size_t count, int fd)
{
    union door_control control = {.bytes = {0}};
    struct msghdr msg = {.msg_iov = parts, .msg_iovlen = count};

    if (fd >= 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(int));
    }
    for (;;) {
        if (sendmsg(d->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
            return DOOR_OK;
        if (errno == EINTR)
            continue;
        /* ETOOMANYREFS: our descriptors in flight reached RLIMIT_NOFILE; the receiver frees them.
         */
        if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || errno == ETOOMANYREFS)
            return DOOR_AGAIN;
        d->send_closed = true;
        return DOOR_CLOSED;
    }
}

/* --- the queue --- */

void
door_drop_first(struct door *d)
{
    struct door_packet *packet = d->first;

    d->first = packet->next;
    if (d->is_secret)
        explicit_bzero(packet->bytes, packet->size);
    if (d->first == NULL) {
        d->last = &d->first;
        d->is_secret = false;
    }
    d->queued -= packet->size;
    if (packet->fd >= 0)
        close(packet->fd);
    if (packet->room == DOOR_PACKET_MAX && d->spare == NULL)
        d->spare = packet;
    else
        free(packet);
}

static struct door_packet *
door_packet_new(struct door *d, size_t room)
{
    struct door_packet *packet = room == DOOR_PACKET_MAX ? d->spare : NULL;

    if (packet != NULL)
        d->spare = NULL;
    else
        packet = malloc(sizeof(*packet) + room);
    if (packet != NULL)
        *packet = (struct door_packet){.fd = -1, .room = room};
    return packet;
}

static void
door_append_frame(struct door *d, struct door_packet *packet, const uint8_t head[DOOR_HEAD_SIZE],
                  struct span body)
{
    memcpy(packet->bytes + packet->size, head, DOOR_HEAD_SIZE);
    if (body.n > 0)
        memcpy(packet->bytes + packet->size + DOOR_HEAD_SIZE, body.p, body.n);
    packet->size += DOOR_HEAD_SIZE + body.n;
    d->queued += DOOR_HEAD_SIZE + body.n;
    d->newest = packet;
}

static bool
door_has_room(const struct door *d, struct span body)
{
    size_t size = DOOR_HEAD_SIZE + body.n;

    return size <= d->queue_max && d->queued <= d->queue_max - size;
}

/* A packet of its own for this frame, with room for others behind it when `room` says so. */
static bool
door_enqueue(struct door *d, const uint8_t head[DOOR_HEAD_SIZE], struct span body, int fd,
             size_t room)
{
    if (!door_has_room(d, body))
        return false;
    struct door_packet *packet = door_packet_new(d, room);
    if (packet == NULL)
        return false;
    packet->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0 && packet->fd < 0) {
        free(packet);
        return false;
    }
    *d->last = packet;
    d->last = &packet->next;
    door_append_frame(d, packet, head, body);
    return true;
}

/* Sends what waits, unless the socket is known to take nothing. */
static bool
door_try(struct door *d)
{
    return d->is_blocked || door_flush(d) != DOOR_CLOSED;
}

bool
door_send(struct door *d, uint16_t type, uint64_t id, struct span body, int fd)
{
    uint8_t head[DOOR_HEAD_SIZE];
    struct iovec parts[2] = {{head, sizeof(head)}, {(void *)body.p, body.n}};

    assert(body.n <= DOOR_BODY_MAX);
    if (d->send_closed || (d->first != NULL && !door_try(d)))
        return false;
    door_print_head(head, type, id, body.n);
    if (d->first == NULL) {
        enum door_result result = door_transmit(d, parts, 2, fd);
        if (result != DOOR_AGAIN)
            return result == DOOR_OK;
        d->is_blocked = true;
    }
    return door_enqueue(d, head, body, fd, DOOR_HEAD_SIZE + body.n);
}

bool
door_put(struct door *d, uint16_t type, uint64_t id, struct span body)
{
    uint8_t head[DOOR_HEAD_SIZE];
    struct door_packet *p = d->first == NULL ? NULL : d->newest;

    assert(body.n <= DOOR_BODY_MAX);
    if (d->send_closed)
        return false;
    door_print_head(head, type, id, body.n);
    if (p != NULL && DOOR_HEAD_SIZE + body.n <= p->room - p->size) {
        if (!door_has_room(d, body))
            return false;
        door_append_frame(d, p, head, body);
        return true;
    }
    return door_try(d) && door_enqueue(d, head, body, -1, DOOR_PACKET_MAX);
}

bool
door_send_pieces(struct door *d, uint16_t type, uint64_t id, struct span packed, int fd)
{
    struct buf body;
    bool is_sent = true, has_more = true;

    buf_init(&body, DOOR_BODY_MAX);
    while (is_sent && has_more) {
        struct span piece = {packed.p, packed.n < DOOR_PIECE_MAX ? packed.n : DOOR_PIECE_MAX};

        packed = span_skip(packed, piece.n);
        has_more = packed.n > 0;
        buf_reset(&body);
        is_sent = buf_append_char(&body, has_more) && buf_append_span(&body, piece) &&
                  door_send(d, type, id, buf_span(&body), has_more ? -1 : fd);
    }
    buf_release(&body);
    return is_sent;
}

enum door_result
door_flush(struct door *d)
{
    d->is_blocked = false;
    while (d->first != NULL) {
        struct iovec part = {d->first->bytes, d->first->size};
        enum door_result result = door_transmit(d, &part, 1, d->first->fd);
        d->is_blocked = result == DOOR_AGAIN;
        if (result != DOOR_OK)
            return result;
        door_drop_first(d);
    }
    return d->send_closed ? DOOR_CLOSED : DOOR_OK;
}

void
door_mark_secret(struct door *d)
{
    d->is_secret = d->first != NULL;
}
