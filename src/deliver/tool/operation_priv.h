/* SPDX-License-Identifier: MIT
 *
 * The tool's operations (docs/control-protocol.md): each is a row of a table and runs in slices, so
 * that mail goes on in between. A slice runs where its data lives: on the clerk (accounts, the
 * delivery log: what may take its time), or on the worker of the account that it is about. What a
 * slice found goes to the client on the loop's thread before the next one starts.
 */
#ifndef DELIVER_OPERATION_PRIV_H
#define DELIVER_OPERATION_PRIV_H

#include <jansson.h>

#include "deliver_priv.h"

struct operation;

/* One slice. Results go into op->rows, op->ok, op->message; op->more asks for another slice. A
 * failure: op->why and op->failed. On the clerk w is NULL. */
typedef void (*operation_fn)(struct operation *op, struct worker *w);

enum operation_place {
    ON_LOOP, /* what lives there and takes no time */
    ON_CLERK,
    ON_ACCOUNT, /* on its worker, after the account of args.account or args.name was found */
    ON_SCRIPTS, /* on the loop, after args.account was found: what becomes a script_request there;
                 * it ends with operation_slice_done() */
    ON_EACH,    /* on each account's worker in turn: of args.account, args.domain, or all */
    ON_WORKERS  /* on each worker in turn, then on the clerk */
};

struct operation_row {
    const char *name;
    enum operation_place place;
    operation_fn run;
    bool is_change; /* to an account's mail: not carried out again when its index was renewed */
};

struct operation {
    struct job job;
    struct deliver *deliver;
    struct control_request *request;
    const struct operation_row *row;
    json_t *args;             /* borrowed from the request */
    struct account *accounts; /* owned: whose turn it is, in order */
    size_t account_count, current;
    bool began; /* the current account's first slice was run */

    json_t *rows;            /* owned: of this slice */
    json_t *ok;              /* owned: the answer's last object */
    struct message *message; /* owned: streamed to the client at the end */
    uint64_t sent;           /* octets of it */
    uint64_t done, total;    /* progress; total 0: none to show */
    bool more;
    bool failed;
    struct outcome why;

    /* Where a long operation stands in the current account. */
    char mailbox[STORE_MAILBOX_SIZE];
    uint32_t uid;
    bool has_facts;
    uint64_t messages, problems, repaired; /* fsck's sums, and a replay's */

    /* journal.show. */
    struct journal_reader *reader; /* owned */
    json_t *kept;                  /* owned: account, id: why it is kept */
    uint64_t position;             /* records that were told */
};

/* operation_fail() - with a text for the person. */
void operation_fail(struct operation *op, enum outcome_kind kind, const char *text, ...)
    __attribute__((format(printf, 3, 4)));

/* operation_text() - an argument that must be there; NULL: operation_fail() was called. */
const char *operation_text(struct operation *op, const char *name);

/* operation_row() - a result (stolen). */
void operation_row(struct operation *op, json_t *row);

/* operation_slice_done() - loop's thread: of a slice that ends later than its run. op may be gone
 * afterwards. */
void operation_slice_done(struct operation *op);

/* operation_account() - the current account opened on its worker; NULL: failed, or op->more (its
 * hand is not there yet). With `quiet` an account that has no mail yet is no failure. */
struct open_account *operation_account(struct operation *op, struct worker *w, bool quiet);

/* operation_account_made() - the same, and one that has had no mail yet gets its store and index.
 */
struct open_account *operation_account_made(struct operation *op, struct worker *w);

/* operation_mailbox() - a mailbox of it, in line with the store. */
bool operation_mailbox(struct operation *op, struct worker *w, struct open_account *oa,
                       const char *name, struct index_mailbox *box);

/* operation_start() - run what this row says for r. */
void operation_start(struct deliver *d, struct control_request *r, const struct operation_row *row);

/* operation_refuse() - with a text for the person, before anything has run. */
void operation_refuse(struct control_request *r, enum outcome_kind kind, const char *text);

/* What is answered at once. */
void operation_ping(struct deliver *d, struct control_request *r);
void operation_stats(struct deliver *d, struct control_request *r);
void operation_metrics(struct deliver *d, struct control_request *r);

/* The operations themselves. */
void operation_account_add(struct operation *op, struct worker *w);
void operation_account_set(struct operation *op, struct worker *w);
void operation_account_passwd(struct operation *op, struct worker *w);
void operation_account_delete(struct operation *op, struct worker *w);
void operation_account_list(struct operation *op, struct worker *w);
void operation_account_show(struct operation *op, struct worker *w);
void operation_alias_add(struct operation *op, struct worker *w);
void operation_alias_list(struct operation *op, struct worker *w);
void operation_alias_delete(struct operation *op, struct worker *w);
void operation_ban_list(struct operation *op, struct worker *w);
void operation_ban_remove(struct operation *op, struct worker *w);
void operation_ban_add(struct operation *op, struct worker *w);
void operation_queue_list(struct operation *op, struct worker *w);
void operation_queue_show(struct operation *op, struct worker *w);
void operation_queue_delete(struct operation *op, struct worker *w);
void operation_queue_hold(struct operation *op, struct worker *w);
void operation_queue_release(struct operation *op, struct worker *w);
void operation_queue_retry(struct operation *op, struct worker *w);
void operation_mailbox_list(struct operation *op, struct worker *w);
void operation_mailbox_create(struct operation *op, struct worker *w);
void operation_mailbox_rename(struct operation *op, struct worker *w);
void operation_mailbox_delete(struct operation *op, struct worker *w);
void operation_mailbox_use(struct operation *op, struct worker *w);
void operation_mailbox_metadata(struct operation *op, struct worker *w);
void operation_mailbox_annotate(struct operation *op, struct worker *w);
void operation_message_list(struct operation *op, struct worker *w);
void operation_message_show(struct operation *op, struct worker *w);
void operation_message_cat(struct operation *op, struct worker *w);
void operation_message_flag(struct operation *op, struct worker *w);
void operation_message_move(struct operation *op, struct worker *w);
void operation_message_delete(struct operation *op, struct worker *w);
void operation_journal_show(struct operation *op, struct worker *w);
void operation_journal_verify(struct operation *op, struct worker *w);
void operation_journal_replay(struct operation *op, struct worker *w);
void operation_sieve_put(struct operation *op, struct worker *w);
void operation_sieve_list(struct operation *op, struct worker *w);
void operation_sieve_log(struct operation *op, struct worker *w);
void operation_sieve_get(struct operation *op, struct worker *w);
void operation_sieve_delete(struct operation *op, struct worker *w);
void operation_sieve_rename(struct operation *op, struct worker *w);
void operation_sieve_activate(struct operation *op, struct worker *w);
void operation_fsck(struct operation *op, struct worker *w);
void operation_trace(struct operation *op, struct worker *w);

#endif
