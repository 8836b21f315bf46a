/* SPDX-License-Identifier: MIT
 *
 * What a chain is asked to do, in the order in which it was asked: see chain_priv.h. A request owns
 * its texts.
 */
#include "chain_state_priv.h"

#include <stdlib.h>

#define REQUESTS_MAX 256
#define EVENT_MEMORY 65536

static void
request_free(struct request *r)
{
    arena_release(&r->arena);
    free(r);
}

void
request_pop(struct chain *c)
{
    struct request *r = STAILQ_FIRST(&c->requests);

    STAILQ_REMOVE_HEAD(&c->requests, next);
    c->request_count--;
    c->is_under_way = false;
    c->member = 0;
    request_free(r);
}

static struct request *
request_new(struct chain *c, enum request_kind kind)
{
    struct request *r = c->request_count < REQUESTS_MAX ? calloc(1, sizeof(*r)) : NULL;

    if (r == NULL)
        return NULL;
    r->kind = kind;
    arena_init(&r->arena, EVENT_MEMORY);
    return r;
}

/* The edge goes on: the store will not ask about the message that was handed to it. */
bool
request_is_given_up(const struct request *r)
{
    const struct request *next = STAILQ_NEXT(r, next);

    return next != NULL && (next->kind == REQUEST_EVENT || next->kind == REQUEST_ABORT);
}

static bool
add_request(struct chain *c, struct request *r)
{
    STAILQ_INSERT_TAIL(&c->requests, r, next);
    c->request_count++;
    chain_run(c);
    return true;
}

static const char *
copy_text(struct request *r, const char *text, bool *good)
{
    char *copy = arena_copy(&r->arena, span_of(text));

    *good = *good && copy != NULL;
    return copy != NULL ? copy : "";
}

static bool
copy_event(struct request *r, const struct filter_event *e)
{
    bool good = true;

    r->event = *e;
    for (uint32_t i = 0; i < e->argument_count; i++)
        r->event.arguments[i] = copy_text(r, e->arguments[i], &good);
    for (uint32_t i = 0; i < e->macro_count; i++) {
        r->event.macros[i].name = copy_text(r, e->macros[i].name, &good);
        r->event.macros[i].value = copy_text(r, e->macros[i].value, &good);
    }
    return good;
}

bool
chain_event(struct chain *c, uint64_t ticket, const struct filter_event *e)
{
    struct request *r = request_new(c, REQUEST_EVENT);

    if (r == NULL)
        return false;
    r->ticket = ticket;
    if (copy_event(r, e))
        return add_request(c, r);
    request_free(r);
    return false;
}

bool
chain_handed(struct chain *c, const char *name)
{
    struct request *r = request_new(c, REQUEST_HANDED);
    bool good = true;

    if (r == NULL)
        return false;
    r->name = copy_text(r, name, &good);
    if (good)
        return add_request(c, r);
    request_free(r);
    return false;
}

bool
chain_abort(struct chain *c)
{
    struct request *r = request_new(c, REQUEST_ABORT);

    return r != NULL && add_request(c, r);
}

bool
chain_close(struct chain *c)
{
    struct request *r = request_new(c, REQUEST_CLOSE);

    return r != NULL && add_request(c, r);
}
