/* SPDX-License-Identifier: MIT
 *
 * The client's edge: what its owner calls, who hears a reply in which state, and how things end.
 * Answers come in from handlers that only change state; client_run() says what may be said and
 * tells the owner, so that an owner who calls back from inside finds everything in order.
 */
#include "client_priv.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Answers, paths and texts of the largest job. */
#define TRANSACTION_MEMORY_MAX (RELAY_RECIPIENTS_MAX * 8192)

/* ------------------------------------------------------------------ states */

static const struct {
    const char *awaited; /* for texts, where the wait does not say it */
    enum relay_wait wait;
    void (*on_reply)(struct relay_client *c); /* NULL: nobody asked for one */
} states[CLIENT_STATES] = {
    [CLIENT_GREETING] = {"the greeting", RELAY_WAITS_FOR_GREETING, hello_on_greeting},
    [CLIENT_EHLO] = {"the reply to EHLO", RELAY_WAITS_FOR_HELLO, hello_on_ehlo},
    [CLIENT_HELO] = {"the reply to HELO", RELAY_WAITS_FOR_HELLO, hello_on_helo},
    [CLIENT_STARTTLS] = {"the reply to STARTTLS", RELAY_WAITS_FOR_HELLO, hello_on_starttls},
    [CLIENT_HANDSHAKE] = {"TLS", RELAY_WAITS_FOR_HANDSHAKE, NULL},
    [CLIENT_AUTH] = {"the reply to AUTH", RELAY_WAITS_FOR_HELLO, hello_on_auth},
    [CLIENT_IDLE] = {NULL, RELAY_WAITS_FOR_JOB, NULL},
    [CLIENT_ENVELOPE] = {NULL, RELAY_WAITS_FOR_ROOM, transaction_on_reply},
    [CLIENT_CONTENT] = {NULL, RELAY_WAITS_FOR_ROOM, transfer_on_content_reply},
    [CLIENT_END] = {NULL, RELAY_WAITS_FOR_END, transfer_on_end_reply},
    [CLIENT_DONE] = {NULL, RELAY_WAITS_FOR_JOB, NULL},
    [CLIENT_QUIT] = {"the reply to QUIT", RELAY_WAITS_FOR_QUIT, NULL},
    [CLIENT_ENDING] = {NULL, RELAY_WAITS_FOR_NOTHING, NULL},
    [CLIENT_ENDED] = {NULL, RELAY_WAITS_FOR_NOTHING, NULL},
};

/* Octets of the next hop mean something. */
static bool
is_listening(const struct relay_client *c)
{
    return c->state != CLIENT_HANDSHAKE && c->state < CLIENT_ENDING;
}

enum relay_wait
relay_client_waits_for(const struct relay_client *c)
{
    if (c->state == CLIENT_ENVELOPE && (c->can_write || c->t.heard < c->t.said))
        return transaction_waits_for(&c->t);
    if (c->state == CLIENT_CONTENT && c->can_write)
        return RELAY_WAITS_FOR_CHUNK;
    return states[c->state].wait;
}

/* For texts: what an end came in front of. */
static const char *
awaited(const struct relay_client *c)
{
    static const char *const names[RELAY_WAITS] = {
        [RELAY_WAITS_FOR_MAIL] = "the reply to MAIL",
        [RELAY_WAITS_FOR_RCPT] = "the reply to RCPT",
        [RELAY_WAITS_FOR_DATA] = "the reply to DATA",
        [RELAY_WAITS_FOR_ROOM] = "room for the message",
        [RELAY_WAITS_FOR_CHUNK] = "the reply to BDAT",
        [RELAY_WAITS_FOR_END] = "the reply to the end of data",
    };
    const char *name = names[relay_client_waits_for(c)];

    return name != NULL ? name : states[c->state].awaited;
}

uint64_t
relay_client_turn(const struct relay_client *c)
{
    return c->turn;
}

