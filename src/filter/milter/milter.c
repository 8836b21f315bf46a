/* SPDX-License-Identifier: MIT
 *
 * One conversation: see milter_priv.h. What a filter agreed to not hear is not said, what it agreed
 * to not answer is not waited for, and what it did not agree to do is a broken rule.
 */
#include "milter_state_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define OUT_MAX (MILTER_DATA_MAX + 65536) /* one packet and the macros in front */
#define BODY_PIECE MILTER_DATA_MAX

/* --- the end of a question --- */

void
milter_end_question(struct milter *m, enum milter_answer what, const struct outcome *why)
{
    if (m->state == MILTER_ENDED)
        m->in_transaction = false;
    if (m->state != MILTER_FAILED)
        m->state = MILTER_IDLE;
    m->draft = NULL;
    m->calls->answered(m->arg, what, why);
}

void
milter_go_on(struct milter *m)
{
    struct outcome ok;

    outcome_set(&ok, OUTCOME_OK, NULL);
    milter_end_question(m, MILTER_GO_ON, &ok);
}

void
milter_lose(struct milter *m, const char *cause)
{
    bool was_asked = m->state != MILTER_IDLE && m->state != MILTER_NEW;
    struct outcome why;

    if (m->state == MILTER_FAILED || m->state == MILTER_CLOSED)
        return;
    m->state = MILTER_FAILED;
    if (!was_asked)
        return;
    outcome_set(&why, OUTCOME_FILTER_DEFERRED, "%s", cause);
    milter_end_question(m, MILTER_IS_LOST, &why);
}

/* --- saying --- */

static void
send_out(struct milter *m)
{
    if (!m->calls->send(m->arg, buf_span(&m->out)))
        m->is_full = true;
    buf_reset(&m->out);
    m->turn++;
}

bool
milter_put_macros(struct milter *m, enum milter_macro_stage stage, enum milter_command command)
{
    struct span names =
        m->chosen[stage] != NULL ? span_of(m->chosen[stage]) : macros_default(stage);

    return macros_put(m->macros, names, command, &m->out);
}

void
milter_say(struct milter *m, size_t at, bool good)
{
    if (good && milter_packet_end(&m->out, at))
        send_out(m);
    else
        milter_lose(m, "a command does not fit into a packet");
}

void
milter_say_plain(struct milter *m, enum milter_command command)
{
    milter_say(m, milter_packet_begin(&m->out, command), true);
}

/* --- the agreement --- */

struct milter *
milter_new(const struct milter_calls *calls, void *arg, const struct macros *macros,
           const char *quarantine)
{
    struct milter *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return NULL;
    m->calls = calls;
    m->arg = arg;
    m->macros = macros;
    m->quarantine = quarantine;
    buf_init(&m->in, MILTER_REPLY_MAX + 4 + 65536);
    buf_init(&m->out, OUT_MAX);
    return m;
}

void
milter_free(struct milter *m)
{
    if (m == NULL)
        return;
    for (unsigned i = 0; i < MACROS_STAGES; i++)
        free(m->chosen[i]);
    buf_release(&m->in);
    buf_release(&m->out);
    free(m);
}

void
milter_open(struct milter *m)
{
    size_t at = milter_packet_begin(&m->out, MILTER_NEGOTIATE);

    m->state = MILTER_NEGOTIATING;
    milter_say(m, at,
               milter_put_u32(&m->out, MILTER_VERSION) && milter_put_u32(&m->out, MILTER_ACTIONS) &&
                   milter_put_u32(&m->out, MILTER_STEPS));
}

static bool
choose_macros(struct milter *m, const struct milter_reply *r)
{
    for (unsigned i = 0; i < MACROS_STAGES; i++) {
        if (r->macros[i].p == NULL)
            continue;
        m->chosen[i] = strndup(r->macros[i].p, r->macros[i].n);
        if (m->chosen[i] == NULL)
            return false;
    }
    return true;
}

static void
take_agreement(struct milter *m, const struct milter_reply *r)
{
    if (r->kind != MILTER_NEGOTIATED)
        milter_lose(m, "it does not negotiate");
    else if (r->version < MILTER_VERSION_MIN || r->version > MILTER_VERSION)
        milter_lose(m, "it wants another version of the protocol");
    else if ((r->actions & ~(uint32_t)MILTER_ACTIONS) != 0)
        milter_lose(m, "it wants to do what was not offered");
    else if ((r->steps & ~(uint32_t)MILTER_STEPS) != 0)
        milter_lose(m, "it wants steps that were not offered");
    else if (!choose_macros(m, r))
        milter_lose(m, "no memory");
    else {
        m->version = r->version;
        m->actions = r->actions;
        m->steps = r->steps;
        milter_go_on(m);
    }
}

/* --- stages --- */

static const struct stage {
    enum milter_command command;
    enum milter_macro_stage macros; /* MACROS_STAGES: none */
    uint32_t unwanted, silent;
    unsigned version; /* that began with it */
} stages[FILTER_STAGES] = {
    [FILTER_CONNECT] = {MILTER_CONNECT, MACROS_CONNECT, MILTER_NO_CONNECT, MILTER_SILENT_CONNECT,
                        2},
    [FILTER_HELO] = {MILTER_HELO, MACROS_HELO, MILTER_NO_HELO, MILTER_SILENT_HELO, 2},
    [FILTER_MAIL] = {MILTER_MAIL, MACROS_MAIL, MILTER_NO_MAIL, MILTER_SILENT_MAIL, 2},
    [FILTER_RCPT] = {MILTER_RCPT, MACROS_RCPT, MILTER_NO_RCPT, MILTER_SILENT_RCPT, 2},
    [FILTER_DATA] = {MILTER_DATA, MACROS_DATA, MILTER_NO_DATA, MILTER_SILENT_DATA, 4},
    [FILTER_UNKNOWN] = {MILTER_UNKNOWN, MACROS_STAGES, MILTER_NO_UNKNOWN, MILTER_SILENT_UNKNOWN, 3},
};

