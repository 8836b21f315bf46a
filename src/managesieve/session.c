/* SPDX-License-Identifier: MIT
 *
 * The session of managesieve.h: a table of commands, and what each says.
 */
#include "doorstep/managesieve.h"

#include <stdlib.h>
#include <string.h>

#include "doorstep/charset.h"
#include "wire_priv.h"
#include "reply_priv.h"

#define OUTPUT_MAX MANAGESIEVE_REPLY_MAX
#define STRANGER_LITERAL_MAX 16384 /* before the log-in: what SASL says */

enum session_state { GREETED, IN_AUTH, LOGGED_IN, IN_TLS, CLOSED };

struct managesieve {
    struct managesieve_config config;
    const struct managesieve_calls *calls;
    void *arg;
    enum session_state state;
    bool is_waiting; /* for the owner */
    bool is_busy;    /* inside of a command: who answers at once does not start the next one */
    bool is_full;    /* the client does not read: no more commands are carried out */
    enum managesieve_verb asked;
    struct wire wire;
    struct buf pending;
    struct buf out;
    char *login; /* owned */
    uint64_t steps, failures, errors;
    uint64_t strange_steps; /* commands before a log-in */
};

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
static void
flush(struct managesieve *m, bool is_whole)
{
    if (m->state != CLOSED && !is_whole)
        close_session(m, "out of memory");
    else if (m->state != CLOSED && !m->calls->reply(m->arg, buf_span(&m->out)))
        m->is_full = true;
    buf_release(&m->out);
}

static void
say_span(struct managesieve *m, const char *word, const char *code, struct span text)
{
    flush(m, managesieve_print_reply(word, code, text, &m->out));
}

static void
say(struct managesieve *m, const char *word, const char *code, const char *text)
{
    say_span(m, word, code, span_of(text));
}

void
managesieve_bye(struct managesieve *m, const char *code, const char *text)
{
    if (m->state == CLOSED)
        return;
    say(m, "BYE", code, text);
    close_session(m, text);
}

static void
no(struct managesieve *m, const char *code, const char *text)
{
    say(m, "NO", code, text);
}

static void
ok(struct managesieve *m)
{
    say(m, "OK", NULL, NULL);
}

static void
mistake(struct managesieve *m, const char *text)
{
    if (++m->errors >= m->config.errors_max)
        managesieve_bye(m, NULL, "Too many errors.");
    else
        no(m, NULL, text);
}

static void
say_capabilities(struct managesieve *m)
{
    flush(m, managesieve_print_capabilities(&m->config, m->login, &m->out) &&
                 managesieve_print_reply("OK", NULL, SPAN_NONE, &m->out));
}

/* ------------------------------------------------------------------ log-in (2.1) */

static void
failed_login(struct managesieve *m, const char *code, const char *text)
{
    m->state = GREETED;
    if (++m->failures >= m->config.failures_max)
        managesieve_bye(m, NULL, "Too many failed log-ins.");
    else
        no(m, code, text);
}

static void
unavailable(struct managesieve *m)
{
    m->state = GREETED;
    m->is_waiting = false;
    no(m, "TRYLATER", "Nobody can log in now.");
}

static bool
decode(struct span text, char **out, size_t *n)
{
    *out = malloc(SASL_OCTETS_MAX);
    return *out != NULL && sasl_decode(text, *out, SASL_OCTETS_MAX, n);
}

static void
forget(char *octets)
{
    if (octets != NULL)
        explicit_bzero(octets, SASL_OCTETS_MAX);
    free(octets);
}

static void
cmd_authenticate(struct managesieve *m)
{
    enum sasl_mechanism mechanism;
    struct span initial = wire_string(&m->wire, 1);
    char *octets = NULL;
    size_t n = 0;

    if (!sasl_mechanism_find(wire_string(&m->wire, 0), &mechanism)) {
        no(m, NULL, "This mechanism is not supported.");
        return;
    }
    const char *refusal = managesieve_refusal(&m->config, mechanism);
    if (refusal != NULL) {
        no(m, refusal[0] == '\0' ? NULL : refusal, "This mechanism cannot be used here.");
        return;
    }
    bool has_initial = initial.p != NULL;
    if (has_initial && !decode(initial, &octets, &n)) {
        failed_login(m, NULL, "The initial response is no base64.");
    } else {
        m->state = IN_AUTH;
        m->is_waiting = true;
        if (!m->calls->auth_begin(m->arg, mechanism, has_initial, (struct span){octets, n}))
            unavailable(m);
    }
    forget(octets);
}

/* What the client says to a challenge: a string, "*" gives up. */
static void
auth_response(struct managesieve *m)
{
    struct span text = wire_string(&m->wire, 0);
    char *octets = NULL;
    size_t n = 0;

    if (!m->wire.is_string || m->wire.count != 1 || span_equal(text, SPAN("*"))) {
        m->calls->auth_abort(m->arg);
        failed_login(m, NULL, "The log-in was cancelled.");
    } else if (!decode(text, &octets, &n)) {
        m->calls->auth_abort(m->arg);
        failed_login(m, NULL, "The response is no base64.");
    } else {
        m->is_waiting = true;
        if (!m->calls->auth_step(m->arg, (struct span){octets, n}))
            unavailable(m);
    }
    forget(octets);
}

