/* SPDX-License-Identifier: MIT
 *
 * What the three files of the pool share: sorters.c keeps those who wait and replaces sorters,
 * sorters_give.c sends them messages, sorters_take.c reads their answers.
 */
#ifndef DELIVER_SORTERS_POOL_PRIV_H
#define DELIVER_SORTERS_POOL_PRIV_H

#include "doorstep/door_frames.h"
#include "doorstep/door_keeper.h"

#include "sorters_priv.h"

#define SLOTS_MAX 64
#define SORTER_QUEUE_MAX (80 * 1024 * 1024) /* unsent to one: a message in memory (64M) */

struct request {
    struct request *next, *prev;
    uint64_t id;
    struct message *msg; /* owned reference */
    uint64_t asked_ms;
    unsigned deaths;
    struct arena *arena; /* the asker's, for its facts; NULL: msg is a script to be checked */
    char *name;          /* owned: of the script, else NULL */
    sorters_fn fn;
    void *arg;

    /* Sieve; all of it in the asker's arena. */
    const struct sorters_filing *filing; /* borrowed; NULL: facts alone */
    struct sorters_filed *filed;         /* one for each run */
    uint32_t filed_count;                /* those that are known */
    uint32_t first;                      /* run that the present sorter began with */
    bool has_facts;
    struct facts facts;
    struct span packed; /* the same */
    unsigned questions;
    uint64_t asking; /* the question that is not answered yet, 0: none */
};

struct sorter {
    struct sorters *pool;
    uint32_t slot;
    struct door_keeper keeper;
    struct loop_timer *deadline; /* of the first of those given */
    uint64_t end_ms;             /* of that one, questions and all */
    struct request *given;       /* owned; answered in this order */
    struct buf facts;            /* a part of the first one's answer, as it arrives */
    struct message *edition;     /* owned: of the run that is answered next, as it arrives */
    struct message *editions[FILING_ACTIONS_MAX]; /* owned: those that are whole */
    uint32_t edition_count;
    struct message *input; /* owned: of the program that is asked for next, as it arrives */
    bool is_input_whole;
};

struct sorters {
    struct loop *loop;
    const struct settings_timeouts *timeouts;
    sorters_replace_fn replace;
    void *arg;
    uint64_t next_id;
    uint64_t next_question;
    struct request *waiting; /* in order: the oldest first */
    struct loop_timer *late; /* runs while some wait */
    struct loop_chore feed;  /* due when there is something to give, or somebody to give it to */
    struct sorter slots[SLOTS_MAX];
};

/* sorter_give() - the oldest of those that wait, as many as go together. */
void sorter_give(struct sorter *so);

/* sorter_lose() - another takes its slot; what it was given waits again, or ends. */
void sorter_lose(struct sorter *so, const char *reason);

/* sorter_take() - one frame of an answer. False: this is no sorter's answer. */
bool sorter_take(struct sorter *so, const struct door_frame *f);

/* sorter_watch_next() - the deadline of the first of those given begins. */
void sorter_watch_next(struct sorter *so);

/* sorter_forget_partial() - what arrived of an answer that broke off. */
void sorter_forget_partial(struct sorter *so);

/* sorter_tell() - the answer to the question of the first of the given; none is open afterwards. */
bool sorter_tell(struct sorter *so, enum sort_verdict verdict, struct span octets);

/* request_end() - its asker is told; frees it. */
void request_end(struct request *r, enum sorters_answer answer, const struct facts *facts,
                 struct span packed);

#endif
