/* SPDX-License-Identifier: MIT
 *
 * The runner role: the store's door, its children, and main's door, which it only watches. A store
 * that breaks the rules of the door ends it, and main starts another.
 */
#include "runner_priv.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "doorstep/log.h"

#define QUEUE_MAX (64u << 20)
#define RESULT_MAX (FILTER_HEADER_MAX * 2 + (4u << 20))
#define PIECE_MAX (DOOR_BODY_MAX - 1)
#define FRAMES_A_TURN 64

static void
end(struct runner *r, int status, const char *reason)
{
    log_event(status == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "end", "reason", reason, NULL);
    r->status = status;
    loop_stop(r->loop);
}

/* ---- to the store ---- */

static void
flush(void *arg)
{
    struct runner *r = arg;

    door_flush(r->door); /* a store that is gone is noticed by reading */
    loop_watch_set(r->watch, door_queued(r->door) > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static bool
send_pieces(struct runner *r, uint64_t id, struct span packed, int fd)
{
    struct buf body;
    bool good = true, more = true;

    buf_init(&body, DOOR_BODY_MAX);
    while (good && more) {
        size_t n = packed.n < PIECE_MAX ? packed.n : PIECE_MAX;

        more = n < packed.n;
        buf_reset(&body);
        good = buf_append_char(&body, more ? 1 : 0) && buf_append(&body, packed.p, n) &&
               door_send(r->door, PROGRAM_RESULT, id, buf_span(&body), more ? -1 : fd);
        packed = span_skip(packed, n);
    }
    buf_release(&body);
    return good;
}

void
runner_say(struct runner *r, uint64_t id, const struct filter_result *result, int fd)
{
    struct buf packed;
    struct pack p;

    buf_init(&packed, RESULT_MAX);
    pack_init(&p, &packed);
    filter_result_pack(result, &p);
    if (p.full || !send_pieces(r, id, buf_span(&packed), fd))
        end(r, EX_OSERR, "a result cannot be told");
    buf_release(&packed);
    loop_chore_add(r->loop, &r->flush);
}

/* ---- from it ---- */

static void
on_door(void *arg, unsigned events)
{
    struct runner *r = arg;
    struct door_frame f;

    if ((events & LOOP_WRITE) != 0)
        flush(r);
    for (unsigned n = 0; n < FRAMES_A_TURN || door_holds(r->door); n++) {
        enum door_result got = door_receive(r->door, &f);
        bool good;

        if (got == DOOR_AGAIN)
            return;
        if (got == DOOR_CLOSED) {
            end(r, EXIT_SUCCESS, "the store is gone");
            return;
        }
        good = got == DOOR_OK &&
               (f.type == PROGRAM_RUN ? runner_job_take(r, &f)
                                      : f.type == PROGRAM_MORE && runner_job_more(r, &f));
        if (got == DOOR_OK && f.fd >= 0)
            close(f.fd);
        if (!good) {
            end(r, EX_PROTOCOL, "the store said what no store says");
            return;
        }
    }
}

static void
on_main(void *arg, unsigned events)
{
    struct runner *r = arg;
    struct door_frame f;

    (void)events;
    if (door_receive(r->main_door, &f) != DOOR_AGAIN) /* main has nothing more to say */
        end(r, EXIT_SUCCESS, "main is gone");
}

int
runner_run(int store_door, struct door *main_door, const struct settings *settings,
           const struct runner_hooks *hooks)
{
    struct runner r = {
        .hooks = hooks, .settings = settings, .main_door = main_door, .status = EX_OSERR};

    r.door = door_new(store_door, QUEUE_MAX);
    r.loop = loop_new();
    if (r.door == NULL || r.loop == NULL || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
        return EX_OSERR;
    loop_chore_init(&r.flush, flush, &r);
    r.main_watch = loop_watch_new(r.loop, door_fd(main_door), LOOP_READ, on_main, &r);
    r.watch = loop_watch_new(r.loop, store_door, LOOP_READ, on_door, &r);
    r.children = loop_signal_new(r.loop, SIGCHLD, runner_on_children, &r);
    if (r.main_watch == NULL || r.watch == NULL || r.children == NULL ||
        !door_send(main_door, ROLE_READY, 0, SPAN_NONE, -1))
        return EX_OSERR;
    loop_run(r.loop);
    runner_jobs_free(&r);
    orphans_end(&r);
    return r.status;
}
