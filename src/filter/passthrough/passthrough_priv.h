/* SPDX-License-Identifier: MIT
 *
 * Inside the passthrough role. A message of the store goes to a filter with a token in its
 * recipient, and comes back to a listener of ours with the same token, or not; what the filter
 * answers and what came back make the verdict.
 *
 *   run.c       the role and its doors         talk.c    the connection to a filter
 *   passes.c    messages on their way          giver.c   a connection that gives one back
 *   end.c       what the store is told         gate.c    a filter: its listener, its turns
 *   judge.c     the verdict                    token.c   names that nobody guesses
 *
 *   store > WAITING --turn--> talk: connect, MAIL, RCPT token, message --reply--.
 *                                                                               v
 *                                          giver: RCPT token, message ------> judge > store
 *
 * What comes in by a listener may be anybody's: it is read by the machine of SMTP sessions, it can
 * take no message but one that is out, and what it says of sender and recipients counts for
 * nothing.
 */
#ifndef FILTER_PASSTHROUGH_PASSTHROUGH_PRIV_H
#define FILTER_PASSTHROUGH_PASSTHROUGH_PRIV_H

#include <sys/queue.h>

#include "doorstep/door_frames.h"
#include "doorstep/filter.h"
#include "doorstep/loop.h"
#include "doorstep/passthrough.h"
#include "doorstep/program.h"
#include "doorstep/relay_client.h"

#include "judge_priv.h"
#include "token_priv.h"

#include "store_role_priv.h"

#define uthash_nonfatal_oom(element) ((element)->is_unlisted = true)
#include <uthash.h>

#define GIVEN_MARGIN                                                                               \
    65536 /* octets that a message may have more than message_size when it is back */
#define CAUSE_SIZE 200

struct passthrough;
struct gate;
struct pass;
struct talk;
struct giver;

TAILQ_HEAD(pass_list, pass);
TAILQ_HEAD(giver_list, giver);

struct gate { /* one filter */
    struct passthrough *role;
    const struct settings_filter *settings; /* borrowed */
    unsigned label;                         /* of metrics */
    struct listener *listener;              /* owned; NULL: no address of that family here */
    struct pass_list waiting;               /* for their turn */
    struct loop_chore turns;                /* due when it may be somebody's */
    unsigned running;
    struct giver_list givers; /* the oldest first */
    unsigned giver_count;
};

struct pass { /* a message of the store */
    struct passthrough *role;
    uint64_t id;
    struct gate *gate; /* NULL: there is no filter of that name */
    TAILQ_ENTRY(pass) waiting;
    bool is_running;
    bool is_unlisted, is_named; /* in the tables of ids, of tokens */
    struct arena arena;
    struct program_job asked;
    int message;     /* descriptor of it, owned; -1: none yet */
    uint64_t octets; /* of that */
    uint64_t come;   /* of them are there */
    struct loop_timer *timer;
    uint64_t begun_us;
    char token[TOKEN_SIZE];
    struct talk *talk;   /* lets go of the pass when it ends; or NULL */
    struct giver *giver; /* who gives it back now; or NULL */
    struct pass_facts facts;
    char cause[CAUSE_SIZE];
    char enhanced[12]; /* of the reply */
    char text[OUTCOME_TEXT_SIZE];
    int given; /* what came back, owned; -1: nothing */
    uint64_t given_octets;
    UT_hash_handle hh;       /* by id */
    UT_hash_handle hh_token; /* by token, while it is out and has not come back */
};

struct passthrough {
    struct loop *loop;
    const struct settings *settings; /* borrowed */
    struct settings_limits limits;   /* of who gives messages back */
    struct store_role role;
    struct gate gates[FILTER_SECTIONS_MAX];
    size_t gate_count;
    struct pass *passes;   /* table by id */
    struct pass *by_token; /* table by token */
};

/* --- run.c --- */

/* passthrough_say() - result to the store; fd: sealed, or -1; the caller's. */
void passthrough_say(struct passthrough *p, uint64_t id, const struct filter_result *result,
                     int fd);

/* --- gate.c --- */

/* gate_open() - returns: a listening socket, taken, or -1. false without memory. */
bool gate_open(struct gate *g, struct passthrough *role, const struct settings_filter *settings,
               int returns);
struct gate *gate_find(struct passthrough *p, const char *name); /* NULL: there is none */
void gate_wait(struct gate *g, struct pass *pass);               /* for its turn, the last */
void gate_look(struct gate *g);                     /* soon: may one that waits begin? */
void gate_leave(struct gate *g, struct pass *pass); /* it waits or runs no more */

/* --- passes.c --- */

/* pass_take() - PASS_MESSAGE; pass_more() - PASS_MORE. false: no store says that. */
bool pass_take(struct passthrough *p, struct door_frame *f);
bool pass_more(struct passthrough *p, const struct door_frame *f);
bool pass_is_whole(const struct pass *pass); /* all of its message is there */
void pass_begin(struct pass *pass);          /* its turn has come */
void pass_free(struct pass *pass);

/* What its connection tells. The pass may be gone behind these. */
void pass_answered(struct pass *pass, const struct relay_answer *answer);
void pass_failed(struct pass *pass, const char *cause);

/* What givers tell. pass_find() - who is out at this filter by that token, and has not come back;
 * NULL: nobody. pass_given() - the octets of fd, taken, are it. */
struct pass *pass_find(const struct gate *g, const char *token);
void pass_given(struct pass *pass, int fd, uint64_t octets);

/* --- end.c --- */

/* pass_say() - how it has ended, to the store, the log and the metrics. */
void pass_say(struct pass *pass, enum pass_end end, const char *why);

/* --- talk.c --- */

/* talk_open() - to the pass's filter; the pass hears of it later. NULL without memory. */
struct talk *talk_open(struct pass *pass);
void talk_let_go(struct talk *t); /* the pass has ended: say goodbye, or close */

/* --- giver.c --- */

void giver_open(struct gate *g, int fd); /* taken */
void giver_cut(struct giver *g);         /* its pass has ended: what it gives is nobody's */

#endif
