/* SPDX-License-Identifier: MIT
 *
 * Doors: frames with at most one descriptor over an AF_UNIX SOCK_SEQPACKET pair. The kernel keeps
 * packets whole and in order, so there is no stream to fall out of step with. A packet is one
 * frame, or several that were put in it one behind the other to share its system calls; one with a
 * descriptor is always alone. What frames mean is in door_frames.h and with the roles.
 */
#include "doorstep/door.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/door_frames.h"

/* The head of a packet, little-endian: u16 version, u16 type, u32 octets of body, u64 id. */
#define DOOR_HEAD_SIZE 16
#define DOOR_PACKET_MAX (DOOR_HEAD_SIZE + DOOR_BODY_MAX)

/* Asked for; an unprivileged process gets what net.core.wmem_max allows, by default room for six
 * full frames. AF_UNIX charges the sender alone, so there is no SO_RCVBUF to set. */
#define DOOR_SOCKET_BUFFER (1024 * 1024)

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

bool
door_pair(int fds[2])
{
    const int size = DOOR_SOCKET_BUFFER;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
        return false;
    for (int i = 0; i < 2; i++) {
        /* Only root may pass the system's maximum; what we get is enough either way. */
        if (setsockopt(fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
            (void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    }
    return true;
}

struct door *
door_new(int fd, size_t queue_max)
{
    struct door *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return NULL;
    d->fd = fd;
    d->last = &d->first;
    d->queue_max = queue_max;
    return d;
}

static void
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

void
door_free(struct door *d)
{
    if (d == NULL)
        return;
    while (d->first != NULL)
        door_drop_first(d);
    close(d->fd);
    free(d->spare);
    free(d->in);
    free(d);
}

int
door_fd(const struct door *d)
{
    return d->fd;
}

size_t
door_queued(const struct door *d)
{
    return d->queued;
}

static void
door_print_number(uint8_t *out, size_t octets, uint64_t v)
{
    for (size_t i = 0; i < octets; i++)
        out[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t
door_parse_number(const uint8_t *in, size_t octets)
{
    uint64_t v = 0;

    for (size_t i = octets; i > 0; i--)
        v = v << 8 | in[i - 1];
    return v;
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

/* --- receiving --- */

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

/* poll(2) until `deadline` of clock_ms(), or without end when it is UINT64_MAX. */
static bool
door_poll(const struct door *d, short events, uint64_t deadline)
{
    struct pollfd p = {.fd = d->fd, .events = events};

    for (;;) {
        uint64_t now = clock_ms();
        int left = -1;
        if (deadline != UINT64_MAX)
            left = deadline <= now ? 0 : deadline - now > INT_MAX ? INT_MAX : (int)(deadline - now);
        int ready = poll(&p, 1, left);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
        if (ready == 0 && deadline != UINT64_MAX && clock_ms() >= deadline)
            return false;
    }
}

bool
door_wait(struct door *d, bool for_write, int timeout_ms)
{
    uint64_t deadline = timeout_ms < 0 ? UINT64_MAX : clock_ms() + (uint64_t)timeout_ms;

    if (!for_write && door_holds(d))
        return true;
    return door_poll(d, for_write ? POLLOUT : POLLIN, deadline);
}

enum door_result
door_call(struct door *d, uint16_t type, uint64_t id, struct span body, int fd, unsigned timeout_ms,
          struct door_frame *out)
{
    uint64_t deadline = clock_ms() + timeout_ms;

    if (!door_send(d, type, id, body, fd))
        return d->send_closed ? DOOR_CLOSED : DOOR_AGAIN;
    for (;;) {
        if (d->first != NULL && door_flush(d) == DOOR_CLOSED)
            return DOOR_CLOSED;
        enum door_result result = door_receive(d, out);
        if (result == DOOR_OK && out->id == id)
            return DOOR_OK;
        if (result == DOOR_OK && out->fd >= 0)
            close(out->fd);
        if (result == DOOR_CLOSED || result == DOOR_BROKEN)
            return result;
        short events = d->first != NULL ? POLLIN | POLLOUT : POLLIN;
        bool in_time =
            result == DOOR_AGAIN ? door_poll(d, events, deadline) : clock_ms() < deadline;
        if (!in_time)
            return DOOR_AGAIN;
    }
}
