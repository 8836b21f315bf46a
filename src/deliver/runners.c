/* SPDX-License-Identifier: MIT
 *
 * The doors to the runners: see runners_priv.h.
 */
#include "runners_priv.h"

#include <stdlib.h>
#include <unistd.h>

#define MARGIN_MS 10000 /* for a runner that is busy, beyond what its programs may take */

struct runner {
    struct runners *runners;
    uint32_t slot;
    struct filters *filters;
};

struct runners {
    runners_replace_fn replace;
    void *arg;
    uint64_t wait_ms; /* for a place to run in */
    uint32_t count;
    struct runner runners[];
};

static void
on_replace(void *arg)
{
    struct runner *r = arg;

    r->runners->replace(r->runners->arg, r->slot);
}

struct runners *
runners_new(const struct settings *settings, struct loop *loop, runners_replace_fn replace,
            void *arg)
{
    uint32_t count = settings_runner_count(settings);
    struct runners *p = calloc(1, sizeof *p + count * sizeof p->runners[0]);

    if (p == NULL)
        return NULL;
    p->wait_ms = settings->timeouts.answer / 2;
    p->replace = replace;
    p->arg = arg;
    for (; p->count < count; p->count++) {
        struct runner *r = &p->runners[p->count];

        *r = (struct runner){p, p->count, filters_new(&filter_program, loop, on_replace, r)};
        if (r->filters != NULL)
            continue;
        runners_free(p);
        return NULL;
    }
    return p;
}

void
runners_free(struct runners *p)
{
    for (uint32_t i = 0; p != NULL && i < p->count; i++)
        filters_free(p->runners[i].filters);
    free(p);
}

void
runners_connect(struct runners *p, uint32_t slot, int door_fd)
{
    if (slot < p->count)
        filters_connect(p->runners[slot].filters, door_fd);
    else
        close(door_fd); /* of a configuration that is gone */
}

void
runners_ask(struct runners *p, const struct settings_program *program,
            const struct program_job *job, struct message *msg, bool must, struct arena *arena,
            filters_fn fn, void *arg)
{
    struct filter_result lost = {.verdict = FILTER_LOST, .quarantine = "", .reason = ""};
    struct buf words;
    struct pack pk;

    buf_init(&words, PROGRAM_JOB_MAX);
    pack_init(&pk, &words);
    program_job_pack(job, &pk);
    if (pk.full) {
        outcome_set(&lost.why, OUTCOME_FILTER_DEFERRED, "program '%s': its arguments are too long",
                    program->name);
        fn(arg, &lost, -1);
    } else {
        filters_ask(
            p->runners[program->runner].filters,
            &(struct filters_question){.words = buf_span(&words),
                                       .msg = msg,
                                       .id = job->values[PROGRAM_DELIVERY_ID],
                                       .must = must,
                                       .timeout_ms = p->wait_ms + program->timeout + MARGIN_MS},
            arena, fn, arg);
    }
    buf_release(&words);
}
