/* SPDX-License-Identifier: MIT
 *
 * What the MTA said around a message: reverse-path, recipients, parameters, and who it was.
 * Made by the edge, carried through the door at end of data, read by the store.
 */
#ifndef DOORSTEP_ENVELOPE_H
#define DOORSTEP_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/address.h"
#include "doorstep/arena.h"
#include "doorstep/pack.h"

enum envelope_body { BODY_7BIT, BODY_8BITMIME, BODY_BINARYMIME };
enum envelope_protocol { PROTOCOL_SMTP, PROTOCOL_ESMTP, PROTOCOL_LMTP };
enum envelope_notify { NOTIFY_NEVER = 1, NOTIFY_SUCCESS = 2, NOTIFY_FAILURE = 4, NOTIFY_DELAY = 8 };
enum envelope_ret { RET_NONE, RET_FULL, RET_HDRS };

struct envelope_recipient {
    struct address address;
    const char *orcpt; /* "rfc822;..." xtext decoded (RFC 3461 4.2), or "" */
    unsigned notify;   /* NOTIFY_*; 0 when not given */
};

struct envelope {
    struct address reverse_path;
    enum envelope_body body;
    enum envelope_protocol protocol;
    enum envelope_ret ret;
    bool smtputf8;
    bool require_tls;            /* REQUIRETLS: whoever sends it on needs TLS (RFC 8689) */
    uint64_t size;               /* SIZE=, 0 when not given */
    const char *envid;           /* xtext decoded, or "" */
    const char *helo;            /* as the client named itself */
    const char *client_ip;       /* "127.0.0.1", "IPv6:::1", "" for a unix socket; XFORWARD wins */
    const char *client_name;     /* or "" */
    const char *client_port;     /* or ""; as the three below */
    const char *client_protocol; /* XFORWARD or XCLIENT PROTO: how it came to who sent it to us */
    const char *client_source;   /* XFORWARD SOURCE: "LOCAL", "REMOTE" */
    const char *login;           /* who logged in, here or (XCLIENT LOGIN) at a proxy */
    const char *auth_sender;     /* MAIL's AUTH= (RFC 4954 5): an address, "<>", or "" */
    const char *queue_id;        /* XFORWARD IDENT, or "" */
    const char *session;         /* our session id, for the log */
    const char *tls_version;     /* "TLSv1.3", or "": it came in plain */
    const char *tls_cipher;      /* "TLS_AES_256_GCM_SHA384", or "" */
    const char *filter;          /* the message's name at the content filters (filter.h), or "" */
    bool filter_must;            /* refuse for now what they cannot look at */
    struct envelope_recipient *recipients; /* accepted ones, in order of RCPT */
    uint32_t recipient_count;
};

#define ENVELOPE_RECIPIENTS_MAX 50000

/* envelope_pack() - whole; the reader gets the same. */
void envelope_pack(const struct envelope *e, struct pack *p);

/* envelope_unpack() - memory from arena; false when the bytes are not an envelope. */
bool envelope_unpack(struct envelope *e, struct arena *arena, struct unpack *u);

#endif
