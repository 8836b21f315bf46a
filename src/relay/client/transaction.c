/* SPDX-License-Identifier: MIT
 *
 * One envelope: RSET where something was left over, XFORWARD, MAIL, RCPT, DATA, said in a group
 * where the next hop does PIPELINING (RFC 2920 3.1), and what each reply means for whom. A question
 * has RSET in place of DATA. Replies are matched to commands by counting alone.
 */
#include "client_priv.h"

#include <string.h>

#define COMMAND_MAX 16384 /* octets of a command with its parameters */

/* ------------------------------------------------------------------ answers */

/* "Too many recipients" was 552 once, and is temporary (RFC 5321 4.5.3.1.10); so is a next hop that
 * wants TLS or a log-in that it does not get: its operator, or ours, will see to that. */
static bool
is_temporary(const struct relay_client *c, const char *enhanced, bool is_rcpt)
{
    unsigned code = c->reply.code;

    if (code / 100 != 5 || code == 530)
        return true;
    return is_rcpt && code == 552 && (enhanced[0] == '\0' || strcmp(enhanced + 1, ".5.3") == 0);
}

struct relay_answer
transaction_take_reply(struct relay_client *c, bool is_rcpt)
{
    struct relay_answer a = {.state = RELAY_FAILED, .code = (uint16_t)c->reply.code, .text = ""};
    struct buf text;

    buf_init(&text, RELAY_STRING_MAX);
    reply_text(&c->reply, &text);
    reply_enhanced(&c->reply, a.enhanced);
    if (text.len > 0)
        a.text = arena_copy(&c->t.arena, buf_span(&text));
    buf_release(&text);
    if (a.text == NULL)
        a.text = "";
    if (c->reply.code / 100 == 2)
        a.state = RELAY_DELIVERED;
    else if (is_temporary(c, a.enhanced, is_rcpt))
        a.state = RELAY_DEFERRED;
    if (a.state == RELAY_DEFERRED && a.enhanced[0] != '\0')
        a.enhanced[0] = '4';
    return a;
}

void
transaction_answer(struct relay_client *c, uint32_t recipient, const struct relay_answer *a)
{
    if (c->t.is_answered[recipient])
        return;
    c->t.answers[recipient] = *a;
    c->t.is_answered[recipient] = true;
}

void
transaction_settle(struct relay_client *c, const struct relay_answer *a)
{
    for (uint32_t i = 0; i < c->t.job->recipient_count; i++)
        transaction_answer(c, i, a);
}

/* ------------------------------------------------------------------ begin and end */

bool
client_transaction_begin(struct relay_client *c, const struct relay_job *job)
{
    c->t.job = job;
    if (!envelope_plan(c)) {
        transaction_forget(&c->t);
        return false;
    }
    c->state = c->t.order_count > 0 ? CLIENT_ENVELOPE : CLIENT_DONE;
    c->t.has_reset = c->needs_reset;
    c->t.is_pipelined = c->can.pipelining;
    return true;
}

void
transaction_forget(struct transaction *t)
{
    struct arena arena = t->arena;

    content_release(&t->content);
    arena_reset(&arena);
    *t = (struct transaction){.arena = arena};
}

void
transaction_finish(struct relay_client *c, bool leaves_envelope)
{
    c->needs_reset = leaves_envelope;
    c->state = CLIENT_DONE;
}

void
transaction_report(struct relay_client *c, bool is_stale)
{
    struct relay_result result = {
        .host = c->config.host,
        .tls = c->tls,
        .dsn = c->can.dsn,
        .deliverby = c->can.deliverby,
        .answers = c->t.answers,
        .answer_count = c->t.job->recipient_count,
    };

    c->calls->done(c->arg, &result, is_stale);
    transaction_forget(&c->t);
}

bool
transaction_is_stale(const struct relay_client *c)
{
    return c->transactions > 0 && c->t.heard == 0;
}

/* ------------------------------------------------------------------ commands in order */

enum step { STEP_RESET, STEP_FORWARD, STEP_MAIL, STEP_RCPT, STEP_DATA };

static uint32_t
mail_place(const struct transaction *t)
{
    return (t->has_reset ? 1 : 0) + t->forward.count;
}

/* The command at a place; *which: of the recipients with STEP_RCPT, of the lines with STEP_FORWARD.
 */
static enum step
step_at(const struct transaction *t, uint32_t place, uint32_t *which)
{
    uint32_t mail = mail_place(t);

    *which = place - (t->has_reset ? 1 : 0);
    if (t->has_reset && place == 0)
        return STEP_RESET;
    if (place < mail)
        return STEP_FORWARD;
    if (place == mail)
        return STEP_MAIL;
    if (place - mail > t->order_count)
        return t->job->is_question ? STEP_RESET : STEP_DATA;
    *which = t->order[place - mail - 1];
    return STEP_RCPT;
}

