/* SPDX-License-Identifier: MIT
 *
 * The verbs of a mail transaction: MAIL opens it, RCPT asks the store about one recipient, DATA and
 * BDAT begin the content (RFC 5321 3.3, RFC 3030).
 */
#include "auth_priv.h"

#include <stdlib.h>
#include <string.h>

#include "parameters_priv.h"

/* Octets of memory. One MAIL line may be parsed and kept four times over; recipients have this many
 * on average, their parameters included, and ten long ones have room in any case; RCPTs on their
 * way are parsed while less than ASKED_HIGH is in use, and each gets an answer. */
#define MAIL_BASE 4096
#define MAIL_LINES 4
#define RECIPIENTS_BASE 8192
#define RECIPIENT_AVERAGE 176
#define ASKED_HIGH 8192
#define ASKED_MAX(line) (ASKED_HIGH + MAIL_LINES * (line) + RCPT_WINDOW * REPLY_OUTCOME_MAX)

/* "FROM:" or "TO:", then the path; spaces in front of it are common and harmless. */
static bool
split_path(struct span args, struct span keyword, struct span *path)
{
    if (!span_has_prefix_fold(args, keyword))
        return false;
    args = span_skip(args, keyword.n);
    while (args.n > 0 && args.p[0] == ' ')
        args = span_skip(args, 1);
    *path = args;
    return args.n > 0 && args.p[0] == '<';
}

/* --- MAIL --- */

static struct transaction *
transaction_new(const struct smtp_session *s)
{
    struct transaction *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return NULL;
    arena_init(&t->arena, MAIL_BASE + MAIL_LINES * s->config.limits->command_line);
    arena_init(&t->recipients, RECIPIENTS_BASE + s->config.limits->recipients * RECIPIENT_AVERAGE);
    arena_init(&t->asked, ASKED_MAX(s->config.limits->command_line));
    t->envelope.envid = "";
    t->envelope.auth_sender = "";
    fold_init(&t->fold);
    return t;
}

static unsigned
extensions_of(const struct smtp_session *s)
{
    return (s->config.dsn ? PARAMETERS_DSN : 0u) | (s->config.auth ? PARAMETERS_AUTH : 0u);
}

/* As they were said, for the filters; "" where there are none. NULL without memory. */
static const char *
keep_parameters(const struct smtp_session *s, struct arena *arena, struct span rest)
{
    return s->config.filter_key == NULL ? "" : arena_copy(arena, rest);
}

static enum smtp_reply
parse_mail(struct smtp_session *s, struct transaction *t, struct span args)
{
    struct envelope *e = &t->envelope;
    struct span path, rest;
    enum smtp_reply refusal;

    if (!split_path(args, SPAN("FROM:"), &path))
        return REPLY_SYNTAX_MAIL;
    switch (address_parse_path(path, ADDRESS_ALLOW_NULL | ADDRESS_ALLOW_UTF8, &t->arena,
                               &e->reverse_path, &rest)) {
    case ADDRESS_OK:
        break;
    case ADDRESS_SYNTAX:
    case ADDRESS_TOO_LONG:
        return REPLY_BAD_SENDER;
    case ADDRESS_NO_MEMORY:
        return REPLY_NO_MEMORY;
    }
    if (!s->is_extended && rest.n > 0)
        return REPLY_UNKNOWN_PARAMETER;
    refusal = parameters_parse_mail(rest, extensions_of(s), &t->arena, e);
    if (refusal != REPLY_NONE)
        return refusal;
    if (e->auth_sender[0] != '\0' && s->login == NULL && !s->config.trusted)
        e->auth_sender = "<>"; /* we take no stranger's word for it (RFC 4954 5) */
    if (e->reverse_path.is_utf8 && !e->smtputf8)
        return REPLY_NEED_SMTPUTF8;
    if (e->require_tls && s->tls == NULL)
        return REPLY_REQUIRETLS_IN_PLAIN;
    if (e->size > s->config.limits->message_size)
        return REPLY_TOO_BIG;
    t->parameters = keep_parameters(s, &t->arena, rest);
    return t->parameters == NULL ? REPLY_NO_MEMORY : REPLY_NONE;
}

