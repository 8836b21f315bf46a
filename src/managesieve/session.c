/* SPDX-License-Identifier: MIT
 *
 * The session of managesieve.h: octets to commands, a table of these, and replies. See
 * session_priv.h.
 */
#include "session_priv.h"

#include <stdlib.h>
#include <string.h>

#include "doorstep/charset.h"

/* ------------------------------------------------------------------ replies */

static void
close_session(struct managesieve *m, const char *reason)
{
    if (m->state == CLOSED)
        return;
    if (m->state == IN_AUTH)
        m->calls->auth_abort(m->arg);
    m->state = CLOSED;
    m->is_waiting = false;
    m->calls->close(m->arg, reason);
}

/* A reply is sent whole or not at all: what a client reads is never half of one. */
void
managesieve_flush(struct managesieve *m, bool is_whole)
{
    if (m->state != CLOSED && !is_whole)
        close_session(m, "out of memory");
    else if (m->state != CLOSED && !m->calls->reply(m->arg, buf_span(&m->out)))
        m->is_full = true;
    buf_release(&m->out);
}

void
managesieve_say_span(struct managesieve *m, const char *word, const char *code, struct span text)
{
    managesieve_flush(m, managesieve_print_reply(word, code, text, &m->out));
}

void
managesieve_say(struct managesieve *m, const char *word, const char *code, const char *text)
{
    managesieve_say_span(m, word, code, span_of(text));
}

void
managesieve_bye(struct managesieve *m, const char *code, const char *text)
{
    if (m->state == CLOSED)
        return;
    managesieve_say(m, "BYE", code, text);
    close_session(m, text);
}

void
managesieve_no(struct managesieve *m, const char *code, const char *text)
{
    managesieve_say(m, "NO", code, text);
}

void
managesieve_ok(struct managesieve *m)
{
    managesieve_say(m, "OK", NULL, NULL);
}

static void
mistake(struct managesieve *m, const char *text)
{
    if (++m->errors >= m->config.errors_max)
        managesieve_bye(m, NULL, "Too many errors.");
    else
        managesieve_no(m, NULL, text);
}

void
managesieve_say_capabilities(struct managesieve *m)
{
    managesieve_flush(m, managesieve_print_capabilities(&m->config, m->login, &m->out) &&
                             managesieve_print_reply("OK", NULL, SPAN_NONE, &m->out));
}

/* ------------------------------------------------------------------ anything else */

static void
cmd_logout(struct managesieve *m)
{
    managesieve_ok(m);
    close_session(m, "logged out");
}

static void
cmd_noop(struct managesieve *m)
{
    struct span tag = wire_string(&m->wire, 0);

    if (tag.p == NULL) {
        managesieve_say(m, "OK", NULL, "Done");
        return;
    }
    managesieve_flush(m, buf_append_str(&m->out, "OK (TAG ") &&
                             managesieve_print_string(tag, &m->out) &&
                             buf_append_str(&m->out, ") \"Done\"\r\n"));
}

/* ------------------------------------------------------------------ the table */

#define IN(STATE) (1u << (STATE))

struct command {
    const char *name;
    unsigned states;       /* where it is allowed */
    const char *arguments; /* s string, n number; behind a '?' they may be missing */
    void (*run)(struct managesieve *m);
};

static const struct command commands[] = {
    {"AUTHENTICATE", IN(GREETED), "s?s", managesieve_cmd_authenticate},
    {"STARTTLS", IN(GREETED), "", managesieve_cmd_starttls},
    {"LOGOUT", IN(GREETED) | IN(LOGGED_IN), "", cmd_logout},
    {"CAPABILITY", IN(GREETED) | IN(LOGGED_IN), "", managesieve_say_capabilities},
    {"NOOP", IN(GREETED) | IN(LOGGED_IN), "?s", cmd_noop},
    {"UNAUTHENTICATE", IN(LOGGED_IN), "", managesieve_cmd_unauthenticate},
    {"HAVESPACE", IN(LOGGED_IN), "sn", managesieve_cmd_havespace},
    {"PUTSCRIPT", IN(LOGGED_IN), "ss", managesieve_cmd_putscript},
    {"CHECKSCRIPT", IN(LOGGED_IN), "s", managesieve_cmd_checkscript},
    {"LISTSCRIPTS", IN(LOGGED_IN), "", managesieve_cmd_listscripts},
    {"SETACTIVE", IN(LOGGED_IN), "s", managesieve_cmd_setactive},
    {"GETSCRIPT", IN(LOGGED_IN), "s", managesieve_cmd_getscript},
    {"DELETESCRIPT", IN(LOGGED_IN), "s", managesieve_cmd_deletescript},
    {"RENAMESCRIPT", IN(LOGGED_IN), "ss", managesieve_cmd_renamescript},
};

static const struct command *
find_command(struct span word)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (span_equal_fold(span_of(commands[i].name), word))
            return &commands[i];
    return NULL;
}

