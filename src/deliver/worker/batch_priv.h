/* SPDX-License-Identifier: MIT
 *
 * Deliveries of one worker, carried out together: what one account gets of one message, and the
 * steps from "decided" to "durable". batch.c has the order and its invariants.
 */
#ifndef DELIVER_BATCH_PRIV_H
#define DELIVER_BATCH_PRIV_H

#include "doorstep/clock.h"
#include "doorstep/envelope.h"

#include "ledger_priv.h"
#include "worker_priv.h"

/* What a delivery reads of its transaction; constant from post to done. */
struct delivery_source {
    const struct envelope *envelope;
    const struct facts *facts;
    struct span packed_facts; /* the same, as the sorter sent them; empty: unknown */
    struct message *msg;
    /* What the ledger knows it by: as it came, before content filters changed anything. */
    struct ledger_bytes known_by;
    const struct address *received_from;
    const char *mailbox;      /* "INBOX", or another one that filters want */
    struct spool_file *spool; /* where the message is too large for a journal, else NULL */
    char id[ID_SIZE];
    struct timespec received;
    bool from_queue; /* a queueing MTA: XFORWARD IDENT, or a Received field */
};

struct parcel;

struct link { /* recipient and parcel: a recipient has several (alias), a parcel too (given twice)
               */
    uint32_t recipient; /* its number in the envelope */
    struct parcel *parcel;
    struct link *next_of_recipient;
    struct link *next_of_parcel;
};

struct delivery_times { /* microseconds; 0 for what it did not come to */
    uint64_t posted_us; /* when it was given to its worker */
    uint32_t queue_us;  /* until its batch began */
    uint32_t stage_us;  /* account, ledger, quota, and the bytes written */
    uint32_t journal_us;
    uint32_t publish_us;
};

struct sent_message {
    const char *name;
    const struct message *msg;
};

struct wanted_mailbox {                   /* RFC 8579, RFC 9042: looked for before the name */
    const char *special_use, *mailbox_id; /* or "" */
    char name[STORE_MAILBOX_SIZE]; /* of what was found: the delivery's `into` from then on */
};

struct delivery {
    struct job job;        /* run = batch_run_delivery */
    struct delivery *next; /* in the aside list or among the finished */
    struct delivery *prev;
    const struct delivery_source *source; /* borrowed; outlives the delivery */
    uint32_t recipient;                   /* the first, in the envelope: whose Delivered-To */
    const struct link *links;             /* borrowed: to all of its recipients */
    struct account_target target;
    bool overshoot; /* past the quota (design section 8: SMTP's mixed answer) */
    bool remember;  /* only write the ledger's row: the transaction was answered 4xx */
    void (*done)(struct delivery *d); /* on the loop's thread, once */

    /* Where Sieve wants it. Copies are deliveries of the same message in the same account, made
     * together with this one or not at all; their job and done are not used. */
    const char *into;              /* mailbox; NULL: as source has it */
    struct wanted_mailbox *wanted; /* borrowed, or NULL */
    bool may_create;               /* that mailbox, when it is missing; else INBOX */
    bool is_sent;         /* a copy of what leaves: no trace of a delivery in front of it */
    unsigned flags;       /* STORE_SEEN ... */
    const char *keywords; /* separated by spaces, or NULL */
    struct span effects; /* of Sieve, as effects_pack() made them: of the account, with the first */
    bool effects_only;   /* it goes to no mailbox */
    const struct sent_message *sent; /* what effects name: kept before they are journalled */
    uint32_t sent_count;
    uint32_t send_items;     /* what effects send: how many, */
    uint64_t send_octets;    /* and how much */
    struct delivery *copies; /* borrowed; copy_count of them */
    uint32_t copy_count;

    /* Results. */
    struct outcome why;
    char id[ID_SIZE]; /* of the delivery that holds: an earlier one's for a duplicate */
    uint32_t uid;
    bool is_durable;  /* its store has it on stable storage without the journal's help */
    uint64_t segment; /* of the journal */
    bool has_usage;
    uint64_t usage_octets; /* of the account afterwards */
    uint64_t usage_messages;
    struct delivery_times times;

    /* While the worker has it. */
    struct open_account *account;
    int64_t mailbox; /* the index's row, where it is not the inbox */
    uint32_t uid_validity;
    struct store_staged *staged;
    struct store_ref ref;
    struct buf trace;
    struct buf record;   /* of a copy: of the journal */
    bool is_merged;      /* a copy: another one went to the same mailbox */
    uint32_t sent_kept;  /* of sent: lie in the queue's folder */
    uint64_t again_ms;   /* aside: when to try again */
    uint64_t give_up_ms; /* aside: when to answer BUSY; 0 until it was busy once */
    bool reopened;       /* its hand was gone; asked for another once */
};

/* delivery_member() - the delivery itself (0), or one of its copies (1 to copy_count). */
struct delivery *delivery_member(struct delivery *d, uint32_t i);

/* delivery_mailbox() - where it goes. */
const char *delivery_mailbox(const struct delivery *d);

/* batch_run_delivery() - a job's run: gather; a full batch is carried out at once. */
void batch_run_delivery(struct job *job, void *worker);

/* batch_finish_one() - d->why is its outcome; it waits in *finished to be given back. */
void batch_finish_one(struct worker *w, struct delivery *d, struct delivery **finished);

/* batch_finish() - carry out what was gathered, so that what comes next sees it. */
void batch_finish(struct worker *w);

/* batch_idle() - the thread's idle hook: the batch, then what is aside and due. */
unsigned batch_idle(void *worker);

/* batch_forget_account() - close an account that was deleted; what waits for it is answered BUSY.
 */
void batch_forget_account(struct worker *w, const char *user, const char *domain);

/* batch_end() - the worker ends: what is still aside is answered BUSY. */
void batch_end(struct worker *w);

#endif
