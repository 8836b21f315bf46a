/* SPDX-License-Identifier: MIT
 *
 * One message on its way through the store: received, sorted, resolved, delivered, answered.
 *
 *   BEGIN, DATA...        END            whose             facts, Sieve     each done
 *   RECEIVING ---------> RESOLVING ----> SORTING --------> DELIVERING ----> ANSWERED (freed)
 *       | ABORT, edge gone
 *       v
 *     freed                  after END an edge that goes away changes nothing but the answers
 *
 * Where filters make different messages of it for different accounts, it falls into parts: each has
 * some of the parcels, and a message, facts and scripts of its own. Envelope, recipients and
 * answers stay with the whole, and all parts set out together.
 */
#ifndef DELIVER_TRANSACTION_PRIV_H
#define DELIVER_TRANSACTION_PRIV_H

#include "deliver_priv.h"

struct recipient {
    struct transaction *transaction;
    uint32_t number;
    unsigned pending; /* parcels not done */
    struct link *links;
    bool is_deleted; /* a content filter took it off: it is answered, not delivered to */
    bool is_complete;
    bool is_refused;    /* when it was looked up: `why` */
    const char *behind; /* its address is one of SRS: whom it stands for */
    bool lacks_target;  /* one of its accounts gets no delivery: not everybody has the message */
    enum outcome_kind lack;
    struct outcome why;
    char id[ID_SIZE];
};

struct parcel {               /* one account's copy */
    struct delivery delivery; /* first: delivery.done gets this */
    struct transaction *transaction;
    struct link *links;
    bool is_done;
    struct active_script *script; /* a reference; NULL: none */
    struct span aliases;          /* addresses of the account, each with a NUL behind it */
    bool lacks_script;            /* nobody can say which one: another time */
    bool has_run;
    uint32_t run;              /* its number */
    bool is_settled;           /* delivered nowhere: delivery.why says it all */
    bool is_forwarded;         /* handed on to where its account is at home */
    const char *host;          /* who answered there, or NULL */
    bool is_refused;           /* by a script */
    bool is_disposed;          /* by `reject`: a disposition of the account's own (RFC 5429 2.2) */
    bool is_unsayable;         /* and no reply can say its words as they are */
    const char *reason;        /* its words, or NULL */
    struct sent_message *sent; /* what delivery.sent points to */
    const char *failure;       /* why the account's script failed, or NULL */
    const char *told;          /* what the script did, for the delivery log; or NULL */
    UT_hash_handle hh;         /* by key */
    char key[];                /* account and detail */
};

/* What a filter behind Sieve made for some accounts, in the arena of its transaction. */
struct made_message {
    struct made_message *next;
    struct message *msg; /* owned reference */
    struct delivery_source source;
};

struct transaction {
    struct deliver *deliver;
    struct transaction *whole; /* itself, or what it is a part of */
    struct transaction *parts; /* owned list: of the whole, without itself */
    struct transaction *next_part;
    uint32_t unready;   /* of the whole: parts that are not ready to set out */
    uint32_t filter;    /* number of the next filter before Sieve */
    bool is_of_domain;  /* all parcels are of one domain */
    uint32_t filtering; /* parcels that filters behind Sieve still look at */
    const char *flags;  /* that filters want, separated by spaces; or NULL */
    struct made_message *made;
    struct edge *edge; /* a reference; of the whole alone */
    uint64_t id;       /* the edge's */
    UT_hash_handle hh; /* in edge->receiving */
    uint64_t started_us;
    struct {
        uint64_t ended_us;    /* the last octet was there */
        uint64_t sorted_us;   /* the facts were there, or given up */
        uint64_t resolved_us; /* all recipients were looked up */
    } times;
    uint64_t memory; /* set aside for it in deliver->memory */
    struct message *msg;
    uint64_t envelope_octets; /* likewise in deliver->envelopes */
    bool is_lost;     /* there is no memory for its envelope: nobody is known to be answered */
    bool is_broken;   /* it could not be received: why */
    bool is_prepared; /* for the ledger: the beginning of its message was looked at */
    struct outcome why;
    struct arena arena;         /* envelope, facts, recipients, links */
    struct buf envelope_pieces; /* packed, until the last one is there */
    struct envelope envelope;   /* as content filters left it: their recipients are the last ones */
    uint32_t asked;             /* recipients that the client gave, and that get an answer */
    struct message *received;   /* a reference, where filters made another message of it */
    struct address received_from;
    bool has_added_failure; /* a filter's recipient cannot be delivered to */
    struct outcome added_failure;
    struct facts facts;
    struct delivery_source source;
    struct filing *filing; /* in the arena; NULL: not sorted yet */
    struct recipient *recipients;
    uint32_t lookups; /* recipients not resolved yet */
    struct parcel *parcels;
    uint32_t complete; /* recipients */
    uint32_t answered;
    bool is_partial;      /* a recipient was answered 4xx, and an account of its has the message */
    unsigned remembering; /* ledger rows under way */
    bool has_returns;     /* something may go back: returns_priv.h */
    bool has_returned;    /* it is in the queue, or will not be */
};

/* transaction_resolve() - the envelope is there: whose is it? transaction_sort() follows. resolve.c
 * transaction_deliver() - the facts are there too: deliver, answer. deliveries.c */
void transaction_resolve(struct transaction *t);
void transaction_deliver(struct transaction *t);

/* transaction_sort() - facts, and what scripts say; transaction_deliver() follows. transaction.c */
void transaction_sort(struct transaction *t);

/* transaction_make_recipients() - one for each of the envelope's; false: no memory. */
bool transaction_make_recipients(struct transaction *t);

/* transaction_filter() - ask the milters of its listener; transaction_resolve() follows, or its
 * recipients are refused. */
void transaction_filter(struct transaction *t);

/* transaction_new_message() - for what scripts make of it; NULL: no memory. */
struct message *transaction_new_message(struct transaction *t);

/* transaction_changed_message() - what a filter has made of `original`: a new message, or NULL with
 * why. transaction_change() - it takes the place of the part's message; false with t->why. */
struct message *transaction_changed_message(struct transaction *t, const struct filter_result *r,
                                            int body_fd, const struct message *original,
                                            struct outcome *why);
bool transaction_change(struct transaction *t, const struct filter_result *r, int body_fd);

/* transaction_new_part() - a further part of the whole, with the same message and no parcels yet;
 * NULL: no memory. transaction_next_part() - the whole itself is the first; NULL behind the last.
 */
struct transaction *transaction_new_part(struct transaction *t);
struct transaction *transaction_next_part(const struct transaction *whole,
                                          const struct transaction *part);

/* transaction_ready() - this part can set out; the last one calls transaction_deliver(). */
void transaction_ready(struct transaction *t);

/* transaction_refuse_part() - every parcel of this part gets t->why, when all parts set out.
 * transaction_refuse() - where there are no parts, every recipient does, now. */
void transaction_refuse_part(struct transaction *t);
void transaction_refuse(struct transaction *t);

void transaction_free(struct transaction *t); /* the whole */

#endif
