/* SPDX-License-Identifier: MIT
 *
 * A session of an edge: its chain of filters and the connections to them. It outlives its edge's
 * interest while the store asks about its last message, for a bounded time.
 */
#include "outbound_priv.h"

#include <stdlib.h>
#include <string.h>

struct session {
    struct outbound *outbound;
    struct edge_door *edge; /* NULL: it has closed the session, or is gone */
    uint64_t id;
    char key[FILTER_KEY_SIZE];
    struct chain *chain;
    struct link *links[FILTER_NAMES_MAX];
    uint64_t question; /* of the store */
    struct loop_timer *end;
    bool is_unlisted, is_keyed;
    UT_hash_handle hh;     /* edge->sessions */
    UT_hash_handle hh_key; /* outbound->by_key */
};

static void
unlist(struct session *s)
{
    if (s->edge != NULL)
        HASH_DEL(s->edge->sessions, s);
    s->edge = NULL;
}

static void
session_free(struct session *s)
{
    unlist(s);
    if (s->is_keyed)
        HASH_DELETE(hh_key, s->outbound->by_key, s);
    chain_free(s->chain);
    for (unsigned i = 0; i < FILTER_NAMES_MAX; i++)
        link_close(s->links[i]);
    loop_timer_free(s->end);
    free(s);
}

/* --- what the chain asks for --- */

static void
on_connect(void *arg, unsigned i)
{
    struct session *s = arg;

    s->links[i] = link_open(s, s->outbound->loop, i);
    if (s->links[i] == NULL)
        loop_timer_start(s->end, 0); /* without memory the session ends, and its filters are lost */
}

static bool
on_send(void *arg, unsigned i, struct span octets)
{
    struct session *s = arg;

    return s->links[i] == NULL || link_send(s->links[i], octets);
}

static void
on_waits(void *arg, unsigned i)
{
    struct session *s = arg;

    if (s->links[i] != NULL)
        link_wait(s->links[i], chain_waits_for(s->chain, i), chain_turn(s->chain, i));
}

static void
on_verdict(void *arg, uint64_t ticket, bool has_lost, const struct outcome *why)
{
    struct session *s = arg;

    if (s->edge != NULL)
        edge_say_verdict(s->edge, s->id, ticket, has_lost, why);
}

static void
on_result(void *arg, const struct filter_result *result, struct message *body)
{
    struct session *s = arg;

    store_say_result(s->outbound, s->question, result, body);
}

static void
on_closed(void *arg)
{
    struct session *s = arg;

    loop_timer_start(s->end, 0);
}

static const struct chain_calls chain_calls = {
    .connect = on_connect,
    .send = on_send,
    .waits = on_waits,
    .verdict = on_verdict,
    .result = on_result,
    .closed = on_closed,
};

/* --- what the links tell --- */

void
session_link_opened(struct session *s, unsigned number)
{
    chain_opened(s->chain, number);
}

void
session_link_lost(struct session *s, unsigned number, const char *cause)
{
    chain_lost(s->chain, number, cause);
}

void
session_link_bytes(struct session *s, unsigned number, struct span octets)
{
    chain_feed(s->chain, number, octets);
}

void
session_link_writable(struct session *s, unsigned number)
{
    chain_resume(s->chain, number);
}

/* --- begin and end --- */

static void
on_end(void *arg)
{
    session_free(arg);
}

struct session *
session_open(struct edge_door *e, uint64_t id, const char *key, const char *const *names,
             unsigned count)
{
    struct session *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    s->outbound = e->outbound;
    s->id = id;
    memcpy(s->key, key, sizeof(s->key));
    s->end = loop_timer_new(e->outbound->loop, on_end, s);
    s->chain = chain_new(&chain_calls, s, e->outbound->settings, names, count);
    if (s->end != NULL && s->chain != NULL)
        HASH_ADD(hh, e->sessions, id, sizeof(s->id), s);
    if (s->end == NULL || s->chain == NULL || s->is_unlisted) {
        session_free(s);
        return NULL;
    }
    s->edge = e;
    struct session *older;
    HASH_FIND(hh_key, e->outbound->by_key, s->key, FILTER_KEY_SIZE - 1, older);
    if (older != NULL) {
        HASH_DELETE(hh_key, e->outbound->by_key, older);
        older->is_keyed = false;
    }
    HASH_ADD(hh_key, e->outbound->by_key, key, FILTER_KEY_SIZE - 1, s);
    s->is_keyed = !s->is_unlisted;
    return s;
}

struct session *
session_find(struct edge_door *e, uint64_t id)
{
    struct session *s;

    HASH_FIND(hh, e->sessions, &id, sizeof(id), s);
    return s;
}

struct session *
session_of_name(struct outbound *o, const char *name)
{
    struct session *s = NULL;

    if (strlen(name) >= FILTER_KEY_SIZE - 1)
        HASH_FIND(hh_key, o->by_key, name, FILTER_KEY_SIZE - 1, s);
    return s;
}

struct chain *
session_chain(struct session *s)
{
    return s->chain;
}

void
session_close(struct session *s)
{
    unlist(s);
    loop_timer_start(s->end, s->outbound->settings->timeouts.answer);
    if (!chain_close(s->chain))
        loop_timer_start(s->end, 0);
}

bool
session_ask(struct session *s, uint64_t id, const char *name, struct message *msg)
{
    uint64_t before = s->question;

    s->question = id;
    if (chain_message(s->chain, name, msg))
        return true;
    s->question = before;
    return false;
}

void
sessions_free(struct edge_door *e)
{
    struct session *s, *next;

    HASH_ITER(hh, e->sessions, s, next)
    {
        session_close(s);
    }
}