void
managesieve_challenge(struct managesieve *m, struct span octets)
{
    char text[SASL_TEXT_SIZE(SASL_CHALLENGE_MAX)];

    if (m->state != IN_AUTH || !m->is_waiting || octets.n > SASL_CHALLENGE_MAX)
        return;
    m->is_waiting = false;
    sasl_encode(octets, text);
    flush(m, managesieve_print_string(span_of(text), &m->out) && buf_append_str(&m->out, "\r\n"));
    managesieve_feed(m, SPAN_NONE);
}

static void
accept_login(struct managesieve *m, const char *login, struct span final)
{
    char text[SASL_TEXT_SIZE(SASL_CHALLENGE_MAX)];
    bool is_whole = true;

    m->login = strdup(login);
    if (m->login == NULL) {
        m->calls->forget_login(m->arg);
        unavailable(m);
        return;
    }
    m->state = LOGGED_IN;
    m->wire.literal_max = m->config.script_max;
    if (final.n == 0 || final.n > SASL_CHALLENGE_MAX) {
        ok(m);
        return;
    }
    sasl_encode(final, text);
    is_whole = buf_append_str(&m->out, "OK (SASL ") &&
               managesieve_print_string(span_of(text), &m->out) && buf_append_str(&m->out, ")\r\n");
    flush(m, is_whole);
}

void
managesieve_auth_done(struct managesieve *m, enum sasl_verdict verdict, const char *login,
                      struct span final)
{
    if (m->state != IN_AUTH || !m->is_waiting)
        return;
    m->is_waiting = false;
    switch (verdict) {
    case SASL_ACCEPTED:
        accept_login(m, login, final);
        break;
    case SASL_REFUSED:
        failed_login(m, NULL, "The log-in has failed.");
        break;
    case SASL_MALFORMED:
        failed_login(m, NULL, "The mechanism does not allow this.");
        break;
    case SASL_BANNED:
        failed_login(m, "TRYLATER", "There were too many failed log-ins.");
        break;
    case SASL_UNAVAILABLE:
    case SASL_VERDICT_COUNT:
        unavailable(m);
        break;
    }
    managesieve_feed(m, SPAN_NONE);
}

static void
cmd_unauthenticate(struct managesieve *m)
{
    m->calls->forget_login(m->arg);
    free(m->login);
    m->login = NULL;
    m->state = GREETED;
    m->wire.literal_max = STRANGER_LITERAL_MAX;
    ok(m);
}

/* ------------------------------------------------------------------ TLS (2.2) */

/* What came in the clear behind the command is forgotten. */
static void
cmd_starttls(struct managesieve *m)
{
    if (!m->config.can_start_tls) {
        no(m, NULL, "TLS is not possible here.");
        return;
    }
    if (!m->calls->can_start_tls(m->arg)) {
        no(m, "TRYLATER", "Too many are beginning TLS now.");
        return;
    }
    ok(m);
    m->state = IN_TLS;
    buf_reset(&m->pending);
    m->calls->start_tls(m->arg);
}

void
managesieve_tls_started(struct managesieve *m, bool has_binding, bool has_outer_name)
{
    if (m->state != IN_TLS)
        return;
    m->state = GREETED;
    m->config.can_start_tls = m->config.requires_tls = false;
    m->config.is_private = true;
    m->config.has_binding = has_binding;
    m->config.has_outer_name = m->config.has_outer_name || has_outer_name;
    say_capabilities(m);
}

/* ------------------------------------------------------------------ scripts (2.5 to 2.12) */

static bool
can_be_name(struct span s)
{
    return s.n <= MANAGESIEVE_NAME_MAX && (s.n == 0 || memchr(s.p, '\0', s.n) == NULL);
}

/* Names are the owner's to judge, but for what would be cut on the way to him. */
static void
ask(struct managesieve *m, const struct managesieve_request *r)
{
    if (!can_be_name(r->name) || !can_be_name(r->to)) {
        no(m, NULL, managesieve_text(MANAGESIEVE_BAD_NAME));
        return;
    }
    m->asked = r->verb;
    m->is_waiting = true;
    if (m->calls->request(m->arg, r))
        return;
    m->is_waiting = false;
    no(m, "TRYLATER", managesieve_text(MANAGESIEVE_FAILED));
}

static void
cmd_havespace(struct managesieve *m)
{
    ask(m, &(struct managesieve_request){.verb = MANAGESIEVE_HAVE_SPACE,
                                         .name = wire_string(&m->wire, 0),
                                         .octets = m->wire.arguments[1].number});
}

static void
cmd_putscript(struct managesieve *m)
{
    ask(m, &(struct managesieve_request){.verb = MANAGESIEVE_PUT,
                                         .name = wire_string(&m->wire, 0),
                                         .text = wire_string(&m->wire, 1)});
}