/* ------------------------------------------------------------------ saying */

void
client_write(struct relay_client *c, struct span octets)
{
    c->can_write = c->calls->write(c->arg, octets);
}

void
client_say(struct relay_client *c, const char *format, ...)
{
    char line[2048];
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(line, sizeof(line) - 2, format, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(line) - 2) { /* our own names alone may be that long */
        client_end(c, "4.3.5", "a command would be too long");
        return;
    }
    memcpy(line + n, "\r\n", 2);
    client_write(c, (struct span){line, (size_t)n + 2});
}

/* ------------------------------------------------------------------ ends */

static void
end_with(struct relay_client *c, const struct relay_answer *why)
{
    if (c->state >= CLIENT_ENDING)
        return;
    c->has_why = why != NULL;
    if (why != NULL)
        c->why = *why;
    c->state = CLIENT_ENDING;
}

void
client_end(struct relay_client *c, const char *enhanced, const char *format, ...)
{
    struct relay_answer why = {.state = RELAY_DEFERRED, .text = c->why_text};
    va_list ap;

    if (c->state >= CLIENT_ENDING)
        return;
    memcpy(why.enhanced, enhanced, strlen(enhanced) + 1);
    va_start(ap, format);
    vsnprintf(c->why_text, sizeof(c->why_text), format, ap);
    va_end(ap);
    end_with(c, &why);
}

void
client_give_up(struct relay_client *c, const char *enhanced, const char *text)
{
    client_say(c, "QUIT");
    client_end(c, enhanced, "%s", text);
}

/* Temporary, whatever the class: it is about the connection, not about a message, and mail that
 * waits is not lost. */
void
client_end_by_reply(struct relay_client *c)
{
    struct relay_answer why = {.state = RELAY_DEFERRED, .text = c->why_text};
    struct buf text;

    if (c->state >= CLIENT_ENDING)
        return;
    buf_init(&text, sizeof(c->why_text) - 1);
    reply_text(&c->reply, &text);
    memcpy(c->why_text, buf_str(&text), text.len + 1);
    buf_release(&text);
    why.code = (uint16_t)c->reply.code;
    reply_enhanced(&c->reply, why.enhanced);
    if (why.enhanced[0] != '\0')
        why.enhanced[0] = '4';
    if (c->reply.code != 421)
        client_say(c, "QUIT");
    end_with(c, &why);
}

void
client_idle(struct relay_client *c)
{
    c->state = CLIENT_IDLE;
    c->is_ready_said = false;
}

/* ------------------------------------------------------------------ running */

/* IDLE comes behind done(): nobody may send while the result is being read. */
static bool
report_transaction(struct relay_client *c)
{
    transaction_report(c, false);
    c->transactions++;
    if (c->state == CLIENT_DONE) /* and was not lost meanwhile */
        client_idle(c);
    return true;
}

static bool
report_idle(struct relay_client *c)
{
    if (c->is_ready_said)
        return false;
    c->is_ready_said = true;
    if (c->wants_quit) {
        c->state = CLIENT_QUIT;
        client_say(c, "QUIT");
        return true;
    }
    c->calls->ready(c->arg);
    return true;
}

static bool
report_end(struct relay_client *c)
{
    if (c->t.job != NULL) {
        bool is_stale = transaction_is_stale(c);
        transaction_settle(c, &c->why);
        transaction_report(c, is_stale);
    }
    c->state = CLIENT_ENDED;
    c->calls->ended(c->arg, c->has_why ? &c->why : NULL);
    return false;
}