void
go_on_mail(struct smtp_session *s)
{
    session_step(s, SESSION_MAIL);
    session_reply(s, REPLY_SENDER_OK);
}

void
cmd_mail(struct smtp_session *s, struct span args)
{
    enum smtp_reply refusal;
    struct outcome why;

    if (s->messages >= s->config.limits->transactions) {
        session_end(s, REPLY_TOO_MANY_MESSAGES, "too many messages");
        return;
    }
    if (!auth_may_send(s)) {
        session_refuse(s, REPLY_AUTH_NEEDED);
        return;
    }
    if (!s->calls->mail_begin(s->arg, xclient_ip(s), &why)) {
        answers_say(s, &why);
        return;
    }
    s->transaction = transaction_new(s);
    refusal = s->transaction == NULL ? REPLY_NO_MEMORY : parse_mail(s, s->transaction, args);
    if (refusal == REPLY_NONE) {
        if (!filter_asks_mail(s))
            go_on_mail(s);
        return;
    }
    session_forget_transaction(s);
    session_refuse(s, refusal);
}

/* --- RCPT --- */

/* Room for one more accepted recipient, made before the store is asked, so that an acceptance
 * cannot fail afterwards. */
static bool
reserve_recipient(struct transaction *t)
{
    uint32_t needed = t->envelope.recipient_count + t->slot_count + 1;
    uint32_t size = t->recipients_size == 0 ? 4 : t->recipients_size * 2;
    struct envelope_recipient *grown;

    if (needed <= t->recipients_size)
        return true;
    grown = reallocarray(t->envelope.recipients, size, sizeof(*grown));
    if (grown == NULL)
        return false;
    t->envelope.recipients = grown;
    t->recipients_size = size;
    return true;
}

/* Accepted ones, and those that may yet be. */
static bool
is_at_limit(const struct smtp_session *s)
{
    const struct transaction *t = s->transaction;
    uint64_t max = s->config.limits->recipients;

    if (max > ENVELOPE_RECIPIENTS_MAX)
        max = ENVELOPE_RECIPIENTS_MAX;
    return (uint64_t)t->envelope.recipient_count + t->slot_count >= max;
}

bool
rcpt_may_overtake(const struct smtp_session *s)
{
    const struct transaction *t = s->transaction;

    return t->slot_count < RCPT_WINDOW && t->asked.used < ASKED_HIGH && !is_at_limit(s);
}

static const char *
keep_text(struct arena *arena, const char *text)
{
    return *text == '\0' ? "" : arena_copy(arena, span_of(text));
}

bool
rcpt_keep(struct transaction *t, struct envelope_recipient *r)
{
    r->address.local = keep_text(&t->recipients, r->address.local);
    r->address.domain = keep_text(&t->recipients, r->address.domain);
    r->orcpt = keep_text(&t->recipients, r->orcpt);
    return r->address.local != NULL && r->address.domain != NULL && r->orcpt != NULL;
}

static enum smtp_reply
parse_rcpt(struct smtp_session *s, struct span args, struct envelope_recipient *r,
           const char **parameters)
{
    struct transaction *t = s->transaction;
    struct span path, rest;
    enum smtp_reply refusal;

    r->orcpt = "";
    if (!split_path(args, SPAN("TO:"), &path))
        return REPLY_SYNTAX_RCPT;
    switch (address_parse_path(path, ADDRESS_ALLOW_POSTMASTER | ADDRESS_ALLOW_UTF8, &t->asked,
                               &r->address, &rest)) {
    case ADDRESS_OK:
        break;
    case ADDRESS_SYNTAX:
    case ADDRESS_TOO_LONG:
        return REPLY_BAD_RECIPIENT;
    case ADDRESS_NO_MEMORY:
        return REPLY_TOO_MANY_RECIPIENTS;
    }
    if (!s->is_extended && rest.n > 0)
        return REPLY_UNKNOWN_PARAMETER;
    refusal = parameters_parse_rcpt(rest, extensions_of(s), t->envelope.smtputf8, &t->asked, r);
    if (refusal == REPLY_NONE && r->address.is_utf8 && !t->envelope.smtputf8)
        refusal = REPLY_NEED_SMTPUTF8;
    *parameters = keep_parameters(s, &t->asked, rest);
    return refusal == REPLY_NONE && *parameters == NULL ? REPLY_NO_MEMORY : refusal;
}

