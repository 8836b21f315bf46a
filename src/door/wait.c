/* SPDX-License-Identifier: MIT
 *
 * Doors without a loop: for those who do one thing after the other and wait in between.
 */
#include "door_priv.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include "doorstep/clock.h"

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
door_await(struct door *d, int timeout_ms, struct door_frame *out)
{
    uint64_t deadline = timeout_ms < 0 ? UINT64_MAX : clock_ms() + (uint64_t)timeout_ms;

    for (;;) {
        enum door_result got = door_receive(d, out);

        if (got != DOOR_AGAIN || !door_poll(d, POLLIN, deadline))
            return got;
    }
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
