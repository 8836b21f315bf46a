/* SPDX-License-Identifier: MIT
 *
 * RFC 5230 vacation and RFC 6131 vacation-seconds: the command, and what makes one response the
 * same as another. Who may be answered at all: vacation_sender.c.
 */
#include "../extensions_priv.h"

#include <stdio.h>

#include "reply_priv.h"

#define SUBJECT_MAX 256 /* characters */

enum {
    SLOT_PERIOD = SIEVE_SLOT_OWN,
    SLOT_SUBJECT,
    SLOT_FROM,
    SLOT_ADDRESSES,
    SLOT_MIME,
    SLOT_HANDLE,
};
enum { PERIOD_DAYS, PERIOD_SECONDS };

static bool
check_from(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    (void)op;
    return reply_check_mailboxes(c, value);
}

static bool
check_addresses(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    (void)op;
    return sieve_check_address(c, value);
}

/* RFC 5230 4.1: "the minimum value used for this parameter is normally 1". */
static bool
check_days(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    (void)op;
    if (value->number == 0)
        sieve_check_warning(c, value->at, ":days 0 means the shortest period that is allowed");
    return true;
}

static const struct sieve_tag vacation_tags[] = {
    {"days", SIEVE_TAKES_NUMBER, SLOT_PERIOD, 0, PERIOD_DAYS, check_days},
    {"subject", SIEVE_TAKES_STRING, SLOT_SUBJECT, 0, 0, NULL},
    {"from", SIEVE_TAKES_STRING, SLOT_FROM, 0, 0, check_from},
    {"addresses", SIEVE_TAKES_LIST, SLOT_ADDRESSES, 0, 0, check_addresses},
    {"mime", SIEVE_TAKES_NOTHING, SLOT_MIME, 0, 0, NULL},
    {"handle", SIEVE_TAKES_STRING, SLOT_HANDLE, 0, 0, NULL},
    {0},
};

/* 8-bit header fields of a MIME entity: 5 says to refuse them. */
static bool
check_vacation(struct sieve_check *c, struct sieve_op *op)
{
    struct span reason;

    if (sieve_op_tag(op, SLOT_MIME) == NULL ||
        !sieve_text_constant(op->arguments[0].strings, &reason))
        return true;
    return reply_check_entity(c, op->arguments[0].at, reason);
}

/* ------------------------------------------------------------------ which response (4.2) */

/* Each part with its length, so that no two different responses look the same. Variables are not
 * expanded: ${1} in a subject is one and the same response. */
static bool
append_part(struct buf *out, char kind, const struct sieve_value *v)
{
    struct span s = SPAN_NONE;

    if (v != NULL && v->count > 0)
        sieve_text_constant(v->strings, &s);
    return buf_printf(out, "%c%zu:", kind, s.n) && buf_append_span(out, s);
}

static bool
append_tag(struct buf *out, const struct sieve_op *op, char kind, unsigned slot)
{
    const struct sieve_tagged *t = sieve_op_tag(op, slot);

    return t == NULL || append_part(out, kind, &t->value);
}

static bool
append_response(const struct sieve_op *op, struct buf *out)
{
    if (sieve_op_tag(op, SLOT_HANDLE) != NULL)
        return append_tag(out, op, 'h', SLOT_HANDLE);
    return append_tag(out, op, 's', SLOT_SUBJECT) && append_tag(out, op, 'f', SLOT_FROM) &&
           (sieve_op_tag(op, SLOT_MIME) == NULL || buf_append_str(out, "m")) &&
           append_part(out, 'r', &op->arguments[0]);
}

/* The sender without case: his answers are counted together however he writes himself. */
static const char *
response_key(struct sieve_run *r, const struct sieve_op *op)
{
    const char *sender = sieve_run_input(r)->envelope->sender;
    struct buf *key = sieve_run_buf(r);
    bool ok = buf_printf(key, "vacation %zu:", strlen(sender));

    for (const char *s = sender; ok && *s != '\0'; s++)
        ok = buf_append_char(key, (char)(*s >= 'A' && *s <= 'Z' ? *s | 0x20 : *s));
    ok = ok && append_response(op, key);
    if (!ok)
        sieve_run_fail(r, op, "the reason is too long");
    return ok ? sieve_run_copy(r, buf_span(key)) : NULL;
}

/* ------------------------------------------------------------------ the reply (5) */

static bool
vacation_period(struct sieve_run *r, const struct sieve_op *op, uint32_t *out)
{
    const struct sieve_limits *l = sieve_run_input(r)->limits;
    uint64_t least = sieve_setting_seconds(r, "sieve_vacation_min_period", l->vacation_min_seconds);
    uint64_t most = sieve_setting_seconds(r, "sieve_vacation_max_period", l->vacation_max_seconds);
    uint64_t period =
        sieve_setting_seconds(r, "sieve_vacation_default_period", l->vacation_default_seconds);
    const struct sieve_tagged *t = sieve_op_tag(op, SLOT_PERIOD);

    if (t != NULL)
        period = t->value.number > UINT32_MAX ? UINT32_MAX : t->value.number;
    if (t != NULL && t->tag->id == PERIOD_DAYS)
        period *= 86400;
    period = most > 0 && period > most ? most : period;
    period = period < least ? least : period;
    *out = period > UINT32_MAX ? UINT32_MAX : (uint32_t)period;
    return true;
}

