/* SPDX-License-Identifier: MIT
 *
 * How a connection comes up: greeting, EHLO (RFC 5321 4.1.1.1) or LHLO (RFC 2033 4.1), STARTTLS
 * (RFC 3207), AUTH (RFC 4954). Whatever goes wrong here is about the connection: no message is
 * refused for it.
 */
#include "client_priv.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define INITIAL_MAX 400 /* octets of an initial response: the command line keeps to 512 */

static void
say_ehlo(struct relay_client *c)
{
    c->state = CLIENT_EHLO;
    client_say(c, "%s %s", c->config.is_lmtp ? "LHLO" : "EHLO", c->config.hostname);
}

void
hello_on_greeting(struct relay_client *c)
{
    if (c->reply.code == 220)
        say_ehlo(c);
    else
        client_end_by_reply(c);
}

/* ------------------------------------------------------------------ AUTH */

static void
forget_first(struct relay_client *c)
{
    sodium_memzero(c->first.data, c->first.len);
    buf_reset(&c->first);
}

static void
say_secret(struct relay_client *c, const char *before, struct span octets)
{
    char line[SASL_LINE_MAX + 1];
    size_t n = strlen(before);

    if (n + SASL_TEXT_SIZE(octets.n) + 1 > sizeof(line)) {
        client_give_up(c, "4.7.0", "AUTH: an answer would be too long");
        return;
    }
    memcpy(line, before, n);
    sasl_encode(octets, line + n);
    n += strlen(line + n);
    memcpy(line + n, "\r\n", 2);
    client_write(c, (struct span){line, n + 2});
    sodium_memzero(line, sizeof(line));
}

/* The client's first octets go with the command where there is room (RFC 4954 4); else the server
 * asks for them by an empty challenge. */
static void
say_auth(struct relay_client *c)
{
    const char *name = sasl_mechanism_name(login_mechanism(c->login));
    char before[64];

    c->state = CLIENT_AUTH;
    buf_reset(&c->first);
    if (login_speaks_first(c->login) && !login_answer(c->login, SPAN_NONE, &c->first)) {
        client_give_up(c, "4.7.0", "AUTH: no answer can be made");
    } else if (c->first.len == 0 || c->first.len > INITIAL_MAX) {
        client_say(c, "AUTH %s", name);
    } else {
        snprintf(before, sizeof(before), "AUTH %s ", name);
        say_secret(c, before, buf_span(&c->first));
        forget_first(c);
    }
}

static void
begin_auth(struct relay_client *c)
{
    bool may_show = c->config.is_here || (c->is_secret && c->is_verified);
    struct span binding = {c->binding, c->binding_length};
    enum sasl_mechanism m;

    if (!login_choose(c->can.auth, may_show, binding.n > 0, &m)) {
        client_give_up(c, "4.7.0", "AUTH: the next hop announces no mechanism that is safe here");
        return;
    }
    c->login = login_new(c->config.logins, m, c->config.user, c->config.password, binding);
    if (c->login == NULL)
        client_end(c, "4.3.0", "AUTH: no memory");
    else
        say_auth(c);
}

/* RFC 4954 4: "*" takes the exchange back; the server answers 501. */
static void
take_back_auth(struct relay_client *c)
{
    c->is_auth_taken_back = true;
    client_say(c, "*");
}

static void
on_challenge(struct relay_client *c)
{
    struct span lines = buf_span(&c->reply.lines);
    struct span text = span_trim(reply_next_line(&lines));
    char challenge[SASL_CHALLENGE_MAX];
    struct buf answer;
    size_t n;

    if (c->first.len > 0 && text.n == 0) {
        say_secret(c, "", buf_span(&c->first));
        forget_first(c);
        return;
    }
    buf_init(&answer, SASL_OCTETS_MAX);
    if (!c->is_auth_taken_back && c->first.len == 0 &&
        sasl_decode(text, challenge, sizeof(challenge), &n) &&
        login_answer(c->login, (struct span){challenge, n}, &answer))
        say_secret(c, "", buf_span(&answer));
    else
        take_back_auth(c);
    if (answer.len > 0)
        sodium_memzero(answer.data, answer.len);
    buf_release(&answer);
}

