/* SPDX-License-Identifier: MIT
 *
 * What an index keeps of a delivery: UID, facts, ledger. The rows of an account wait in memory,
 * held by the journal, and are written several at a time: see rows.c for when. Worker's thread.
 */
#ifndef DELIVER_ROWS_PRIV_H
#define DELIVER_ROWS_PRIV_H

#include "batch_priv.h"

struct row_message { /* what the rows of one message share */
    unsigned users;
    char id[ID_SIZE];
    struct timespec received;
    uint64_t body_lines;
    char digest[MESSAGE_DIGEST_SIZE];
    size_t facts_octets; /* 0: unknown */
    char facts[];        /* packed */
};

struct row {
    struct row *next;
    struct row_message *message; /* a reference; NULL: only keys for the ledger, `id` and `when` */
    uint64_t segment;            /* of the journal, that holds it */
    char *mailbox_name;          /* owned; NULL: INBOX */
    int64_t mailbox;             /* the index's row of it */
    uint32_t inbox_validity;     /* INBOX's, of the index that `mailbox` and `uid` belong to */
    uint32_t uid;
    unsigned flags;
    struct store_ref ref;
    char *keywords; /* owned, or NULL */
    char *effects;  /* owned: of Sieve, packed; or NULL */
    size_t effects_octets;
    uint32_t send_items; /* what they send */
    uint64_t send_octets;
    uint64_t lines; /* with our trace */
    char id[ID_SIZE];
    time_t when;
    uint32_t key_count;
    char keys[][INDEX_LEDGER_KEY_SIZE]; /* of the ledger */
};

struct row_message *row_message_new(const char *id, struct timespec received, uint64_t body_lines,
                                    const char *digest, struct span facts);
void row_message_unref(struct row_message *m); /* NULL is allowed */

/* row_new() - with room for key_count keys; message: takes a reference. NULL: no memory. */
struct row *row_new(struct row_message *message, uint32_t key_count);
void row_free(struct row *r);

/* row_take_words() - flags, keywords and effects of the delivery, copied. false: no memory. */
bool row_take_words(struct row *r, const struct delivery *d);

/* row_set_mailbox() - where the delivery's message lies, in the index of now. false: no memory. */
bool row_set_mailbox(struct row *r, const struct delivery *d);

/* rows_add() - the row (taken) waits with the account's others. */
void rows_add(struct worker *w, struct open_account *oa, struct row *r);

/* rows_flush() - all rows of the account are in its index (committed; on stable storage at the next
 * checkpoint, held by the journal until then). Before anybody looks at the account. A damaged index
 * is set aside, rebuilt and written once more. On failure those that are not written wait on. */
bool rows_flush(struct worker *w, struct open_account *oa, struct outcome *why);

/* rows_ledger_find() - among the rows that wait. */
bool rows_ledger_find(const struct open_account *oa, const char *key, char id[ID_SIZE]);

/* rows_usage() - what the account holds, the rows that wait counted in. */
bool rows_usage(const struct open_account *oa, uint64_t *octets, uint64_t *messages,
                struct outcome *why);

/* rows_flush_merged() - when enough of them wait to share a transaction. */
void rows_flush_merged(struct worker *w, struct open_account *oa);

/* rows_flush_below() - rows that lie in a segment below `segment`, of accounts_max accounts; *more:
 * there are others. false: some could not be written. */
bool rows_flush_below(struct worker *w, uint64_t segment, unsigned accounts_max, bool *more);

/* rows_drop() - of an account that is no more. */
void rows_drop(struct worker *w, struct open_account *oa);

/* rows_idle() - an account's that have waited a moment; ms until it should be called again. */
unsigned rows_idle(struct worker *w);

/* rows_count_lines() - line ends of our trace fields. */
uint64_t rows_count_lines(struct span trace);

/* rows_body_lines() - of the message as received. */
uint64_t rows_body_lines(const struct delivery_source *source);

/* rows_packed_facts() - what is kept of them until the row is written; empty: unknown, or too large
 * to be kept twice (the next look has them found anew). */
struct span rows_packed_facts(const struct delivery_source *source);

/* rows_key_count() - how many keys a delivery brings into the ledger; 0 where no queue repeats it.
 */
uint32_t rows_key_count(const struct delivery *d);

/* rows_key() - the ledger's key of a delivery for one of its recipients. */
void rows_key(const struct delivery *d, uint32_t recipient, char key[INDEX_LEDGER_KEY_SIZE]);

#endif
