/* SPDX-License-Identifier: MIT
 *
 * The octets of a message between the wire and the owner: through the decoder, counted, streamed
 * on, never kept. A message that is too big or has bare line ends where they are refused is lost
 * at once, so that the store can let go of it, but its octets are read to the true end: only
 * there may the client hear of it.
 */
#include "session_priv.h"

#include <string.h>

static void
fail_with(struct smtp_session *s, enum outcome_kind kind)
{
    struct outcome why;

    if (kind == OUTCOME_TOO_BIG)
        limits_hit(s, METRICS_LIMIT_MESSAGE_SIZE);
    outcome_set(&why, kind, NULL);
    content_fail(s, &why);
}

void
content_fail(struct smtp_session *s, const struct outcome *why)
{
    struct transaction *t = s->transaction;

    if (t->has_failed)
        return;
    t->has_failed = true;
    t->failure = *why;
    if (t->is_open) {
        t->is_open = false;
        s->calls->data_abort(s->arg);
    }
}

/* Decoded content. The owner may have ended the session during an earlier piece. */
static void
on_content(void *arg, struct span octets)
{
    struct smtp_session *s = arg;
    struct transaction *t = s->transaction;

    if (t == NULL || t->has_failed)
        return;
    if (octets.n > s->config.limits->message_size - t->octets) {
        fail_with(s, OUTCOME_TOO_BIG);
        return;
    }
    t->octets += octets.n;
    s->calls->data(s->arg, octets);
}

bool
content_begin(struct smtp_session *s, bool has_dots)
{
    struct transaction *t = s->transaction;
    bool is_binary = t->envelope.body == BODY_BINARYMIME;

    if (!s->calls->data_begin(s->arg, t->envelope.size)) {
        session_forget_transaction(s);
        return false;
    }
    t->is_open = true;
    s->begun++;
    smtp_decode_init(&s->decode, is_binary ? BARE_KEEP : s->config.bare_newline, has_dots);
    return true;
}

/* Also where it is too big: which of the two is seen first is a matter of how its octets came, and
 * the answer must not be. */
static void
check_bare(struct smtp_session *s)
{
    struct transaction *t = s->transaction;

    if (t == NULL || !s->decode.saw_bare || s->decode.bare != BARE_REJECT)
        return;
    if (t->has_failed && t->failure.kind == OUTCOME_TOO_BIG)
        outcome_set(&t->failure, OUTCOME_BAD_CONTENT, NULL);
    else
        fail_with(s, OUTCOME_BAD_CONTENT);
}

size_t
content_take_text(struct smtp_session *s, struct span in)
{
    const struct decode_sink sink = {on_content, s};
    size_t used = smtp_decode_feed(&s->decode, in, &sink);

    check_bare(s);
    if (s->state == SESSION_DATA && s->decode.state == DECODE_END)
        answers_await(s);
    return used;
}

/* --- chunks --- */

/* The reply to a chunk behind which more chunks come. */
static void
reply_to_chunk(struct smtp_session *s)
{
    const struct transaction *t = s->transaction;

    if (t->has_failed)
        answers_say(s, &t->failure);
    else
        session_reply(s, REPLY_CHUNK_OK);
}

static void
chunk_done(struct smtp_session *s)
{
    const struct decode_sink sink = {on_content, s};

    if (s->chunk_refusal != REPLY_NONE) {
        session_step(s, s->after_chunk);
        session_refuse(s, s->chunk_refusal);
        return;
    }
    if (s->chunk_is_last)
        smtp_decode_finish(&s->decode, &sink);
    check_bare(s);
    if (s->chunk_is_last) {
        answers_await(s);
    } else {
        session_step(s, SESSION_BETWEEN);
        reply_to_chunk(s);
    }
}

void
content_begin_chunk(struct smtp_session *s)
{
    const struct transaction *t = s->transaction;

    if (s->chunk_refusal == REPLY_NONE &&
        s->chunk_left > s->config.limits->message_size - t->octets)
        fail_with(s, OUTCOME_TOO_BIG); /* known before its first octet */
    if (s->chunk_left == 0)
        chunk_done(s);
}

size_t
content_take_chunk(struct smtp_session *s, struct span in)
{
    const struct decode_sink sink = {on_content, s};
    size_t n = in.n < s->chunk_left ? in.n : (size_t)s->chunk_left;

    in.n = n;
    s->chunk_left -= n;
    if (s->chunk_refusal == REPLY_NONE && s->decode.bare == BARE_KEEP)
        on_content(s, in);
    else if (s->chunk_refusal == REPLY_NONE)
        smtp_decode_feed(&s->decode, in, &sink);
    if (s->state == SESSION_CHUNK && s->chunk_left == 0)
        chunk_done(s);
    return n;
}
