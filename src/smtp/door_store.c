/* SPDX-License-Identifier: MIT
 *
 * Requests of connections to the store, and its answers back to them. Every request has an id of
 * the edge's; an answer whose id is not known (its connection is gone) is dropped.
 *
 * A question (EDGE_RCPT) keeps its packed body until it is answered, so that it can be asked again
 * when the store is replaced. A message cannot: its bytes are gone, so it is lost with 451, and the
 * ledger of the store sees to it that the client's retry makes no second copy.
 */
#include "door_store_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/door.h"
#include "doorstep/door_frames.h"
#include "doorstep/log.h"

/* Without memory for the table a request is not added; see add_request(). */
#define uthash_nonfatal_oom(request) ((request)->is_unlisted = true)
#include <uthash.h>

#define QUEUE_MAX (16u << 20) /* octets unsent; nothing more is sent, */
#define QUEUE_DATA_MAX                                                                             \
    (12u << 20)                  /* from here on no content, so that an abort still gets through */
#define QUEUE_HIGH (1u << 20)    /* from here on connections in a message are paused, */
#define QUEUE_LOW (256u << 10)   /* below they go on */
#define FRAMES_PER_TURN 256      /* received: connections want their turn too */
#define AWAY_MS 3000             /* how long questions wait for a store that is gone */
#define RCPT_BODY_MAX 8192       /* two addresses and a number */
#define ENVELOPE_MAX (64u << 20) /* of ENVELOPE_RECIPIENTS_MAX long addresses */
#define DIRECT_MIN 8192          /* pieces from here on are sent without gathering */

struct door_request {
    uint64_t id;
    struct door_client *client;
    uint64_t rcpt_id; /* of a question */
    char *body;       /* owned; of a question; NULL: this is a message */
    size_t body_length;
    uint32_t answers_missing; /* of a message that has ended */
    bool has_ended;
    bool is_lost;     /* lost() will be called */
    bool is_unlisted; /* the table had no memory for it */
    LIST_ENTRY(door_request) of_client;
    UT_hash_handle hh; /* by id */
};

struct door_store {
    struct loop *loop;
    struct door *door; /* NULL: the store is away */
    struct loop_watch *watch;
    struct loop_timer *away; /* runs while questions wait for a store */
    struct loop_timer *soon; /* tells clients what was lost inside one of their own calls */
    bool is_long_away;
    bool watches_write;
    uint64_t last_id;
    struct door_request *requests; /* table */
    LIST_HEAD(, door_client) senders;
    bool is_congested;
    struct buf piece; /* content of one message, gathered */
    uint64_t piece_id;
};

static void on_door(void *arg, unsigned events);

/* --- requests --- */

void
door_client_init(struct door_client *c, const struct door_client_calls *calls, void *arg)
{
    *c = (struct door_client){.calls = calls, .arg = arg};
    LIST_INIT(&c->requests);
}

static void
stop_sending(struct door_client *c)
{
    if (c->is_sender)
        LIST_REMOVE(c, sender);
    c->is_sender = false;
    c->is_paused = false; /* the caller is the client, or is about to call it */
}

static void
start_sending(struct door_store *d, struct door_client *c)
{
    LIST_INSERT_HEAD(&d->senders, c, sender);
    c->is_sender = true;
    c->is_paused = d->is_congested;
}

static void
free_request(struct door_store *d, struct door_request *r)
{
    if (r->client->message == r) {
        stop_sending(r->client);
        r->client->message = NULL;
    }
    LIST_REMOVE(r, of_client);
    HASH_DEL(d->requests, r);
    free(r->body);
    free(r);
}

static struct door_request *
add_request(struct door_store *d, struct door_client *c)
{
    struct door_request *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return NULL;
    r->id = ++d->last_id;
    r->client = c;
    HASH_ADD(hh, d->requests, id, sizeof(r->id), r);
    if (r->is_unlisted) {
        free(r);
        return NULL;
    }
    LIST_INSERT_HEAD(&c->requests, r, of_client);
    return r;
}

static struct door_request *
find_request(const struct door_store *d, uint64_t id)
{
    struct door_request *r;

    HASH_FIND(hh, d->requests, &id, sizeof(id), r);
    return r;
}

/* --- sending --- */

