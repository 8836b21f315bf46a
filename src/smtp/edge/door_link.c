/* SPDX-License-Identifier: MIT
 *
 * The door to the store: frames out and answers in, pace, and what happens when the store goes and
 * comes. An answer whose id is not known (its connection is gone) is dropped.
 */
#include "door_link_priv.h"

#include <stdlib.h>

#include "doorstep/clock.h"
#include "doorstep/log.h"

#define QUEUE_HIGH (1u << 20)  /* from here on connections in a message are paused, */
#define QUEUE_LOW (256u << 10) /* below they go on */
#define SHARED_MAX 16384 /* octets of a frame that shares a packet; beyond, copying costs more */
#define AWAY_MS 3000     /* how long questions wait for a store that is gone */

/* --- sending --- */

/* Pause all connections that send a message, or let them go on. */
static void
pace(struct door_store *d)
{
    size_t queued = d->keeper.door == NULL ? 0 : door_queued(d->keeper.door);
    bool congested = queued >= (d->is_congested ? QUEUE_LOW : QUEUE_HIGH);
    struct door_client *c, *next;

    if (congested == d->is_congested)
        return;
    d->is_congested = congested;
    for (c = LIST_FIRST(&d->senders); c != NULL; c = next) {
        next = LIST_NEXT(c, sender);
        c->is_paused = congested;
        c->calls->paced(c->arg);
    }
}

bool
door_link_send(struct door_store *d, uint16_t type, uint64_t id, struct span body)
{
    if (body.n > SHARED_MAX ? !door_keeper_send(&d->keeper, type, id, body, -1)
                            : !door_keeper_put(&d->keeper, type, id, body))
        return false;
    pace(d);
    return true;
}

static bool
send_question(struct door_store *d, const struct door_request *r)
{
    return door_link_send(d, r->type, r->id, (struct span){r->body, r->body_length});
}

bool
door_link_ask(struct door_store *d, struct door_request *r, struct buf *body)
{
    r->body = body->data;
    r->body_length = body->len;
    if (d->keeper.door == NULL || send_question(d, r))
        return true;
    door_request_free(d, r);
    return false;
}

void
door_link_lose(struct door_store *d, struct door_request *r)
{
    r->is_lost = true;
    loop_timer_start(d->soon, 0);
}

/* --- answers --- */

static bool
take_rcpt(struct door_store *d, const struct door_frame *f)
{
    struct door_request *r = door_request_find(d, f->id);
    struct door_client *c;
    struct outcome o;
    struct unpack u;
    uint64_t rcpt_id;

    unpack_init(&u, f->body);
    outcome_unpack(&o, &u);
    if (!unpack_done(&u))
        return false;
    if (r == NULL)
        return true;
    if (r->body == NULL || r->type != EDGE_RCPT)
        return false;
    c = r->client;
    rcpt_id = r->rcpt_id;
    door_request_free(d, r);
    c->calls->rcpt_answer(c->arg, rcpt_id, &o);
    return true;
}

static bool
take_answer(struct door_store *d, const struct door_frame *f)
{
    struct door_request *r = door_request_find(d, f->id);
    char delivery_id[2 * ID_SIZE];
    struct door_client *c;
    struct outcome o;
    struct unpack u;
    uint32_t index;

    unpack_init(&u, f->body);
    index = unpack_u32(&u);
    outcome_unpack(&o, &u);
    unpack_str(&u, delivery_id, sizeof(delivery_id));
    if (!unpack_done(&u))
        return false;
    if (r == NULL)
        return true;
    if (!r->has_ended)
        return false;
    c = r->client;
    if (--r->answers_missing == 0)
        door_request_free(d, r);
    c->calls->answer(c->arg, index, &o, delivery_id);
    return true;
}

static bool
take_lost(struct door_store *d, const struct door_frame *f)
{
    struct door_request *r = door_request_find(d, f->id);

    if (r != NULL && !r->has_ended)
        return false;
    if (r != NULL)
        door_link_lose(d, r);
    return f->body.n == 0;
}

static bool
take_disk(struct door_store *d, const struct door_frame *f)
{
    struct unpack u;

    unpack_init(&u, f->body);
    d->is_disk_full = unpack_u8(&u) != 0;
    return unpack_done(&u);
}

bool
door_store_is_disk_full(const struct door_store *d)
{
    return d->is_disk_full;
}

static bool
take_frame(void *arg, struct door_frame *f)
{
    struct door_store *d = arg;

    if (f->fd >= 0)
        return false;
    switch (f->type) {
    case STORE_RCPT:
        return take_rcpt(d, f);
    case STORE_ALIAS:
        return door_alias_take(d, f);
    case STORE_ANSWER:
        return take_answer(d, f);
    case STORE_AUTH_CHALLENGE:
        return door_auth_take_challenge(d, f);
    case STORE_AUTH_DONE:
        return door_auth_take_done(d, f);
    case STORE_SCRIPT:
        return door_scripts_take(d, f);
    case STORE_LOST:
        return take_lost(d, f);
    case STORE_DISK:
        return take_disk(d, f);
    default:
        return false;
    }
}

