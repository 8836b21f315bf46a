/* SPDX-License-Identifier: MIT
 *
 * What the end of a program means: as a filter its exit status is a verdict and its output says
 * more; for a command of Sieve it is a yes or a no. Every end is one line in the log when it was a
 * failure, with the first line of what the program wrote to standard error.
 */
#include "runner_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doorstep/charset.h"
#include "doorstep/clock.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"

#include "output_priv.h"

/* ---- for people ---- */

/* The first line of standard error; the log escapes what it holds. */
static const char *
first_line(struct job *j)
{
    j->error[j->error_octets] = '\0';
    j->error[strcspn(j->error, "\r\n")] = '\0';
    return j->error;
}

static void
count(const struct job *j, enum metrics_PROGRAMS what)
{
    metrics_count(METRIC_PROGRAMS, what, 1);
    if (j->begun_us > 0)
        metrics_observe(METRIC_PROGRAM_TIME, METRICS_NO_LABEL, clock_us() - j->begun_us);
}

void
result_say_lost(struct job *j, const char *cause)
{
    struct filter_result lost = {.verdict = FILTER_LOST, .quarantine = "", .reason = ""};

    if (j->is_answered)
        return;
    j->is_answered = true;
    log_event(LOG_LEVEL_WARNING, "program_failed", "program", j->asked.program, "id",
              j->asked.values[PROGRAM_DELIVERY_ID], "cause", cause, "stderr", first_line(j), NULL);
    outcome_set(&lost.why, OUTCOME_FILTER_DEFERRED, "program '%s': %s%s%.60s", j->asked.program,
                cause, j->error[0] != '\0' ? ": " : "", j->error);
    count(j, METRICS_PROGRAM_FAILED);
    runner_say(j->runner, j->id, &lost, -1);
}

/* ---- verdicts ---- */

static const enum metrics_PROGRAMS counted[] = {
    [PROGRAM_ACCEPTS] = METRICS_PROGRAM_ACCEPTED,
    [PROGRAM_REFUSES] = METRICS_PROGRAM_REFUSED,
    [PROGRAM_DEFERS] = METRICS_PROGRAM_DEFERRED,
    [PROGRAM_DISCARDS] = METRICS_PROGRAM_DISCARDED,
};

static void
say(struct job *j, enum program_verdict verdict, struct filter_result *result, int fd)
{
    j->is_answered = true;
    count(j, counted[verdict]);
    runner_say(j->runner, j->id, result, fd);
}

/* A reply of its own is ASCII: not every client has asked for more (RFC 6531). */
static void
say_refusal(struct job *j, enum program_verdict verdict, const char *reply)
{
    bool is_refused = verdict == PROGRAM_REFUSES;
    struct filter_result r = {.verdict = FILTER_REFUSE, .quarantine = "", .reason = ""};
    struct outcome own;

    outcome_set(&r.why, is_refused ? OUTCOME_FILTER_REFUSED : OUTCOME_FILTER_DEFERRED,
                "program '%s' %s it%s%.60s", j->asked.program, is_refused ? "refuses" : "defers",
                first_line(j)[0] != '\0' ? ": " : "", j->error);
    if (reply[0] != '\0' && utf8_is_ascii(span_of(reply))) {
        own = r.why;
        if (outcome_reply(&own, span_of(reply)) && outcome_is_permanent(&own) == is_refused)
            r.why = own;
        else
            outcome_say(&r.why, "%.500s", reply);
    }
    say(j, verdict, &r, -1);
}

