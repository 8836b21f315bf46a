/* SPDX-License-Identifier: MIT
 *
 * TLS under a connection: what comes from the wire passes a tls_layer on its way to on_bytes(), and
 * what the owner writes passes it at the end of the turn, so that the replies of a turn share a
 * record as they share a packet.
 *
 * A handshake costs a thousand times what a command does. A turn of the loop spends a bounded time
 * on them and leaves the others unread until the next: however many come, everybody else is served
 * in between.
 */
#include <stdlib.h>

#include "conn_priv.h"
#include "tls_priv.h"

#define HANDSHAKE_TURN_NS 2000000 /* one more begins as long as a turn has not spent this */

struct conn_tls {
    struct tls_layer *layer; /* owned */
    struct buf plain;        /* that the owner wrote and nobody sealed yet */
};

static bool
start(struct conn *c, struct tls_context *context, const struct tls_target *target)
{
    struct conn_tls *t = calloc(1, sizeof(*t));

    if (t != NULL)
        t->layer = tls_layer_new(context, target, &c->output);
    if (t == NULL || t->layer == NULL) {
        free(t);
        return false;
    }
    buf_init(&t->plain, c->limits.output_max);
    c->tls = t;
    return true;
}

bool
conn_start_tls(struct conn *c, struct tls_context *context)
{
    return start(c, context, NULL);
}

/* The hello stands in the output behind what was written in plain. */
bool
conn_start_tls_client(struct conn *c, struct tls_context *context, const struct tls_target *target)
{
    if (!start(c, context, target))
        return false;
    if (tls_layer_handshake(c->tls->layer) != TLS_MORE) {
        conn_tls_free(c->tls);
        c->tls = NULL;
        return false;
    }
    loop_chore_add(c->loop, &c->flush);
    return true;
}

void
conn_tls_free(struct conn_tls *t)
{
    if (t == NULL)
        return;
    tls_layer_free(t->layer);
    buf_release(&t->plain);
    free(t);
}

bool
conn_is_in_handshake(const struct conn *c)
{
    return c->tls != NULL && !tls_layer_is_ready(c->tls->layer);
}

bool
conn_tls_binding(const struct conn *c, enum tls_binding kind, uint8_t out[TLS_BINDING_MAX],
                 size_t *length)
{
    return c->tls != NULL && tls_layer_binding(c->tls->layer, kind, out, length);
}

bool
conn_tls_must_wait(const struct conn *c)
{
    return conn_is_in_handshake(c) && c->loop->handshake_ns >= HANDSHAKE_TURN_NS;
}

/* --- input --- */

/* What OpenSSL has to say to the peer goes out, its alert too. */
static void
conn_tls_break(struct conn *c)
{
    conn_close(c, true, tls_layer_failure(c->tls->layer));
}

static enum tls_step
handshake(struct conn *c)
{
    uint64_t begun = uv_hrtime();
    enum tls_step step = tls_layer_handshake(c->tls->layer);

    c->loop->handshake_ns += uv_hrtime() - begun;
    if (c->output.len > 0 || c->tls->plain.len > 0)
        loop_chore_add(c->loop, &c->flush);
    if (step == TLS_DONE)
        c->handlers->on_tls(c->arg, tls_layer_facts(c->tls->layer));
    return step;
}

static enum tls_step
take_record(struct conn *c)
{
    size_t n = 0;
    enum tls_step step =
        tls_layer_read(c->tls->layer, c->loop->plain_buffer, sizeof(c->loop->plain_buffer), &n);

    if (step == TLS_DONE)
        c->handlers->on_bytes(c->arg, (struct span){c->loop->plain_buffer, n});
    else if (c->output.len > 0) /* an alert, or an answer to a key update */
        loop_chore_add(c->loop, &c->flush);
    return step;
}

void
conn_tls_take(struct conn *c, struct span octets)
{
    enum tls_step step = TLS_DONE;

    tls_layer_feed(c->tls->layer, octets);
    while (step == TLS_DONE && c->state == CONN_OPEN)
        step = conn_is_in_handshake(c) ? handshake(c) : take_record(c);
    tls_layer_feed(c->tls->layer, SPAN_NONE);
    if (c->state != CONN_OPEN)
        return;
    if (step == TLS_BROKEN)
        conn_tls_break(c);
    else if (step == TLS_ENDED)
        conn_end_of_input(c);
}

/* --- output --- */

bool
conn_tls_put(struct conn *c, struct span octets)
{
    return buf_append_span(&c->tls->plain, octets);
}

size_t
conn_tls_waiting(const struct conn *c)
{
    return c->tls->plain.len;
}

bool
conn_tls_seal(struct conn *c, bool is_last)
{
    struct conn_tls *t = c->tls;

    if (tls_layer_is_ready(t->layer) && t->plain.len > 0) {
        if (!tls_layer_write(t->layer, buf_span(&t->plain)))
            return false;
        buf_reset(&t->plain);
    }
    if (is_last)
        tls_layer_end(t->layer);
    if (is_last || (t->plain.len == 0 && t->plain.size > CONN_OUTPUT_KEEP))
        buf_release(&t->plain); /* what waited for a handshake waits no more */
    return true;
}
