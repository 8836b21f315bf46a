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

#include "doorstep/log.h"

#define QUEUE_MAX (64u << 20)
#define RESULT_MAX (FILTER_HEADER_MAX * 2 + (4u << 20))

static void
end(struct runner *r, int status, const char *reason)
{
    log_event(status == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "end", "reason", reason, NULL);
    r->status = status;
    loop_stop(r->loop);
}

/* ---- to the store ---- */

void
runner_say(struct runner *r, uint64_t id, const struct filter_result *result, int fd)
{
    struct buf packed;
    struct pack p;

    buf_init(&packed, RESULT_MAX);
    pack_init(&p, &packed);
    filter_result_pack(result, &p);
    if (p.full || !door_send_pieces(r->store.door, PROGRAM_RESULT, id, buf_span(&packed), fd))
        end(r, EX_OSERR, "a result cannot be told");
    buf_release(&packed);
    door_keeper_flush(&r->store);
}

/* ---- from it ---- */

static bool
take_from_store(void *arg, struct door_frame *f)
{
    if (f->type == PROGRAM_RUN)
        return runner_job_take(arg, f);
    return f->type == PROGRAM_MORE && runner_job_more(arg, f);
}

static void
on_store_lost(void *arg, enum door_result how)
{
    if (how == DOOR_CLOSED)
        end(arg, EXIT_SUCCESS, "the store is gone");
    else
        end(arg, EX_PROTOCOL, "the store said what no store says");
}

static const struct door_keeper_calls store_calls = {
    .take = take_from_store,
    .lost = on_store_lost,
};

/* ---- main ---- */

static bool
take_from_main(void *arg, struct door_frame *f)
{
    (void)arg;
    (void)f;
    return false; /* it has nothing more to say, whatever this is */
}

static void
on_main_lost(void *arg, enum door_result how)
{
    (void)how;
    end(arg, EXIT_SUCCESS, "main is gone");
}

static const struct door_keeper_calls main_calls = {
    .take = take_from_main,
    .lost = on_main_lost,
};

int
runner_run(int store_door, struct door *main_door, const struct settings *settings,
           const struct runner_hooks *hooks)
{
    struct runner r = {
        .hooks = hooks, .settings = settings, .loop = loop_new(), .status = EX_OSERR};

    if (r.loop == NULL || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
        return EX_OSERR;
    r.children = loop_signal_new(r.loop, SIGCHLD, runner_on_children, &r);
    r.main = (struct door_keeper){.loop = r.loop, .calls = &main_calls, .arg = &r};
    r.store = (struct door_keeper){.loop = r.loop, .calls = &store_calls, .arg = &r};
    if (r.children == NULL || !door_keeper_open(&r.main, main_door) ||
        !door_keeper_open(&r.store, door_new(store_door, QUEUE_MAX)) ||
        !door_keeper_send(&r.main, ROLE_READY, 0, SPAN_NONE, -1))
        return EX_OSERR;
    loop_run(r.loop);
    runner_jobs_free(&r);
    orphans_end(&r);
    return r.status;
}
