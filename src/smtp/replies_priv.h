/* SPDX-License-Identifier: MIT
 *
 * Every reply of a session that is not an outcome of the store, once, with its code and enhanced
 * code (RFC 5321 4.2, RFC 2034, RFC 3463).
 */
#ifndef DOORSTEP_SMTP_REPLIES_PRIV_H
#define DOORSTEP_SMTP_REPLIES_PRIV_H

#include <stdbool.h>

#include "doorstep/address.h"
#include "doorstep/buf.h"
#include "doorstep/outcome.h"

/* Longest reply line, CRLF included (RFC 5321 4.5.3.1.5). */
#define REPLY_LINE_MAX 512
/* A content filter may say several. */
#define REPLY_OUTCOME_MAX (OUTCOME_LINES_MAX * REPLY_LINE_MAX)

enum smtp_reply {
    REPLY_NONE, /* success, or not decided */
    REPLY_OK,
    REPLY_BYE,
    REPLY_SENDER_OK,
    REPLY_VRFY,
    REPLY_START_DATA,
    REPLY_AUTH_OK,
    REPLY_START_TLS,
    REPLY_CHUNK_OK,
    /* the client's mistakes */
    REPLY_UNKNOWN_VERB,
    REPLY_GARBAGE,
    REPLY_LINE_TOO_LONG,
    REPLY_NOT_IN_LMTP,
    REPLY_NOT_IN_SMTP,
    REPLY_NOT_IMPLEMENTED,
    REPLY_BAD_SEQUENCE,
    REPLY_NEED_HELLO,
    REPLY_NEED_MAIL,
    REPLY_NESTED_MAIL,
    REPLY_NO_RECIPIENTS,
    REPLY_NEED_BDAT,
    REPLY_DATA_AFTER_BDAT,
    REPLY_SYNTAX,
    REPLY_SYNTAX_HELLO,
    REPLY_SYNTAX_MAIL,
    REPLY_SYNTAX_RCPT,
    REPLY_SYNTAX_BDAT,
    REPLY_BAD_SENDER,
    REPLY_BAD_RECIPIENT,
    REPLY_NEED_SMTPUTF8,
    REPLY_UNKNOWN_PARAMETER,
    REPLY_BAD_PARAMETER,
    REPLY_NEED_TLS,
    REPLY_TLS_ALREADY,
    REPLY_REQUIRETLS_IN_PLAIN,
    REPLY_NOT_AUTHORIZED,
    /* AUTH (RFC 4954 6) */
    REPLY_AUTH_NEEDED,
    REPLY_AUTH_TWICE,
    REPLY_SYNTAX_AUTH,
    REPLY_AUTH_UNKNOWN,
    REPLY_AUTH_TOO_WEAK,
    REPLY_AUTH_NEEDS_TLS,
    REPLY_AUTH_CANCELLED,
    REPLY_AUTH_NOT_BASE64,
    REPLY_AUTH_MALFORMED,
    REPLY_AUTH_LINE_TOO_LONG,
    REPLY_AUTH_REFUSED,
    REPLY_AUTH_BANNED,
    REPLY_AUTH_UNAVAILABLE,
    REPLY_AUTH_TOO_MANY,
    /* limits */
    REPLY_TOO_BIG,
    REPLY_TOO_MANY_RECIPIENTS,
    REPLY_TOO_MANY_ERRORS,
    REPLY_TOO_MANY_MESSAGES,
    REPLY_TOO_MANY_COMMANDS,
    REPLY_TOO_MANY_UNKNOWN,
    REPLY_NO_MEMORY,
    REPLY_TLS_AWAY,
    REPLY_TLS_BUSY,
    REPLY_STORE_AWAY,
    /* the last word */
    REPLY_TIMEOUT,
    REPLY_SESSION_TIME,
    REPLY_SHUTDOWN,
    REPLY_COUNT
};

/* reply_line() - "code enhanced text CRLF". */
struct span reply_line(enum smtp_reply id);

/* reply_code() - 250 ... 555. */
int reply_code(enum smtp_reply id);

/* reply_print_outcome() - what became of a recipient, with its address (NULL: without) and, behind
 * a delivery, the delivery's id ("" for none). One line, or of a filter several; each is cut to
 * REPLY_LINE_MAX. false: out is full. */
bool reply_print_outcome(struct buf *out, const struct address *recipient, int code,
                         const struct outcome *o, const char *delivery_id);

#endif
