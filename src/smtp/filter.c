/* SPDX-License-Identifier: MIT
 *
 * Content filters in the session: each stage is described, with the macros that belong to it, and
 * waits until they agree. They are asked behind our own checks and, for a recipient, behind the
 * store. What they refuse is refused with their reply. Nothing here knows how filters are spoken
 * to.
 */
#include "session_priv.h"

#include <stdio.h>
#include <string.h>

#define EVENT_MEMORY 16384 /* texts of one event: an address and its parameters twice */

struct question { /* an event and what its texts need */
    struct filter_event event;
    struct arena arena;
};

static void
question_init(struct question *q, enum filter_stage stage)
{
    q->event = (struct filter_event){.stage = stage};
    arena_init(&q->arena, EVENT_MEMORY);
}

static uint64_t
question_send(struct smtp_session *s, struct question *q)
{
    uint64_t id = ++s->next_rcpt_id;

    s->calls->ask_filter(s->arg, id, &q->event);
    arena_release(&q->arena);
    return id;
}

/* The stage waits: its answer may come before this returns. */
static void
question_wait(struct smtp_session *s, struct question *q)
{
    s->filter_stage = q->event.stage;
    s->filter_id = s->next_rcpt_id + 1;
    question_send(s, q);
}

static bool
has_filters(const struct smtp_session *s)
{
    return s->config.filter_key != NULL;
}

/* --- who is calling --- */

static bool
has_forwarded_client(const struct smtp_session *s)
{
    return s->forward.text[FACT_IP] != NULL || s->forward.text[FACT_NAME] != NULL ||
           s->forward.text[FACT_HELO] != NULL;
}

/* "IPv6:2001:db8::1" without what RFC 5321 puts in front. */
static const char *
plain_ip(const char *ip)
{
    return strncmp(ip, "IPv6:", 5) == 0 ? ip + 5 : ip;
}

static const char *
family_of(const char *ip)
{
    if (ip[0] == '\0')
        return "U";
    return strchr(ip, ':') != NULL ? "6" : "4";
}

/* "name [address]", as sendmail's $_ has it. */
static const char *
validated_name(struct question *q, const char *name, const char *ip)
{
    struct buf text;
    const char *copy = "";

    buf_init(&text, 1024);
    if (ip[0] == '\0' ? buf_append_str(&text, name) : buf_printf(&text, "%s [%s]", name, ip))
        copy = arena_copy(&q->arena, buf_span(&text));
    buf_release(&text);
    return copy != NULL ? copy : "";
}

static void
describe_client(const struct smtp_session *s, struct question *q)
{
    struct filter_event *e = &q->event;
    const char *ip = plain_ip(session_fact(s, FACT_IP)), *name = session_fact(s, FACT_NAME);
    bool is_direct = !has_forwarded_client(s) && s->client.text[FACT_IP] == NULL;
    const char *port = is_direct ? s->config.client_port : session_fact(s, FACT_PORT);

    if (name[0] == '\0')
        name = ip[0] == '\0' ? "localhost" : "unknown";
    filter_event_argument(e, name);
    filter_event_argument(e, family_of(ip));
    filter_event_argument(e, ip);
    filter_event_argument(e, port[0] != '\0' ? port : "0");
    filter_event_macro(e, "j", s->config.hostname);
    filter_event_macro(e, "v", "Doorstep " DOORSTEP_VERSION);
    filter_event_macro(e, "_", validated_name(q, name, ip));
    filter_event_macro(e, "{daemon_name}", s->config.hostname);
    filter_event_macro(e, "{daemon_addr}", s->config.daemon_addr);
    filter_event_macro(e, "{daemon_port}", s->config.daemon_port);
    filter_event_macro(e, "{client_addr}", ip);
    filter_event_macro(e, "{client_name}", name);
    filter_event_macro(e, "{client_ptr}", name);
    filter_event_macro(e, "{client_port}", port);
}

bool
filter_asks_connect(struct smtp_session *s)
{
    struct question q;

    if (!has_filters(s))
        return false;
    question_init(&q, FILTER_CONNECT);
    describe_client(s, &q);
    question_wait(s, &q);
    return true;
}

static void
describe_helo(const struct smtp_session *s, struct question *q)
{
    const char *forwarded = session_fact(s, FACT_HELO);

    filter_event_argument(&q->event, forwarded[0] != '\0' ? forwarded : s->helo);
}

