/* SPDX-License-Identifier: MIT
 *
 * What a script does besides filing: keys to be remembered, mail to be sent, failures to be told.
 * Packed with the delivery into the journal; written into the account's index with its rows.
 */
#ifndef DELIVER_EFFECTS_PRIV_H
#define DELIVER_EFFECTS_PRIV_H

#include "batch_priv.h"

enum effect_kind {
    EFFECT_MARK = 1, /* key, until */
    EFFECT_SEND = 2, /* kind, details; key and until: only where the key is not seen */
    EFFECT_LOG = 3   /* details */
};

struct effect { /* strings are never NULL */
    enum effect_kind kind;
    const char *key;     /* or "" */
    uint64_t until;      /* seconds since 1970 */
    const char *action;  /* "redirect" */
    const char *sender;  /* reverse-path */
    const char *details; /* "name: value" lines */
    const char *once;    /* what makes it the same when it comes twice */
    const char *file;    /* name of the message in outgoing/, or "" */
};

#define EFFECT_TEXT_MAX (64 * 1024)

/* effects_pack() - appends one. false: out is full. */
bool effects_pack(const struct effect *e, struct buf *out);

/* effects_apply() - all of them, inside a transaction. What cannot be read is none of ours. */
bool effects_apply(struct index *ix, struct span packed, const char *delivery_id, time_t when,
                   struct outcome *why);

/* effects_keep_message() - the message that is to be sent, on stable storage in the account's
 * folder, before anybody counts on it. */
bool effects_keep_message(const struct open_account *oa, const char *name,
                          const struct message *msg, struct outcome *why);

#endif
