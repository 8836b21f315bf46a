/* SPDX-License-Identifier: MIT
 *
 * Frames to the outbound role and back: see filter_link_priv.h. A session keeps the packed events
 * of its first two stages, so that another outbound role can be told who is calling.
 */
#include "filter_link_priv.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/door_frames.h"
#include "doorstep/door_keeper.h"
#include "doorstep/log.h"

#define uthash_nonfatal_oom(client) ((client)->is_unlisted = true)
#include "doorstep/table.h"

#define QUEUE_MAX (8u << 20)
#define WAITING_MAX 80 /* the session's window of RCPTs and one stage */

struct filter_client {
    struct filter_link *link;
    const struct settings_listen *listen;
    filter_answer_fn fn;
    void *arg;
    char key[FILTER_KEY_SIZE];
    bool must;
    bool is_open;                  /* the outbound role that is there now knows id */
    bool was_lost;                 /* a filter was: the next transaction begins anew */
    bool is_unlisted;              /* the table had no memory for it */
    uint64_t id;                   /* of this opening */
    struct buf connect, helo;      /* packed events, without ticket */
    uint64_t waiting[WAITING_MAX]; /* tickets */
    unsigned waiting_count;
    UT_hash_handle hh; /* by id, while open */
};

struct filter_link {
    struct door_keeper keeper; /* without a door the role is away */
    uint64_t last_id;
    struct filter_client *open; /* table */
};

/* --- answers --- */

/* No filter can be asked: on_failure decides. */
static void
say_policy(struct filter_client *c, uint64_t ticket)
{
    struct outcome o;

    outcome_set(&o, c->must ? OUTCOME_FILTER_DEFERRED : OUTCOME_OK, "the outbound role is away");
    c->fn(c->arg, ticket, &o);
}

static bool
stop_waiting(struct filter_client *c, uint64_t ticket)
{
    for (unsigned i = 0; i < c->waiting_count; i++) {
        if (c->waiting[i] == ticket) {
            c->waiting[i] = c->waiting[--c->waiting_count];
            return true;
        }
    }
    return false;
}

static void
unlist(struct filter_client *c)
{
    if (c->is_open)
        HASH_DEL(c->link->open, c);
    c->is_open = false;
}

static void
lose_client(struct filter_client *c)
{
    unlist(c);
    while (c->waiting_count > 0)
        say_policy(c, c->waiting[--c->waiting_count]);
}

/* --- the door --- */

/* It is closed. */
static void
role_is_gone(struct filter_link *f, const char *reason)
{
    log_event(LOG_LEVEL_WARNING, "outbound", "state", "away", "reason", reason, NULL);
    while (f->open != NULL)
        lose_client(f->open);
}

static bool
send_frame(struct filter_link *f, uint16_t type, uint64_t id, struct span body)
{
    return door_keeper_put(&f->keeper, type, id, body);
}

static bool
take_verdict(void *arg, struct door_frame *frame)
{
    struct filter_link *f = arg;
    struct filter_client *c;
    struct outcome o;
    struct unpack u;
    uint64_t ticket;

    unpack_init(&u, frame->body);
    ticket = unpack_u64(&u);
    bool was_lost = unpack_u8(&u) != 0;
    outcome_unpack(&o, &u);
    if (frame->type != FILTER_VERDICT || frame->fd >= 0 || !unpack_done(&u))
        return false;
    HASH_FIND(hh, f->open, &frame->id, sizeof(frame->id), c);
    if (c == NULL)
        return true;
    c->was_lost = c->was_lost || was_lost;
    if (stop_waiting(c, ticket))
        c->fn(c->arg, ticket, &o);
    return true;
}

static void
on_lost(void *arg, enum door_result how)
{
    role_is_gone(arg, how == DOOR_CLOSED ? "closed" : "broken frame");
}

void
filter_link_replace(struct filter_link *f, int fd)
{
    if (f->keeper.door != NULL) {
        door_keeper_close(&f->keeper);
        role_is_gone(f, "replaced");
    }
    if (door_keeper_open(&f->keeper, door_new(fd, QUEUE_MAX)))
        log_event(LOG_LEVEL_INFO, "outbound", "state", "here", NULL);
}

struct filter_link *
filter_link_new(struct loop *l)
{
    static const struct door_keeper_calls calls = {.take = take_verdict, .lost = on_lost};
    struct filter_link *f = calloc(1, sizeof(*f));

    if (f == NULL || sodium_init() < 0) {
        free(f);
        return NULL;
    }
    f->keeper = (struct door_keeper){.loop = l, .calls = &calls, .arg = f};
    return f;
}

void
filter_link_free(struct filter_link *f)
{
    if (f == NULL)
        return;
    if (f->keeper.door != NULL)
        door_flush(f->keeper.door);
    door_keeper_close(&f->keeper);
    free(f);
}

/* --- sessions --- */

