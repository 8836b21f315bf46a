/* SPDX-License-Identifier: MIT
 *
 * One conversation: see milter_priv.h. What a filter agreed to not hear is not said, what it agreed
 * to not answer is not waited for, and what it did not agree to do is a broken rule.
 */
#include "milter_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define OUT_MAX (MILTER_DATA_MAX + 65536) /* one packet and the macros in front */
#define BODY_PIECE MILTER_DATA_MAX

enum milter_state {
    MILTER_NEW,
    MILTER_NEGOTIATING,
    MILTER_IDLE,
    MILTER_ASKED,   /* a stage */
    MILTER_HEADERS, /* of the draft, up to the end of the header */
    MILTER_PIECES,  /* of its body */
    MILTER_ENDED,   /* the end was said: changes come, then the answer */
    MILTER_CLOSED,
    MILTER_FAILED
};

struct milter {
    const struct milter_calls *calls;
    void *arg;
    const struct macros *macros;
    const char *quarantine;
    enum milter_state state;
    uint32_t version, actions, steps; /* agreed */
    char *chosen[MACROS_STAGES];      /* owned; NULL: the default's names */
    struct buf in, out;
    enum filter_stage stage;     /* MILTER_ASKED */
    bool is_connection_accepted; /* it wants to hear no more of the session, */
    bool is_message_accepted;    /* or of this message */
    bool in_transaction;         /* MAIL was said */
    struct draft *draft;         /* borrowed; HEADERS to ENDED */
    uint32_t field;              /* next to be said */
    bool has_end_of_header;      /* said */
    uint64_t body_said;
    bool is_full; /* send() said enough */
};

/* --- the end of a question --- */

static void
answer(struct milter *m, enum milter_answer what, const struct outcome *why)
{
    if (m->state == MILTER_ENDED)
        m->in_transaction = false;
    if (m->state != MILTER_FAILED)
        m->state = MILTER_IDLE;
    m->draft = NULL;
    m->calls->answered(m->arg, what, why);
}

static void
go_on(struct milter *m)
{
    struct outcome ok;

    outcome_set(&ok, OUTCOME_OK, NULL);
    answer(m, MILTER_GO_ON, &ok);
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
    answer(m, MILTER_IS_LOST, &why);
}

/* --- saying --- */

static void
send_out(struct milter *m)
{
    if (!m->calls->send(m->arg, buf_span(&m->out)))
        m->is_full = true;
    buf_reset(&m->out);
}

static bool
put_macros(struct milter *m, enum milter_macro_stage stage, enum milter_command command)
{
    struct span names =
        m->chosen[stage] != NULL ? span_of(m->chosen[stage]) : macros_default(stage);

    return macros_put(m->macros, names, command, &m->out);
}

static void
say(struct milter *m, size_t at, bool good)
{
    if (good && milter_packet_end(&m->out, at))
        send_out(m);
    else
        milter_lose(m, "a command does not fit into a packet");
}

static void
say_plain(struct milter *m, enum milter_command command)
{
    say(m, milter_packet_begin(&m->out, command), true);
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
    say(m, at,
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
        go_on(m);
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
        go_on(m);
        return;
    }
    m->in_transaction = m->in_transaction || e->stage == FILTER_MAIL;
    if (s->macros != MACROS_STAGES)
        good = put_macros(m, s->macros, s->command);
    at = milter_packet_begin(&m->out, s->command);
    say(m, at, good && put_arguments(m, e));
    if (m->state == MILTER_ASKED && (m->steps & s->silent) != 0)
        go_on(m);
}

/* --- the message --- */

static void say_more(struct milter *m);

static void
say_field(struct milter *m, const struct draft_field *f)
{
    size_t at = milter_packet_begin(&m->out, MILTER_HEADER);
    bool has_space = (m->steps & MILTER_LEADING_SPACE) != 0;
    struct buf value;
    bool good;

    buf_init(&value, FILTER_HEADER_MAX * 2);
    good =
        milter_put_string(&m->out, draft_field_name(f)) && draft_field_value(f, has_space, &value);
    if (good && value.len > MILTER_DATA_MAX - f->name_length - 2)
        value.len = MILTER_DATA_MAX - f->name_length - 2; /* it sees the beginning */
    say(m, at, good && milter_put_string(&m->out, buf_span(&value)));
    buf_release(&value);
}

/* true: something was said that has an answer, or this step is over. */
static bool
say_next_field(struct milter *m)
{
    const struct draft_field *f;

    while (m->field < m->draft->count && m->draft->fields[m->field].name_length == 0)
        m->field++;
    if (m->field == m->draft->count || (m->steps & MILTER_NO_HEADERS) != 0) {
        m->field = m->draft->count;
        return false;
    }
    f = &m->draft->fields[m->field++];
    if (f->name_length > MILTER_DATA_MAX / 2)
        return say_next_field(m); /* no filter could take its name */
    say_field(m, f);
    return true;
}

