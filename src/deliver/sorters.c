/* SPDX-License-Identifier: MIT
 *
 * The pool of sorters: see sorters_priv.h. A sorter is hostile once it has seen its first message:
 * every reply is bounded and must be facts, or the sorter is thrown away.
 */
#include "sorters_priv.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <utlist.h>

#include "doorstep/door.h"
#include "doorstep/door_frames.h"
#include "doorstep/log.h"

#define SLOTS_MAX 64
#define QUEUE_MAX (80 * 1024 * 1024) /* unsent to one sorter: a message in memory (64M) */
#define FACTS_MAX (2 * 1024 * 1024)  /* packed facts of one message */
#define FACTS_ARENA (16 * 1024 * 1024)
#define DEATHS_MAX 2   /* sorters that one message may cost */
#define HEADER_ROOM 16 /* octets before the message's own in SORT_MESSAGE */

struct request {
    struct request *next, *prev;
    uint64_t id;
    struct message *msg; /* owned reference */
    unsigned deaths;
    struct buf facts; /* as it arrives */
    sorters_fn fn;
    void *arg;
};

struct sorter {
    struct sorters *pool;
    uint32_t slot;
    struct door *door; /* NULL: none there now */
    struct loop_watch *watch;
    struct loop_timer *deadline;
    struct request *busy; /* owned */
};

struct sorters {
    struct loop *loop;
    unsigned timeout_ms;
    sorters_replace_fn replace;
    void *arg;
    uint64_t next_id;
    struct request *waiting; /* in order */
    struct sorter slots[SLOTS_MAX];
};

static void feed(struct sorters *s);

static void
request_end(struct request *r, struct span facts)
{
    r->fn(r->arg, facts);
    message_unref(r->msg);
    buf_release(&r->facts);
    free(r);
}

static void
close_door(struct sorter *so)
{
    if (so->door == NULL)
        return;
    loop_watch_free(so->watch);
    loop_timer_stop(so->deadline);
    door_free(so->door);
    so->watch = NULL;
    so->door = NULL;
}

/* The sorter is gone or not to be trusted any more; its message goes to the front of the queue. */
static void
lose_sorter(struct sorter *so, const char *reason)
{
    struct request *r = so->busy;

    /* One that ends between two messages has served its number of them. */
    log_event(r == NULL ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
              r == NULL ? "sorter_ended" : "sorter_lost", "slot", log_num(so->slot), "reason",
              reason, NULL);
    so->busy = NULL;
    close_door(so);
    so->pool->replace(so->pool->arg, so->slot);
    if (r == NULL)
        return;
    buf_reset(&r->facts);
    if (++r->deaths >= DEATHS_MAX) {
        log_event(LOG_LEVEL_ERROR, "message_unsorted", "digest", message_digest(r->msg), NULL);
        request_end(r, SPAN_NONE);
    } else {
        DL_PREPEND(so->pool->waiting, r);
    }
    feed(so->pool);
}

static bool
are_facts(struct span packed)
{
    struct arena arena;
    struct facts facts;
    struct unpack u;

    arena_init(&arena, FACTS_ARENA);
    unpack_init(&u, packed);
    bool ok = facts_unpack(&facts, &arena, &u) && unpack_done(&u);
    arena_release(&arena);
    return ok;
}

/* One piece of the answer. False: this is no sorter's answer. */
static bool
take_piece(struct sorter *so, const struct door_frame *f)
{
    struct request *r = so->busy;
    struct unpack u;

    if (f->type != SORT_FACTS || f->fd != -1 || r == NULL || f->id != r->id)
        return false;
    unpack_init(&u, f->body);
    bool more = unpack_u8(&u) != 0;
    if (u.broken || !buf_append_span(&r->facts, u.rest))
        return false;
    if (more)
        return true;
    if (!are_facts(buf_span(&r->facts)))
        return false;
    so->busy = NULL;
    loop_timer_stop(so->deadline);
    request_end(r, buf_span(&r->facts));
    return true;
}

