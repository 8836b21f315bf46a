/* SPDX-License-Identifier: MIT
 *
 * One hook of a list: a name of the configuration becomes who is asked, and a job goes to the role
 * that asks it: a runner, or the role that speaks with content filters.
 */
#include "hooks_priv.h"

#define MARGIN_MS 10000 /* for a role that is busy, beyond what its filters may take */

bool
hook_find(struct hook *hook, const struct settings *s, const char *name)
{
    const struct settings_program *p = settings_find_program(s, name);
    const struct settings_filter *f = settings_find_filter(s, name);

    if (p != NULL)
        *hook = (struct hook){"program", p->name, p->on_failure, p->once_per, p, NULL};
    else if (f != NULL)
        *hook = (struct hook){"filter", f->name, f->on_failure, f->once_per, NULL, f};
    return p != NULL || f != NULL;
}

static void
ask_filter(struct deliver *d, const struct hook *hook, const struct program_job *job,
           struct message *msg, struct arena *arena, filters_fn fn, void *arg)
{
    struct filters_question q = {.msg = msg,
                                 .id = job->values[PROGRAM_DELIVERY_ID],
                                 .must = hook->on_failure == PROGRAM_TEMPFAIL,
                                 .timeout_ms = d->settings->timeouts.answer / 2 +
                                               hook->filter->timeout + MARGIN_MS};
    struct filter_result lost = {.verdict = FILTER_LOST, .quarantine = "", .reason = ""};
    struct buf words;
    struct pack p;

    buf_init(&words, PROGRAM_JOB_MAX);
    pack_init(&p, &words);
    program_job_pack(job, &p);
    q.words = buf_span(&words);
    if (p.full) {
        outcome_set(&lost.why, OUTCOME_FILTER_DEFERRED, "filter '%s': no memory", hook->name);
        fn(arg, &lost, -1);
    } else {
        filters_ask(d->passthrough, &q, arena, fn, arg);
    }
    buf_release(&words);
}

void
hook_ask(struct deliver *d, const struct hook *hook, struct program_job *job, struct message *msg,
         struct arena *arena, filters_fn fn, void *arg)
{
    job->program = hook->name;
    if (hook->program != NULL)
        runners_ask(d->runners, hook->program, job, msg, hook->on_failure == PROGRAM_TEMPFAIL,
                    arena, fn, arg);
    else
        ask_filter(d, hook, job, msg, arena, fn, arg);
}