static bool
say_end_of_header(struct milter *m)
{
    if (m->has_end_of_header || (m->steps & MILTER_NO_END_OF_HEADER) != 0)
        return false;
    m->has_end_of_header = true;
    if (!put_macros(m, MACROS_END_OF_HEADER, MILTER_END_OF_HEADER)) {
        milter_lose(m, "macros do not fit");
        return true;
    }
    say_plain(m, MILTER_END_OF_HEADER);
    return true;
}

/* One step of the header; true: wait for its answer. */
static bool
say_header_step(struct milter *m)
{
    if (say_next_field(m))
        return (m->steps & MILTER_SILENT_HEADERS) == 0;
    if (say_end_of_header(m))
        return (m->steps & MILTER_SILENT_END_OF_HEADER) == 0;
    m->state = MILTER_PIECES;
    return false;
}

static void
say_end(struct milter *m)
{
    m->state = MILTER_ENDED;
    if (put_macros(m, MACROS_END, MILTER_END))
        say_plain(m, MILTER_END);
    else
        milter_lose(m, "macros do not fit");
}

static bool
say_piece(struct milter *m)
{
    uint64_t left = draft_body_octets(m->draft) - m->body_said;
    size_t n = left < BODY_PIECE ? (size_t)left : BODY_PIECE;
    size_t at, begin;
    ssize_t got;

    if (n == 0 || (m->steps & MILTER_NO_BODY) != 0) {
        say_end(m);
        return true;
    }
    at = milter_packet_begin(&m->out, MILTER_BODY);
    begin = m->out.len;
    if (!buf_reserve(&m->out, n)) {
        milter_lose(m, "no memory");
        return true;
    }
    got = draft_body_read(m->draft, m->body_said, m->out.data + begin, n);
    if (got <= 0) {
        milter_lose(m, "the message cannot be read");
        return true;
    }
    m->out.len += (size_t)got;
    m->body_said += (uint64_t)got;
    say(m, at, true);
    return (m->steps & MILTER_SILENT_BODY) == 0;
}

/* As far as it goes without an answer, and without filling the socket's queue. */
static void
say_more(struct milter *m)
{
    bool waits = false;

    while (!waits && !m->is_full && (m->state == MILTER_HEADERS || m->state == MILTER_PIECES))
        waits = m->state == MILTER_HEADERS ? say_header_step(m) : say_piece(m);
}

void
milter_ask_message(struct milter *m, struct draft *draft)
{
    assert(m->state == MILTER_IDLE);
    m->state = MILTER_HEADERS;
    m->draft = draft;
    m->field = 0;
    m->has_end_of_header = false;
    m->body_said = 0;
    if (m->is_connection_accepted || m->is_message_accepted)
        go_on(m);
    else
        say_more(m);
}

void
milter_resume(struct milter *m)
{
    if (!m->is_full)
        return;
    m->is_full = false;
    say_more(m);
}

/* --- answers --- */

static bool
may(const struct milter *m, uint32_t action)
{
    return (m->actions & action) != 0;
}

/* true: it is a change, and was made. */
static bool
change(struct milter *m, const struct milter_reply *r)
{
    bool has_space = (m->steps & MILTER_LEADING_SPACE) != 0;
    struct draft *d = m->draft;

    switch (r->kind) {
    case MILTER_ADD_HEADER:
        return may(m, MILTER_MAY_ADD_HEADERS) && draft_add(d, r->name, r->value, has_space);
    case MILTER_INSERT_HEADER:
        return may(m, MILTER_MAY_ADD_HEADERS) &&
               draft_insert(d, r->index, r->name, r->value, has_space);
    case MILTER_CHANGE_HEADER:
        return may(m, MILTER_MAY_CHANGE_HEADERS) &&
               draft_change(d, r->index, r->name, r->value, has_space);
    case MILTER_REPLACE_BODY:
        return may(m, MILTER_MAY_CHANGE_BODY) && draft_replace_body(d, r->data);
    case MILTER_ADD_RCPT:
        return may(m, MILTER_MAY_ADD_RCPT) && draft_add_recipient(d, r->name);
    case MILTER_ADD_RCPT_WITH:
        return may(m, MILTER_MAY_ADD_RCPT_WITH) && draft_add_recipient(d, r->name);
    case MILTER_DELETE_RCPT:
        return may(m, MILTER_MAY_DELETE_RCPT) && draft_delete_recipient(d, r->name);
    case MILTER_CHANGE_FROM:
        return may(m, MILTER_MAY_CHANGE_FROM) && draft_set_sender(d, r->name);
    case MILTER_QUARANTINE:
        return may(m, MILTER_MAY_QUARANTINE) && draft_set_quarantine(d, m->quarantine, r->value);
    default:
        return false;
    }
}

