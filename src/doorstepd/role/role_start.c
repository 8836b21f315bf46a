/* SPDX-License-Identifier: MIT
 *
 * The first frames of a sorter and a hand, read one after the other without a loop: both then only
 * serve the store's door, in straight lines.
 */
#include "role_priv.h"

#include <string.h>
#include <unistd.h>

#include "doorstep/door_frames.h"
#include "doorstep/log.h"
#include "doorstep/pack.h"

#define QUEUE_MAX 4096

enum start_step { START_MORE, START_DONE, START_BROKEN };

static bool
take_return(struct role_start *start, const struct door_frame *frame)
{
    struct unpack u;
    uint32_t i;

    unpack_init(&u, frame->body);
    i = unpack_u32(&u);
    if (u.broken || i >= FILTER_SECTIONS_MAX || start->returns[i] >= 0)
        return false;
    start->returns[i] = frame->fd;
    return true;
}

static enum start_step
take(struct role_start *start, struct door_frame *frame, const struct settings *(*parse)(int fd))
{
    if (frame->type == MAIN_SETTINGS && frame->fd >= 0 && start->settings == NULL) {
        start->settings = parse(frame->fd);
        close(frame->fd);
        return start->settings != NULL ? START_MORE : START_BROKEN;
    }
    if (frame->type == MAIN_STORE_DOOR && frame->fd >= 0 && start->store_door < 0) {
        start->store_door = frame->fd;
        return START_MORE;
    }
    if (frame->type == MAIN_RELAY_SECRETS && frame->fd >= 0 && start->secrets < 0) {
        start->secrets = frame->fd;
        return START_MORE;
    }
    if (frame->type == MAIN_LISTENER && frame->fd >= 0 && take_return(start, frame))
        return START_MORE;
    if (frame->fd >= 0)
        close(frame->fd);
    if (frame->type == MAIN_GO && start->settings != NULL && start->store_door >= 0)
        return START_DONE;
    return START_BROKEN;
}

bool
role_read_start(int main_fd, const struct settings *(*parse)(int fd), struct role_start *out)
{
    enum start_step step = START_MORE;
    struct door_frame frame;

    memset(out, 0, sizeof(*out));
    out->store_door = out->secrets = -1;
    for (size_t i = 0; i < FILTER_SECTIONS_MAX; i++)
        out->returns[i] = -1;
    out->main_door = door_new(main_fd, QUEUE_MAX);
    while (out->main_door != NULL && step == START_MORE) {
        if (door_await(out->main_door, -1, &frame) == DOOR_OK)
            step = take(out, &frame, parse);
        else
            step = START_BROKEN;
    }
    return step == START_DONE;
}

bool
role_say_ready(struct role_start *start)
{
    return door_send(start->main_door, ROLE_READY, 0, SPAN_NONE, -1);
}
