/* SPDX-License-Identifier: MIT
 *
 * Jobs that somebody waits for: mail for accounts that are at home elsewhere, and questions about
 * them. They share what a next hop takes (`connections`), and what is known of it, with the mail of
 * the queue, and take turns with it; but nobody who waits is put off until later: a next hop that
 * is down is tried by one of them at a time, and the others hear at once that it is. Loop's thread.
 *
 *             room at the next hop           answer, or the role is gone
 *   WAITING ------------------------> SENT ------------------------------> done()
 *      | wait_ms are over, it is down and being tried, nobody is there to send: done()
 */
#ifndef DELIVER_RELAY_LIVE_PRIV_H
#define DELIVER_RELAY_LIVE_PRIV_H

#include "doorstep/loop.h"
#include "doorstep/relay_job.h"
#include "doorstep/settings.h"

struct scheduler;
struct next_hop;
struct live_job;

struct live_job_calls {
    /* It goes now. *fd: the message, taken; -1: there is none. What `out` points to is borrowed for
     * the call. false: it cannot be sent. */
    bool (*fill)(struct live_job *j, struct relay_job *out, int *fd);
    /* Once, never from inside live_job_send(). result: borrowed; NULL: there is none, and `why`
     * (borrowed) holds for all recipients. The job may be freed. */
    void (*done)(struct live_job *j, const struct relay_result *result,
                 const struct relay_answer *why);
};

struct live_job { /* the caller's memory */
    struct live_job *next, *prev;
    const struct live_job_calls *calls;
    struct scheduler *scheduler;
    struct next_hop *hop;
    struct loop_timer *timer; /* while it waits */
    uint64_t began_us;        /* it was sent; 0: it waits */
    bool is_question;
    bool is_late;
    bool is_lost; /* done() is on its way, with */
    struct relay_answer why;
};

/* live_job_send() - wait_ms: how long it may wait for room. */
void live_job_send(struct scheduler *s, struct live_job *j, const struct settings_route *route,
                   uint64_t wait_ms, const struct live_job_calls *calls);

/* live_job_late() - nobody waits for it any more, for it took too long. Its end is told all the
 * same; until then it says that the next hop does not answer, and that is tried by others. cause:
 * copied. done() of any may be called before this returns. */
void live_job_late(struct live_job *j, const char *cause);

/* live_job_withdraw() - one that was not sent yet: done() is not called. false: it was. */
bool live_job_withdraw(struct live_job *j);

/* For the scheduler. live_has_room() - is there one that can go now? live_send_next() - it goes;
 * live_give_up() - all that wait hear of it; cause: of a longer life than theirs. */
bool live_has_room(const struct next_hop *n);
void live_send_next(struct scheduler *s, struct next_hop *n);
void live_give_up(struct next_hop *n, const char *enhanced, const char *cause);

#define LIVE_NOBODY "nobody is there to hand it on" /* the relay role has gone */

#endif
