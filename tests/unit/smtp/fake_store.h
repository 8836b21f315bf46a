/* SPDX-License-Identifier: MIT
 *
 * A session with a store behind it that is a few lines long: whom it knows is in the local part,
 * and what it was given is written down as text.
 *
 *   ann, bob, cat, "ann b"  exist           full      452 at RCPT
 *   other names             550 at RCPT     late      accepted, 452 at the end of data
 *   away                    451 at RCPT     gone      accepted, 550 at the end of data
 */
#ifndef FAKE_STORE_H
#define FAKE_STORE_H

#include "doorstep/smtp_session.h"

enum fake_answers {
    FAKE_AT_ONCE,  /* from inside the session's call */
    FAKE_IN_ORDER, /* when the session has nothing else to do */
    FAKE_REVERSED  /* the same, last question first */
};

struct fake_question {
    bool is_rcpt;
    bool is_auth;              /* of a step of AUTH: */
    bool is_challenge;         /* an empty one is owed, else */
    enum sasl_verdict verdict; /* this one */
    uint64_t id;               /* of a RCPT */
    uint32_t index;            /* of a recipient */
    struct outcome outcome;
};

#define FAKE_QUESTIONS_MAX 256

struct fake {
    struct smtp_session *session; /* owned */
    struct settings_limits limits;
    struct smtp_session_config config;
    enum fake_answers answers;
    bool is_away; /* data_begin is refused */
    bool has_tls; /* can_start_tls says so */
    unsigned tls_begun;
    bool is_slow;        /* the client takes one reply at a time */
    bool tls_waits;      /* smtp_session_tls_begin() is not called */
    struct buf output;   /* what the client sees */
    struct buf messages; /* one line a message that ended or was aborted */
    struct buf content;  /* of the message under way */
    struct fake_question questions[FAKE_QUESTIONS_MAX];
    size_t question_count;
    unsigned began, ended, aborted, finished, closed;
    const char *reason;
};

/* fake_open() - limits: 1000 octets, 5 recipients, lines of 200, 10 errors, 5 messages. */
void fake_open(struct fake *f, enum listen_protocol protocol);
void fake_start(struct fake *f); /* after config and limits were changed: greets */
void fake_release(struct fake *f);

/* fake_feed() - as the edge would: pieces of at most `split` octets (0: whole), and questions are
 * answered when the session wants no more input or the piece is fed. */
void fake_feed(struct fake *f, struct span input, size_t split);

/* fake_answer() - answer what is still open. */
void fake_answer(struct fake *f);

#endif
