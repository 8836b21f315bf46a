/* SPDX-License-Identifier: MIT
 *
 * The message on the wire: by DATA (RFC 5321 4.1.1.4), or in chunks by BDAT (RFC 3030 2) where the
 * next hop does CHUNKING; and what it says behind it: one reply, or with LMTP one for each
 * recipient (RFC 2033 4.2).
 */
#include "client_priv.h"

#include <string.h>

/* ------------------------------------------------------------------ out */

void
transfer_begin(struct relay_client *c)
{
    if (c->t.accepted > 0) {
        c->state = CLIENT_CONTENT;
    } else if (c->config.is_lmtp) { /* how many replies would that give? */
        client_end(c, "4.5.0", "the next hop wants a message for nobody");
    } else { /* RFC 2920 3.1 */
        client_say(c, ".");
        c->state = CLIENT_END;
    }
}

/* The end of data is never said for a message that could not be read: the server drops it with the
 * connection. */
static bool
take_piece(struct relay_client *c)
{
    if (content_next(&c->t.content, &c->piece))
        return true;
    client_end(c, "4.3.0", "the message cannot be read");
    return false;
}

static bool
say_lines(struct relay_client *c)
{
    buf_reset(&c->piece);
    if (!take_piece(c))
        return true;
    if (c->t.content.is_over) {
        buf_append_str(&c->piece, ".\r\n");
        c->state = CLIENT_END;
    }
    c->turn++;
    client_write(c, buf_span(&c->piece));
    return true;
}

/* Several chunks may be under way where replies can be counted; LMTP's cannot, when one fails. */
static bool
may_say_chunk(const struct relay_client *c)
{
    const struct transaction *t = &c->t;

    return !t->has_failed &&
           (t->chunks_said == t->chunks_heard || (c->can.pipelining && !c->config.is_lmtp));
}

static bool
say_chunk(struct relay_client *c)
{
    bool is_last;

    if (!may_say_chunk(c))
        return false;
    buf_reset(&c->piece);
    do {
        if (!take_piece(c))
            return true;
    } while (!c->t.content.is_over && c->piece.len + CONTENT_PIECE_MAX <= TRANSFER_CHUNK_MAX);
    is_last = c->t.content.is_over;
    client_say(c, "BDAT %zu%s", c->piece.len, is_last ? " LAST" : "");
    client_write(c, buf_span(&c->piece));
    c->turn++;
    c->t.chunks_said++;
    if (is_last)
        c->state = CLIENT_END;
    return true;
}

bool
transfer_say(struct relay_client *c)
{
    if (!c->can_write)
        return false;
    return c->t.uses_bdat ? say_chunk(c) : say_lines(c);
}

/* ------------------------------------------------------------------ replies */

/* In the middle of lines there is no place for a reply, and what was sent cannot be ended. A
 * refusal is one all the same: some servers say that they have had enough, and close. */
static void
on_early_reply(struct relay_client *c)
{
    struct relay_answer a;

    if (c->reply.code >= 400) {
        a = transaction_take_reply(c, false);
        transaction_settle(c, &a);
    }
    client_end(c, "4.5.0", "the next hop answered %u in the middle of a message", c->reply.code);
}

static void
on_chunk_reply(struct relay_client *c)
{
    struct transaction *t = &c->t;
    struct relay_answer a;

    if (t->chunks_heard == t->chunks_said) {
        client_end(c, "4.5.0", "the next hop sent a reply that nobody had asked for");
        return;
    }
    t->chunks_heard++;
    if (c->reply.code / 100 != 2 && !t->has_failed) {
        a = transaction_take_reply(c, false);
        transaction_settle(c, &a);
        t->has_failed = true;
    }
    if (t->has_failed && t->chunks_heard == t->chunks_said)
        transaction_finish(c, true);
}

void
transfer_on_content_reply(struct relay_client *c)
{
    if (c->reply.code == 421)
        client_end_by_reply(c);
    else if (c->t.uses_bdat)
        on_chunk_reply(c);
    else
        on_early_reply(c);
}

/* LMTP: the next recipient that was accepted. false: that was the last. */
static bool
next_recipient(const struct transaction *t, uint32_t *recipient)
{
    for (uint32_t i = 0; i < t->order_count; i++) {
        *recipient = t->order[i];
        if (!t->is_answered[*recipient])
            return true;
    }
    return false;
}

static void
on_final_reply(struct relay_client *c)
{
    struct relay_answer a = transaction_take_reply(c, false);
    uint32_t recipient;

    if (!c->config.is_lmtp)
        transaction_settle(c, &a);
    else if (next_recipient(&c->t, &recipient))
        transaction_answer(c, recipient, &a);
    if (!next_recipient(&c->t, &recipient))
        transaction_finish(c, false);
}

void
transfer_on_end_reply(struct relay_client *c)
{
    const struct transaction *t = &c->t;

    if (c->reply.code == 421)
        client_end_by_reply(c);
    else if (c->reply.code / 100 == 3)
        client_end(c, "4.5.0", "the next hop answered %u to the end of data", c->reply.code);
    else if (t->uses_bdat && (t->has_failed || t->chunks_heard + 1 < t->chunks_said))
        on_chunk_reply(c);
    else
        on_final_reply(c);
}
