/* SPDX-License-Identifier: MIT
 *
 * The process around metrics_http_run(): its sockets and the first pages from main, then the
 * sandbox.
 */
#include "role_priv.h"

#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "doorstep/door_frames.h"
#include "doorstep/metrics_http.h"
#include "doorstep/pack.h"

#define QUEUE_MAX 4096

struct start {
    struct door *door;
    const struct settings *settings;
    struct metrics_book *book;
    int sockets[METRICS_LISTENERS_MAX];
    size_t count;
};

static bool
take_descriptor(struct start *s, const struct door_frame *f,
                const struct settings *(*parse)(int fd))
{
    struct unpack u;

    unpack_init(&u, f->body);
    if (f->type == MAIN_METRICS_PAGE)
        return metrics_book_add(s->book, unpack_u32(&u), f->fd);
    if (f->type == MAIN_LISTENER && s->count < METRICS_LISTENERS_MAX) {
        s->sockets[s->count++] = f->fd;
        return true;
    }
    if (f->type == MAIN_SETTINGS && s->settings == NULL)
        s->settings = parse(f->fd);
    close(f->fd);
    return f->type == MAIN_SETTINGS && s->settings != NULL;
}

/* Everything up to MAIN_GO. */
static bool
read_start(struct start *s, const struct settings *(*parse)(int fd))
{
    struct door_frame f;

    for (;;) {
        enum door_result got = door_await(s->door, -1, &f);

        if (got != DOOR_OK || f.fd < 0)
            return got == DOOR_OK && f.type == MAIN_GO && s->settings != NULL;
        if (!take_descriptor(s, &f, parse))
            return false;
    }
}

static int
serve(struct start *s, struct metrics_http *http)
{
    if (http == NULL || !role_confine_metrics(s->settings) ||
        !door_send(s->door, ROLE_READY, 0, SPAN_NONE, -1))
        return EX_OSERR;
    return metrics_http_run(http, s->book, s->door);
}

int
role_run_metrics(int main_fd, const struct settings *(*parse)(int fd))
{
    struct start s = {.door = door_new(main_fd, QUEUE_MAX), .book = metrics_book_new()};
    int status = EX_PROTOCOL;

    if (s.door != NULL && s.book != NULL && read_start(&s, parse)) {
        struct metrics_http *http = metrics_http_new(s.book, s.sockets, s.count);

        status = serve(&s, http);
        metrics_http_free(http);
    }
    metrics_book_free(s.book);
    door_free(s.door);
    return status;
}
