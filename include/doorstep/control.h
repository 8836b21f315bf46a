/* SPDX-License-Identifier: MIT
 *
 * The control socket: how the operator's tool talks to the daemon. A stream socket that carries
 * one JSON object a line (docs/control-protocol.md). A request names an operation; its answer is
 * any number of rows, progress notes and pieces of bytes, then exactly one `ok` or `error`. The
 * server half runs on the loop of the store role and knows no operation; the client half blocks and
 * belongs to the tool.
 */
#ifndef DOORSTEP_CONTROL_H
#define DOORSTEP_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "doorstep/loop.h"
#include "doorstep/outcome.h"
#include "doorstep/span.h"

#define CONTROL_REQUEST_MAX ((size_t)1 << 20) /* octets of a request line, newline included */
#define CONTROL_REPLY_MAX ((size_t)32 << 20)  /* of a reply line: a message's facts may be long */
#define CONTROL_BYTES_MAX ((size_t)48 << 10)  /* octets in one piece, before base64 */
#define CONTROL_CONNECTIONS_MAX 32
#define CONTROL_UNSENT_HIGH ((size_t)4 << 20) /* from here on control_row() returns false */

/* ---- Server half: everything on the loop's thread ---- */

struct control;
struct control_request;

/* Runs an operation: now, or later through control_done() or control_fail(). Called once a request,
 * one request of a connection at a time. */
typedef void (*control_handle_fn)(void *arg, struct control_request *r);

/* control_new() - serve on listen_fd (taken, also on failure). A peer must be root or one of
 * `allowed` (copied), as SO_PEERCRED says; others get an error and are closed. NULL without memory.
 */
struct control *control_new(struct loop *l, int listen_fd, const uid_t *allowed,
                            size_t allowed_count, control_handle_fn handle, void *arg);

/* control_free() - stop listening, close the connections. Requests that are not answered yet become
 * gone and stay valid until they are. NULL is allowed. */
void control_free(struct control *c);

/* The request: borrowed, until control_done() or control_fail(). args is an object, maybe empty. */
const char *control_op(const struct control_request *r);
json_t *control_args(const struct control_request *r);

/* control_gone() - the client went away: rows are dropped, work may stop; the request must still be
 * ended. */
bool control_gone(const struct control_request *r);

/* control_row() - one row of the answer (stolen; NULL is an allocation that failed, and fails the
 * request at its end). false: more than CONTROL_UNSENT_HIGH octets wait for the client; the row is
 * queued all the same, but stop until control_when_writable() calls. A client that leaves 64 MiB
 * unread is closed. */
bool control_row(struct control_request *r, json_t *row);

/* control_progress() - done of total, as often as you like: at most ten a second are sent. */
void control_progress(struct control_request *r, uint64_t done, uint64_t total);

/* control_bytes() - raw octets of the answer, cut into pieces; false as for control_row(). */
bool control_bytes(struct control_request *r, struct span bytes);

/* control_when_writable() - after a false: fn is called once, when the client has read on or is
 * gone; never from inside a control_* call of the same request, and not after its end. */
void control_when_writable(struct control_request *r,
                           void (*fn)(void *arg, struct control_request *r), void *arg);

/* The end of a request: one of the two, once. r is freed. The handler may be called for the
 * client's next request before this returns, unless it is called from the handler. */
void control_done(struct control_request *r, json_t *ok); /* stolen; NULL: {} */
void control_fail(struct control_request *r,
                  const struct outcome *why); /* text and cause are sent */

/* ---- Client half: blocking, one thread ---- */

struct control_client;

enum control_reply_kind {
    CONTROL_ROW,      /* row */
    CONTROL_PROGRESS, /* done, total */
    CONTROL_BYTES,    /* bytes */
    CONTROL_OK,       /* row: the object of `ok`; the last reply */
    CONTROL_ERROR,    /* code, enhanced, text, cause; the last reply */
};

struct control_reply {
    enum control_reply_kind kind;
    json_t *row; /* borrowed from the client until the next control_next(); json_incref() to keep */
    uint64_t done;
    uint64_t total;
    struct span bytes; /* borrowed until the next control_next() */
    int code;          /* 550 */
    char enhanced[16]; /* "5.1.1" */
    char text[512];
    char cause[512]; /* or "" */
};

/* control_connect() - to the socket at path (at most what sun_path holds). NULL with errno: ENOENT
 * or ECONNREFUSED say that no daemon serves there. */
struct control_client *control_connect(const char *path);
void control_disconnect(struct control_client *c); /* NULL is allowed */

/* control_send() - start an operation; args stolen, NULL for none. The answer before it must have
 * been read to its end. false with errno. */
bool control_send(struct control_client *c, const char *op, json_t *args);

/* control_next() - wait for the next reply, at most timeout_ms (0: for ever). false with errno:
 * ETIMEDOUT (nothing is lost, may be called again), ECONNRESET when the daemon went away, EPROTO
 * when it sent what is no reply, ENOMEM. */
bool control_next(struct control_client *c, uint64_t timeout_ms, struct control_reply *reply);

#endif
