/* SPDX-License-Identifier: MIT
 *
 * Inside a conversation: what its files share.
 *
 *   milter.c    its life: agreement, stages, what arrives, ends
 *   message.c   what is said of a message      answers.c   what the filter's answers do
 */
#ifndef FILTER_MILTER_MILTER_STATE_PRIV_H
#define FILTER_MILTER_MILTER_STATE_PRIV_H

#include "milter_priv.h"
#include "protocol_priv.h"

enum milter_state {
    MILTER_NEW,
    MILTER_NEGOTIATING,
    MILTER_IDLE,
    MILTER_ASKED,   /* a stage */
    MILTER_HEADERS, /* of the draft, up to the end of the header */
    MILTER_PIECES,  /* of its body */
    MILTER_ENDED,   /* the end was said: changes come, then the answer */
    MILTER_CLOSED,
    MILTER_FAILED
};

struct milter {
    const struct milter_calls *calls;
    void *arg;
    const struct macros *macros;
    const char *quarantine;
    enum milter_state state;
    uint32_t version, actions, steps; /* agreed */
    char *chosen[MACROS_STAGES];      /* owned; NULL: the default's names */
    struct buf in, out;
    enum filter_stage stage;     /* MILTER_ASKED */
    bool is_connection_accepted; /* it wants to hear no more of the session, */
    bool is_message_accepted;    /* or of this message */
    bool in_transaction;         /* MAIL was said */
    struct draft *draft;         /* borrowed; HEADERS to ENDED */
    uint32_t field;              /* next to be said */
    bool has_end_of_header;      /* said */
    uint64_t body_said;
    bool is_full; /* send() said enough */
    uint64_t turn;
};

/* --- milter.c --- */

/* milter_end_question() - its answer; nothing happens behind it to what was asked. */
void milter_end_question(struct milter *m, enum milter_answer what, const struct outcome *why);
void milter_go_on(struct milter *m);

/* milter_put_macros() - in front of a command. milter_say() - the packet that began at `at`, where
 * all of it is good; milter_say_plain() - one without data. What does not fit loses the filter. */
bool milter_put_macros(struct milter *m, enum milter_macro_stage stage,
                       enum milter_command command);
void milter_say(struct milter *m, size_t at, bool good);
void milter_say_plain(struct milter *m, enum milter_command command);

/* --- message.c --- */

/* milter_say_more() - as far as it goes without an answer, and without filling the socket's queue.
 */
void milter_say_more(struct milter *m);
void milter_say_end(struct milter *m);

/* --- answers.c --- */

void milter_take_verdict(struct milter *m, const struct milter_reply *r);

#endif
