/* SPDX-License-Identifier: MIT
 *
 * What a script does besides filing: keys to be remembered, mail to be sent, failures to be told.
 * Packed with the delivery into the journal; written with its rows: keys and failures into the
 * account's index, mail into the queue.
 */
#ifndef DELIVER_EFFECTS_PRIV_H
#define DELIVER_EFFECTS_PRIV_H

#include "doorstep/relay_queue.h"

#include "batch_priv.h"

enum effect_kind {
    EFFECT_MARK = 1, /* key, until */
    EFFECT_LOG = 3,  /* text */
    EFFECT_SEND = 4  /* item; key and until: only where the key is not seen */
};

struct effect { /* strings are never NULL */
    enum effect_kind kind;
    const char *key;        /* or "" */
    uint64_t until;         /* seconds since 1970 */
    const char *text;       /* or "" */
    struct queue_item item; /* SEND: as queue_item_pack() has it */
};

#define EFFECT_TEXT_MAX (64 * 1024)
#define EFFECTS_SENT_MAX 64 /* that one delivery sends */

/* effects_pack() - appends one. false: out is full. */
bool effects_pack(const struct effect *e, struct buf *out);

/* effect_unpack() - memory from arena; false: it is none. */
bool effect_unpack(struct effect *e, struct arena *arena, struct unpack *u);

/* effects_apply() - all of them, inside a transaction of the account's index: what is sent lies in
 * the queue before that is committed, and is known there when all of it comes again. */
bool effects_apply(struct worker *w, struct open_account *oa, struct span packed,
                   const char *delivery_id, time_t when, struct outcome *why);

/* effects_keep_messages() - the files that what it sends names, on stable storage in the queue
 * before anybody counts on them. effects_drop_messages(): it came to nothing. */
bool effects_keep_messages(struct worker *w, struct delivery *d);
void effects_drop_messages(struct worker *w, struct delivery *d);

#endif
