/* SPDX-License-Identifier: MIT
 *
 * The conversation with one filter about one session: octets in, octets and verdicts out. It knows
 * no sockets and no clocks, so that tests and the fuzzer hold whole conversations. One question is
 * open at a time. Calls may be made from inside the conversation's own callbacks, except
 * milter_free().
 *
 *   NEW --milter_open()--> NEGOTIATING --agreed--> IDLE --question--> ASKED, HEADERS, BODY, END
 *                                                   ^                             |
 *                                                   '-----------answer------------'
 *   Every state may become FAILED (the filter broke the rules, went away, was too slow) or CLOSED.
 */
#ifndef FILTER_MILTER_MILTER_PRIV_H
#define FILTER_MILTER_MILTER_PRIV_H

#include "draft_priv.h"
#include "macros_priv.h"

struct milter;

enum milter_wait {
    MILTER_WAITS_FOR_NOTHING,
    MILTER_WAITS_FOR_AGREEMENT,
    MILTER_WAITS_FOR_COMMAND,
    MILTER_WAITS_FOR_CONTENT
};

enum milter_answer {
    MILTER_GO_ON,
    MILTER_REFUSES,  /* why has its reply */
    MILTER_DISCARDS, /* the message */
    MILTER_IS_LOST   /* why says how; it cannot be asked any more */
};

struct milter_calls {
    /* Octets for the filter. false: that is enough for now, until milter_resume(). */
    bool (*send)(void *arg, struct span octets);
    /* The answer to the open question. */
    void (*answered)(void *arg, enum milter_answer answer, const struct outcome *why);
};

/* milter_new() - calls, macros and quarantine (a mailbox) are borrowed. NULL without memory. */
struct milter *milter_new(const struct milter_calls *calls, void *arg, const struct macros *macros,
                          const char *quarantine);
void milter_free(struct milter *m); /* NULL is allowed */

/* milter_open() - the filter can be heard; its agreement is the answer. */
void milter_open(struct milter *m);

/* milter_ask() - a stage of the session. In IDLE only. */
void milter_ask(struct milter *m, const struct filter_event *e);

/* milter_ask_message() - header, body and end of the draft, which is changed; borrowed until the
 * answer. In IDLE only. */
void milter_ask_message(struct milter *m, struct draft *draft);

/* milter_abort() - the transaction ends without a message. milter_quit() - the session ends. In
 * IDLE, elsewhere nothing happens. */
void milter_abort(struct milter *m);
void milter_quit(struct milter *m);

/* milter_lose() - it is gone or too slow. cause: for the log. */
void milter_lose(struct milter *m, const char *cause);

void milter_feed(struct milter *m, struct span octets);
void milter_resume(struct milter *m);

enum milter_wait milter_waits_for(const struct milter *m);
/* milter_turn() - grows with each packet that was said or taken whole: an octet now and then is no
 * answer. */
uint64_t milter_turn(const struct milter *m);
bool milter_is_idle(const struct milter *m);
bool milter_is_lost(const struct milter *m);

#endif
