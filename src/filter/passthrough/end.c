/* SPDX-License-Identifier: MIT
 *
 * How a message has ended, as the store hears it: as a filter's result, the same that a program or
 * a milter has. One line in the log for each failure.
 */
#include "passthrough_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "doorstep/charset.h"
#include "doorstep/clock.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"

static void
count(const struct pass *pass, enum pass_end end)
{
    static const enum metric counters[] = {
        [PASS_GOES_ON] = METRIC_PASS_FAILED,      [PASS_RETURNED] = METRIC_PASS_RETURNED,
        [PASS_REFUSED] = METRIC_PASS_REFUSED,     [PASS_DEFERRED] = METRIC_PASS_DEFERRED,
        [PASS_DISCARDED] = METRIC_PASS_DISCARDED, [PASS_FAILED] = METRIC_PASS_FAILED,
    };

    if (pass->gate == NULL)
        return;
    metrics_count(counters[end], pass->gate->label, 1);
    if (pass->begun_us > 0)
        metrics_observe(METRIC_PASS_TIME, pass->gate->label, clock_us() - pass->begun_us);
}

/* A reply is ASCII: not every client has asked for more (RFC 6531). */
static void
say_reply(const struct pass *pass, enum pass_end end, struct outcome *why)
{
    char line[OUTCOME_TEXT_SIZE + 32];
    struct outcome own;

    outcome_set(why, end == PASS_REFUSED ? OUTCOME_FILTER_REFUSED : OUTCOME_FILTER_DEFERRED,
                "filter '%s' %s it: %.150s", pass->asked.program,
                end == PASS_REFUSED ? "refuses" : "defers", pass->text);
    own = *why;
    snprintf(line, sizeof(line), "%u %s %s", pass->facts.reply, pass->enhanced, pass->text);
    if (utf8_is_ascii(span_of(line)) && outcome_reply(&own, span_of(line))) {
        memcpy(own.cause, why->cause, sizeof(own.cause));
        *why = own;
    }
}

static void
say_failure(const struct pass *pass, const char *cause, struct filter_result *r)
{
    r->verdict = FILTER_LOST;
    outcome_set(&r->why, OUTCOME_FILTER_DEFERRED, "filter '%s': %s", pass->asked.program, cause);
    log_event(LOG_LEVEL_WARNING, "filter_failed", "filter", pass->asked.program, "id",
              pass->asked.values[PROGRAM_DELIVERY_ID], "cause", cause, NULL);
}

/* A sealed file may be lent to anybody. */
static bool
seal(const struct pass *pass)
{
    return fcntl(pass->given, F_ADD_SEALS,
                 F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
}

void
pass_say(struct pass *pass, enum pass_end end, const char *why)
{
    struct filter_result r = {.quarantine = "", .reason = pass->asked.program};

    if (end == PASS_RETURNED && !seal(pass)) {
        end = PASS_FAILED;
        why = "what it gave back cannot be sealed";
    }
    if (end == PASS_RETURNED) {
        r.is_changed = r.has_new_body = true;
        r.body_octets = pass->given_octets;
    } else if (end == PASS_DISCARDED) {
        r.verdict = FILTER_DISCARD;
    } else if (end == PASS_FAILED) {
        say_failure(pass, why, &r);
    } else {
        r.verdict = FILTER_REFUSE;
        say_reply(pass, end, &r.why);
    }
    count(pass, end);
    passthrough_say(pass->role, pass->id, &r, end == PASS_RETURNED ? pass->given : -1);
}
