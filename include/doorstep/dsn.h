/* SPDX-License-Identifier: MIT
 *
 * Delivery status notifications (RFC 3461, 3464, 6522, 6533): who is owed which, and their text;
 * and what a script refuses as a disposition notification (RFC 8098). Pure: what became of the
 * message, and when and how a report is sent, is the caller's. All that stands in a report may be
 * hostile: what the far side said, addresses, the message.
 */
#ifndef DOORSTEP_DSN_H
#define DOORSTEP_DSN_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "doorstep/buf.h"
#include "doorstep/envelope.h"

#define DSN_ORIGINAL_MAX ((size_t)256 * 1024) /* octets of a message that is returned whole */

/* RFC 3464 2.3.3 */
enum dsn_action { DSN_FAILED, DSN_DELAYED, DSN_DELIVERED, DSN_RELAYED, DSN_EXPANDED };

struct dsn_recipient {   /* all borrowed; strings are never NULL */
    const char *address; /* as our envelope had it, without brackets */
    const char *orcpt;   /* "rfc822;..." decoded, or "" */
    enum dsn_action action;
    uint16_t code;        /* of the reply; 0: none came */
    const char *enhanced; /* "5.1.1", or "" */
    const char *text;     /* the reply without its codes, or the cause; UTF-8 */
    const char *remote;   /* "mx.example.net[192.0.2.1]:25"; "": nobody else had a part in it */
    time_t last_attempt;  /* 0: not known */
    time_t retry_until;   /* of DSN_DELAYED; 0: not known */
};

struct dsn {                           /* all borrowed; strings are never NULL */
    const char *hostname, *postmaster; /* ours */
    const char *id;                    /* the left side of a Message-ID, unique in the world */
    const char *sender;                /* the reverse-path: whom it goes to; never "" */
    const char *envid;                 /* decoded, or "" */
    const char *received_from;         /* the name of who handed it to us, or "" */
    time_t now, arrived;               /* arrived 0: not known */
    time_t deliver_by;                 /* 0: nobody named a time (RFC 2852 5) */
    enum envelope_ret ret;
    struct span
        original; /* the message, or its beginning: its header and DSN_ORIGINAL_MAX octets do */
    uint64_t original_octets; /* of the whole message */
    bool may_utf8; /* the way back takes SMTPUTF8, as with every sender who is not ASCII */
    const struct dsn_recipient *recipients; /* whom dsn_wanted() holds for */
    uint32_t recipient_count;
};

/* dsn_wanted() - is this to be reported (RFC 3461 4.1, 5.2)? notify is of NOTIFY_*, 0 where nothing
 * was said. Never to the null reverse-path, so never about a report (RFC 5321 4.5.5). */
bool dsn_wanted(const char *reverse_path, unsigned notify, enum dsn_action action);

/* dsn_print() - the report, to be sent from <> to d->sender with NOTIFY=NEVER (RFC 3461 6.1). Lines
 * end in CRLF and have at most 998 octets. Failures bring the message unless RET says otherwise, it
 * is too big or cannot be a part as it is; the others its header alone. False when out is full. */
bool dsn_print(const struct dsn *d, struct buf *out);

/* dsn_print_refusal() - as dsn_print(), of d's one recipient, whose script refuses the message with
 * that reason: a disposition notification (RFC 5429 2.2.1, RFC 8098). The fields for programs are
 * in 7 bits. */
bool dsn_print_refusal(const struct dsn *d, const char *reason, struct buf *out);

/* dsn_needs_smtputf8() - does what dsn_print() makes of it take SMTPUTF8 to be sent? */
bool dsn_needs_smtputf8(const struct dsn *d);

#endif
