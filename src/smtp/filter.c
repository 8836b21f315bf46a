/* SPDX-License-Identifier: MIT
 *
 * Content filters in the session: each stage is described (filter_describe.c), and waits until they
 * agree. They are asked behind our own checks and, for a recipient, behind the
 * store. What they refuse is refused with their reply. Nothing here knows how filters are spoken
 * to.
 */
#include "filter_priv.h"

#include <stdio.h>

#define EVENT_MEMORY 16384 /* texts of one event: an address and its parameters twice */

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

bool
filter_asks_connect(struct smtp_session *s)
{
    struct question q;

    if (!has_filters(s))
        return false;
    question_init(&q, FILTER_CONNECT);
    question_describe_client(s, &q);
    question_wait(s, &q);
    return true;
}

bool
filter_asks_helo(struct smtp_session *s)
{
    struct question q;

    if (!has_filters(s))
        return false;
    question_init(&q, FILTER_HELO);
    question_describe_helo(s, &q);
    question_describe_tls(s, &q);
    question_wait(s, &q);
    return true;
}

/* XFORWARD names another client for the next message: to the filters that is another session. What
 * they say to its first stages counts for the stages that follow. */
static void
tell_client_anew(struct smtp_session *s)
{
    struct question q;

    if (!filter_has_forwarded_client(s) && !s->filter_forwarded)
        return;
    s->filter_forwarded = filter_has_forwarded_client(s);
    question_init(&q, FILTER_CONNECT);
    q.event.is_late = true;
    question_describe_client(s, &q);
    question_send(s, &q);
    question_init(&q, FILTER_HELO);
    q.event.is_late = true;
    question_describe_helo(s, &q);
    question_describe_tls(s, &q);
    question_send(s, &q);
}

/* --- the transaction --- */

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
    question_describe_path(&q, &t->envelope.reverse_path, t->parameters);
    filter_event_macro(e, "i", question_message_id(s, &q));
    filter_event_macro(e, "{auth_type}", s->login != NULL ? s->mechanism : "");
    filter_event_macro(e, "{auth_authen}",
                       s->login != NULL ? s->login : session_fact(s, FACT_LOGIN));
    filter_event_macro(e, "{auth_author}", t->envelope.auth_sender);
    filter_event_macro(e, "{mail_addr}", question_address(&q, e->arguments[0]));
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
    question_describe_path(&q, &slot->recipient.address, slot->parameters);
    filter_event_macro(e, "{rcpt_addr}", question_address(&q, e->arguments[0]));
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
    if (stage == FILTER_HELO) {
        hello_forget(s);
        session_step(s, SESSION_CONNECTED);
    }
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
