/* SPDX-License-Identifier: MIT
 *
 * What becomes of a message that was sent to a filter: a filter answers, and gives it back, in
 * either order, or does something else. Pure.
 */
#ifndef FILTER_PASSTHROUGH_JUDGE_PRIV_H
#define FILTER_PASSTHROUGH_JUDGE_PRIV_H

#include <stdbool.h>

struct pass_facts {
    unsigned reply;      /* code of what the filter answered to the message; 0: nothing yet */
    bool is_returned;    /* it came back, whole */
    bool is_returning;   /* some of it has */
    bool has_begun;      /* it was tried, at least: the filter has not swallowed it */
    const char *failure; /* no answer will come, or what came back cannot be used; NULL: none yet */
    bool is_late;        /* its time is over */
};

enum pass_end {
    PASS_GOES_ON, /* something is still to come */
    PASS_RETURNED,
    PASS_REFUSED,
    PASS_DEFERRED,
    PASS_DISCARDED,
    PASS_FAILED /* on_failure decides */
};

/* pass_judge() - is_silence_discard: what on_silence says. *why: of PASS_FAILED, static text or
 * f->failure. */
enum pass_end pass_judge(const struct pass_facts *f, bool is_silence_discard, const char **why);

/* pass_is_verdict() - a reply that is about the message, and no complaint about us or our protocol:
 * 2xx, 4xx but 421, 5xx but 50x (RFC 5321 4.2.1) and 530 (RFC 4954 4). */
bool pass_is_verdict(unsigned reply);

#endif
