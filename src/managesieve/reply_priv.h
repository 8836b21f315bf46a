/* SPDX-License-Identifier: MIT
 *
 * Replies of ManageSieve (RFC 5804 1.2, 1.3, 4).
 */
#ifndef MANAGESIEVE_REPLY_PRIV_H
#define MANAGESIEVE_REPLY_PRIV_H

#include "doorstep/managesieve.h"

#include "doorstep/buf.h"

/* managesieve_print_string() - quoted where that is possible and short, else a literal. */
bool managesieve_print_string(struct span s, struct buf *out);

/* managesieve_print_reply() - "OK", "NO" or "BYE", a response code or NULL, a text or NULL. */
bool managesieve_print_reply(const char *word, const char *code, struct span text, struct buf *out);

/* managesieve_print_capabilities() - all lines of 1.7, without the final OK. login: or NULL. */
bool managesieve_print_capabilities(const struct managesieve_config *config, const char *login,
                                    struct buf *out);

/* managesieve_refusal() - the response code with which a mechanism is refused here; "" without one;
 * NULL: it may be used. */
const char *managesieve_refusal(const struct managesieve_config *config, enum sasl_mechanism m);

/* managesieve_code(), managesieve_text() - of an answer; code may be NULL. */
const char *managesieve_code(enum managesieve_result result);
const char *managesieve_text(enum managesieve_result result);

#endif