/* The place of DATA, or of the RSET that ends a question, or behind the last RCPT. */
static uint32_t
data_place(const struct transaction *t)
{
    return mail_place(t) + 1 + t->order_count;
}

enum relay_wait
transaction_waits_for(const struct transaction *t)
{
    uint32_t recipient;

    switch (step_at(t, t->heard, &recipient)) {
    case STEP_RCPT:
        return RELAY_WAITS_FOR_RCPT;
    case STEP_DATA:
        return RELAY_WAITS_FOR_DATA;
    case STEP_RESET:
    case STEP_FORWARD:
    case STEP_MAIL:
        break;
    }
    return RELAY_WAITS_FOR_MAIL;
}

static bool
may_say(const struct relay_client *c)
{
    const struct transaction *t = &c->t;
    uint32_t end = data_place(t) + (t->uses_bdat ? 0 : 1);

    return c->can_write && !t->is_refused && t->said < end &&
           (t->is_pipelined || t->said == t->heard);
}

static void
print_command(const struct relay_client *c, struct buf *line)
{
    uint32_t which;

    switch (step_at(&c->t, c->t.said, &which)) {
    case STEP_RESET:
        buf_append_str(line, "RSET");
        break;
    case STEP_FORWARD:
        buf_append_str(line, c->t.forward.list[which]);
        break;
    case STEP_MAIL:
        envelope_mail(c, line);
        break;
    case STEP_RCPT:
        envelope_rcpt(c, which, line);
        break;
    case STEP_DATA:
        buf_append_str(line, "DATA");
        break;
    }
    buf_append_str(line, "\r\n");
}

/* There is room for all of a command before it is printed: half of one would mean something else.
 */
bool
transaction_say(struct relay_client *c)
{
    if (!may_say(c))
        return false;
    buf_reset(&c->piece);
    if (!buf_reserve(&c->piece, COMMAND_MAX)) {
        client_end(c, "4.3.0", "no memory for a command");
        return true;
    }
    print_command(c, &c->piece);
    c->t.said++;
    client_write(c, buf_span(&c->piece));
    return true;
}

/* ------------------------------------------------------------------ replies */

static void
on_mail_reply(struct relay_client *c)
{
    struct relay_answer a;

    if (c->reply.code / 100 == 2) {
        c->t.is_mail_accepted = true;
        return;
    }
    a = transaction_take_reply(c, false);
    transaction_settle(c, &a);
    c->t.is_refused = true;
}

static void
on_rcpt_reply(struct relay_client *c, uint32_t recipient)
{
    struct relay_answer a;

    if (c->t.is_refused) /* by MAIL */
        return;
    if (c->reply.code / 100 == 2) {
        c->t.accepted++;
        if (!c->t.job->is_question)
            return;
    }
    a = transaction_take_reply(c, true);
    transaction_answer(c, recipient, &a);
}

static void
on_data_reply(struct relay_client *c)
{
    struct relay_answer a;

    if (c->reply.code == 354) {
        c->t.is_data_accepted = true;
    } else if (c->reply.code < 400) {
        client_end(c, "4.5.0", "the next hop answered %u to DATA", c->reply.code);
    } else {
        a = transaction_take_reply(c, false);
        transaction_settle(c, &a);
        c->t.is_refused = true;
    }
}

/* All that was said is answered: what comes next? */
static void
go_on(struct relay_client *c)
{
    const struct transaction *t = &c->t;
    uint32_t data = data_place(t);

    if (t->job->is_question) {
        if (t->is_refused || t->heard > data)
            transaction_finish(c, false);
    } else if (t->is_data_accepted || (t->uses_bdat && t->heard == data && t->accepted > 0))
        transfer_begin(c);
    else if (t->is_refused || (t->heard == data && t->accepted == 0))
        transaction_finish(c, t->is_mail_accepted);
}

void
transaction_on_reply(struct relay_client *c)
{
    uint32_t recipient = 0;

    if (c->reply.code == 421) {
        client_end_by_reply(c);
        return;
    }
    if (c->t.heard == c->t.said) {
        client_end(c, "4.5.0", "the next hop sent a reply that nobody had asked for");
        return;
    }
    switch (step_at(&c->t, c->t.heard++, &recipient)) {
    case STEP_RESET:
        if (c->reply.code / 100 != 2)
            client_end_by_reply(c);
        break;
    case STEP_FORWARD: /* refused or not: who does not want to know it does not have to */
        break;
    case STEP_MAIL:
        on_mail_reply(c);
        break;
    case STEP_RCPT:
        on_rcpt_reply(c, recipient);
        break;
    case STEP_DATA:
        on_data_reply(c);
        break;
    }
    if (c->state == CLIENT_ENVELOPE && c->t.heard == c->t.said)
        go_on(c);
}
