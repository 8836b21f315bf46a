/* SPDX-License-Identifier: MIT
 *
 * An LMTP client (RFC 2033) for one message: blocking, with one deadline for all. Called by
 * `doorstep deliver`; Doorstep's own server answers it, or any other.
 */
#ifndef DOORSTEP_LMTP_PRIV_H
#define DOORSTEP_LMTP_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "doorstep/buf.h"
#include "doorstep/settings.h"
#include "source_priv.h"

struct lmtp_reply {
    int code;          /* 250; 0: none came, text says why */
    char enhanced[16]; /* "2.1.5", or "" */
    char text[256];    /* the last line's, as sent */
};

struct lmtp_recipient {
    const char *path; /* without brackets, as it is sent; borrowed */
    struct lmtp_reply
        reply; /* the one that counts: of RCPT when refused there, else of the message */
};

struct lmtp {
    int fd;
    uint64_t deadline; /* clock_ms() */
    struct buf in;
    bool can_8bit, can_size, can_utf8;
};

/* lmtp_open() - connect, greeting, LHLO. false: *why says what came; l needs no lmtp_close() then.
 */
bool lmtp_open(struct lmtp *l, const struct settings_address *to, const char *own_name,
               uint64_t timeout_ms, struct lmtp_reply *why);

/* lmtp_send() - one transaction; fills every recipient's reply. */
void lmtp_send(struct lmtp *l, const char *reverse_path, bool needs_utf8,
               struct lmtp_recipient *recipients, size_t count, const struct source *message);

/* lmtp_close() - QUIT, without waiting for its answer. */
void lmtp_close(struct lmtp *l);

#endif