/* --- the store goes and comes --- */

static void
tell_lost(struct door_store *d, struct door_request *r)
{
    struct door_client *c = r->client;
    struct outcome o;

    if (r->is_auth) {
        door_request_free(d, r);
        c->calls->auth_done(c->arg, SASL_UNAVAILABLE, "");
        return;
    }
    if (r->is_scripts) {
        door_request_free(d, r);
        c->calls->script_lost(c->arg);
        return;
    }
    outcome_set(&o, OUTCOME_SYSTEM, "the store is away");
    if (!r->has_ended)
        door_link_send(d, EDGE_DATA_ABORT, r->id, SPAN_NONE); /* a store that lives may forget it */
    door_request_free(d, r);
    c->calls->lost(c->arg, &o);
}

/* lost() may make new requests: their ids are beyond last_id as it is now. */
static void
lose_messages(struct door_store *d, bool all)
{
    uint64_t last = d->last_id;
    struct door_request *r, *next;

    HASH_ITER(hh, d->requests, r, next)
    {
        if (r->id <= last && r->body == NULL && (all || r->is_lost)) {
            tell_lost(d, r);
            next = d->requests; /* the table may have changed; begin anew */
        }
    }
}

static void
on_soon(void *arg)
{
    lose_messages(arg, false);
}

/* Its door is closed. */
static void
store_is_gone(struct door_store *d, const char *reason)
{
    log_event(LOG_LEVEL_WARNING, "store", "state", "away", "reason", reason, NULL);
    buf_reset(&d->piece);
    d->is_long_away = false;
    loop_timer_start(d->away, AWAY_MS);
    lose_messages(d, true);
    pace(d);
}

static void
on_long_away(void *arg)
{
    struct door_store *d = arg;
    struct door_request *r, *next;
    struct outcome o;

    if (d->keeper.door != NULL)
        return;
    d->is_long_away = true; /* from now on questions are refused at once */
    outcome_set(&o, OUTCOME_SYSTEM, "the store is away");
    HASH_ITER(hh, d->requests, r, next)
    {
        struct door_client *c = r->client;
        uint64_t rcpt_id = r->rcpt_id;
        bool is_alias = r->type == EDGE_ALIAS;

        if (r->body == NULL)
            continue;
        door_request_free(d, r);
        if (is_alias)
            c->calls->alias_answer(c->arg, rcpt_id, &o, SPAN_NONE);
        else
            c->calls->rcpt_answer(c->arg, rcpt_id, &o);
        next = d->requests;
    }
}

void
door_store_replace(struct door_store *d, int fd)
{
    struct door_request *r, *next;

    if (d->keeper.door != NULL) {
        door_keeper_close(&d->keeper);
        store_is_gone(d, "replaced");
    }
    if (!door_keeper_open(&d->keeper, door_new(fd, DOOR_LINK_QUEUE_MAX)))
        return;
    d->is_long_away = false;
    d->is_disk_full = false; /* until it says so */
    loop_timer_stop(d->away);
    log_event(LOG_LEVEL_INFO, "store", "state", "here", NULL);
    HASH_ITER(hh, d->requests, r, next)
    {
        if (r->body != NULL)
            send_question(d, r);
    }
}

static void
on_lost(void *arg, enum door_result how)
{
    store_is_gone(arg, how == DOOR_CLOSED ? "closed" : "broken frame");
}

static void
on_sent(void *arg)
{
    pace(arg);
}

/* --- begin and end --- */

struct door_store *
door_store_new(struct loop *l)
{
    static const struct door_keeper_calls calls = {
        .take = take_frame, .lost = on_lost, .sent = on_sent};
    struct door_store *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return NULL;
    d->keeper = (struct door_keeper){.loop = l, .calls = &calls, .arg = d};
    LIST_INIT(&d->senders);
    buf_init(&d->piece, DOOR_BODY_MAX);
    d->away = loop_timer_new(l, on_long_away, d);
    d->soon = loop_timer_new(l, on_soon, d);
    if (d->away == NULL || d->soon == NULL) {
        door_store_free(d);
        return NULL;
    }
    loop_timer_start(d->away, AWAY_MS);
    return d;
}

void
door_store_free(struct door_store *d)
{
    if (d == NULL)
        return;
    if (d->keeper.door != NULL)
        door_flush(d->keeper.door); /* the last messages' ends; what the socket refuses is lost */
    door_keeper_close(&d->keeper);
    loop_timer_free(d->away);
    loop_timer_free(d->soon);
    buf_release(&d->piece);
    free(d);
}
