/* SPDX-License-Identifier: MIT
 *
 * Questions to a role, each with one answer that comes in pieces: it is bounded, and whole or not
 * there. Every question ends once: answered, too late, or lost with the role. Loop's thread only.
 */
#ifndef DELIVER_ROLE_QUESTIONS_PRIV_H
#define DELIVER_ROLE_QUESTIONS_PRIV_H

#include "doorstep/buf.h"
#include "doorstep/table.h"

#include "role_door_priv.h"

struct role_questions;

struct role_question { /* what is asked begins with it */
    struct role_questions *questions;
    uint64_t id;
    struct buf packed; /* of the answer, as it arrives */
    struct loop_timer *deadline;
    UT_hash_handle hh;
};

struct role_questions_kind {
    const char *role;  /* for the log */
    size_t queue_max;  /* unsent octets */
    uint16_t answer;   /* frame: id; u8 1 when more of them follow, a piece; fd with the last */
    size_t answer_max; /* octets of all pieces */
    /* One of these ends the question: role_question_end(). The answer and its descriptor (-1: none)
     * are borrowed. false: no such role says that, and the question is open as before. */
    bool (*answered)(struct role_question *q, struct span packed, int fd);
    void (*late)(struct role_question *q);
    void (*lost)(struct role_question *q, const char *cause);
    void (*replace)(void *arg); /* as role_door's */
};

struct role_questions { /* in its owner's memory */
    struct role_door door;
    struct role_questions_kind kind;
    void *arg; /* replace()'s */
    uint64_t last_id;
    struct role_question *open; /* table by id, in the order in which they were asked */
};

/* role_questions_init() - the role is away at first. kind: copied. */
void role_questions_init(struct role_questions *r, struct loop *loop,
                         const struct role_questions_kind *kind, void *arg);

/* role_questions_release() - those that are open are lost, for that cause. */
void role_questions_release(struct role_questions *r, const char *cause);

/* role_question_begin() - its id and its deadline; then it is sent. false without memory: there is
 * none. */
bool role_question_begin(struct role_questions *r, struct role_question *q, uint64_t timeout_ms);

/* role_question_end() - nothing is heard of it any more; what is asked is freed behind it. */
void role_question_end(struct role_question *q);

#endif
