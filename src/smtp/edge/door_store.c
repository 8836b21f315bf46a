/* SPDX-License-Identifier: MIT
 *
 * What connections ask of the store, as frames.
 *
 * A question (EDGE_RCPT, EDGE_ALIAS) keeps its packed body until it is answered, so that it can be
 * asked again when the store is replaced. A message cannot: its bytes are gone, so it is lost with
 * 451, and the ledger of the store sees to it that the client's retry makes no second copy.
 */
#include "door_link_priv.h"

#include <stdlib.h>

#define QUEUE_DATA_MAX                                                                             \
    (12u << 20)            /* unsent octets: no content beyond, so that an abort gets through */
#define RCPT_BODY_MAX 8192 /* two addresses and a number */
#define ENVELOPE_MAX (64u << 20) /* of ENVELOPE_RECIPIENTS_MAX long addresses */
#define DIRECT_MIN 2048          /* pieces from here on are frames of their own, not gathered */

static bool
send_content(struct door_store *d, uint64_t id, struct span octets)
{
    return d->keeper.door != NULL && door_queued(d->keeper.door) < QUEUE_DATA_MAX &&
           door_link_send(d, EDGE_DATA, id, octets);
}

void
door_store_push(struct door_store *d)
{
    struct door_request *r;

    if (d->piece.len == 0)
        return;
    r = door_request_find(d, d->piece_id);
    if (r != NULL && !r->is_lost && !send_content(d, r->id, buf_span(&d->piece)))
        door_link_lose(d, r);
    buf_reset(&d->piece);
}

/* Frames of one message keep their order: what was gathered goes first. */
static void
send_of_message(struct door_store *d, struct door_request *r, uint16_t type, struct span body)
{
    door_store_push(d);
    if (!r->is_lost && !door_link_send(d, type, r->id, body))
        door_link_lose(d, r);
}

/* --- questions --- */

static bool
pack_rcpt(struct buf *body, enum rcpt_asker asker, const struct address *recipient,
          const struct address *reverse_path, uint64_t size)
{
    struct pack p;

    pack_init(&p, body);
    pack_u8(&p, (uint8_t)asker);
    address_pack(recipient, &p);
    address_pack(reverse_path, &p);
    pack_u64(&p, size);
    return !p.full;
}

bool
door_store_ask_rcpt(struct door_store *d, struct door_client *c, uint64_t rcpt_id,
                    enum rcpt_asker asker, const struct address *recipient,
                    const struct address *reverse_path, uint64_t size)
{
    struct door_request *r;
    struct buf body;

    if (d->keeper.door == NULL && d->is_long_away)
        return false;
    r = door_request_add(d, c);
    if (r == NULL)
        return false;
    r->rcpt_id = rcpt_id;
    r->type = EDGE_RCPT;
    buf_init(&body, RCPT_BODY_MAX);
    if (!pack_rcpt(&body, asker, recipient, reverse_path, size)) {
        buf_release(&body);
        door_request_free(d, r);
        return false;
    }
    return door_link_ask(d, r, &body);
}

/* --- messages --- */

bool
door_store_begin(struct door_store *d, struct door_client *c, uint64_t size)
{
    struct door_request *r;
    struct buf body;
    struct pack p;

    if (d->keeper.door == NULL)
        return false;
    r = door_request_add(d, c);
    if (r == NULL)
        return false;
    buf_init(&body, sizeof(size));
    pack_init(&p, &body);
    pack_u64(&p, size);
    if (p.full || !door_link_send(d, EDGE_DATA_BEGIN, r->id, buf_span(&body))) {
        door_request_free(d, r);
        r = NULL;
    }
    buf_release(&body);
    c->message = r;
    if (r != NULL)
        door_client_start_sending(d, c);
    return r != NULL;
}

void
door_store_data(struct door_store *d, struct door_client *c, struct span octets)
{
    struct door_request *r = c->message;

    if (r == NULL || r->is_lost)
        return;
    if (d->piece_id != r->id || octets.n >= DIRECT_MIN || octets.n > d->piece.max - d->piece.len)
        door_store_push(d);
    while (octets.n >= DIRECT_MIN && !r->is_lost) {
        struct span piece = {octets.p, octets.n < DOOR_BODY_MAX ? octets.n : DOOR_BODY_MAX};

        if (!send_content(d, r->id, piece))
            door_link_lose(d, r);
        octets = span_skip(octets, piece.n);
    }
    d->piece_id = r->id;
    if (!r->is_lost && !buf_append_span(&d->piece, octets))
        door_link_lose(d, r);
}

/* The envelope of many recipients is longer than a frame. */
static void
send_envelope(struct door_store *d, struct door_request *r, struct span packed)
{
    while (packed.n > DOOR_BODY_MAX) {
        send_of_message(d, r, EDGE_ENVELOPE, (struct span){packed.p, DOOR_BODY_MAX});
        packed = span_skip(packed, DOOR_BODY_MAX);
    }
    send_of_message(d, r, EDGE_DATA_END, packed);
}

void
door_store_end(struct door_store *d, struct door_client *c, const struct envelope *e)
{
    struct door_request *r = c->message;
    struct buf body;
    struct pack p;

    if (r == NULL)
        return; /* lost() was called before */
    door_client_stop_sending(c);
    r->has_ended = true;
    r->answers_missing = e->recipient_count;
    buf_init(&body, ENVELOPE_MAX);
    pack_init(&p, &body);
    envelope_pack(e, &p);
    if (p.full)
        door_link_lose(d, r);
    else
        send_envelope(d, r, buf_span(&body));
    buf_release(&body);
}

void
door_store_abort(struct door_store *d, struct door_client *c)
{
    struct door_request *r = c->message;

    if (r == NULL)
        return;
    if (d->piece_id == r->id)
        buf_reset(&d->piece);
    door_link_send(d, EDGE_DATA_ABORT, r->id, SPAN_NONE);
    door_request_free(d, r);
}

void
door_store_forget(struct door_store *d, struct door_client *c)
{
    struct door_request *r;

    door_store_auth_abort(d, c);
    door_store_script_logout(d, c);
    while ((r = LIST_FIRST(&c->requests)) != NULL)
        door_request_free(d, r);
}