static void
watch_writes(struct door_store *d, bool wanted)
{
    if (d->watches_write == wanted)
        return;
    d->watches_write = wanted;
    loop_watch_set(d->watch, wanted ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

/* Pause all connections that send a message, or let them go on. */
static void
pace(struct door_store *d)
{
    size_t queued = d->door == NULL ? 0 : door_queued(d->door);
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

static bool
send_frame(struct door_store *d, uint16_t type, uint64_t id, struct span body)
{
    if (d->door == NULL || !door_send(d->door, type, id, body, -1))
        return false;
    watch_writes(d, door_queued(d->door) > 0);
    pace(d);
    return true;
}

static bool
send_content(struct door_store *d, uint64_t id, struct span octets)
{
    return d->door != NULL && door_queued(d->door) < QUEUE_DATA_MAX &&
           send_frame(d, EDGE_DATA, id, octets);
}

static void
lose_message(struct door_store *d, struct door_request *r)
{
    r->is_lost = true;
    loop_timer_start(d->soon, 0);
}

void
door_store_push(struct door_store *d)
{
    struct door_request *r;

    if (d->piece.len == 0)
        return;
    r = find_request(d, d->piece_id);
    if (r != NULL && !r->is_lost && !send_content(d, r->id, buf_span(&d->piece)))
        lose_message(d, r);
    buf_reset(&d->piece);
}

/* Frames of one message keep their order: what was gathered goes first. */
static void
send_of_message(struct door_store *d, struct door_request *r, uint16_t type, struct span body)
{
    door_store_push(d);
    if (!r->is_lost && !send_frame(d, type, r->id, body))
        lose_message(d, r);
}

/* --- questions --- */

static bool
pack_rcpt(struct buf *body, const struct address *recipient, const struct address *reverse_path,
          uint64_t size)
{
    struct pack p;

    pack_init(&p, body);
    address_pack(recipient, &p);
    address_pack(reverse_path, &p);
    pack_u64(&p, size);
    return !p.full;
}

static bool
ask(struct door_store *d, const struct door_request *r)
{
    return send_frame(d, EDGE_RCPT, r->id, (struct span){r->body, r->body_length});
}

bool
door_store_ask_rcpt(struct door_store *d, struct door_client *c, uint64_t rcpt_id,
                    const struct address *recipient, const struct address *reverse_path,
                    uint64_t size)
{
    struct door_request *r;
    struct buf body;

    if (d->door == NULL && d->is_long_away)
        return false;
    r = add_request(d, c);
    if (r == NULL)
        return false;
    r->rcpt_id = rcpt_id;
    buf_init(&body, RCPT_BODY_MAX);
    if (!pack_rcpt(&body, recipient, reverse_path, size)) {
        buf_release(&body);
        free_request(d, r);
        return false;
    }
    r->body = body.data; /* taken */
    r->body_length = body.len;
    if (d->door != NULL && !ask(d, r)) {
        free_request(d, r);
        return false;
    }
    return true;
}

/* --- messages --- */

bool
door_store_begin(struct door_store *d, struct door_client *c, uint64_t size)
{
    struct door_request *r;
    struct buf body;
    struct pack p;

    if (d->door == NULL)
        return false;
    r = add_request(d, c);
    if (r == NULL)
        return false;
    buf_init(&body, sizeof(size));
    pack_init(&p, &body);
    pack_u64(&p, size);
    if (p.full || !send_frame(d, EDGE_DATA_BEGIN, r->id, buf_span(&body))) {
        free_request(d, r);
        r = NULL;
    }
    buf_release(&body);
    c->message = r;
    if (r != NULL)
        start_sending(d, c);
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
            lose_message(d, r);
        octets = span_skip(octets, piece.n);
    }
    d->piece_id = r->id;
    if (!r->is_lost && !buf_append_span(&d->piece, octets))
        lose_message(d, r);
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
    stop_sending(c);
    r->has_ended = true;
    r->answers_missing = e->recipient_count;
    buf_init(&body, ENVELOPE_MAX);
    pack_init(&p, &body);
    envelope_pack(e, &p);
    if (p.full)
        lose_message(d, r);
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
    send_frame(d, EDGE_DATA_ABORT, r->id, SPAN_NONE);
    free_request(d, r);
}

void
door_store_forget(struct door_store *d, struct door_client *c)
{
    struct door_request *r;

    while ((r = LIST_FIRST(&c->requests)) != NULL)
        free_request(d, r);
}

/* --- answers --- */

static bool
take_rcpt(struct door_store *d, const struct door_frame *f)
{
    struct door_request *r = find_request(d, f->id);
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
    if (r->body == NULL)
        return false;
    c = r->client;
    rcpt_id = r->rcpt_id;
    free_request(d, r);
    c->calls->rcpt_answer(c->arg, rcpt_id, &o);
    return true;
}

static bool
take_answer(struct door_store *d, const struct door_frame *f)
{
    struct door_request *r = find_request(d, f->id);
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
        free_request(d, r);
    c->calls->answer(c->arg, index, &o, delivery_id);
    return true;
}

static bool
take_frame(struct door_store *d, const struct door_frame *f)
{
    if (f->fd >= 0)
        return false;
    switch (f->type) {
    case STORE_RCPT:
        return take_rcpt(d, f);
    case STORE_ANSWER:
        return take_answer(d, f);
    default:
        return false;
    }
}

/* --- the store goes and comes --- */

static void
close_door(struct door_store *d)
{
    loop_watch_free(d->watch);
    door_free(d->door);
    d->watch = NULL;
    d->door = NULL;
    d->watches_write = false;
    buf_reset(&d->piece);
}

static void
tell_lost(struct door_store *d, struct door_request *r)
{
    struct door_client *c = r->client;
    struct outcome o;

    outcome_set(&o, OUTCOME_SYSTEM, "the store is away");
    if (!r->has_ended)
        send_frame(d, EDGE_DATA_ABORT, r->id, SPAN_NONE); /* a store that lives may forget it */
    free_request(d, r);
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

static void
store_is_gone(struct door_store *d, const char *reason)
{
    log_event(LOG_LEVEL_WARNING, "store", "state", "away", "reason", reason, NULL);
    close_door(d);
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

    if (d->door != NULL)
        return;
    d->is_long_away = true; /* from now on questions are refused at once */
    outcome_set(&o, OUTCOME_SYSTEM, "the store is away");
    HASH_ITER(hh, d->requests, r, next)
    {
        struct door_client *c = r->client;
        uint64_t rcpt_id = r->rcpt_id;

        if (r->body == NULL)
            continue;
        free_request(d, r);
        c->calls->rcpt_answer(c->arg, rcpt_id, &o);
        next = d->requests;
    }
}

void
door_store_replace(struct door_store *d, int fd)
{
    struct door_request *r, *next;

    if (d->door != NULL)
        store_is_gone(d, "replaced");
    d->door = door_new(fd, QUEUE_MAX);
    if (d->door == NULL) {
        close(fd);
        return;
    }
    d->watch = loop_watch_new(d->loop, fd, LOOP_READ, on_door, d);
    if (d->watch == NULL) {
        close_door(d);
        return;
    }
    d->is_long_away = false;
    loop_timer_stop(d->away);
    log_event(LOG_LEVEL_INFO, "store", "state", "here", NULL);
    HASH_ITER(hh, d->requests, r, next)
    {
        if (r->body != NULL)
            ask(d, r);
    }
}

static void
receive_frames(struct door_store *d)
{
    for (int i = 0; i < FRAMES_PER_TURN && d->door != NULL; i++) {
        struct door_frame f;
        enum door_result result = door_receive(d->door, &f);

        if (result == DOOR_AGAIN)
            return;
        if (result == DOOR_OK && take_frame(d, &f))
            continue;
        if (result == DOOR_OK && f.fd >= 0)
            close(f.fd);
        store_is_gone(d, result == DOOR_CLOSED ? "closed" : "broken frame");
    }
}

static void
on_door(void *arg, unsigned events)
{
    struct door_store *d = arg;

    if ((events & LOOP_WRITE) != 0 && door_flush(d->door) == DOOR_CLOSED) {
        store_is_gone(d, "closed");
        return;
    }
    watch_writes(d, door_queued(d->door) > 0);
    if ((events & LOOP_READ) != 0)
        receive_frames(d);
    pace(d);
}

/* --- begin and end --- */

struct door_store *
door_store_new(struct loop *l)
{
    struct door_store *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return NULL;
    d->loop = l;
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
    close_door(d);
    loop_timer_free(d->away);
    loop_timer_free(d->soon);
    buf_release(&d->piece);
    free(d);
}
