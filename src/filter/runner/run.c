/* SPDX-License-Identifier: MIT
 *
 * The runner role: what the store says, its children, and what the store is told of them.
 */
#include "runner_priv.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sysexits.h>

#define RESULT_MAX (FILTER_HEADER_MAX * 2 + (4u << 20))

void
runner_say(struct runner *r, uint64_t id, const struct filter_result *result, int fd)
{
    struct buf packed;
    struct pack p;

    buf_init(&packed, RESULT_MAX);
    pack_init(&p, &packed);
    filter_result_pack(result, &p);
    if (p.full ||
        !door_keeper_send_pieces(&r->role.store, PROGRAM_RESULT, id, buf_span(&packed), fd))
        store_role_end(&r->role, EX_OSERR, "a result cannot be told");
    buf_release(&packed);
}

static bool
take_frame(void *arg, struct door_frame *f)
{
    if (f->type == PROGRAM_RUN)
        return runner_job_take(arg, f);
    return f->type == PROGRAM_MORE && runner_job_more(arg, f);
}

int
runner_run(int store_door, struct door *main_door, const struct settings *settings,
           const struct runner_hooks *hooks)
{
    struct runner r = {.hooks = hooks, .settings = settings, .loop = loop_new()};

    if (r.loop == NULL || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
        return EX_OSERR;
    r.children = loop_signal_new(r.loop, SIGCHLD, runner_on_children, &r);
    r.role = (struct store_role){.loop = r.loop, .take = take_frame, .arg = &r};
    if (r.children == NULL || !store_role_open(&r.role, main_door, store_door))
        return EX_OSERR;
    loop_run(r.loop);
    runner_jobs_free(&r);
    orphans_end(&r);
    return r.role.status;
}