/* Empty values unset what an earlier introduction said. */
static void
describe_tls(const struct smtp_session *s, struct question *q)
{
    const struct tls_facts *tls = s->tls;
    char bits[16] = "";

    if (tls != NULL)
        snprintf(bits, sizeof(bits), "%u", tls->bits);
    filter_event_macro(&q->event, "{tls_version}", tls != NULL ? tls->version : "");
    filter_event_macro(&q->event, "{cipher}", tls != NULL ? tls->cipher : "");
    filter_event_macro(&q->event, "{cipher_bits}", arena_copy(&q->arena, span_of(bits)));
    filter_event_macro(&q->event, "{cert_subject}", tls != NULL ? tls->client_common_name : "");
    filter_event_macro(&q->event, "{cert_issuer}", tls != NULL ? tls->client_issuer : "");
}

bool
filter_asks_helo(struct smtp_session *s)
{
    struct question q;

    if (!has_filters(s))
        return false;
    question_init(&q, FILTER_HELO);
    describe_helo(s, &q);
    describe_tls(s, &q);
    question_wait(s, &q);
    return true;
}

/* XFORWARD names another client for the next message: to the filters that is another session. What
 * they say to its first stages counts for the stages that follow. */
static void
tell_client_anew(struct smtp_session *s)
{
    struct question q;

    if (!has_forwarded_client(s) && !s->filter_forwarded)
        return;
    s->filter_forwarded = has_forwarded_client(s);
    question_init(&q, FILTER_CONNECT);
    q.event.is_late = true;
    describe_client(s, &q);
    question_send(s, &q);
    question_init(&q, FILTER_HELO);
    q.event.is_late = true;
    describe_helo(s, &q);
    describe_tls(s, &q);
    question_send(s, &q);
}

/* --- the transaction --- */

/* "<local@domain>" */
static const char *
print_path(struct question *q, const struct address *a)
{
    struct buf text;
    const char *copy = NULL;

    buf_init(&text, ADDRESS_PATH_MAX);
    if (buf_append_char(&text, '<') && address_print(a, &text) && buf_append_char(&text, '>'))
        copy = arena_copy(&q->arena, buf_span(&text));
    buf_release(&text);
    return copy != NULL ? copy : "<>";
}

/* The same without brackets. */
static const char *
print_address(struct question *q, const char *path)
{
    const char *copy = arena_copy(&q->arena, (struct span){path + 1, strlen(path) - 2});

    return copy != NULL ? copy : "";
}

static void
describe_path(struct question *q, const struct address *a, const char *parameters)
{
    struct span rest = span_of(parameters);

    filter_event_argument(&q->event, print_path(q, a));
    while (rest.n > 0) {
        size_t n = span_find(rest, ' ');
        const char *word = n > 0 ? arena_copy(&q->arena, (struct span){rest.p, n}) : NULL;

        if (word != NULL)
            filter_event_argument(&q->event, word);
        rest = span_skip(rest, n + 1);
    }
}

/* A queue id for the filters' logs: the MTA's where we know it, else one of ours. */
static const char *
message_id(const struct smtp_session *s, struct question *q)
{
    const char *queue_id = session_fact(s, FACT_QUEUE_ID), *copy;
    struct buf text;

    if (queue_id[0] != '\0')
        return queue_id;
    buf_init(&text, 256);
    buf_printf(&text, "%s-%llu", s->config.session_id, (unsigned long long)s->messages + 1);
    copy = arena_copy(&q->arena, buf_span(&text));
    buf_release(&text);
    return copy != NULL ? copy : "";
}

bool
filter_asks_mail(struct smtp_session *s)
{
    struct transaction *t = s->transaction;
    struct filter_event *e;
    struct question q;

    if (!has_filters(s))
        return false;
    tell_client_anew(s);
    question_init(&q, FILTER_MAIL);
    e = &q.event;
    describe_path(&q, &t->envelope.reverse_path, t->parameters);
    filter_event_macro(e, "i", message_id(s, &q));
    filter_event_macro(e, "{auth_authen}",
                       s->login != NULL ? s->login : session_fact(s, FACT_LOGIN));
    filter_event_macro(e, "{auth_author}", t->envelope.auth_sender);
    filter_event_macro(e, "{mail_addr}", print_address(&q, e->arguments[0]));
    filter_event_macro(e, "{mail_host}", t->envelope.reverse_path.domain);
    filter_event_macro(e, "{mail_mailer}", session_is_lmtp(s) ? "lmtp" : "smtp");
    t->is_at_filter = true;
    question_wait(s, &q);
    return true;
}