void
cmd_rcpt(struct smtp_session *s, struct span args)
{
    struct transaction *t = s->transaction;
    struct envelope_recipient r = {0};
    const char *parameters = "";
    enum smtp_reply refusal;
    struct rcpt_slot *slot;

    if (t->slot_count == 0)
        arena_reset(&t->asked);
    refusal = parse_rcpt(s, args, &r, &parameters);
    if (refusal == REPLY_NONE && is_at_limit(s))
        refusal = REPLY_TOO_MANY_RECIPIENTS;
    if (refusal == REPLY_NONE && !reserve_recipient(t))
        refusal = REPLY_NO_MEMORY;
    if (refusal != REPLY_NONE) {
        answers_rcpt_refuse(s, refusal);
        return;
    }
    slot = answers_rcpt_slot(t);
    slot->id = ++s->next_rcpt_id;
    slot->recipient = r;
    slot->parameters = parameters;
    s->calls->ask_rcpt(s->arg, slot->id, &slot->recipient.address, &t->envelope.reverse_path,
                       t->envelope.size);
}

/* --- DATA --- */

void
cmd_data(struct smtp_session *s, struct span args)
{
    const struct envelope *e = &s->transaction->envelope;

    if (args.n > 0)
        session_refuse(s, REPLY_SYNTAX);
    else if (e->recipient_count == 0)
        session_refuse(s, REPLY_NO_RECIPIENTS); /* RFC 2033 4.2 asks for 503 */
    else if (e->body == BODY_BINARYMIME)
        session_refuse(s, REPLY_NEED_BDAT); /* RFC 3030 section 3 */
    else if (!filter_asks_data(s))
        go_on_data(s);
}

void
go_on_data(struct smtp_session *s)
{
    if (!content_begin(s, true)) {
        session_step(s, SESSION_READY);
        session_reply(s, REPLY_STORE_AWAY);
    } else {
        session_step(s, SESSION_DATA);
        session_reply(s, REPLY_START_DATA);
    }
}

/* --- BDAT --- */

static bool
parse_bdat(struct span args, uint64_t *size, bool *is_last)
{
    size_t space = span_find(args, ' ');
    struct span last = span_skip(args, space + 1);
    unsigned long long n;

    if (!span_parse_u64((struct span){args.p, space}, INT64_MAX, &n))
        return false;
    *size = n;
    *is_last = span_equal_fold(last, SPAN("LAST"));
    return *is_last || space == args.n;
}

/* Why a chunk cannot be taken; its octets follow all the same and are drained (RFC 3030 section 2).
 */
static enum smtp_reply
chunk_refusal(const struct smtp_session *s)
{
    if (starttls_is_missing(s))
        return REPLY_NEED_TLS;
    if (s->state == SESSION_CONNECTED)
        return REPLY_NEED_HELLO;
    if (s->state == SESSION_READY)
        return REPLY_NEED_MAIL;
    return s->transaction->envelope.recipient_count == 0 ? REPLY_NO_RECIPIENTS : REPLY_NONE;
}

void
cmd_bdat(struct smtp_session *s, struct span args)
{
    if (!parse_bdat(args, &s->chunk_left, &s->chunk_is_last)) {
        /* Where the next command begins is not known any more, and to guess would be to execute
         * what may be a message. */
        session_reply(s, REPLY_SYNTAX_BDAT);
        session_end(s, REPLY_NONE, "bad chunk size");
        return;
    }
    s->chunk_refusal = chunk_refusal(s);
    s->after_chunk = s->state;
    if (s->chunk_refusal == REPLY_NONE && s->state == SESSION_MAIL)
        filter_tell_data(s);
    if (s->chunk_refusal == REPLY_NONE && s->state == SESSION_MAIL && !content_begin(s, false)) {
        s->chunk_refusal = REPLY_STORE_AWAY;
        s->after_chunk = SESSION_READY;
    }
    session_step(s, SESSION_CHUNK);
    content_begin_chunk(s);
}
