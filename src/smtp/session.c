/* SPDX-License-Identifier: MIT
 *
 * The state machine of a session: where input goes in which state, how replies leave, how it
 * ends. Verbs are in transaction.c, hello.c and xclient.c, the message's octets in content.c, the
 * store's answers in answers.c.
 */
#include "doorstep/smtp_session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "auth_priv.h"
#include "command_priv.h"
#include "doorstep/log.h"
#include "session_priv.h"

/* Octets of one line that are skipped; a client that goes on will never say a command. */
#define SKIPPED_MAX (1u << 20)

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
    s->calls->reply(s->arg, octets);
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
        free(t->answers[i].kept);
    free(t->envelope.recipients);
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

/* --- input --- */

static bool
waits_for_store(const struct smtp_session *s)
{
    return s->state == SESSION_ANSWER || s->filter_id != 0 ||
           (s->state == SESSION_AUTH && s->auth_waits) ||
           (s->state == SESSION_MAIL && s->transaction->slot_count > 0);
}

static void
run_verb(struct smtp_session *s, const struct verb *verb, struct span args)
{
    if (starttls_is_missing(s) && !verb->may_be_plain)
        session_refuse(s, REPLY_NEED_TLS);
    else if ((verb->states & 1u << s->state) != 0)
        verb->run(s, args);
    else if (s->state == SESSION_CONNECTED)
        session_refuse(s, REPLY_NEED_HELLO);
    else
        session_refuse(s, s->state == SESSION_BETWEEN ? verb->between : verb->otherwise);
}

/* May this verb run while RCPTs wait? RCPTs go to the store as a batch, and answers keep their
 * order: that is what PIPELINING is for (RFC 2920). All else waits. */
static bool
must_wait(const struct smtp_session *s, const struct verb *verb)
{
    if (!waits_for_store(s))
        return false;
    if (s->filter_id != 0) /* a stage is not over yet: nothing behind it may run */
        return true;
    return verb == NULL || !verb->may_overtake || !rcpt_may_overtake(s);
}

/* One whole line; false when it has to wait for the store. */
static bool
take_line(struct smtp_session *s, struct span line)
{
    struct span name, args;
    bool is_command = command_split(line, &name, &args);
    const struct verb *verb = is_command ? verb_find(name) : NULL;

    if (must_wait(s, verb))
        return false;
    if (!limits_take_command(s, verb))
        return true;
    if (verb != NULL)
        run_verb(s, verb, args);
    else if (!is_command || !filter_asks_unknown(s, line))
        session_refuse(s, is_command ? REPLY_UNKNOWN_VERB : REPLY_GARBAGE);
    return true;
}

/* The rest of an over-long line. Only its last octet is remembered. */
static size_t
skip_line(struct smtp_session *s, struct span in)
{
    size_t used = 0;

    while (used < in.n) {
        const char *lf = memchr(in.p + used, '\n', in.n - used);
        size_t at = lf != NULL ? (size_t)(lf - in.p) : in.n;
        bool behind_cr = at > 0 ? in.p[at - 1] == '\r' : s->skipped_cr;

        if (lf != NULL && behind_cr) {
            s->is_skipping = false;
            session_refuse(s, s->skip_reply);
            return at + 1;
        }
        used = lf != NULL ? at + 1 : in.n;
    }
    s->skipped_cr = in.p[in.n - 1] == '\r';
    s->skipped += in.n;
    if (s->skipped > SKIPPED_MAX)
        session_end(s, s->skip_reply, "endless line");
    return used;
}

size_t
session_skip_line(struct smtp_session *s, struct span in, enum smtp_reply reply)
{
    s->is_skipping = true;
    s->skipped_cr = false;
    s->skipped = 0;
    s->skip_reply = reply;
    return skip_line(s, in);
}

/* A command, or a part of one that is too long. 0: more octets are needed, or the store's answer.
 */
static size_t
take_command(struct smtp_session *s, struct span in)
{
    size_t max = s->config.limits->command_line;
    size_t n;

    if (s->is_skipping)
        return skip_line(s, in);
    n = command_line_length((struct span){in.p, in.n < max ? in.n : max});
    if (n > 0)
        return take_line(s, (struct span){in.p, n - 2}) ? n : 0;
    if (in.n < max || must_wait(s, NULL))
        return 0;
    return session_skip_line(s, in, REPLY_LINE_TOO_LONG);
}

static size_t
session_take(struct smtp_session *s, struct span in)
{
    switch (s->state) {
    case SESSION_CONNECTED:
    case SESSION_READY:
    case SESSION_MAIL:
    case SESSION_BETWEEN:
        return take_command(s, in);
    case SESSION_HANDSHAKE:
        return starttls_drop(s, in);
    case SESSION_DATA:
        return content_take_text(s, in);
    case SESSION_CHUNK:
        return content_take_chunk(s, in);
    case SESSION_AUTH:
        return auth_take(s, in);
    case SESSION_ANSWER:
        return 0;
    case SESSION_CLOSED:
        return in.n;
    }
    return 0;
}

/* As far as it goes; returns the octets used. */
static size_t
session_consume(struct smtp_session *s, struct span in)
{
    size_t used = 0;

    s->is_running = true;
    while (used < in.n) {
        size_t n = session_take(s, span_skip(in, used));

        if (n == 0)
            break;
        used += n;
    }
    s->is_running = false;
    return used;
}

static void
keep_pending(struct smtp_session *s, struct span rest)
{
    if (rest.n > 0 && !buf_append_span(&s->pending, rest))
        session_end(s, REPLY_TOO_MANY_ERRORS, "too much pipelined input");
}

/* Idle sessions keep no memory for what waited. */
void
session_resume(struct smtp_session *s)
{
    bool was_in_auth = s->state == SESSION_AUTH;
    size_t before = s->pending.len;

    if (s->is_running || before == 0)
        return;
    buf_consume(&s->pending, session_consume(s, buf_span(&s->pending)));
    if (was_in_auth || s->state == SESSION_AUTH) /* a password went by */
        explicit_bzero(s->pending.data + s->pending.len, before - s->pending.len);
    if (s->pending.len == 0)
        buf_release(&s->pending);
}

void
smtp_session_feed(struct smtp_session *s, struct span octets)
{
    assert(!s->is_running);
    if (s->pending.len == 0) {
        keep_pending(s, span_skip(octets, session_consume(s, octets)));
        return;
    }
    keep_pending(s, octets);
    session_resume(s);
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

bool
smtp_session_wants_input(const struct smtp_session *s)
{
    return s->state != SESSION_CLOSED &&
           (!waits_for_store(s) || s->pending.len <= SMTP_PENDING_HIGH);
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
    if (waits_for_store(s))
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