/* What stands for the subject of the message in the setting: "%$" or "%{subject}". */
static bool
fill_template(const char *template, struct span subject, struct buf *out)
{
    bool ok = true;

    while (ok && *template != '\0') {
        size_t n = strncmp(template, "%$", 2) == 0            ? 2
                   : strncmp(template, "%{subject}", 10) == 0 ? 10
                                                              : 0;
        ok = n > 0 ? buf_append_span(out, subject) : buf_append_char(out, *template);
        template += n > 0 ? n : 1;
    }
    return ok;
}

static const char *
default_subject(struct sieve_run *r)
{
    struct span subject;
    struct buf text;

    if (!reply_field(r, "Subject", true, &subject))
        return NULL;
    if (subject.n == 0)
        return sieve_setting(r, "sieve_vacation_default_subject", "Automated reply");
    buf_init(&text, subject.n + 1024);
    fill_template(sieve_setting(r, "sieve_vacation_default_subject_template", "Auto: %$"), subject,
                  &text);
    const char *kept = sieve_run_copy(r, buf_span(&text));
    buf_release(&text);
    return kept;
}

static bool
reply_subject(struct sieve_run *r, const struct sieve_op *op, const char **out)
{
    const struct sieve_tagged *t = sieve_op_tag(op, SLOT_SUBJECT);

    if (t == NULL)
        *out = default_subject(r);
    else if (!sieve_value_cstr(r, &t->value, out))
        return false;
    *out = *out == NULL ? NULL : reply_one_line(r, span_of(*out), SUBJECT_MAX);
    return *out != NULL;
}

static bool
reply_from(struct sieve_run *r, const struct sieve_op *op, const char **out)
{
    const struct sieve_tagged *t = sieve_op_tag(op, SLOT_FROM);

    *out = NULL;
    if (t == NULL && sieve_setting_bool(r, "sieve_vacation_send_from_recipient", false))
        *out = sieve_run_input(r)->envelope->recipient;
    if (t == NULL)
        return true;
    if (!sieve_value_cstr(r, &t->value, out))
        return false;
    if (!reply_mailboxes_are_valid(span_of(*out)))
        *out = NULL; /* 4.3: what is not valid is ignored */
    return true;
}

static bool
make_reply(struct sieve_run *r, const struct sieve_op *op, struct sieve_vacation *v)
{
    struct sieve_reply *reply = &v->reply;

    reply->to = sieve_run_copy(r, span_of(sieve_run_input(r)->envelope->sender));
    reply->is_mime = sieve_op_tag(op, SLOT_MIME) != NULL;
    return reply->to != NULL && reply_subject(r, op, &reply->subject) &&
           reply_from(r, op, &reply->from) &&
           sieve_value_cstr(r, &op->arguments[0], &reply->text) &&
           reply_thread(r, &v->in_reply_to, &v->references) && reply_fcc(r, op, &reply->fcc);
}

/* ------------------------------------------------------------------ the command */

/* RFC 5230 4.2: the same response to the same sender only once in a period. */
static bool
was_answered(struct sieve_run *r, const struct sieve_op *op, struct sieve_vacation *v)
{
    const struct sieve_host *h = sieve_run_input(r)->host;

    if (v->withheld != NULL || v->seconds == 0 || h == NULL || h->duplicate == NULL)
        return true;
    switch (h->duplicate(h->arg, span_of(v->key), v->seconds)) {
    case SIEVE_NO:
        return true;
    case SIEVE_YES:
        v->withheld = "the sender had this reply not long ago";
        return true;
    case SIEVE_TEMPFAIL:
        break;
    }
    return sieve_run_defer(r, op, "what was answered before is not known now");
}

static enum sieve_step
run_vacation(struct sieve_run *r, const struct sieve_op *op)
{
    struct sieve_action a = {.kind = SIEVE_VACATION};
    struct sieve_vacation *v = &a.details.vacation;
    const struct sieve_tagged *addresses = sieve_op_tag(op, SLOT_ADDRESSES);

    v->key = response_key(r, op);
    if (v->key == NULL || !vacation_period(r, op, &v->seconds) || !make_reply(r, op, v) ||
        !vacation_withheld(r, addresses == NULL ? NULL : &addresses->value, &v->withheld,
                           &v->reply.to_field) ||
        !was_answered(r, op, v))
        return SIEVE_BREAKDOWN;
    if (v->withheld != NULL)
        sieve_run_trace_note(r, op, span_of(v->withheld));
    return sieve_run_act(r, op, a) ? SIEVE_GO : SIEVE_BREAKDOWN;
}

static const struct sieve_definition definitions[] = {
    {.name = "vacation",
     .arguments = "s",
     .tags = vacation_tags,
     .classes = SIEVE_ON_VACATION | SIEVE_ON_FCC,
     .check = check_vacation,
     .run = run_vacation},
    {0},
};

const struct sieve_extension sieve_vacation = {.name = "vacation", .definitions = definitions};

static const struct sieve_tag seconds_tags[] = {
    {"seconds", SIEVE_TAKES_NUMBER, SLOT_PERIOD, SIEVE_ON_VACATION, PERIOD_SECONDS, NULL},
    {0},
};

/* RFC 6131 2: vacation-seconds implies vacation. */
const struct sieve_extension sieve_vacation_seconds = {
    .name = "vacation-seconds", .implies = "vacation", .tags = seconds_tags};
