/* SPDX-License-Identifier: MIT
 *
 * What deliver/ writes into the journal: packed, and unpacked again after a crash. A record of a
 * message holds everything that one message does in the accounts of one worker: its bytes once, its
 * facts, and a part for each account. The reader trusts nothing.
 */
#ifndef DELIVER_RECORD_PRIV_H
#define DELIVER_RECORD_PRIV_H

#include "doorstep/journal.h"

#include "batch_priv.h"

enum record_type {
    RECORD_MESSAGE = JOURNAL_TYPE_MIN, /* delivered, or about to be */
    RECORD_CANCEL, /* a part of a message: it was not published, and the client was told */
    RECORD_LEDGER, /* an account has a message whose client was told to come again */
    RECORD_CHANGE, /* flags, a move or a removal made through us; record_change_priv.h */
    RECORD_KEPT,   /* as RECORD_MESSAGE, of one account: a replay could not bring it back yet */
};

#define RECORD_KEYS_MAX ENVELOPE_RECIPIENTS_MAX /* recipients that one part stands for */
#define RECORD_TRACE_MAX 8192
#define RECORD_PLACE_MAX 1024
#define RECORD_EFFECTS_MAX (1024u * 1024)
#define RECORD_FACTS_MAX (1024u * 1024) /* larger ones are found anew at the next look */
#define RECORD_MAX (32u * 1024 * 1024)  /* of a record without the bytes of its message */

struct record_part {        /* what one account gets */
    struct account account; /* user, domain, home, is_system, uid and gid; as it was then */
    const char *mailbox;
    uint32_t uid_validity;
    uint32_t uid;
    unsigned flags;
    bool is_durable; /* the store had it on stable storage itself: only the row may be missing */
    struct store_ref ref;
    struct span trace;
    struct span place;       /* for store_restore() */
    const char *keywords;    /* separated by spaces, or "" */
    struct span effects;     /* of Sieve, packed; empty: none */
    const char *const *keys; /* of the ledger, hex; key_count of them */
    uint32_t key_count;
};

struct record_message {
    char id[ID_SIZE];
    struct timespec received;
    const char *return_path; /* printed, "" for <> */
    bool keep_bytes;
    bool require_tls;    /* REQUIRETLS: whoever sends it on needs TLS (RFC 8689) */
    uint64_t body_lines; /* of the message as received */
    char digest[MESSAGE_DIGEST_SIZE];
    struct span facts; /* packed; empty: unknown */
    const char *spool; /* name of a file in spool/ that has the bytes, or "" */
    struct span bytes; /* as received, where spool is "" */
    struct record_part *parts;
    uint32_t part_count;
};

/* record_message_pack() - all but the bytes of the message, which follow as they are: for the
 * deliveries in list, all of one message. Appended to out. false: out is full. */
bool record_message_pack(struct buf *out, struct delivery *const *list, size_t count);

/* record_message_unpack() - borrows from record and arena. false: it is none (or no memory). */
bool record_message_unpack(struct record_message *out, struct span record, struct arena *arena);

/* record_message_repack() - one part of an unpacked message again, to be written once more: with
 * this UID. Without the bytes, as above. */
bool record_message_repack(struct buf *out, const struct record_message *m,
                           const struct record_part *part, uint32_t uid_validity, uint32_t uid);

struct record_cancel { /* names a part of a message */
    char user[ACCOUNT_USER_SIZE];
    char domain[ACCOUNT_DOMAIN_SIZE];
    char name[STORE_REF_SIZE]; /* of the part's store_ref */
};

bool record_cancel_pack(struct buf *out, const struct delivery *d);
bool record_cancel_unpack(struct record_cancel *out, struct span record);

struct record_ledger {
    struct account account;
    char id[ID_SIZE];
    int64_t when; /* seconds since 1970 */
    const char *const *keys;
    uint32_t key_count;
    struct span effects; /* as of a part */
};

bool record_ledger_pack(struct buf *out, const struct delivery *d);
bool record_ledger_unpack(struct record_ledger *out, struct span record, struct arena *arena);

/* record_account_pack() / record_account_unpack() - of an account what a replay needs. */
bool record_account_pack(struct pack *p, const struct account *a);
bool record_account_unpack(struct account *a, struct unpack *u);

#endif