struct filter_client *
filter_client_new(struct filter_link *f, const struct settings *s,
                  const struct settings_listen *listen, filter_answer_fn fn, void *arg)
{
    struct filter_client *c = calloc(1, sizeof(*c));
    unsigned char random[(FILTER_KEY_SIZE - 1) / 2];

    if (c == NULL)
        return NULL;
    c->link = f;
    c->listen = listen;
    c->fn = fn;
    c->arg = arg;
    randombytes_buf(random, sizeof(random));
    sodium_bin2hex(c->key, sizeof(c->key), random, sizeof(random));
    for (size_t i = 0; i < listen->milter_count; i++) {
        const struct settings_milter *m = settings_find_milter(s, listen->milters[i]);

        c->must = c->must || m == NULL || m->on_failure == ON_FAILURE_TEMPFAIL;
    }
    buf_init(&c->connect, DOOR_BODY_MAX);
    buf_init(&c->helo, DOOR_BODY_MAX);
    return c;
}

static void
close_session(struct filter_client *c)
{
    if (c->is_open)
        send_frame(c->link, FILTER_CLOSE, c->id, SPAN_NONE);
    unlist(c);
}

void
filter_client_free(struct filter_client *c)
{
    if (c == NULL)
        return;
    close_session(c);
    buf_release(&c->connect);
    buf_release(&c->helo);
    free(c);
}

const char *
filter_client_key(const struct filter_client *c)
{
    return c->key;
}

bool
filter_client_must(const struct filter_client *c)
{
    return c->must;
}

static bool
send_event(struct filter_client *c, uint64_t ticket, struct span event)
{
    struct buf body;
    struct pack p;

    buf_init(&body, DOOR_BODY_MAX);
    pack_init(&p, &body);
    pack_u64(&p, ticket);
    bool ok = !p.full && buf_append_span(&body, event) &&
              send_frame(c->link, FILTER_EVENT, c->id, buf_span(&body));
    buf_release(&body);
    return ok;
}

/* A session with the role, whoever is calling now. */
static bool
open_session(struct filter_client *c, uint64_t ticket)
{
    struct filter_link *f = c->link;
    struct buf body;
    struct pack p;

    close_session(c);
    c->id = ++f->last_id;
    c->was_lost = c->is_unlisted = false;
    buf_init(&body, DOOR_BODY_MAX);
    pack_init(&p, &body);
    pack_str(&p, c->key);
    pack_u32(&p, (uint32_t)c->listen->milter_count);
    for (size_t i = 0; i < c->listen->milter_count; i++)
        pack_str(&p, c->listen->milters[i]);
    pack_u64(&p, ticket);
    bool ok = !p.full && buf_append_span(&body, buf_span(&c->connect)) &&
              send_frame(f, FILTER_OPEN, c->id, buf_span(&body));
    buf_release(&body);
    if (!ok)
        return false;
    HASH_ADD(hh, f->open, id, sizeof(c->id), c);
    c->is_open = !c->is_unlisted;
    return c->is_open;
}

/* The same again for a role that has not heard of it, or lost a filter on the way. */
static bool
open_again(struct filter_client *c)
{
    return c->connect.len > 0 && open_session(c, 0) &&
           (c->helo.len == 0 || send_event(c, 0, buf_span(&c->helo)));
}

static bool
keep(struct buf *where, struct span event)
{
    buf_reset(where);
    return buf_append_span(where, event);
}

static bool
send_stage(struct filter_client *c, uint64_t ticket, enum filter_stage stage, struct span event)
{
    if (stage == FILTER_CONNECT) {
        buf_reset(&c->helo);
        return keep(&c->connect, event) && open_session(c, ticket);
    }
    if (stage == FILTER_HELO && !keep(&c->helo, event))
        return false;
    if (stage == FILTER_MAIL && (!c->is_open || c->was_lost) && !open_again(c))
        return false;
    return c->is_open && send_event(c, ticket, event);
}

void
filter_client_ask(struct filter_client *c, uint64_t ticket, const struct filter_event *e)
{
    struct buf body;
    struct pack p;

    buf_init(&body, DOOR_BODY_MAX - 2048);
    pack_init(&p, &body);
    filter_event_pack(e, &p);
    bool ok = !p.full && c->waiting_count < WAITING_MAX;
    if (ok && !e->is_late)
        c->waiting[c->waiting_count++] = ticket;
    ok = ok && send_stage(c, e->is_late ? 0 : ticket, e->stage, buf_span(&body));
    buf_release(&body);
    if (ok)
        return;
    stop_waiting(c, ticket);
    if (!e->is_late)
        say_policy(c, ticket);
}

void
filter_client_handed(struct filter_client *c, const char *name)
{
    struct buf body;
    struct pack p;

    if (!c->is_open)
        return;
    buf_init(&body, FILTER_NAME_SIZE + 8);
    pack_init(&p, &body);
    pack_str(&p, name);
    send_frame(c->link, FILTER_HANDED, c->id, buf_span(&body));
    buf_release(&body);
}

void
filter_client_abort(struct filter_client *c)
{
    if (c->is_open)
        send_frame(c->link, FILTER_ABORT, c->id, SPAN_NONE);
}

void
filter_client_forget(struct filter_client *c)
{
    c->waiting_count = 0;
}
