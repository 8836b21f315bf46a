/* SPDX-License-Identifier: MIT
 *
 * A handover: recipients of one item that go to the same next hop in one transaction, from the
 * queue to the answer and back into the queue.
 *
 *             taken       room at the next hop       answer             settled
 *   (queue) --------> READY ------------------> SENT ---------> ENDED ----------> freed
 *                       | the next hop went down                  ^
 *                       +-----------------------------------------+  (nothing is said)
 *
 * The loop's thread has it up to ENDED, the queue's thread from then on.
 */
#ifndef DELIVER_RELAY_HANDOVER_PRIV_H
#define DELIVER_RELAY_HANDOVER_PRIV_H

#include "doorstep/dsn.h"
#include "doorstep/metrics.h"
#include "doorstep/relay_job.h"

#include "taken_priv.h"

struct scheduler;

enum handover_end {
    HANDOVER_ANSWERED,  /* result has an answer for each */
    HANDOVER_LOST,      /* the relay role went away: an attempt, and nobody knows more */
    HANDOVER_NOT_TRIED, /* in flight no longer, and as before */
    HANDOVER_PUT_OFF,   /* until then: its account has sent enough */
    HANDOVER_DROPPED,   /* for the same reason: what makes no sense later */
    HANDOVER_OVERDUE    /* it expires, or its delay is told, without an attempt */
};

/* What the queue says of a recipient that was put off. */
#define HANDOVER_TOO_MUCH "put off: its account, or all together, sent too much within an hour"

struct handover_fate { /* of one recipient, when it is settled */
    bool is_over;
    bool is_expired;
    bool is_delay_told;
    time_t next_attempt;
    bool is_reported;       /* to its sender, */
    enum dsn_action action; /* as this */
};

struct handover {
    struct handover *next, *prev;
    struct scheduler *scheduler; /* borrowed */
    int hop_place; /* of its next hop among the routes (take_route_of()); -1: it is not sent */
    struct taken *taken;  /* a reference */
    uint32_t *recipients; /* places in taken->item.recipients; in the arena */
    uint32_t count;
    struct arena arena;
    uint64_t began_us;
    enum handover_end end;
    struct relay_result result; /* ANSWERED, LOST, OVERDUE: in the arena */
    time_t until;               /* PUT_OFF */
    struct handover_fate *fates;
};

/* handover_new() - without recipients, with room for `room` of them; takes a reference. NULL
 * without memory. */
struct handover *handover_new(struct scheduler *s, struct taken *t, uint32_t room);
void handover_free(struct handover *h);

/* handover_all() - of all recipients of an item, to be settled without being sent. */
struct handover *handover_all(struct scheduler *s, struct taken *t, enum handover_end end);

const struct queue_recipient *handover_recipient(const struct handover *h, uint32_t i);

/* handover_end() - with what the next hop said; copied. Without memory it is LOST. */
void handover_end(struct handover *h, const struct relay_result *result);

/* handover_end_all() - one cause for all recipients, and no reply. */
void handover_end_all(struct handover *h, enum handover_end end, enum relay_state state,
                      const char *enhanced, const char *cause);

/* handover_outcome() - an answer as an outcome: its state decides, its reply is what is said. */
void handover_outcome(const struct relay_answer *a, struct outcome *out);

/* handover_home() - the same of an account's home, as it is counted. */
enum metrics_HOMES handover_home(const struct relay_answer *a);

#endif
