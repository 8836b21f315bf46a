/* SPDX-License-Identifier: MIT
 *
 * What a replay could not carry out (the disk is full, a mailbox locked, a domain gone from the
 * configuration): acknowledged mail, never dropped. It stays in the worker's journal, is written
 * there anew before its segment is freed, and is tried again every minute. Worker's thread, but for
 * what is said to be thread-safe.
 */
#ifndef DELIVER_KEPT_PRIV_H
#define DELIVER_KEPT_PRIV_H

#include "restore_priv.h"

struct spool_file;

struct kept {
    struct kept *prev, *next;
    struct account account;
    uint16_t type;            /* RECORD_KEPT, RECORD_LEDGER or RECORD_CHANGE */
    struct buf record;        /* as it goes into the journal, without bytes */
    struct spool_file *spool; /* owned; has the bytes, or NULL */
    char spool_id[ID_SIZE];   /* its name, or "" */
    struct message *bytes;    /* owned; the same, where no file could be made */
    uint64_t segment;         /* of the journal; 0: not written yet */
    uint64_t carried;         /* added to this one, and not synced yet; 0: it is not */
    struct outcome why;       /* of the last try */

    /* For people, and to know it by; empty and 0 where there is no message. */
    char id[ID_SIZE];
    char name[STORE_REF_SIZE];
    char mailbox[STORE_MAILBOX_SIZE];
    uint32_t uid;
    uint64_t octets;
};

/* Taking in, at start; `why` is copied. Without memory w->lost_kept is set: the journal that was
 * read must not be cleared then. */
void kept_add_message(struct worker *w, const struct restore *part, const struct outcome *why);
void kept_add_ledger(struct worker *w, const struct record_ledger *l, struct span record,
                     const struct outcome *why);
void kept_add_change(struct worker *w, const struct account *a, const struct change *c,
                     const struct outcome *why);

/* kept_carry() - whatever lies in a segment below `below`, or in none yet, is on stable storage in
 * the current one. */
bool kept_carry(struct worker *w, uint64_t below, struct outcome *why);

/* kept_oldest() - the oldest segment that holds something kept; UINT64_MAX: nothing is kept. */
uint64_t kept_oldest(const struct worker *w);

/* kept_retry() - try all now; how many were carried out. kept_idle() - the same when a minute has
 * passed; ms until it should be called again. */
unsigned kept_retry(struct worker *w);
unsigned kept_idle(struct worker *w);

/* kept_forget() - of an account that was deleted. */
void kept_forget(struct worker *w, const char *user, const char *domain);

/* kept_free_all() - the worker ends; the journal has it all. */
void kept_free_all(struct worker *w);

#endif