bool
filter_asks_rcpt(struct smtp_session *s, struct rcpt_slot *slot)
{
    struct filter_event *e;
    struct question q;

    if (!has_filters(s))
        return false;
    question_init(&q, FILTER_RCPT);
    e = &q.event;
    describe_path(&q, &slot->recipient.address, slot->parameters);
    filter_event_macro(e, "{rcpt_addr}", print_address(&q, e->arguments[0]));
    filter_event_macro(e, "{rcpt_host}", slot->recipient.address.domain);
    filter_event_macro(e, "{rcpt_mailer}", "local");
    slot->is_at_filter = true;
    slot->id = s->next_rcpt_id + 1;
    question_send(s, &q);
    return true;
}

bool
filter_asks_data(struct smtp_session *s)
{
    struct question q;

    if (!has_filters(s))
        return false;
    question_init(&q, FILTER_DATA);
    question_wait(s, &q);
    return true;
}

void
filter_tell_data(struct smtp_session *s)
{
    struct question q;

    if (!has_filters(s))
        return;
    question_init(&q, FILTER_DATA);
    q.event.is_late = true;
    question_send(s, &q);
}

bool
filter_asks_unknown(struct smtp_session *s, struct span line)
{
    struct question q;
    char *text;

    if (!has_filters(s) || s->state == SESSION_BETWEEN)
        return false;
    question_init(&q, FILTER_UNKNOWN);
    text = arena_copy(&q.arena, line.n < 1024 ? line : (struct span){line.p, 1024});
    for (char *c = text; c != NULL && *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    }
    filter_event_argument(&q.event, text != NULL ? text : "");
    question_wait(s, &q);
    return true;
}

void
filter_name(struct smtp_session *s, struct envelope *e)
{
    struct transaction *t = s->transaction;
    char name[FILTER_NAME_SIZE];

    e->filter = "";
    e->filter_must = t->is_at_filter && s->config.filter_must;
    if (!t->is_at_filter)
        return;
    snprintf(name, sizeof(name), "%s.%llu", s->config.filter_key, (unsigned long long)s->messages);
    e->filter = arena_copy(&t->arena, span_of(name));
    if (e->filter == NULL)
        e->filter = s->config.filter_key;
}

/* --- answers --- */

static void
let_pass(struct smtp_session *s, enum filter_stage stage)
{
    switch (stage) {
    case FILTER_CONNECT:
        session_say_greeting(s);
        return;
    case FILTER_HELO:
        hello_say(s);
        return;
    case FILTER_MAIL:
        go_on_mail(s);
        return;
    case FILTER_DATA:
        go_on_data(s);
        return;
    case FILTER_UNKNOWN:
        session_refuse(s, REPLY_UNKNOWN_VERB);
        return;
    case FILTER_RCPT:
    case FILTER_STAGES:
        return; /* these wait in slots */
    }
}

/* Back to where the client may try again. */
static void
step_back(struct smtp_session *s, enum filter_stage stage)
{
    if (stage == FILTER_HELO)
        session_step(s, SESSION_CONNECTED);
    if (stage != FILTER_MAIL && stage != FILTER_DATA)
        return;
    session_forget_transaction(s);
    if (s->state == SESSION_MAIL)
        session_step(s, SESSION_READY);
}

static void
refuse(struct smtp_session *s, enum filter_stage stage, const struct outcome *o)
{
    answers_say(s, o);
    if (stage == FILTER_CONNECT || outcome_code(o) == 421)
        session_end(s, REPLY_NONE, "a content filter refuses it");
    else
        step_back(s, stage);
}

static void
answer_stage(struct smtp_session *s, const struct outcome *o)
{
    enum filter_stage stage = s->filter_stage;

    s->filter_id = 0;
    if (outcome_is_success(o))
        let_pass(s, stage);
    else
        refuse(s, stage, o);
}

void
filter_fail(struct smtp_session *s, const struct outcome *outcome)
{
    answer_stage(s, outcome);
}

void
smtp_session_filter_answer(struct smtp_session *s, uint64_t id, const struct outcome *outcome)
{
    if (s->state == SESSION_CLOSED)
        return;
    if (s->filter_id != 0 && s->filter_id == id)
        answer_stage(s, outcome);
    else
        answers_rcpt_filtered(s, id, outcome);
    session_resume(s);
}
