/* SPDX-License-Identifier: MIT
 *
 * AUTH inside a session: see auth.c.
 */
#ifndef DOORSTEP_SMTP_AUTH_PRIV_H
#define DOORSTEP_SMTP_AUTH_PRIV_H

#include "session_priv.h"

/* auth_print_capability() - "250-AUTH ..." with what may be used now. */
bool auth_print_capability(const struct smtp_session *s, struct buf *out);

/* auth_may_send() - has this client what the listener asks of senders (`require`)? */
bool auth_may_send(const struct smtp_session *s);

/* auth_forget() - an exchange under way is aborted, who logged in is forgotten: the session ends,
 * or starts anew. The state is left alone. */
void auth_forget(struct smtp_session *s);

/* auth_take() - input in SESSION_AUTH; the octets used. */
size_t auth_take(struct smtp_session *s, struct span in);

void cmd_auth(struct smtp_session *s, struct span args);

#endif
