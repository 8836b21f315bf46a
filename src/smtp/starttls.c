/* SPDX-License-Identifier: MIT
 *
 * STARTTLS (RFC 3207): the last thing said in plain. Whatever was pipelined behind the verb is
 * dropped, and the session that follows under TLS knows nothing of the one before it.
 */
#include "auth_priv.h"

#include "doorstep/log.h"

bool
starttls_is_offered(const struct smtp_session *s)
{
    return s->tls == NULL &&
           (s->config.tls == LISTEN_TLS_OFFERED || s->config.tls == LISTEN_TLS_REQUIRED) &&
           s->calls->can_start_tls(s->arg);
}

bool
starttls_is_missing(const struct smtp_session *s)
{
    return s->tls == NULL && s->config.tls == LISTEN_TLS_REQUIRED;
}

static enum smtp_reply
refusal(const struct smtp_session *s, struct span args)
{
    if (s->tls != NULL)
        return REPLY_TLS_ALREADY;
    if (s->config.tls == LISTEN_TLS_NONE)
        return REPLY_NOT_IMPLEMENTED;
    if (s->state != SESSION_CONNECTED && s->state != SESSION_READY)
        return REPLY_BAD_SEQUENCE;
    if (args.n > 0)
        return REPLY_SYNTAX;
    return s->calls->can_start_tls(s->arg) ? REPLY_NONE : REPLY_TLS_AWAY;
}

void
cmd_starttls(struct smtp_session *s, struct span args)
{
    enum smtp_reply why = refusal(s, args);

    if (why != REPLY_NONE) {
        session_refuse(s, why);
        return;
    }
    session_step(s, SESSION_HANDSHAKE);
    s->calls->start_tls(s->arg);
}

void
smtp_session_tls_begin(struct smtp_session *s)
{
    if (s->state == SESSION_HANDSHAKE)
        session_reply(s, REPLY_START_TLS);
}

void
smtp_session_tls_refuse(struct smtp_session *s)
{
    session_end(s, REPLY_TLS_BUSY, "too many handshakes");
}

/* What a proxy said in plain of its client goes too, and who logged in: anybody on the way could
 * have said it. */
static void
forget_everything(struct smtp_session *s)
{
    auth_forget(s);
    hello_forget(s);
    proxy_facts_release(&s->client);
    proxy_facts_release(&s->forward);
}

void
smtp_session_tls_started(struct smtp_session *s, const struct tls_facts *facts)
{
    if (s->state == SESSION_CLOSED)
        return;
    s->tls = facts;
    if (s->state != SESSION_HANDSHAKE)
        return; /* implicit: nothing was said yet */
    forget_everything(s);
    session_step(s, SESSION_CONNECTED);
}

size_t
starttls_drop(const struct smtp_session *s, struct span in)
{
    log_event(LOG_LEVEL_WARNING, "starttls_dropped", "id", s->config.session_id, "octets",
              log_num((long long)in.n), NULL);
    return in.n;
}