static void
close_stray(const struct door_frame *f)
{
    if (f->fd != -1)
        close(f->fd);
}

static void
read_answers(struct sorter *so)
{
    struct door_frame f;

    while (so->door != NULL) { /* an answer's taker may ask again, and that may lose the sorter */
        enum door_result got = door_receive(so->door, &f);
        if (got == DOOR_AGAIN)
            return;
        if (got != DOOR_OK) {
            lose_sorter(so, got == DOOR_CLOSED ? "it ended" : "broken frame");
            return;
        }
        if (!take_piece(so, &f)) {
            close_stray(&f);
            lose_sorter(so, "bad answer");
            return;
        }
    }
}

static void
update_watch(struct sorter *so)
{
    unsigned events = LOOP_READ;

    if (door_queued(so->door) > 0)
        events |= LOOP_WRITE;
    loop_watch_set(so->watch, events);
}

static void
on_door(void *arg, unsigned events)
{
    struct sorter *so = arg;

    if ((events & LOOP_WRITE) != 0 && door_flush(so->door) == DOOR_OK)
        update_watch(so);
    if ((events & LOOP_READ) != 0)
        read_answers(so);
    feed(so->pool);
}

static void
on_deadline(void *arg)
{
    lose_sorter(arg, "time is up");
}

/* A descriptor that can only read: no writable one leaves the store. */
static int
reopen_readonly(int fd)
{
    char path[32];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static bool
send_by_descriptor(struct sorter *so, struct request *r, struct buf *body)
{
    int fd = reopen_readonly(message_fd(r->msg));
    bool ok = fd >= 0 && door_send(so->door, SORT_MESSAGE, r->id, buf_span(body), fd);

    if (fd >= 0)
        close(fd);
    return ok;
}

static bool
send_inline(struct sorter *so, struct request *r, struct buf *body, struct span bytes)
{
    size_t first = DOOR_BODY_MAX - HEADER_ROOM;

    if (first > bytes.n)
        first = bytes.n;
    bool ok = buf_append(body, bytes.p, first) &&
              door_send(so->door, SORT_MESSAGE, r->id, buf_span(body), -1);
    bytes = span_skip(bytes, first);
    while (ok && bytes.n > 0) {
        struct span piece = {bytes.p, bytes.n < DOOR_BODY_MAX ? bytes.n : DOOR_BODY_MAX};
        ok = door_send(so->door, SORT_MORE, r->id, piece, -1);
        bytes = span_skip(bytes, piece.n);
    }
    return ok;
}

static bool
send_message(struct sorter *so, struct request *r)
{
    bool spilled;
    struct span bytes = message_inline(r->msg, &spilled);
    struct buf body;
    struct pack p;

    buf_init(&body, DOOR_BODY_MAX);
    pack_init(&p, &body);
    pack_u8(&p, spilled ? 1 : 0);
    pack_u64(&p, message_traits(r->msg)->octets);
    bool ok =
        !p.full && (spilled ? send_by_descriptor(so, r, &body) : send_inline(so, r, &body, bytes));
    buf_release(&body);
    return ok;
}

static void
give(struct sorter *so, struct request *r)
{
    so->busy = r;
    loop_timer_start(so->deadline, so->pool->timeout_ms);
    if (send_message(so, r))
        update_watch(so);
    else
        lose_sorter(so, "cannot send");
}

static void
feed(struct sorters *s)
{
    for (size_t i = 0; i < SLOTS_MAX && s->waiting != NULL; i++) {
        struct sorter *so = &s->slots[i];
        if (so->door == NULL || so->busy != NULL)
            continue;
        struct request *r = s->waiting;
        DL_DELETE(s->waiting, r);
        give(so, r);
    }
}

void
sorters_ask(struct sorters *s, struct message *msg, sorters_fn fn, void *arg)
{
    struct request *r = calloc(1, sizeof *r);

    if (r == NULL) {
        fn(arg, SPAN_NONE);
        return;
    }
    *r = (struct request){.id = ++s->next_id, .msg = message_ref(msg), .fn = fn, .arg = arg};
    buf_init(&r->facts, FACTS_MAX);
    DL_APPEND(s->waiting, r);
    feed(s);
}

void
sorters_add(struct sorters *s, uint32_t slot, int door_fd)
{
    struct sorter *so = slot < SLOTS_MAX ? &s->slots[slot] : NULL;

    if (so == NULL) {
        close(door_fd);
        return;
    }
    if (so->door != NULL) { /* main replaced it before we noticed its end */
        struct request *r = so->busy;
        so->busy = NULL;
        close_door(so);
        if (r != NULL) {
            buf_reset(&r->facts); /* of the answer that broke off */
            DL_PREPEND(s->waiting, r);
        }
    }
    if (so->deadline == NULL)
        so->deadline = loop_timer_new(s->loop, on_deadline, so);
    so->door = door_new(door_fd, QUEUE_MAX);
    if (so->door == NULL)
        return;
    so->watch = loop_watch_new(s->loop, door_fd, LOOP_READ, on_door, so);
    feed(s);
}

unsigned
sorters_count(const struct sorters *s)
{
    unsigned n = 0;

    for (size_t i = 0; i < SLOTS_MAX; i++)
        n += s->slots[i].door != NULL;
    return n;
}

struct sorters *
sorters_new(struct loop *loop, unsigned timeout_ms, sorters_replace_fn replace, void *arg)
{
    struct sorters *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    *s = (struct sorters){.loop = loop, .timeout_ms = timeout_ms, .replace = replace, .arg = arg};
    for (uint32_t i = 0; i < SLOTS_MAX; i++)
        s->slots[i] = (struct sorter){.pool = s, .slot = i};
    return s;
}

void
sorters_free(struct sorters *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct sorter *so = &s->slots[i];
        if (so->busy != NULL)
            DL_APPEND(s->waiting, so->busy);
        close_door(so);
        loop_timer_free(so->deadline);
    }
    while (s->waiting != NULL) {
        struct request *r = s->waiting;
        DL_DELETE(s->waiting, r);
        request_end(r, SPAN_NONE);
    }
    free(s);
}

