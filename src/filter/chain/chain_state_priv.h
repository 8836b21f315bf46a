/* SPDX-License-Identifier: MIT
 *
 * Inside a chain: what its files share. One request is under way at a time; chain_run() is the one
 * loop that moves it, and callbacks only leave their answer for it.
 *
 *   chain.c      the loop, stages           requests.c   what waits, in order
 *   message.c    the message of a session   members.c    one filter of the chain
 */
#ifndef FILTER_CHAIN_CHAIN_STATE_PRIV_H
#define FILTER_CHAIN_CHAIN_STATE_PRIV_H

#include <sys/queue.h>

#include "chain_priv.h"

enum request_kind { REQUEST_EVENT, REQUEST_HANDED, REQUEST_ABORT, REQUEST_CLOSE };

struct request {
    STAILQ_ENTRY(request) next;
    enum request_kind kind;
    uint64_t ticket;
    const char *name;   /* of the message, REQUEST_HANDED */
    struct arena arena; /* of the name and the event */
    struct filter_event event;
};

struct member { /* one filter */
    struct chain *chain;
    unsigned number;
    const struct settings_milter *settings; /* NULL: the configuration has none of that name */
    struct milter *milter;                  /* owned; NULL until it is needed */
    bool is_lost;
};

struct chain {
    const struct chain_calls *calls;
    void *arg;
    const struct settings *settings;
    struct member members[FILTER_NAMES_MAX];
    unsigned count;
    struct macros macros;
    STAILQ_HEAD(, request) requests; /* the first is under way */
    unsigned request_count;
    unsigned member;   /* whose turn it is */
    bool is_under_way; /* the first request has begun */
    bool is_waiting;   /* for a member's answer, */
    bool is_opening;   /* which is its agreement */
    bool is_running;
    bool has_lost;
    struct outcome connection; /* the last word on the whole session, */
    struct outcome held;       /* and on this transaction: a success is none */
    bool is_discarded;
    struct message *msg; /* a reference; what the store asks about */
    char msg_name[FILTER_NAME_SIZE];
    struct arena draft_memory;
    struct draft draft, copy; /* copy: of the member whose turn it is */
    bool has_draft, has_copy;
    struct { /* what a member said, for chain_run() */
        bool is_there;
        enum milter_answer what;
        struct outcome why;
    } answer;
};

/* --- chain.c --- */

/* chain_run() - as far as it goes without waiting; from inside itself it does nothing. */
void chain_run(struct chain *c);

/* --- requests.c --- */

/* request_pop() - the first one has ended. */
void request_pop(struct chain *c);
/* request_is_given_up() - of REQUEST_HANDED that nobody has asked about. */
bool request_is_given_up(const struct request *r);

/* --- members.c --- */

/* member_begin() - it is connected to: its agreement is the first answer. */
void member_begin(struct member *m);
/* member_label() - of metrics: what its name stands for. */
unsigned member_label(const struct member *m);
/* member_note_lost() - it is asked no more; told once. cause: for the log. */
void member_note_lost(struct member *m, const char *cause);
bool member_must_be_asked(const struct member *m);
void members_abort(struct chain *c);
void members_quit(struct chain *c);

/* --- message.c --- */

/* message_is_asked() - the store asks about the message that the edge has handed over? One of
 * another transaction is lost. */
bool message_is_asked(struct chain *c, const struct request *r);
void message_begin(struct chain *c);
/* message_ask() - the next member; false: no memory for its copy. */
bool message_ask(struct chain *c, struct member *m);
void message_keep_copy(struct chain *c); /* its changes count from now on */
void message_drop_copy(struct chain *c); /* they never were */
/* message_end_well() - all filters have agreed: the whole new message, or that nothing changed. */
void message_end_well(struct chain *c);
void message_end(struct chain *c, enum filter_verdict verdict, const struct outcome *why);
/* message_lose() - one whose session does not know it; NULL was asked: nothing happens. */
void message_lose(struct chain *c, const char *cause);
void message_drop_drafts(struct chain *c);

#endif