/* Strings are UTF-8 everywhere (RFC 5804 1.2). */
static bool
arguments_fit(const struct wire *r, const char *letters)
{
    bool may_end = false;
    uint32_t i = 0;

    for (; *letters != '\0'; letters++) {
        if (*letters == '?') {
            may_end = true;
            continue;
        }
        if (i == r->count)
            return may_end;
        if (r->arguments[i].is_number != (*letters == 'n'))
            return false;
        if (*letters == 's' && !utf8_is_valid(wire_string(r, i)))
            return false;
        i++;
    }
    return i == r->count;
}

static void
run_command(struct managesieve *m)
{
    const struct command *c = find_command(wire_word(&m->wire));

    m->steps++;
    if (m->state != LOGGED_IN && ++m->strange_steps > m->config.strange_commands_max)
        managesieve_bye(m, NULL, "Too many commands without a log-in.");
    else if (m->state == IN_AUTH)
        managesieve_auth_response(m);
    else if (m->wire.is_string || c == NULL)
        mistake(m, "There is no such command.");
    else if ((c->states & IN(m->state)) == 0)
        mistake(m, m->state == LOGGED_IN ? "Not after a log-in." : "Log in first.");
    else if (!arguments_fit(&m->wire, c->arguments))
        mistake(m, "The arguments of this command are wrong.");
    else
        c->run(m);
}

static void
wrong_command(struct managesieve *m)
{
    const char *why = m->wire.why;

    m->steps++;
    if (m->state == IN_AUTH) {
        m->calls->auth_abort(m->arg);
        m->state = GREETED;
    }
    if (m->wire.is_too_large && m->state == LOGGED_IN)
        managesieve_no(m, "QUOTA/MAXSIZE", managesieve_text(MANAGESIEVE_TOO_LONG));
    else
        mistake(m, why);
}

/* ------------------------------------------------------------------ octets */

bool
managesieve_wants_input(const struct managesieve *m)
{
    return m->state != CLOSED && m->pending.len == 0 && !m->is_full;
}

bool
managesieve_is_waiting(const struct managesieve *m)
{
    return m->is_waiting;
}

bool
managesieve_is_idle(const struct managesieve *m)
{
    return !m->is_waiting && m->wire.state == WIRE_AT_WORD && m->wire.line == 0;
}

bool
managesieve_is_closed(const struct managesieve *m)
{
    return m->state == CLOSED;
}

uint64_t
managesieve_steps(const struct managesieve *m)
{
    return m->steps;
}

const char *
managesieve_login(const struct managesieve *m)
{
    return m->login;
}

/* What may be in here is a password; nothing of it stays. */
static void
next_command(struct managesieve *m)
{
    if (m->wire.octets.data != NULL && m->state != LOGGED_IN)
        explicit_bzero(m->wire.octets.data, m->wire.octets.len);
    wire_next(&m->wire);
}

static void
take(struct managesieve *m, struct span *in)
{
    while (in->n > 0 && !m->is_waiting && !m->is_full && m->state != CLOSED && m->state != IN_TLS) {
        switch (wire_feed(&m->wire, in)) {
        case WIRE_MORE:
            return;
        case WIRE_COMMAND:
            m->is_busy = true;
            run_command(m);
            m->is_busy = false;
            break;
        case WIRE_WRONG:
            wrong_command(m);
            break;
        case WIRE_HOPELESS:
            managesieve_bye(m, "QUOTA/MAXSIZE", "The literal is far too large.");
            break;
        }
        next_command(m);
    }
}

void
managesieve_feed(struct managesieve *m, struct span octets)
{
    if (m->state == CLOSED || m->state == IN_TLS || m->is_busy)
        return;
    if (m->pending.len > 0 && !buf_append_span(&m->pending, octets)) {
        managesieve_bye(m, NULL, "Too much input while a command is carried out.");
        return;
    }
    if (m->pending.len == 0) {
        take(m, &octets);
        if (octets.n > 0 && m->state != CLOSED && m->state != IN_TLS &&
            !buf_append_span(&m->pending, octets))
            managesieve_bye(m, NULL, "Too much input while a command is carried out.");
        return;
    }
    struct span rest = buf_span(&m->pending);
    size_t n = rest.n;
    take(m, &rest);
    if (m->state == IN_TLS || m->state == CLOSED)
        buf_reset(&m->pending);
    else
        buf_consume(&m->pending, n - rest.n);
}

void
managesieve_writable(struct managesieve *m)
{
    m->is_full = false;
    managesieve_feed(m, SPAN_NONE);
}

struct managesieve *
managesieve_new(const struct managesieve_config *config, const struct managesieve_calls *calls,
                void *arg)
{
    struct managesieve *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return NULL;
    m->config = *config;
    m->calls = calls;
    m->arg = arg;
    wire_init(&m->wire, config->script_max + WIRE_LINE_MAX, STRANGER_LITERAL_MAX);
    buf_init(&m->pending, MANAGESIEVE_PENDING_MAX);
    buf_init(&m->out, MANAGESIEVE_REPLY_MAX);
    managesieve_say_capabilities(m);
    return m;
}

void
managesieve_free(struct managesieve *m)
{
    if (m == NULL)
        return;
    wire_release(&m->wire);
    if (m->pending.data != NULL) /* a password, perhaps, of one who did not wait */
        explicit_bzero(m->pending.data, m->pending.size);
    buf_release(&m->pending);
    buf_release(&m->out);
    free(m->login);
    free(m);
}
