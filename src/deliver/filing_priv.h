/* SPDX-License-Identifier: MIT
 *
 * Sieve for a transaction: which scripts run for each parcel, the sorter's results read as plans,
 * and what a plan makes of a parcel. A script that fails loses no mail: the message goes to INBOX.
 */
#ifndef DELIVER_FILING_PRIV_H
#define DELIVER_FILING_PRIV_H

#include "doorstep/personal.h"

#include "sieve_lists_priv.h"
#include "transaction_priv.h"

#define FILING_SPOOLS_MAX 64

typedef void (*filing_fn)(struct transaction *t, bool is_filed);

struct filing { /* of a transaction; lies in its arena */
    struct sorters_filing asked;
    struct span *runs;
    struct parcel **parcels; /* of each run */
    struct sorters_filed *filed;
    sorters_fn fn;
    struct spool_file *spools[FILING_SPOOLS_MAX]; /* owned: of edited messages */
    uint32_t spool_count;
    uint32_t programs; /* that scripts have asked for */
    uint32_t looking;  /* parcels whose active script is not known yet */
    uint32_t checking; /* parcels of which nobody has said yet whether what they send has room */
    bool is_filed;
    filing_fn checked;
};

/* filing_sort() - all parcels are there: facts, and what Sieve says where accounts have scripts.
 * fn gets what sorters_ask() gives. */
void filing_sort(struct transaction *t, sorters_fn fn);

/* filing_check_room() - after that: what may not wait in its account any more becomes a failure of
 * its script. fn is called once, perhaps at once. */
void filing_check_room(struct transaction *t, bool is_filed, filing_fn fn);

/* filing_plan() - after fn: where each parcel goes. A parcel that is delivered nowhere has its
 * answer in delivery.why, and p->is_settled. */
void filing_plan(struct transaction *t, bool is_filed);

/* filing_action_leaves() - is there somebody to send it to? */
bool filing_action_leaves(const struct filing_action *a);

/* filing_take_effects() - what the script does besides filing, into p->delivery; told grows by what
 * the delivery log says of it. True: there is something. */
bool filing_take_effects(struct parcel *p, const struct filing_result *r, struct buf *told);

/* filing_tell_failure() - the account's owner shall know, and the log; before
 * filing_take_effects(). */
void filing_tell_failure(struct parcel *p, enum filing_layer layer, const char *error);

/* filing_keep_refused() - the sender cannot be told that the script refused the message: it goes to
 * INBOX. */
void filing_keep_refused(struct parcel *p);

/* filing_ask_program() - a script wants a program to run; the sorter is told now or later. words:
 * hostile; borrowed for the call. */
void filing_ask_program(struct transaction *t, const struct parcel *p,
                        const struct sorters_question *q, struct span words);

/* hooks_before() - filters before Sieve look at the message; transaction_sort() follows for what is
 * left of it, part by part. hooks_after() - those behind Sieve, for each parcel that goes
 * somewhere; transaction_ready() follows. hooks.c */
void hooks_before(struct transaction *t);
void hooks_after(struct transaction *t);

/* filing_release() - what it holds beyond the arena. */
void filing_release(struct transaction *t);

/* global_scripts_read() - the administrator's, from the files that the settings name; before the
 * store confines itself. What cannot be read is logged. global_scripts_free(): NULL is allowed. */
struct global_scripts *global_scripts_read(const struct settings *s);
void global_scripts_free(struct global_scripts *g);

/* global_file_read() - a file of the administrator's, appended to out. What cannot be read is
 * logged. */
bool global_file_read(const char *path, struct buf *out);

struct global_script {
    enum filing_layer layer;
    const char *name;
    char hash[PERSONAL_SCRIPT_HASH_SIZE];
    struct buf text;
};

struct global_include {
    char name[PERSONAL_SCRIPT_NAME_SIZE];
    struct buf text;
};

struct global_scripts {
    struct global_script list[FILING_SCRIPTS_MAX - 1];
    uint32_t count;
    struct global_include *includes; /* for `include :global` */
    uint32_t include_count;
    struct sieve_lists *lists;
};

#endif
