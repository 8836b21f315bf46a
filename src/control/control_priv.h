/* SPDX-License-Identifier: MIT
 *
 * The lines of the control socket, one function for each way: what server.c, client.c, the tests
 * and the fuzz target share. No I/O.
 */
#ifndef DOORSTEP_CONTROL_PRIV_H
#define DOORSTEP_CONTROL_PRIV_H

#include "doorstep/buf.h"
#include "doorstep/control.h"

/* A request line taken apart. */
struct control_call {
    json_t *root;   /* owned: release with control_call_release() */
    const char *op; /* borrowed from root */
    json_t *args;   /* borrowed from root; an object */
};

/* control_call_parse() - a request line without its newline. false: `why` tells the client. */
bool control_call_parse(struct span line, struct control_call *out, struct outcome *why);
void control_call_release(struct control_call *call);

/* Append one line to out, newline included; false when it does not fit or memory is out, with what
 * was there before unchanged. Objects are borrowed. */
bool control_print_call(struct buf *out, const char *op, json_t *args);
bool control_print_row(struct buf *out, json_t *row);
bool control_print_ok(struct buf *out, json_t *ok);
bool control_print_bytes(struct buf *out, struct span piece); /* at most CONTROL_BYTES_MAX */
bool control_print_progress(struct buf *out, uint64_t done, uint64_t total);
bool control_print_error(struct buf *out, int code, const char *enhanced, const char *text,
                         const char *cause);

/* control_reply_parse() - a reply line without its newline. *root is owned by the caller;
 * reply->row is borrowed from it, reply->bytes from `bytes`. false when it is no reply. */
bool control_reply_parse(struct span line, struct control_reply *reply, json_t **root,
                         struct buf *bytes);

#endif
