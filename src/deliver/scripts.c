/* SPDX-License-Identifier: MIT
 *
 * Scripts of accounts: see scripts_priv.h.
 */
#include "scripts_priv.h"

#include <stdlib.h>

#include "doorstep/door_frames.h"

#include "deliver_priv.h"

#define AGAIN_MS 5
#define AGAIN_TIMES 2000

struct script_request *
scripts_request_new(struct deliver *d, const struct account *a)
{
    struct script_request *r = calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    r->deliver = d;
    r->account = *a;
    buf_init(&r->report, SORT_REPORT_MAX);
    buf_init(&r->found, d->settings->sieve.script_size);
    d->running++;
    return r;
}

void
scripts_request_free(struct script_request *r)
{
    if (r == NULL)
        return;
    struct deliver *d = r->deliver;
    loop_timer_free(r->again);
    message_unref(r->text);
    buf_release(&r->report);
    buf_release(&r->found);
    free(r->list);
    json_decref(r->log);
    free(r);
    deliver_done_running(d);
}

const char *
scripts_result_text(enum script_result result)
{
    static const char *const texts[SCRIPT_RESULTS] = {
        [SCRIPT_DONE] = "done",
        [SCRIPT_FAILED] = "it did not work this time, try again",
        [SCRIPT_REFUSED] = "the script has errors",
        [SCRIPT_BAD_NAME] = "a script cannot have that name",
        [SCRIPT_MISSING] = "there is no such script",
        [SCRIPT_EXISTS] = "there is a script of that name",
        [SCRIPT_IS_ACTIVE] = "the script is active: deactivate it first",
        [SCRIPT_TOO_MANY] = "there are as many scripts as an account may have",
        [SCRIPT_TOO_LONG] = "the script is longer than allowed",
        [SCRIPT_OVER_STORAGE] = "all scripts together are larger than allowed",
    };

    return texts[result];
}

static void post(void *arg);

/* An account whose index is lent, or whose hand is on its way, is asked again. */
static bool
try_again(struct script_request *r)
{
    if (r->is_ready || ++r->times > AGAIN_TIMES)
        return false;
    if (r->again == NULL)
        r->again = loop_timer_new(r->deliver->loop, post, r);
    if (r->again != NULL)
        loop_timer_start(r->again, AGAIN_MS);
    return r->again != NULL;
}

static void
on_done(void *arg)
{
    struct script_request *r = arg;

    if (try_again(r))
        return;
    active_forget(r->deliver->active, r->account.user, r->account.domain);
    r->done(r);
}

static void
run_on_worker(struct job *job, void *worker)
{
    struct script_request *r = (struct script_request *)job;
    struct worker *w = worker;

    r->is_ready = scripts_carry_out(w, r);
    if (!r->is_ready) {
        r->result = SCRIPT_FAILED;
        outcome_set(&r->why, OUTCOME_BUSY, "the account is not ready");
    }
    loop_post(w->with.loop, on_done, r);
}

static void
post(void *arg)
{
    struct script_request *r = arg;

    r->job.run = run_on_worker;
    workers_post(r->deliver->workers, r->account.user, r->account.domain, &r->job);
}

static void
on_report(void *arg, enum sorters_answer answer, const struct facts *facts, struct span packed)
{
    struct script_request *r = arg;
    struct unpack u;

    (void)facts;
    unpack_init(&u, packed);
    r->errors = unpack_u32(&u);
    r->warnings = unpack_u32(&u);
    bool is_known =
        answer == SORTERS_REPORT && buf_append_span(&r->report, unpack_span(&u, SORT_REPORT_MAX));
    r->result = r->errors == 0 ? SCRIPT_DONE : SCRIPT_REFUSED;
    if (!is_known) {
        r->result = SCRIPT_FAILED;
        outcome_set(&r->why, OUTCOME_OVERLOAD, "the script could not be checked");
    }
    if (r->result == SCRIPT_DONE && r->verb == SCRIPT_PUT)
        post(r);
    else
        r->done(r);
}

void
scripts_ask(struct script_request *r)
{
    struct deliver *d = r->deliver;

    if (r->verb != SCRIPT_PUT && r->verb != SCRIPT_CHECK) {
        post(r);
    } else if (message_traits(r->text)->octets > d->settings->sieve.script_size) {
        r->result = SCRIPT_TOO_LONG;
        r->done(r);
    } else {
        sorters_check(d->sorters, r->text, r->name, on_report, r);
    }
}
