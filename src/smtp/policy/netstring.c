/* SPDX-License-Identifier: MIT
 *
 * Netstrings: see netstring_priv.h.
 */
#include "netstring_priv.h"

#define DIGITS_MAX 6 /* of NETSTRING_MAX */

void
netstring_init(struct netstring *n)
{
    *n = (struct netstring){.length = 0};
    buf_init(&n->payload, NETSTRING_KEPT);
}

void
netstring_release(struct netstring *n)
{
    buf_release(&n->payload);
}

static void
begin(struct netstring *n)
{
    buf_reset(&n->payload);
    n->length = n->taken = 0;
    n->digits = 0;
    n->is_announced = n->is_done = false;
}

/* An octet of the length, or the colon behind it. A zero begins no longer number. */
static bool
take_length(struct netstring *n, char c)
{
    if (c == ':' && n->digits > 0) {
        n->is_announced = true;
        return n->length <= NETSTRING_MAX;
    }
    if (c < '0' || c > '9' || n->digits == DIGITS_MAX || (n->digits > 0 && n->length == 0))
        return false;
    n->length = n->length * 10 + (size_t)(c - '0');
    n->digits++;
    return true;
}

/* What of the payload is in `in`; the rest of what is kept goes nowhere. */
static bool
take_payload(struct netstring *n, struct span in, size_t *count)
{
    size_t left = n->length - n->taken, room = NETSTRING_KEPT - n->payload.len;
    struct span piece = {in.p, in.n < left ? in.n : left};

    *count = piece.n;
    n->taken += piece.n;
    if (piece.n > room)
        piece.n = room;
    return buf_append_span(&n->payload, piece);
}

enum netstring_result
netstring_take(struct netstring *n, struct span in, size_t *used)
{
    size_t count = 0;

    *used = 0;
    if (n->is_done)
        begin(n);
    while (!n->is_announced) {
        if (*used == in.n)
            return NETSTRING_MORE;
        if (!take_length(n, in.p[(*used)++]))
            return NETSTRING_BAD;
    }
    if (!take_payload(n, span_skip(in, *used), &count))
        return NETSTRING_BAD;
    *used += count;
    if (*used == in.n)
        return NETSTRING_MORE;
    n->is_done = true;
    return in.p[(*used)++] == ',' ? NETSTRING_DONE : NETSTRING_BAD;
}

bool
netstring_is_cut(const struct netstring *n)
{
    return n->length > NETSTRING_KEPT;
}

bool
netstring_print(struct buf *out, struct span payload)
{
    size_t before = out->len;
    bool done = payload.n <= NETSTRING_MAX && buf_append_u64(out, payload.n) &&
                buf_append_char(out, ':') && buf_append_span(out, payload) &&
                buf_append_char(out, ',');

    if (!done)
        out->len = before;
    return done;
}
