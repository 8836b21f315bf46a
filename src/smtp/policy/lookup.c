/* SPDX-License-Identifier: MIT
 *
 * The conversation with an MTA that asks: requests are taken while there is room in the window,
 * each gets its place in the order of answers, and what is known is said from the oldest on.
 */
#include "lookup_priv.h"

#include <stdlib.h>

#include "doorstep/log.h"
#include "doorstep/metrics.h"

#include "protocol_priv.h"

#define REQUEST_MEMORY (16 * ADDRESS_PATH_MAX)

struct slot { /* a request that was taken, in its place */
    uint64_t id;
    struct lookup_request request; /* until its answer is known */
    struct buf reply;              /* then */
    bool is_known;
};

struct lookup {
    const struct settings_listen *listen;
    const struct lookup_protocol *protocol;
    const struct settings *settings;
    const char *id;
    const struct lookup_calls *calls;
    void *arg;
    union lookup_parser parser;
    struct buf pending; /* octets that wait for room in the window */
    struct slot slots[LOOKUP_WINDOW];
    unsigned first, count;
    uint64_t last_id; /* of a request: how many there were */
    uint64_t steps;
    bool is_in_request; /* one has begun, and is not whole */
    bool is_running;    /* in run(): calls from inside it do not begin another */
    const char *ending; /* why it ends behind the answers that are owed; NULL: it does not */
    bool is_closed;
};

struct lookup *
lookup_new(const struct settings_listen *listen, const struct settings *settings, const char *id,
           const struct lookup_calls *calls, void *arg)
{
    struct lookup *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return NULL;
    l->listen = listen;
    l->protocol = listen->protocol == LISTEN_POLICY ? &lookup_policy : &lookup_socketmap;
    l->settings = settings;
    l->id = id;
    l->calls = calls;
    l->arg = arg;
    l->protocol->init(&l->parser);
    buf_init(&l->pending, LOOKUP_PENDING_MAX);
    return l;
}

static struct slot *
slot_at(struct lookup *l, unsigned i)
{
    return &l->slots[(l->first + i) % LOOKUP_WINDOW];
}

static void
drop_first(struct lookup *l)
{
    struct slot *s = slot_at(l, 0);

    if (!s->is_known)
        arena_release(&s->request.arena);
    buf_release(&s->reply);
    l->first = (l->first + 1) % LOOKUP_WINDOW;
    l->count--;
}

void
lookup_free(struct lookup *l)
{
    if (l == NULL)
        return;
    while (l->count > 0)
        drop_first(l);
    l->protocol->release(&l->parser);
    buf_release(&l->pending);
    free(l);
}

static void
end(struct lookup *l, const char *reason)
{
    if (l->is_closed)
        return;
    l->is_closed = true;
    l->calls->close(l->arg, reason);
}

/* A request that nobody can answer: where the next one begins is not known, or it is no MTA's. What
 * came before it is answered. */
static void
end_broken(struct lookup *l)
{
    bool is_policy = l->protocol == &lookup_policy;

    metrics_count(is_policy ? METRIC_POLICY_REQUESTS : METRIC_SOCKETMAP_REQUESTS,
                  is_policy ? (unsigned)METRICS_POLICY_BROKEN : (unsigned)METRICS_SOCKETMAP_BROKEN,
                  1);
    log_event(LOG_LEVEL_WARNING, "lookup_broken", "id", l->id, "request",
              log_num((long long)l->last_id + 1), NULL);
    l->ending = "broken request";
}

/* --- answers --- */

static void
say_known(struct lookup *l)
{
    while (!l->is_closed && l->count > 0 && slot_at(l, 0)->is_known) {
        l->calls->reply(l->arg, buf_span(&slot_at(l, 0)->reply));
        drop_first(l);
    }
    if (l->ending != NULL && l->count == 0)
        end(l, l->ending);
}

static void
know(struct lookup *l, struct slot *s, const struct outcome *o, struct span targets)
{
    bool done = l->protocol->print(&s->request, o, targets, &s->reply);

    s->is_known = true;
    arena_release(&s->request.arena);
    l->steps++;
    log_event(LOG_LEVEL_DEBUG, "lookup", "id", l->id, "request", log_num((long long)s->id),
              "outcome", outcome_enhanced(o), "cause", o->cause, NULL);
    if (!done)
        end(l, "no memory");
}

/* --- requests --- */

static void
ask(struct lookup *l, struct slot *s)
{
    const struct lookup_request *r = &s->request;

    switch (r->question) {
    case LOOKUP_NOTHING: /* answered */
        break;
    case LOOKUP_RCPT:
        l->calls->ask_rcpt(l->arg, s->id, RCPT_ASKED_BY_MTA, &r->recipient, &r->sender, r->size);
        break;
    case LOOKUP_EXISTS:
        l->calls->ask_rcpt(l->arg, s->id, RCPT_ASKED_BY_MAP, &r->recipient, &r->sender, 0);
        break;
    case LOOKUP_ALIAS:
        l->calls->ask_alias(l->arg, s->id, &r->recipient);
        break;
    }
}

