/* SPDX-License-Identifier: MIT
 *
 * The client's side of a SASL exchange (RFC 4422) with libgsasl: challenges in, answers out.
 */
#ifndef DOORSTEP_RELAY_CLIENT_LOGIN_PRIV_H
#define DOORSTEP_RELAY_CLIENT_LOGIN_PRIV_H

#include "doorstep/relay_client.h"
#include "doorstep/sasl.h"

struct login;

/* login_choose() - the best of the announced mechanisms (bits 1 << enum sasl_mechanism). With
 * may_show_password those that say it as it is, too; with has_binding SCRAM bound to TLS. false:
 * there is none. */
bool login_choose(unsigned announced, bool may_show_password, bool has_binding,
                  enum sasl_mechanism *out);

/* login_new() - binding: tls-exporter, at most RELAY_BINDING_MAX octets, or SPAN_NONE. NULL: no
 * memory, or libgsasl lacks it. */
struct login *login_new(struct relay_logins *library, enum sasl_mechanism m, const char *user,
                        const char *password, struct span binding);
void login_free(struct login *l); /* wiped; NULL is allowed */

enum sasl_mechanism login_mechanism(const struct login *l);
bool login_speaks_first(const struct login *l);

/* login_answer() - the answer to a challenge, appended to out. false: it is none of this
 * mechanism, or the server does not know the password either. */
bool login_answer(struct login *l, struct span challenge, struct buf *out);

/* login_is_proven() - may a 235 be believed? SCRAM proves that the server has the password's keys.
 */
bool login_is_proven(const struct login *l);

#endif
