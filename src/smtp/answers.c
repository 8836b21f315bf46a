/* SPDX-License-Identifier: MIT
 *
 * What the store answers at the end of data, said in the right order: LMTP says each recipient's
 * answer as soon as all before it are said (RFC 2033 4.2), and SMTP says one for all (fold.c). Its
 * answers to RCPTs are in answers_rcpt.c.
 */
#include "session_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
answers_print_line(struct buf *line, const struct address *recipient, int code,
                   const struct outcome *o, const char *delivery_id)
{
    buf_init(line, REPLY_OUTCOME_MAX);
    return reply_print_outcome(line, recipient, code, o, delivery_id);
}

static void
say_outcome(struct smtp_session *s, const struct address *recipient, int code,
            const struct outcome *o, const char *delivery_id)
{
    struct buf line;

    if (answers_print_line(&line, recipient, code, o, delivery_id))
        session_reply_octets(s, buf_span(&line));
    else
        session_end(s, REPLY_SHUTDOWN, "no memory");
    buf_release(&line);
}

void
answers_say(struct smtp_session *s, const struct outcome *o)
{
    say_outcome(s, NULL, outcome_code(o), o, "");
}

/* --- the end of data --- */

/* smtp_session_answer() to every recipient that has none. Input that waits must not run behind the
 * last of them: it might bring the next message here, which is none of this failure's. */
static void
answer_all(struct smtp_session *s, const struct outcome *o)
{
    struct outcome same = *o; /* it may lie in the transaction */
    uint32_t count = s->transaction->envelope.recipient_count;
    bool was_running = s->is_running;

    s->is_running = true;
    for (uint32_t i = 0; i < count && s->state == SESSION_ANSWER; i++)
        smtp_session_answer(s, i, &same, "");
    s->is_running = was_running;
}

void
answers_await(struct smtp_session *s)
{
    struct transaction *t = s->transaction;

    session_complete_envelope(s);
    s->messages++;
    t->answers = calloc(t->envelope.recipient_count, sizeof(*t->answers));
    if (t->answers == NULL) { /* not one answer could be told apart from another */
        session_end(s, REPLY_SHUTDOWN, "no memory");
        return;
    }
    session_step(s, SESSION_ANSWER);
    if (t->has_failed) {
        answer_all(s, &t->failure);
        return;
    }
    t->is_open = t->is_at_filter = false; /* it is the store's now */
    s->calls->data_end(s->arg, &t->envelope);
}

static void
report(struct smtp_session *s)
{
    const struct transaction *t = s->transaction;
    struct smtp_summary summary = {
        .envelope = &t->envelope,
        .octets = t->octets,
        .delivered = t->fold.delivered.count,
        .refused = t->fold.permanent.count,
        .deferred = t->fold.temporary.count,
        .delivery_id = t->fold.delivery_id,
    };

    if (summary.delivered > 0) {
        s->accepted++;
        s->commands = 0;
        s->rcpts = 0;
    }
    s->calls->finished(s->arg, &summary);
}

static void
finish_transaction(struct smtp_session *s)
{
    report(s);
    session_forget_transaction(s);
    session_step(s, SESSION_READY);
    if (s->is_draining)
        session_end(s, REPLY_SHUTDOWN, "drained");
}

static void
say_folded(struct smtp_session *s)
{
    const struct transaction *t = s->transaction;
    struct outcome o;
    uint32_t index;
    int code = fold_result(&t->fold, &o, &index);
    bool is_for_all = t->fold.delivered.count == t->envelope.recipient_count;

    say_outcome(s, is_for_all ? NULL : &t->envelope.recipients[index].address, code, &o,
                t->fold.delivery_id);
}

/* It came before its turn. Without memory silence is true, any answer might not be; the ledger
 * knows. */
static void
keep_answer(struct smtp_session *s, uint32_t index, const struct outcome *o,
            const char *delivery_id)
{
    struct transaction *t = s->transaction;
    const struct address *recipient = &t->envelope.recipients[index].address;
    struct buf line;

    if (answers_print_line(&line, recipient, outcome_code(o), o, delivery_id))
        t->answers[index].line = strndup(line.data, line.len);
    buf_release(&line);
    if (t->answers[index].line == NULL)
        session_end(s, REPLY_SHUTDOWN, "no memory");
}

/* LMTP: one recipient's answer, and those behind it that came before it. */
static void
say_in_order(struct smtp_session *s, uint32_t index, const struct outcome *o,
             const char *delivery_id)
{
    struct transaction *t = s->transaction;

    if (index > t->answers_out) {
        keep_answer(s, index, o, delivery_id);
        return;
    }
    say_outcome(s, &t->envelope.recipients[index].address, outcome_code(o), o, delivery_id);
    t->answers_out++;
    while (s->state == SESSION_ANSWER && t->answers_out < t->envelope.recipient_count &&
           t->answers[t->answers_out].is_known) {
        session_reply_octets(s, span_of(t->answers[t->answers_out].line));
        t->answers_out++;
    }
}

void
smtp_session_answer(struct smtp_session *s, uint32_t index, const struct outcome *outcome,
                    const char *delivery_id)
{
    struct transaction *t = s->transaction;

    if (s->state != SESSION_ANSWER || index >= t->envelope.recipient_count ||
        t->answers[index].is_known)
        return;
    s->steps++;
    t->answers[index].is_known = true;
    t->answers_known++;
    fold_add(&t->fold, index, outcome, delivery_id);
    if (session_is_lmtp(s))
        say_in_order(s, index, outcome, delivery_id);
    if (s->state != SESSION_ANSWER || t->answers_known < t->envelope.recipient_count)
        return;
    if (!session_is_lmtp(s))
        say_folded(s);
    if (s->state == SESSION_ANSWER)
        finish_transaction(s);
    session_resume(s);
}

/* --- when the store is gone --- */

void
smtp_session_fail(struct smtp_session *s, const struct outcome *outcome)
{
    if (s->state == SESSION_AUTH)
        smtp_session_auth_done(s, SASL_UNAVAILABLE, "");
    else if (s->filter_id != 0)
        filter_fail(s, outcome);
    else if (s->state == SESSION_MAIL)
        answers_rcpt_fail(s, outcome);
    else if (s->state == SESSION_ANSWER)
        answer_all(s, outcome);
    else if (s->transaction != NULL && s->transaction->is_open)
        content_fail(s, outcome);
    session_resume(s);
}
