/* SPDX-License-Identifier: MIT
 *
 * One transaction of the relay, as it travels between the store, which keeps the queue, and the
 * relay role, which speaks with the next hop: a job there, a result back. Strings are UTF-8, one
 * line each; none of a packed job or result is NULL.
 */
#ifndef DOORSTEP_RELAY_JOB_H
#define DOORSTEP_RELAY_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/arena.h"
#include "doorstep/envelope.h"
#include "doorstep/pack.h"
#include "doorstep/span.h"

#define RELAY_RECIPIENTS_MAX 1000
#define RELAY_HEAD_MAX 65536
#define RELAY_STRING_MAX 1024      /* octets of an address, an ORCPT, a reply's text */
#define RELAY_PACKED_MAX (4 << 20) /* octets of a packed job or result */

enum relay_state { RELAY_DELIVERED, RELAY_DEFERRED, RELAY_FAILED }; /* in this attempt */

struct relay_recipient {
    const char *address; /* without brackets */
    unsigned notify;     /* NOTIFY_* of envelope.h; 0 when not given */
    const char *orcpt;   /* "rfc822;...", not as xtext, or "" */
};

/* Who gave a message to whom it came from, for a content filter that announces XFORWARD (Postfix,
 * XFORWARD_README): in the order in which it is said. */
enum relay_forward_attribute {
    RELAY_FORWARD_NAME,
    RELAY_FORWARD_ADDR,
    RELAY_FORWARD_PORT,
    RELAY_FORWARD_PROTO,
    RELAY_FORWARD_HELO,
    RELAY_FORWARD_IDENT,
    RELAY_FORWARD_SOURCE,
    RELAY_FORWARD_ATTRIBUTES
};

struct relay_forward {
    const char *values[RELAY_FORWARD_ATTRIBUTES]; /* "": nobody knows */
};

struct relay_job {
    const char *route;        /* name of the settings' route; "" is the smarthost */
    const char *reverse_path; /* without brackets; "" is the null one */
    const char *envid;        /* not as xtext, or "" */
    enum envelope_ret ret;
    enum envelope_body body;
    bool smtputf8; /* the message has UTF-8 in its header fields (RFC 6532) */
    bool require_tls;
    const char *by; /* DELIVERBY's value (RFC 2852 4) as of now, or "" */
    const struct relay_recipient *recipients;
    uint32_t recipient_count; /* 1 to RELAY_RECIPIENTS_MAX */
    struct span head;         /* CRLF lines that go in front of the message, or SPAN_NONE */
    uint64_t octets;          /* of the message behind head: CRLF lines, not dot-stuffed */
    bool is_question; /* would they be taken? No message follows; octets: as far as known, or 0 */
    const struct relay_forward *forward; /* borrowed; or NULL. It is not packed */
};

struct relay_answer { /* about one recipient */
    enum relay_state state;
    uint16_t code;     /* of the reply: 250, 451, 550; 0: no reply came */
    char enhanced[12]; /* "4.4.1" (RFC 3463), or "" */
    const char *text;  /* of the reply, or the cause where none came */
};

struct relay_result {
    const char *host; /* who answered: "mx.example.net[192.0.2.1]:25", or "" */
    const char *tls;  /* "TLSv1.3 TLS_AES_256_GCM_SHA384", or "": it went in plain */
    bool dsn;         /* the next hop took over what NOTIFY asks: no success report of ours */
    bool deliverby;   /* and what BY asks (RFC 2852) */
    const struct relay_answer *answers; /* one for each recipient of the job, in its order */
    uint32_t answer_count;
};

/* relay_job_pack() - whole; p->full when it is too long. */
void relay_job_pack(const struct relay_job *job, struct pack *p);

/* relay_job_unpack() - strings, recipients and head are the arena's. Trouble shows in u->broken:
 * what is out of range, not UTF-8, or has a control octet in a line is no job. */
void relay_job_unpack(struct relay_job *job, struct arena *arena, struct unpack *u);

void relay_result_pack(const struct relay_result *result, struct pack *p);
void relay_result_unpack(struct relay_result *result, struct arena *arena, struct unpack *u);

#endif