static void
take_request(struct lookup *l)
{
    struct slot *s = slot_at(l, l->count);

    *s = (struct slot){.id = l->last_id + 1};
    arena_init(&s->request.arena, REQUEST_MEMORY);
    s->request.unknown = l->listen->unknown_recipients;
    buf_init(&s->reply, LOOKUP_REPLY_MAX);
    l->count++;
    l->steps++;
    if (!l->protocol->read(&l->parser, l->settings, &s->request, &s->reply)) {
        arena_release(&s->request.arena);
        buf_release(&s->reply);
        l->count--;
        end_broken(l);
        return;
    }
    l->last_id++;
    if (s->request.question == LOOKUP_NOTHING) {
        s->is_known = true;
        arena_release(&s->request.arena);
    }
    ask(l, s);
}

static void
run(struct lookup *l)
{
    size_t done = 0, used = 0;

    if (l->is_running)
        return;
    l->is_running = true;
    while (!l->is_closed && l->ending == NULL && l->count < LOOKUP_WINDOW &&
           done < l->pending.len) {
        enum lookup_result result =
            l->protocol->take(&l->parser, span_skip(buf_span(&l->pending), done), &used);

        done += used;
        l->is_in_request = result == LOOKUP_MORE;
        if (result == LOOKUP_DONE)
            take_request(l);
        else if (result == LOOKUP_BAD)
            end_broken(l);
        say_known(l);
    }
    buf_consume(&l->pending, done);
    if (l->pending.len == 0)
        buf_release(&l->pending); /* one that is idle costs little */
    l->is_running = false;
}

void
lookup_feed(struct lookup *l, struct span octets)
{
    if (l->is_closed || l->ending != NULL)
        return;
    if (!buf_append_span(&l->pending, octets)) {
        end(l, "too much at a time");
        return;
    }
    run(l);
}

static struct slot *
find_slot(struct lookup *l, uint64_t id)
{
    for (unsigned i = 0; i < l->count; i++) {
        struct slot *s = slot_at(l, i);

        if (s->id == id && !s->is_known)
            return s;
    }
    return NULL;
}

void
lookup_answer(struct lookup *l, uint64_t id, const struct outcome *o, struct span targets)
{
    struct slot *s = find_slot(l, id);

    if (s == NULL || l->is_closed)
        return;
    know(l, s, o, targets);
    say_known(l);
    run(l);
}

void
lookup_fail(struct lookup *l, const struct outcome *o)
{
    for (unsigned i = 0; i < l->count && !l->is_closed; i++) {
        if (!slot_at(l, i)->is_known)
            know(l, slot_at(l, i), o, SPAN_NONE);
    }
    say_known(l);
    run(l);
}

void
lookup_drain(struct lookup *l)
{
    if (l->ending == NULL)
        l->ending = "drained";
    say_known(l);
}

bool
lookup_wants_input(const struct lookup *l)
{
    return l->ending == NULL && !l->is_closed && l->pending.len == 0;
}

bool
lookup_is_waiting(const struct lookup *l)
{
    return l->count > 0;
}

bool
lookup_is_idle(const struct lookup *l)
{
    return l->count == 0 && !l->is_in_request;
}

bool
lookup_is_closed(const struct lookup *l)
{
    return l->is_closed;
}

uint64_t
lookup_steps(const struct lookup *l)
{
    return l->steps;
}

uint64_t
lookup_requests(const struct lookup *l)
{
    return l->last_id;
}

/* --- addresses --- */

/* Postfix's internal form: what a quoted local part means, without its quotes. */
static bool
quote(struct span text, struct arena *arena, struct buf *out)
{
    struct address raw = {.domain = ""};
    size_t at = text.n;

    while (at > 0 && text.p[at - 1] != '@')
        at--;
    if (at <= 1 || span_find(text, '\0') < text.n) /* "@domain" is a table's catch-all */
        return false;
    raw.local = arena_copy(arena, (struct span){text.p, at - 1});
    raw.domain = arena_copy(arena, span_skip(text, at));
    return raw.local != NULL && raw.domain != NULL && address_print(&raw, out);
}

bool
lookup_read_address(struct span text, struct arena *arena, struct address *out)
{
    struct buf quoted;
    bool done;

    if (address_parse_mailbox(text, ADDRESS_ALLOW_UTF8, arena, out) == ADDRESS_OK)
        return true;
    buf_init(&quoted, 2 * ADDRESS_PATH_MAX);
    done = quote(text, arena, &quoted) &&
           address_parse_mailbox(buf_span(&quoted), ADDRESS_ALLOW_UTF8, arena, out) == ADDRESS_OK;
    buf_release(&quoted);
    return done;
}
