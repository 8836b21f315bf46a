/* SPDX-License-Identifier: MIT
 *
 * What a filter's answers do: changes to the draft it works on, and verdicts. What it did not agree
 * to do, or cannot do now, is a broken rule.
 */
#include "milter_state_priv.h"

/* --- changes --- */

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

/* --- verdicts --- */

static void
accept(struct milter *m)
{
    if (m->state == MILTER_ASKED && (m->stage == FILTER_CONNECT || m->stage == FILTER_HELO))
        m->is_connection_accepted = true;
    else if (m->state != MILTER_ENDED)
        m->is_message_accepted = true;
    milter_go_on(m);
}

static void
refuse_with(struct milter *m, struct span reply)
{
    struct outcome why;

    if (outcome_reply(&why, reply))
        milter_end_question(m, MILTER_REFUSES, &why);
    else
        milter_lose(m, "its reply has no code of 4xx or 5xx");
}

static void
discard(struct milter *m)
{
    struct outcome ok;

    outcome_set(&ok, OUTCOME_DISCARDED, NULL);
    if (m->in_transaction)
        milter_end_question(m, MILTER_DISCARDS, &ok);
    else
        milter_lose(m, "it discards a session");
}

static void
take_continue(struct milter *m)
{
    if (m->state == MILTER_ASKED || m->state == MILTER_ENDED)
        milter_go_on(m);
    else
        milter_say_more(m);
}

static void
take_skip(struct milter *m)
{
    if (m->state != MILTER_PIECES || (m->steps & MILTER_MAY_SKIP) == 0)
        milter_lose(m, "it skips what cannot be skipped");
    else
        milter_say_end(m);
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

void
milter_take_verdict(struct milter *m, const struct milter_reply *r)
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