/* A sealed file may be lent to anybody. */
static bool
seal(const struct job *j)
{
    return fcntl(j->output, F_ADD_SEALS,
                 F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
}

static void
say_output(struct job *j)
{
    struct filter_result r = {.quarantine = "",
                              .reason = "",
                              .is_changed = true,
                              .has_new_body = true,
                              .body_octets = j->written};

    if (runner_job_is_message(j) && j->written == 0)
        result_say_lost(j, "it has written no message");
    else if (!seal(j))
        result_say_lost(j, "there is no memory for its output");
    else
        say(j, PROGRAM_ACCEPTS, &r, j->output);
}

static void
say_fields(struct job *j, const struct program_said *out)
{
    struct filter_result r = {.quarantine = out->mailbox,
                              .flags = out->flags,
                              .reason = j->asked.program,
                              .is_changed = out->header.len > 0,
                              .header = buf_span(&out->header),
                              .body_octets = out->header.len > 0 ? j->octets : 0};

    if (out->verdict == PROGRAM_REFUSES || out->verdict == PROGRAM_DEFERS) {
        say_refusal(j, out->verdict, out->reply);
        return;
    }
    if (out->verdict == PROGRAM_DISCARDS)
        r = (struct filter_result){
            .verdict = FILTER_DISCARD, .quarantine = "", .reason = j->asked.program};
    say(j, out->verdict, &r, -1);
}

/* With a refusing exit status they can say the reply, and nothing else counts. */
static void
read_fields(struct job *j, enum program_verdict verdict)
{
    struct program_said out;
    const char *why, *text = "";
    void *map = MAP_FAILED;

    if (j->written > 0)
        map = mmap(NULL, j->written, PROT_READ, MAP_PRIVATE, j->output, 0);
    if (map != MAP_FAILED)
        text = map;
    if (j->written > 0 && map == MAP_FAILED) {
        result_say_lost(j, "there is no memory for its output");
        return;
    }
    if (!program_output_read((struct span){text, j->written}, &j->arena, &out, &why)) {
        snprintf(j->failure_text, sizeof(j->failure_text), "its output cannot be used: %s", why);
        result_say_lost(j, j->failure_text);
    } else {
        if (verdict != PROGRAM_ACCEPTS)
            out.verdict = verdict;
        say_fields(j, &out);
    }
    buf_release(&out.header);
    if (map != MAP_FAILED)
        munmap(map, j->written);
}

static void
say_verdict(struct job *j, enum program_verdict verdict)
{
    struct filter_result r = {.quarantine = "", .reason = j->asked.program};

    if (j->program->output == PROGRAM_OUTPUT_FIELDS) {
        read_fields(j, verdict);
    } else if (verdict == PROGRAM_REFUSES || verdict == PROGRAM_DEFERS) {
        say_refusal(j, verdict, "");
    } else if (verdict == PROGRAM_ACCEPTS && j->program->output == PROGRAM_OUTPUT_MESSAGE) {
        say_output(j);
    } else {
        r.verdict = verdict == PROGRAM_DISCARDS ? FILTER_DISCARD : FILTER_PASS;
        say(j, verdict, &r, -1);
    }
}

/* ---- commands of Sieve ---- */

static void
say_answer(struct job *j, int status)
{
    struct filter_result r = {.quarantine = "", .reason = ""};

    if (status == 0 && j->asked.wants_output) {
        say_output(j);
        return;
    }
    if (status != 0) {
        r.verdict = FILTER_REFUSE;
        outcome_set(&r.why, OUTCOME_FILTER_REFUSED, "program '%s': exit status %d%s%.60s",
                    j->asked.program, status, first_line(j)[0] != '\0' ? ": " : "", j->error);
        log_event(LOG_LEVEL_INFO, "program_says_no", "program", j->asked.program, "id",
                  j->asked.values[PROGRAM_DELIVERY_ID], "status", log_num(status), "stderr",
                  j->error, NULL);
    }
    say(j, status == 0 ? PROGRAM_ACCEPTS : PROGRAM_REFUSES, &r, -1);
}

/* ---- ends ---- */

static void
say_signal(struct job *j, int number)
{
    const char *name = sigabbrev_np(number);

    snprintf(j->failure_text, sizeof(j->failure_text), "ended by SIG%s", name != NULL ? name : "?");
    result_say_lost(j, j->failure_text);
}

static void
say_status(struct job *j, int status)
{
    enum program_verdict verdict = program_status_verdict(status);

    if (j->asked.use != PROGRAM_AS_FILTER) {
        say_answer(j, status);
    } else if (verdict == PROGRAM_SAYS_NOTHING) {
        snprintf(j->failure_text, sizeof(j->failure_text), "exit status %d", status);
        result_say_lost(j, j->failure_text);
    } else {
        say_verdict(j, verdict);
    }
}

void
result_say(struct job *j, int status)
{
    int error = child_exec_error(&j->child);

    if (j->is_answered)
        return;
    if (error != 0) {
        snprintf(j->failure_text, sizeof(j->failure_text), "cannot be started: %s",
                 strerror(error));
        result_say_lost(j, j->failure_text);
    } else if (WIFEXITED(status)) {
        say_status(j, WEXITSTATUS(status));
    } else {
        say_signal(j, WTERMSIG(status));
    }
}
