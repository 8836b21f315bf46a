/* SPDX-License-Identifier: MIT
 *
 * "Where did this mail go?": an append-only log of what became of each recipient, one JSON object
 * a line, state_dir/delivery.log. Each day's file is set aside as delivery.log-YYYYMMDD at
 * midnight UTC and removed when it is older than delivery_log_keep. The dispatcher appends; lines
 * wait in memory for a moment and are written together, by a thread that may wait for the disk.
 * Searched by any thread. A store that is killed loses the lines of its last moment: the log tells
 * what happened, nothing depends on it.
 */
#ifndef DELIVER_DELIVERY_LOG_PRIV_H
#define DELIVER_DELIVERY_LOG_PRIV_H

#include <jansson.h>

#include "doorstep/loop.h"
#include "doorstep/outcome.h"

#include "jobs_priv.h"

struct delivery_log;

struct delivery_event { /* all borrowed; NULL strings are left out */
    const char *id;     /* of the delivery; NULL when refused at RCPT */
    const char *queue_id;
    const char *session;
    const char *message_id;
    const char *from;
    const char *to;
    const char *account; /* user@domain */
    const char *mailbox;
    const char *sieve;   /* what scripts did */
    const char *relayed; /* "redirect": it left again, as that; */
    const char *host;    /* whoever took it, or refused to */
    const char *client;  /* address; what follows is about the same client */
    const char *client_name;
    const char *client_port;
    const char *client_protocol;
    const char *client_source;
    const char *helo;
    const char *login;
    const char *tls_version;
    const char *tls_cipher;
    bool require_tls;     /* REQUIRETLS was said */
    bool is_tls_optional; /* TLS-Required: No, and nobody said REQUIRETLS */
    uint32_t uid;         /* 0: none */
    uint64_t octets;
    uint64_t duration_ms;
    const struct outcome *why;
};

/* delivery_log_open() - keep_ms: age of the oldest line kept. NULL: `why`. */
struct delivery_log *delivery_log_open(const char *state_dir, uint64_t keep_ms,
                                       struct outcome *why);
void delivery_log_close(struct delivery_log *l);

/* delivery_log_gather() - from here on lines wait for others, and `writer` writes them; before, and
 * again with NULL for both (which comes before the writer's end), each is written at once. */
void delivery_log_gather(struct delivery_log *l, struct loop *loop, struct job_thread *writer);

/* delivery_log_append() - from one thread, the loop's. A failed write is logged once and costs
 * nothing else. */
void delivery_log_append(struct delivery_log *l, const struct delivery_event *e);

/* delivery_log_write() - what waits is in the file when this returns; any thread. */
void delivery_log_write(struct delivery_log *l);

/* delivery_log_search() - every line whose message_id, from, to, account, id, queue_id, session,
 * client, client_name, helo or login is `term` or, for addresses and ids, contains it (without
 * case), oldest first. fn returns false to stop. Any thread. */
typedef bool (*delivery_log_fn)(void *arg, json_t *line);
bool delivery_log_search(const char *state_dir, const char *term, delivery_log_fn fn, void *arg,
                         struct outcome *why);

#endif