/* For threads that wait. */
struct waiter {
    struct sorters *sorters;
    struct message *msg;
    pthread_mutex_t mutex;
    pthread_cond_t done;
    bool is_done;
    struct buf facts;
};

static void
on_waited(void *arg, struct span facts)
{
    struct waiter *w = arg;

    pthread_mutex_lock(&w->mutex);
    buf_append_span(&w->facts, facts);
    w->is_done = true;
    pthread_cond_signal(&w->done);
    pthread_mutex_unlock(&w->mutex);
}

static void
ask_for_waiter(void *arg)
{
    struct waiter *w = arg;

    sorters_ask(w->sorters, w->msg, on_waited, w);
}

bool
sorters_wait(struct sorters *s, struct message *msg, struct arena *arena, struct facts *facts)
{
    struct waiter w = {.sorters = s, .msg = msg};
    struct unpack u;

    buf_init(&w.facts, FACTS_MAX);
    pthread_mutex_init(&w.mutex, NULL);
    pthread_cond_init(&w.done, NULL);
    if (loop_post(s->loop, ask_for_waiter, &w)) {
        pthread_mutex_lock(&w.mutex);
        while (!w.is_done)
            pthread_cond_wait(&w.done, &w.mutex);
        pthread_mutex_unlock(&w.mutex);
    }
    unpack_init(&u, buf_span(&w.facts));
    bool ok = facts_unpack(facts, arena, &u);
    buf_release(&w.facts);
    pthread_cond_destroy(&w.done);
    pthread_mutex_destroy(&w.mutex);
    return ok;
}
