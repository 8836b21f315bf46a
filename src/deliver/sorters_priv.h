/* SPDX-License-Identifier: MIT
 *
 * The pool of sorters, seen from the store: messages in, their facts out. A sorter gets a few small
 * messages at once and answers them in order, the rest waits. A sorter that dies or takes too long
 * is replaced by main, and its messages go to another one; the one that it was working on, when two
 * sorters did not survive it, has unknown facts (FACTS_UNKNOWN) and is delivered all the same
 * (design section 8).
 */
#ifndef DELIVER_SORTERS_PRIV_H
#define DELIVER_SORTERS_PRIV_H

#include "doorstep/door_frames.h"
#include "doorstep/facts.h"
#include "doorstep/filing.h"
#include "doorstep/loop.h"
#include "doorstep/message.h"
#include "doorstep/settings.h"

struct sorters;

/* Asks main for another sorter in this slot (STORE_KILL_SORTER). */
typedef void (*sorters_replace_fn)(void *arg, uint32_t slot);

/* sorters_new() - timeouts: borrowed; sort for each message, sort_wait until a sorter takes it. */
struct sorters *sorters_new(struct loop *loop, const struct settings_timeouts *timeouts,
                            sorters_replace_fn replace, void *arg);
void sorters_free(struct sorters *s); /* what waits is answered with unknown facts */

/* sorters_add() - a door (taken) to the sorter in this slot; an older one there is closed. */
void sorters_add(struct sorters *s, uint32_t slot, int door_fd);

enum sorters_answer {
    SORTERS_FACTS,
    SORTERS_REPORT,  /* sorters_check(): packed is what SORT_REPORT says, checked */
    SORTERS_UNKNOWN, /* nobody can tell: deliver it without */
    SORTERS_LATE     /* no sorter took it in time (timeouts.sort_wait): another time */
};

/* Called once for each sorters_ask(), on the loop's thread, without memory before that returns.
 * facts: borrowed for the call, what they point to is the arena's; NULL but for SORTERS_FACTS.
 * packed: the octets they were read from, borrowed for the call. */
typedef void (*sorters_fn)(void *arg, enum sorters_answer answer, const struct facts *facts,
                           struct span packed);

/* sorters_ask() - loop's thread. msg: sealed; a reference is kept. arena: nobody else's until fn is
 * called. */
void sorters_ask(struct sorters *s, struct message *msg, struct arena *arena, sorters_fn fn,
                 void *arg);

struct sorters_question { /* of a sorter, which waits for the answer; copied by who answers later */
    struct sorters *pool;
    uint32_t slot;
    uint64_t number;
};

struct sorters_filed {
    struct filing_result result;
    struct message **editions; /* result.edition_count of them, owned by the asker */
    bool is_killed;            /* no sorter survives this run: there is no result */
    enum outcome_kind
        lack; /* of a question that had no answer, sorters_tell_lack(); or OUTCOME_OK */
};

struct sorters_filing {      /* what Sieve is to say of a message; borrowed until fn was called */
    const struct span *runs; /* packed struct filing_run, at most DOOR_BODY_MAX octets each */
    uint32_t count;
    uint64_t octets;                           /* of all of them */
    uint64_t edition_max;                      /* octets of an edited message */
    struct message *(*new_message)(void *arg); /* for one of them, NULL: no memory */
    /* Answered, now or later, with sorters_tell(). run: number among runs. words: borrowed for the
     * call, as enum sort_question says, hostile. */
    void (*ask)(void *arg, const struct sorters_question *q, uint32_t run, enum sort_question what,
                struct span words);
    struct sorters_filed **filed; /* where the results will lie: in the arena, one for each run.
                                   * Whole with SORTERS_FACTS; else some may have editions */
};

/* sorters_file() - sorters_ask(), and what Sieve says. A run that costs two sorters is given up,
 * the others are not. */
void sorters_file(struct sorters *s, struct message *msg, struct arena *arena,
                  const struct sorters_filing *filing, sorters_fn fn, void *arg);

/* sorters_tell() - octets: the text that was asked for. Nothing happens when nobody waits. */
void sorters_tell(const struct sorters_question *q, enum sort_verdict verdict, struct span octets);

/* sorters_tell_lack() - sorters_tell() of SORT_NOT_NOW, and why: it is in the run's sorters_filed.
 */
void sorters_tell_lack(const struct sorters_question *q, enum outcome_kind lack);

/* sorters_take_input() - of SORT_ASK_PROGRAM, while it is asked: what the program reads, sealed, a
 * reference; NULL: nothing. sorters_extend() - its answer takes so much longer. */
struct message *sorters_take_input(const struct sorters_question *q);
void sorters_extend(const struct sorters_question *q, uint64_t ms);

/* sorters_check() - loop's thread. Is this a good script? text: sealed, in memory; a reference is
 * kept. name: copied, for the report. fn: without facts. */
void sorters_check(struct sorters *s, struct message *text, const char *name, sorters_fn fn,
                   void *arg);

/* sorters_wait() - sorters_ask() for a thread that has nothing else to do: blocks until the facts
 * are there. Never on the loop's thread. Facts' memory is arena's; false: unknown. */
bool sorters_wait(struct sorters *s, struct message *msg, struct arena *arena, struct facts *facts);

/* sorters_count() - sorters that are there now. */
unsigned sorters_count(const struct sorters *s);

#endif
