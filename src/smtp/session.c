/* SPDX-License-Identifier: MIT
 *
 * The state machine of a session: its states, how replies leave, how it begins and ends, and what
 * its owner asks. Octets come in by input.c; verbs are in transaction.c, hello.c, auth.c and
 * xclient.c, the message's octets in content.c, the store's answers in answers_rcpt.c and
 * answers.c.
 */
#include "doorstep/smtp_session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "auth_priv.h"
#include "doorstep/log.h"
#include "session_priv.h"

/* --- the states ---
 *
 *   CONNECTED --LHLO, EHLO, HELO--> READY --MAIL--> MAIL --DATA--> DATA ---CRLF.CRLF---.
 *    | ^  ^                         ^ ^ |            | |                               v
 *    | |  '--------XCLIENT----------' | '<---RSET----' '--BDAT--> CHUNK --LAST------> ANSWER
 *                                     |                            | ^                 |
 *                                     |<--RSET-- BETWEEN <---------' |                 |
 *                                     |             '-----BDAT-------'                 |
 *                                     '<-----------all answers are out----------------'
 *
 *   READY --AUTH--> AUTH --> READY (auth.c)
 *   STARTTLS makes CONNECTED and READY HANDSHAKE, and TLS makes that CONNECTED again.
 *   A refused BDAT passes through CHUNK too, and comes back to where it was said.
 *   Every state may become CLOSED.
 */

#define STEP(state) (1u << SESSION_##state)

static const struct {
    const char *name;
    unsigned next;
} states[] = {
    [SESSION_CONNECTED] = {"connected",
                           STEP(CONNECTED) | STEP(HANDSHAKE) | STEP(READY) | STEP(CHUNK)},
    [SESSION_HANDSHAKE] = {"handshake", STEP(CONNECTED)},
    [SESSION_READY] = {"ready", STEP(CONNECTED) | STEP(HANDSHAKE) | STEP(READY) | STEP(MAIL) |
                                    STEP(CHUNK) | STEP(AUTH)},
    [SESSION_MAIL] = {"mail", STEP(READY) | STEP(DATA) | STEP(CHUNK)},
    [SESSION_DATA] = {"data", STEP(ANSWER)},
    [SESSION_CHUNK] = {"chunk",
                       STEP(CONNECTED) | STEP(READY) | STEP(MAIL) | STEP(BETWEEN) | STEP(ANSWER)},
    [SESSION_BETWEEN] = {"between", STEP(READY) | STEP(CHUNK)},
    [SESSION_ANSWER] = {"answer", STEP(READY)},
    [SESSION_AUTH] = {"auth", STEP(READY)},
    [SESSION_CLOSED] = {"closed", 0},
};

void
session_step(struct smtp_session *s, enum session_state to)
{
    assert((states[s->state].next & 1u << to) != 0 ||
           (to == SESSION_CLOSED && s->state != SESSION_CLOSED));
    log_event(LOG_LEVEL_DEBUG, "state", "id", s->config.session_id, "from", states[s->state].name,
              "to", states[to].name, NULL);
    s->state = to;
}

bool
session_is_lmtp(const struct smtp_session *s)
{
    return s->config.protocol == LISTEN_LMTP;
}

/* --- replies and the end --- */

void
session_reply_octets(struct smtp_session *s, struct span octets)
{
    if (!s->calls->reply(s->arg, octets))
        s->is_full = true;
}

void
session_reply(struct smtp_session *s, enum smtp_reply id)
{
    limits_note(s, id);
    session_reply_octets(s, reply_line(id));
}

void
session_end(struct smtp_session *s, enum smtp_reply id, const char *reason)
{
    if (s->state == SESSION_CLOSED)
        return;
    session_forget_transaction(s);
    auth_forget(s);
    if (id != REPLY_NONE)
        session_reply(s, id);
    session_step(s, SESSION_CLOSED);
    s->filter_id = 0;
    s->calls->close(s->arg, reason);
}

void
session_refuse(struct smtp_session *s, enum smtp_reply id)
{
    if (reply_code(id) >= 500)
        s->errors++;
    if (s->errors > s->config.limits->errors)
        session_end(s, REPLY_TOO_MANY_ERRORS, "too many errors");
    else
        session_reply(s, id);
}

static void
free_transaction(struct transaction *t)
{
    for (uint32_t i = 0; t->answers != NULL && i < t->envelope.recipient_count; i++)
        free(t->answers[i].line);
    free(t->answers);
    free(t->envelope.recipients);
    arena_release(&t->asked);
    arena_release(&t->recipients);
    arena_release(&t->arena);
    free(t);
}

