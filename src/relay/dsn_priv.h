/* SPDX-License-Identifier: MIT
 *
 * The parts of a delivery status notification.
 */
#ifndef DSN_PRIV_H
#define DSN_PRIV_H

#include "doorstep/dsn.h"

#define DSN_TEXT_MAX 1024  /* octets of a reply that are shown */
#define DSN_STATUS_SIZE 12 /* "5.123.123" */

/* dsn_append_clean() - text on one line, at most DSN_TEXT_MAX octets of it: controls become blanks,
 * marks that turn or hide text and what is no UTF-8 become '?', and with ascii_only all that is not
 * ASCII. */
bool dsn_append_clean(struct buf *out, const char *text, bool ascii_only);

/* dsn_status() - RFC 3463's code, as sent where it fits the action, else the class alone. */
void dsn_status(const struct dsn_recipient *r, char out[DSN_STATUS_SIZE]);

/* dsn_remote_name() - the name of a remote without its address and port; "localhost" for a socket
 * on this host. */
struct span dsn_remote_name(const char *remote);

/* ---- dsn.c: what all reports have ---- */

struct dsn_heading {
    const char *subject;
    const char *comment; /* of Auto-Submitted: " (...)" or "" */
    const char *report_type;
    bool is_ascii; /* all that follows */
};

bool dsn_print_header(const struct dsn *d, const struct dsn_heading *h, const char *boundary,
                      struct buf *out);
bool dsn_print_boundary(const char *boundary, const char *end, struct buf *out);

/* dsn_print_original() - the last part, and the boundary that ends the message. */
bool dsn_print_original(const struct dsn *d, const char *boundary, struct buf *out);

/* ---- dsn_text.c: for people ---- */
bool dsn_print_text(const struct dsn *d, bool returns_whole, struct buf *out);

/* ---- dsn_status.c: for programs; in UTF-8 or ASCII ---- */
bool dsn_print_status(const struct dsn *d, bool is_utf8, struct buf *out);

/* dsn_print_address() - a field of an address; type is "" where the address itself tells it. */
bool dsn_print_address(struct buf *out, const char *name, struct span type, struct span address,
                       bool is_utf8);

/* dsn_print_original_recipient() - the field, where the sender gave ORCPT. */
bool dsn_print_original_recipient(const struct dsn_recipient *r, bool is_utf8, struct buf *out);

#endif