void
hello_on_auth(struct relay_client *c)
{
    bool is_good = c->reply.code == 235 && !c->is_auth_taken_back;

    if (c->reply.code == 334 && !c->is_auth_taken_back) {
        on_challenge(c);
    } else if (is_good && login_is_proven(c->login)) {
        login_free(c->login);
        c->login = NULL;
        client_idle(c);
    } else if (c->reply.code / 100 == 4 || (c->reply.code / 100 == 5 && !c->is_auth_taken_back)) {
        client_end_by_reply(c);
    } else {
        client_give_up(c, "4.7.0", "AUTH: the next hop did not keep to the mechanism");
    }
}

/* ------------------------------------------------------------------ EHLO and what follows */

/* Behind EHLO or HELO: what is still missing? */
static void
go_on(struct relay_client *c)
{
    bool wants_tls =
        !c->is_secret && !c->is_tls_refused &&
        (c->config.tls == RELAY_TLS_OPPORTUNISTIC || c->config.tls == RELAY_TLS_REQUIRED);

    if (wants_tls && c->can.starttls) {
        c->state = CLIENT_STARTTLS;
        client_say(c, "STARTTLS");
    } else if (wants_tls && c->config.tls == RELAY_TLS_REQUIRED) {
        client_give_up(c, "4.7.10", "the next hop does not announce STARTTLS");
    } else if (c->config.user[0] != '\0') {
        begin_auth(c);
    } else {
        client_idle(c);
    }
}

void
hello_on_ehlo(struct relay_client *c)
{
    unsigned class = c->reply.code / 100;

    if (class == 2) {
        c->is_greeted = true;
        capabilities_read(&c->can, &c->reply);
        go_on(c);
    } else if (class == 5 && !c->config.is_lmtp) { /* RFC 5321 3.2 */
        c->state = CLIENT_HELO;
        client_say(c, "HELO %s", c->config.hostname);
    } else {
        client_end_by_reply(c);
    }
}

void
hello_on_helo(struct relay_client *c)
{
    if (c->reply.code / 100 == 2)
        go_on(c);
    else
        client_end_by_reply(c);
}

/* ------------------------------------------------------------------ STARTTLS */

void
hello_on_starttls(struct relay_client *c)
{
    if (c->reply.code == 220) {
        c->state = CLIENT_HANDSHAKE;
        c->calls->start_tls(c->arg);
    } else if (c->config.tls == RELAY_TLS_OPPORTUNISTIC && c->reply.code != 421) {
        c->is_tls_refused = true;
        go_on(c);
    } else {
        client_end_by_reply(c);
    }
}

static void
keep_facts(struct relay_client *c, const struct relay_tls_facts *facts)
{
    snprintf(c->tls, sizeof(c->tls), "%s %s", facts->version, facts->cipher);
    c->is_secret = true;
    c->is_verified = facts->is_verified;
    c->binding_length = facts->binding.n <= sizeof(c->binding) ? facts->binding.n : 0;
    if (c->binding_length > 0)
        memcpy(c->binding, facts->binding.p, c->binding_length);
}

/* What was learned in plain may have come from anybody (RFC 3207 4.2): nothing of it stays, not
 * even the beginning of a line. */
static void
forget_plain(struct relay_client *c)
{
    c->can = (struct capabilities){0};
    c->is_greeted = false;
    reply_release(&c->reply);
    reply_init(&c->reply);
}

static void
refuse_certificate(struct relay_client *c, const char *problem)
{
    char text[RELAY_STRING_MAX];

    snprintf(text, sizeof(text), "the next hop's certificate cannot be verified: %s", problem);
    client_give_up(c, "4.7.5", text);
}

void
hello_on_tls(struct relay_client *c, const struct relay_tls_facts *facts)
{
    forget_plain(c);
    keep_facts(c, facts);
    if (c->config.tls != RELAY_TLS_OPPORTUNISTIC && !facts->is_verified)
        refuse_certificate(c, facts->problem);
    else if (c->config.tls == RELAY_TLS_IMPLICIT)
        c->state = CLIENT_GREETING;
    else
        say_ehlo(c);
}
