/* SPDX-License-Identifier: MIT
 *
 * How long a connection may take for what it does now: one deadline at a time, computed from the
 * configuration, from what it waits for and since when. Deadlines are absolute: octets that
 * complete nothing move none. It knows no clock and no socket.
 */
#ifndef DOORSTEP_SMTP_PACE_PRIV_H
#define DOORSTEP_SMTP_PACE_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/metrics_labels.h"
#include "doorstep/settings.h"
#include "doorstep/smtp_session.h"

/* What the connection does now. */
struct pace_state {
    enum smtp_wait waits;
    uint64_t steps;    /* commands that were complete, answers that came: each begins a new wait */
    uint64_t begun;    /* messages so far */
    uint64_t delay_ms; /* of SMTP_WAIT_DELAY */
    bool is_full;      /* it does not read our replies */
    bool is_paused;    /* the store takes no more of its message for now */
    bool is_busy;      /* there are many connections, and it is none of the privileged */
};

struct pace {
    uint64_t began_ms;       /* the session */
    uint64_t since_ms;       /* this wait */
    uint64_t message_ms;     /* the message under way; later by what it was paused */
    uint64_t message_octets; /* of it, as they came */
    uint64_t seen_octets;    /* of it at the last look */
    uint64_t paused_ms;      /* since when; valid when last.is_paused */
    struct pace_state last;
    enum metrics_LIMITS next; /* the limit whose deadline comes first */
};

void pace_init(struct pace *p, uint64_t now_ms);

/* pace_took() - octets came in; those of a message count for its rate. */
void pace_took(struct pace *p, uint64_t octets);

/* pace_next() - milliseconds from now to the deadline, at least 1; 0: nothing is waited for.
 * p->next says whose it is. Called after whatever may have changed the state. */
uint64_t pace_next(struct pace *p, const struct pace_state *state, const struct settings *s,
                   uint64_t now_ms);

#endif