static void
cmd_checkscript(struct managesieve *m)
{
    ask(m,
        &(struct managesieve_request){.verb = MANAGESIEVE_CHECK, .text = wire_string(&m->wire, 0)});
}

static void
cmd_listscripts(struct managesieve *m)
{
    ask(m, &(struct managesieve_request){.verb = MANAGESIEVE_LIST});
}

static void
ask_by_name(struct managesieve *m, enum managesieve_verb verb)
{
    ask(m, &(struct managesieve_request){
               .verb = verb, .name = wire_string(&m->wire, 0), .to = wire_string(&m->wire, 1)});
}

static void
cmd_getscript(struct managesieve *m)
{
    ask_by_name(m, MANAGESIEVE_GET);
}

static void
cmd_deletescript(struct managesieve *m)
{
    ask_by_name(m, MANAGESIEVE_DELETE);
}

static void
cmd_setactive(struct managesieve *m)
{
    ask_by_name(m, MANAGESIEVE_ACTIVATE);
}

static void
cmd_renamescript(struct managesieve *m)
{
    ask_by_name(m, MANAGESIEVE_RENAME);
}

static bool
print_list(struct managesieve *m, const struct managesieve_answer *a)
{
    bool ok = true;

    for (uint32_t i = 0; ok && i < a->list_count; i++)
        ok = managesieve_print_string(span_of(a->list[i].name), &m->out) &&
             buf_append_str(&m->out, a->list[i].is_active ? " ACTIVE\r\n" : "\r\n");
    return ok;
}

/* A script is always a literal: whoever wrote it gets his own octets back (2.9). */
static bool
print_script(struct managesieve *m, struct span text)
{
    return buf_printf(&m->out, "{%zu}\r\n", text.n) && buf_append_span(&m->out, text) &&
           buf_append_str(&m->out, "\r\n");
}

static void
say_done(struct managesieve *m, const struct managesieve_answer *a)
{
    bool has_warnings = a->text.n > 0 && m->asked != MANAGESIEVE_GET;
    bool is_whole = (m->asked != MANAGESIEVE_LIST || print_list(m, a)) &&
                    (m->asked != MANAGESIEVE_GET || print_script(m, a->text));

    flush(m, is_whole && managesieve_print_reply("OK", has_warnings ? "WARNINGS" : NULL,
                                                 has_warnings ? a->text : SPAN_NONE, &m->out));
}

void
managesieve_answer(struct managesieve *m, const struct managesieve_answer *a)
{
    if (m->state != LOGGED_IN || !m->is_waiting)
        return;
    m->is_waiting = false;
    if (a->result == MANAGESIEVE_DONE) {
        say_done(m, a);
    } else {
        struct span text = a->text.n > 0 ? a->text : span_of(managesieve_text(a->result));
        say_span(m, "NO", managesieve_code(a->result), text);
    }
    managesieve_feed(m, SPAN_NONE);
}

/* ------------------------------------------------------------------ anything else */

static void
cmd_logout(struct managesieve *m)
{
    ok(m);
    close_session(m, "logged out");
}

static void
cmd_noop(struct managesieve *m)
{
    struct span tag = wire_string(&m->wire, 0);

    if (tag.p == NULL) {
        say(m, "OK", NULL, "Done");
        return;
    }
    flush(m, buf_append_str(&m->out, "OK (TAG ") && managesieve_print_string(tag, &m->out) &&
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
    {"AUTHENTICATE", IN(GREETED), "s?s", cmd_authenticate},
    {"STARTTLS", IN(GREETED), "", cmd_starttls},
    {"LOGOUT", IN(GREETED) | IN(LOGGED_IN), "", cmd_logout},
    {"CAPABILITY", IN(GREETED) | IN(LOGGED_IN), "", say_capabilities},
    {"NOOP", IN(GREETED) | IN(LOGGED_IN), "?s", cmd_noop},
    {"UNAUTHENTICATE", IN(LOGGED_IN), "", cmd_unauthenticate},
    {"HAVESPACE", IN(LOGGED_IN), "sn", cmd_havespace},
    {"PUTSCRIPT", IN(LOGGED_IN), "ss", cmd_putscript},
    {"CHECKSCRIPT", IN(LOGGED_IN), "s", cmd_checkscript},
    {"LISTSCRIPTS", IN(LOGGED_IN), "", cmd_listscripts},
    {"SETACTIVE", IN(LOGGED_IN), "s", cmd_setactive},
    {"GETSCRIPT", IN(LOGGED_IN), "s", cmd_getscript},
    {"DELETESCRIPT", IN(LOGGED_IN), "s", cmd_deletescript},
    {"RENAMESCRIPT", IN(LOGGED_IN), "ss", cmd_renamescript},
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
        auth_response(m);
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
        no(m, "QUOTA/MAXSIZE", managesieve_text(MANAGESIEVE_TOO_LONG));
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
    buf_init(&m->out, OUTPUT_MAX);
    say_capabilities(m);
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