void
session_forget_transaction(struct smtp_session *s)
{
    struct transaction *t = s->transaction;

    if (t == NULL)
        return;
    s->transaction = NULL;
    s->delay_ms = 0;
    if (t->is_open)
        s->calls->data_abort(s->arg);
    if (t->is_at_filter)
        s->calls->filter_abort(s->arg);
    free_transaction(t);
    proxy_facts_release(&s->forward); /* they were about that one message */
}

bool
session_waits(const struct smtp_session *s)
{
    return s->state == SESSION_ANSWER || s->filter_id != 0 ||
           (s->state == SESSION_AUTH && s->auth_waits) ||
           (s->state == SESSION_MAIL && s->transaction->slot_count > 0);
}

/* --- begin, end, and what the owner asks --- */

static char *
copy(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : strdup(text);
}

struct smtp_session *
smtp_session_new(const struct smtp_session_config *config, const struct smtp_session_calls *calls,
                 void *arg)
{
    struct smtp_session *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    s->config = *config;
    s->config.client_ip = NULL; /* peer_ip has it */
    s->peer_ip = copy(config->client_ip);
    s->calls = calls;
    s->arg = arg;
    s->state = SESSION_CONNECTED;
    s->tls = config->proxied_tls;
    buf_init(&s->pending, SMTP_PENDING_MAX);
    return s;
}

void
smtp_session_free(struct smtp_session *s)
{
    if (s == NULL)
        return;
    session_forget_transaction(s);
    auth_forget(s);
    proxy_facts_release(&s->client);
    proxy_facts_release(&s->forward);
    free(s->helo);
    free(s->peer_ip);
    buf_release(&s->pending);
    free(s);
}

void
smtp_session_greet(struct smtp_session *s)
{
    if (!filter_asks_connect(s))
        session_say_greeting(s);
}

void
session_say_greeting(struct smtp_session *s)
{
    struct buf line;

    buf_init(&line, REPLY_LINE_MAX);
    if (buf_printf(&line, "220 %s %s Doorstep\r\n", s->config.hostname,
                   session_is_lmtp(s) ? "LMTP" : "ESMTP"))
        session_reply_octets(s, buf_span(&line));
    else
        session_end(s, REPLY_SHUTDOWN, "no memory");
    buf_release(&line);
}

void
smtp_session_drain(struct smtp_session *s)
{
    s->is_draining = true;
    if (s->state != SESSION_ANSWER && !smtp_session_in_message(s))
        session_end(s, REPLY_SHUTDOWN, "drained");
}

void
smtp_session_timeout(struct smtp_session *s)
{
    session_end(s, REPLY_TIMEOUT, "timeout");
}

void
smtp_session_expire(struct smtp_session *s)
{
    session_end(s, REPLY_SESSION_TIME, "session took too long");
}

uint64_t
smtp_session_steps(const struct smtp_session *s)
{
    return s->steps;
}

void
smtp_session_stop(struct smtp_session *s)
{
    session_end(s, REPLY_SHUTDOWN, "stopped");
}

void
smtp_session_writable(struct smtp_session *s)
{
    s->is_full = false;
    session_resume(s);
}

bool
smtp_session_wants_input(const struct smtp_session *s)
{
    return s->state != SESSION_CLOSED && !s->is_full &&
           (!session_waits(s) || s->pending.len <= SMTP_PENDING_HIGH);
}

enum smtp_wait
smtp_session_waits_for(const struct smtp_session *s)
{
    if (s->state == SESSION_CLOSED)
        return SMTP_WAIT_NOTHING;
    if (s->state == SESSION_HANDSHAKE)
        return SMTP_WAIT_HANDSHAKE;
    if (s->delay_ms > 0)
        return SMTP_WAIT_DELAY;
    if (session_waits(s))
        return SMTP_WAIT_ANSWER;
    return smtp_session_in_message(s) ? SMTP_WAIT_DATA : SMTP_WAIT_COMMAND;
}

bool
smtp_session_in_auth(const struct smtp_session *s)
{
    return s->state == SESSION_AUTH;
}

const char *
smtp_session_client_ip(const struct smtp_session *s)
{
    if (s->client.text[FACT_IP] != NULL)
        return s->client.text[FACT_IP];
    return s->peer_ip == NULL ? "" : s->peer_ip;
}

const char *
smtp_session_login(const struct smtp_session *s)
{
    return s->login;
}

bool
smtp_session_in_message(const struct smtp_session *s)
{
    return s->state == SESSION_DATA || s->state == SESSION_CHUNK || s->state == SESSION_BETWEEN;
}

uint64_t
smtp_session_begun(const struct smtp_session *s)
{
    return s->begun;
}

uint64_t
smtp_session_messages(const struct smtp_session *s)
{
    return s->accepted;
}

uint64_t
smtp_session_errors(const struct smtp_session *s)
{
    return s->errors;
}
