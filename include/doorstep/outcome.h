/* SPDX-License-Identifier: MIT
 *
 * What became of a step, from the disk to the wire: one kind, whose reply stands once in the
 * table of outcome.c; a text for the peer where the row says too little; a cause for our log.
 * A step that can fail returns bool and fills `why` where the cause is known; only the edge
 * prints it (RFC 5321 4.2, RFC 3463).
 */
#ifndef DOORSTEP_OUTCOME_H
#define DOORSTEP_OUTCOME_H

#include <stdbool.h>

#include "doorstep/pack.h"
#include "doorstep/span.h"

enum outcome_kind {
    OUTCOME_OK,              /* 250 2.0.0 */
    OUTCOME_DELIVERED,       /* 250 2.1.5 */
    OUTCOME_DUPLICATE,       /* 250 2.1.5: the ledger knew it */
    OUTCOME_RCPT_OK,         /* 250 2.1.5, at RCPT */
    OUTCOME_NO_SUCH_USER,    /* 550 5.1.1 */
    OUTCOME_NOT_OURS,        /* 550 5.7.1: no domain of ours, never relayed */
    OUTCOME_DISABLED,        /* 550 5.2.1 */
    OUTCOME_OVER_QUOTA,      /* 452 4.2.2 */
    OUTCOME_OVER_QUOTA_HARD, /* 552 5.2.2 */
    OUTCOME_TOO_BIG,         /* 552 5.3.4 */
    OUTCOME_LOOP,            /* 554 5.4.6 */
    OUTCOME_BAD_CONTENT,     /* 554 5.6.0 */
    OUTCOME_BAD_ADDRESS,     /* 553 5.1.3 */
    OUTCOME_BUSY,            /* 451 4.2.0 */
    OUTCOME_DISK_FULL,       /* 452 4.3.1 */
    OUTCOME_SYSTEM,          /* 451 4.3.0 */
    OUTCOME_OVERLOAD,        /* 451 4.3.2 */
    OUTCOME_TIMEOUT,         /* 451 4.4.2 */
    OUTCOME_NOT_FOUND,       /* 550 5.2.0: no such mailbox or message (tool, not SMTP) */
    OUTCOME_EXISTS,          /* 550 5.2.0 (tool) */
    OUTCOME_BAD_REQUEST,     /* 501 5.5.4 (tool) */
    OUTCOME_CORRUPT,         /* 451 4.3.0: a database or file is damaged */
    OUTCOME_UNREADABLE,      /* 451 4.3.0: the disk does not give a page of a database now */
    OUTCOME_FILTER_REFUSED,  /* 550 5.7.1, or what the content filter said */
    OUTCOME_FILTER_DEFERRED, /* 451 4.7.1, or what the content filter said */
    OUTCOME_DISCARDED,       /* 250 2.1.5: a content filter took it away */
    OUTCOME_NETWORK_RATE,    /* 450 4.7.1: a network has sent enough for now */
    OUTCOME_ACCOUNT_RATE,    /* 450 4.2.1: an account has got enough for now */
    OUTCOME_RELAYED,         /* 250 2.0.0, or what the next hop said: it has it */
    OUTCOME_RELAY_DEFERRED,  /* 451 4.4.1, likewise: not now */
    OUTCOME_RELAY_REFUSED,   /* 554 5.0.0, likewise: never */
    OUTCOME_KINDS
};

/* Octets of text for the peer, and lines where a filter's reply has several. */
#define OUTCOME_TEXT_SIZE 1024
#define OUTCOME_LINES_MAX 32

struct outcome {
    enum outcome_kind kind;
    uint16_t code;     /* a filter's or next hop's own, of the class of the row; 0: the row's */
    char enhanced[12]; /* theirs, "" with the row's */
    char text[OUTCOME_TEXT_SIZE]; /* for the peer, when the row says too little; no control octet
                                   * but, of a filter, LF between lines */
    char cause[256];              /* for our log only: call, path, errno */
};

/* The row of the table. */
int outcome_code(const struct outcome *o);             /* 250 ... 554 */
const char *outcome_enhanced(const struct outcome *o); /* "2.1.5" */
const char *outcome_text(const struct outcome *o);     /* o->text, or the row's */

bool outcome_is_success(const struct outcome *o);   /* 2xx */
bool outcome_is_temporary(const struct outcome *o); /* 4xx */
bool outcome_is_permanent(const struct outcome *o); /* 5xx */

/* outcome_set() - fill with a kind and a formatted cause (may be NULL); text becomes empty.
 * Returns true for a success, so that `return outcome_set(...)` reads right. */
bool outcome_set(struct outcome *o, enum outcome_kind kind, const char *cause, ...)
    __attribute__((format(printf, 3, 4)));

/* outcome_say() - set the text for the peer; control octets become spaces. */
void outcome_say(struct outcome *o, const char *text, ...) __attribute__((format(printf, 2, 3)));

/* outcome_reply() - a filter's reply as it came, "550 5.7.1 text", perhaps of several lines: the
 * kind follows from its code. false: it is no reply of 4xx or 5xx, and nothing changes. */
bool outcome_reply(struct outcome *o, struct span reply);

/* outcome_relayed() - a next hop's reply: RELAYED, RELAY_DEFERRED or RELAY_REFUSED after its class;
 * one without a code is deferred. enhanced that is none of that class is left out, and so are what
 * control octets text has. */
void outcome_relayed(struct outcome *o, unsigned code, const char *enhanced, const char *text);

/* outcome_errno() - errno as an outcome: ENOSPC is DISK_FULL, EDQUOT OVER_QUOTA, EAGAIN, EACCES of
 * locks BUSY, all others SYSTEM (in doubt temporary). Returns false. */
bool outcome_errno(struct outcome *o, int error, const char *call, const char *path);

void outcome_pack(const struct outcome *o, struct pack *p);
void outcome_unpack(struct outcome *o, struct unpack *u); /* a kind out of range breaks u */

#endif
