/* SPDX-License-Identifier: MIT
 *
 * What an envelope says about who is calling: XFORWARD knows best, then XCLIENT, then the
 * connection.
 */
#include "session_priv.h"

const char *
session_fact(const struct smtp_session *s, enum proxy_fact fact)
{
    if (s->forward.text[fact] != NULL)
        return s->forward.text[fact];
    if (s->client.text[fact] != NULL)
        return s->client.text[fact];
    return fact == FACT_IP && s->peer_ip != NULL ? s->peer_ip : "";
}

/* That of the connection is the client's as long as nobody told of another client. */
static const char *
known_port(const struct smtp_session *s)
{
    const char *port = session_fact(s, FACT_PORT);
    bool is_other = s->forward.text[FACT_IP] != NULL || s->client.text[FACT_IP] != NULL;

    return port[0] != '\0' || is_other || s->config.client_port == NULL ? port
                                                                        : s->config.client_port;
}

void
session_complete_envelope(struct smtp_session *s)
{
    struct envelope *e = &s->transaction->envelope;
    const char *helo = session_fact(s, FACT_HELO);

    if (session_is_lmtp(s))
        e->protocol = PROTOCOL_LMTP;
    else
        e->protocol = s->is_extended ? PROTOCOL_ESMTP : PROTOCOL_SMTP;
    e->helo = helo[0] != '\0' ? helo : s->helo;
    e->client_ip = session_fact(s, FACT_IP);
    e->client_name = session_fact(s, FACT_NAME);
    e->client_port = known_port(s);
    e->client_protocol = session_fact(s, FACT_PROTOCOL);
    e->client_source = session_fact(s, FACT_SOURCE);
    e->queue_id = session_fact(s, FACT_QUEUE_ID);
    e->session = s->config.session_id;
    e->login = s->login != NULL ? s->login : session_fact(s, FACT_LOGIN);
    e->tls_version = s->tls != NULL ? s->tls->version : "";
    e->tls_cipher = s->tls != NULL ? s->tls->cipher : "";
    filter_name(s, e);
}