/* The client: name NUL, family, and with an address port, address NUL. */
static bool
put_client(struct milter *m, const struct filter_event *e)
{
    unsigned long long port = 0;
    const char *family;

    if (e->argument_count < 4)
        return false;
    family = e->arguments[1];
    if (!milter_put_string(&m->out, span_of(e->arguments[0])) || !buf_append(&m->out, family, 1))
        return false;
    if (family[0] == 'U')
        return true;
    (void)span_parse_u64(span_of(e->arguments[3]), 65535, &port);
    return milter_put_u16(&m->out, (uint16_t)port) &&
           milter_put_string(&m->out, span_of(e->arguments[2]));
}

static bool
put_arguments(struct milter *m, const struct filter_event *e)
{
    if (e->stage == FILTER_CONNECT)
        return put_client(m, e);
    for (uint32_t i = 0; i < e->argument_count; i++)
        if (!milter_put_string(&m->out, span_of(e->arguments[i])))
            return false;
    return true;
}

static bool
wants_stage(struct milter *m, const struct stage *s)
{
    return !m->is_connection_accepted && !m->is_message_accepted && m->version >= s->version &&
           (m->steps & s->unwanted) == 0;
}

void
milter_ask(struct milter *m, const struct filter_event *e)
{
    const struct stage *s = &stages[e->stage];
    bool good = true;
    size_t at;

    assert(m->state == MILTER_IDLE);
    m->state = MILTER_ASKED;
    m->stage = e->stage;
    if (e->stage == FILTER_MAIL)
        m->is_message_accepted = false;
    if (!wants_stage(m, s)) {
        milter_go_on(m);
        return;
    }
    m->in_transaction = m->in_transaction || e->stage == FILTER_MAIL;
    if (s->macros != MACROS_STAGES)
        good = milter_put_macros(m, s->macros, s->command);
    at = milter_packet_begin(&m->out, s->command);
    milter_say(m, at, good && put_arguments(m, e));
    if (m->state == MILTER_ASKED && (m->steps & s->silent) != 0)
        milter_go_on(m);
}

/* --- what arrives --- */

static void
take_reply(struct milter *m, const struct milter_reply *r)
{
    if (m->state == MILTER_NEGOTIATING)
        take_agreement(m, r);
    else if (m->state >= MILTER_ASKED && m->state <= MILTER_ENDED)
        milter_take_verdict(m, r);
    else
        milter_lose(m, "it speaks without being asked");
}

static bool
is_over(const struct milter *m)
{
    return m->state == MILTER_FAILED || m->state == MILTER_CLOSED;
}

/* All whole packets of what has arrived. */
static enum milter_parse
take_packets(struct milter *m)
{
    enum milter_parse result = MILTER_PARSE_MORE;
    size_t done = 0, used;
    struct milter_reply r;

    while (!is_over(m)) {
        result = milter_parse(span_skip(buf_span(&m->in), done), &r, &used);
        if (result != MILTER_PARSE_OK)
            break;
        done += used;
        m->turn++;
        take_reply(m, &r);
    }
    buf_consume(&m->in, done);
    return result;
}

void
milter_feed(struct milter *m, struct span octets)
{
    if (is_over(m))
        return;
    if (!buf_append_span(&m->in, octets)) {
        milter_lose(m, "it says too much");
        return;
    }
    if (take_packets(m) == MILTER_PARSE_BROKEN)
        milter_lose(m, "it sends what no packet is");
    if (m->in.len == 0)
        buf_release(&m->in);
}

/* --- the ends --- */

void
milter_abort(struct milter *m)
{
    if (m->state == MILTER_IDLE && m->in_transaction)
        milter_say_plain(m, MILTER_ABORT);
    m->in_transaction = false;
    m->is_message_accepted = false;
}

void
milter_quit(struct milter *m)
{
    if (m->state == MILTER_IDLE)
        milter_say_plain(m, MILTER_QUIT);
    if (m->state != MILTER_FAILED)
        m->state = MILTER_CLOSED;
}

enum milter_wait
milter_waits_for(const struct milter *m)
{
    switch (m->state) {
    case MILTER_NEGOTIATING:
        return MILTER_WAITS_FOR_AGREEMENT;
    case MILTER_ASKED:
    case MILTER_HEADERS:
    case MILTER_PIECES:
        return MILTER_WAITS_FOR_COMMAND;
    case MILTER_ENDED:
        return MILTER_WAITS_FOR_CONTENT;
    case MILTER_NEW:
    case MILTER_IDLE:
    case MILTER_CLOSED:
    case MILTER_FAILED:
        break;
    }
    return MILTER_WAITS_FOR_NOTHING;
}

uint64_t
milter_turn(const struct milter *m)
{
    return m->turn;
}

bool
milter_is_idle(const struct milter *m)
{
    return m->state == MILTER_IDLE;
}

bool
milter_is_lost(const struct milter *m)
{
    return m->state == MILTER_FAILED;
}