static void
accept(struct milter *m)
{
    if (m->state == MILTER_ASKED && (m->stage == FILTER_CONNECT || m->stage == FILTER_HELO))
        m->is_connection_accepted = true;
    else if (m->state != MILTER_ENDED)
        m->is_message_accepted = true;
    go_on(m);
}

static void
refuse_with(struct milter *m, struct span reply)
{
    struct outcome why;

    if (outcome_reply(&why, reply))
        answer(m, MILTER_REFUSES, &why);
    else
        milter_lose(m, "its reply has no code of 4xx or 5xx");
}

static void
discard(struct milter *m)
{
    struct outcome ok;

    outcome_set(&ok, OUTCOME_DISCARDED, NULL);
    if (m->in_transaction)
        answer(m, MILTER_DISCARDS, &ok);
    else
        milter_lose(m, "it discards a session");
}

static void
take_continue(struct milter *m)
{
    if (m->state == MILTER_ASKED || m->state == MILTER_ENDED)
        go_on(m);
    else
        say_more(m);
}

static void
take_skip(struct milter *m)
{
    if (m->state != MILTER_PIECES || (m->steps & MILTER_MAY_SKIP) == 0)
        milter_lose(m, "it skips what cannot be skipped");
    else
        say_end(m);
}

/* The doubled percent sign is how sendmail's library writes one. */
static void
take_reply_code(struct milter *m, struct span text)
{
    struct buf reply;
    bool good = true;

    buf_init(&reply, MILTER_REPLY_MAX);
    for (size_t i = 0; good && i < text.n; i++) {
        good = buf_append_char(&reply, text.p[i]);
        if (text.p[i] == '%' && i + 1 < text.n && text.p[i + 1] == '%')
            i++;
    }
    if (good)
        refuse_with(m, buf_span(&reply));
    else
        milter_lose(m, "no memory");
    buf_release(&reply);
}

static void
take_verdict(struct milter *m, const struct milter_reply *r)
{
    switch (r->kind) {
    case MILTER_CONTINUE:
        take_continue(m);
        return;
    case MILTER_ACCEPT:
        accept(m);
        return;
    case MILTER_DISCARD:
        discard(m);
        return;
    case MILTER_REJECT:
        refuse_with(m, SPAN("550 5.7.1 refused by a content filter"));
        return;
    case MILTER_TEMPFAIL:
        refuse_with(m, SPAN("451 4.7.1 try again later"));
        return;
    case MILTER_FAIL:
    case MILTER_SHUTDOWN:
        refuse_with(m, SPAN("421 4.7.0 closing the connection, try again later"));
        return;
    case MILTER_REPLY_CODE:
        take_reply_code(m, r->value);
        return;
    case MILTER_SKIP:
        take_skip(m);
        return;
    case MILTER_PROGRESS:
        return;
    default:
        if (m->state != MILTER_ENDED || !change(m, r))
            milter_lose(m, "it does what cannot be done");
    }
}

static void
take_reply(struct milter *m, const struct milter_reply *r)
{
    if (m->state == MILTER_NEGOTIATING)
        take_agreement(m, r);
    else if (m->state >= MILTER_ASKED && m->state <= MILTER_ENDED)
        take_verdict(m, r);
    else
        milter_lose(m, "it speaks without being asked");
}

static bool
is_over(const struct milter *m)
{
    return m->state == MILTER_FAILED || m->state == MILTER_CLOSED;
}

void
milter_feed(struct milter *m, struct span octets)
{
    size_t done = 0, used;
    struct milter_reply r;
    enum milter_parse result = MILTER_PARSE_MORE;

    if (is_over(m))
        return;
    if (!buf_append_span(&m->in, octets)) {
        milter_lose(m, "it says too much");
        return;
    }
    while (!is_over(m)) {
        result = milter_parse(span_skip(buf_span(&m->in), done), &r, &used);
        if (result != MILTER_PARSE_OK)
            break;
        done += used;
        take_reply(m, &r);
    }
    buf_consume(&m->in, done);
    if (m->in.len == 0)
        buf_release(&m->in);
    if (result == MILTER_PARSE_BROKEN)
        milter_lose(m, "it sends what no packet is");
}

/* --- the ends --- */

void
milter_abort(struct milter *m)
{
    if (m->state == MILTER_IDLE && m->in_transaction)
        say_plain(m, MILTER_ABORT);
    m->in_transaction = false;
    m->is_message_accepted = false;
}

void
milter_quit(struct milter *m)
{
    if (m->state == MILTER_IDLE)
        say_plain(m, MILTER_QUIT);
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