/* One thing that can be done now; false: there is none. */
static bool
run_once(struct relay_client *c)
{
    switch (c->state) {
    case CLIENT_ENVELOPE:
        return transaction_say(c);
    case CLIENT_CONTENT:
        return transfer_say(c);
    case CLIENT_DONE:
        return report_transaction(c);
    case CLIENT_IDLE:
        return report_idle(c);
    case CLIENT_ENDING:
        return report_end(c);
    case CLIENT_GREETING:
    case CLIENT_EHLO:
    case CLIENT_HELO:
    case CLIENT_STARTTLS:
    case CLIENT_HANDSHAKE:
    case CLIENT_AUTH:
    case CLIENT_END:
    case CLIENT_QUIT:
    case CLIENT_ENDED:
    case CLIENT_STATES:
        break;
    }
    return false;
}

static void
run(struct relay_client *c)
{
    if (c->is_running)
        return;
    c->is_running = true;
    while (run_once(c))
        ;
    c->is_running = false;
}

/* ------------------------------------------------------------------ hearing */

/* In no state that waits for a reply. 421 comes when a server is tired of waiting. */
static void
on_unasked_reply(struct relay_client *c)
{
    if (c->state == CLIENT_QUIT)
        end_with(c, NULL);
    else if (c->reply.code == 421)
        client_end_by_reply(c);
    else
        client_end(c, "4.5.0", "the next hop sent a reply that nobody had asked for");
}

static void
on_reply(struct relay_client *c)
{
    c->turn++;
    if (states[c->state].on_reply == NULL)
        on_unasked_reply(c);
    else
        states[c->state].on_reply(c);
}

/* What may be said next is said behind the last octet: no reply here can be about that. */
void
relay_client_take(struct relay_client *c, struct span octets)
{
    while (octets.n > 0 && is_listening(c)) {
        switch (reply_take(&c->reply, &octets)) {
        case REPLY_MORE:
            break;
        case REPLY_WHOLE:
            on_reply(c);
            break;
        case REPLY_BROKEN:
            client_end(c, "4.5.0", "the next hop sent %s", c->reply.problem);
            break;
        }
    }
    run(c);
}

/* ------------------------------------------------------------------ what the owner does */

struct relay_client *
relay_client_new(const struct relay_client_config *config, const struct relay_client_calls *calls,
                 void *arg)
{
    struct relay_client *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->config = *config;
    c->calls = calls;
    c->arg = arg;
    c->can_write = true;
    c->state = config->tls == RELAY_TLS_IMPLICIT ? CLIENT_HANDSHAKE : CLIENT_GREETING;
    reply_init(&c->reply);
    buf_init(&c->piece, TRANSFER_CHUNK_MAX);
    buf_init(&c->first, SASL_OCTETS_MAX);
    arena_init(&c->t.arena, TRANSACTION_MEMORY_MAX);
    return c;
}

void
relay_client_free(struct relay_client *c)
{
    if (c == NULL)
        return;
    login_free(c->login);
    reply_release(&c->reply);
    buf_release(&c->first);
    buf_release(&c->piece);
    transaction_forget(&c->t);
    arena_release(&c->t.arena);
    sodium_memzero(c, sizeof(*c));
    free(c);
}

void
relay_client_resume(struct relay_client *c)
{
    c->can_write = true;
    run(c);
}

void
relay_client_tls_started(struct relay_client *c, const struct relay_tls_facts *facts)
{
    if (c->state != CLIENT_HANDSHAKE)
        return;
    hello_on_tls(c, facts);
    run(c);
}

bool
relay_client_send(struct relay_client *c, const struct relay_job *job)
{
    if (c->state != CLIENT_IDLE || !client_transaction_begin(c, job))
        return false;
    run(c);
    return true;
}

void
relay_client_quit(struct relay_client *c)
{
    c->wants_quit = true;
    if (c->state == CLIENT_IDLE)
        c->is_ready_said = false;
    run(c);
}

void
relay_client_lose(struct relay_client *c, const char *cause)
{
    if (c->state == CLIENT_QUIT)
        end_with(c, NULL);
    else if (awaited(c) == NULL)
        client_end(c, "4.4.2", "%s", cause);
    else
        client_end(c, "4.4.2", "%s, while waiting for %s", cause, awaited(c));
    run(c);
}
