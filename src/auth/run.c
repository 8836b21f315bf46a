/* SPDX-License-Identifier: MIT
 *
 * The auth role's loop: the store's frames in, each checked as if it came from the network, and the
 * steps of exchanges out. What breaks the rules of the door ends the role, and main starts another.
 */
#include "doorstep/auth.h"

#include <malloc.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/door_frames.h"
#include "doorstep/door_keeper.h"
#include "doorstep/log.h"
#include "doorstep/loop.h"
#include "doorstep/table.h"

#include "exchange_priv.h"
#include "pool_priv.h"

#define QUEUE_MAX (1u << 20) /* unsent octets */
#define ATTEMPTS_MAX 4096    /* the store keeps to fewer */
#define BODY_MAX (SASL_OCTETS_MAX + 4096)
#define FREED_FILL 0x5a /* what freed memory is overwritten with */

struct auth_library {
    Gsasl *gsasl;
};

struct auth_role {
    Gsasl *library;
    struct loop *loop;
    struct door_keeper main, store;
    struct pool *pool;
    struct attempt *attempts; /* table */
    int exit_status;
};

enum attempt_waits { WAITS_CLIENT, WAITS_SECRET, WAITS_HASH };

struct attempt {
    uint64_t id; /* the store's */
    struct auth_role *role;
    struct exchange exchange;
    enum attempt_waits waits;
    struct pool_job *job; /* WAITS_HASH; the pool's */
    UT_hash_handle hh;
};

static void
end_role(struct auth_role *r, int status)
{
    r->exit_status = status;
    loop_stop(r->loop);
}

/* --- to the store --- */

static void
say(struct auth_role *r, uint16_t type, uint64_t id, struct span body)
{
    if (!door_keeper_send(&r->store, type, id, body, -1))
        end_role(r, EXIT_FAILURE); /* it does not read, or is gone */
}

static void
say_names(const struct attempt *a)
{
    struct buf body;
    struct pack p;

    buf_init(&body, BODY_MAX);
    pack_init(&p, &body);
    pack_str(&p, a->exchange.name);
    pack_str(&p, a->exchange.authorization);
    say(a->role, AUTH_WANT_SECRET, a->id, buf_span(&body));
    buf_release(&body);
}

static void
say_done(struct auth_role *r, uint64_t id, const struct auth_done *result)
{
    struct buf body;
    struct pack p;

    buf_init(&body, BODY_MAX);
    pack_init(&p, &body);
    auth_done_pack(result, &p);
    say(r, AUTH_DONE, id, buf_span(&body));
    buf_release(&body);
}

/* --- attempts --- */

static void
attempt_free(struct attempt *a)
{
    if (a->job != NULL) { /* it goes when the pool gives it back */
        a->job->arg = NULL;
        atomic_store(&a->job->is_cancelled, true);
    }
    HASH_DEL(a->role->attempts, a);
    exchange_end(&a->exchange);
    free(a);
}

static struct attempt *
attempt_find(struct auth_role *r, uint64_t id)
{
    struct attempt *a;

    HASH_FIND(hh, r->attempts, &id, sizeof(id), a);
    return a;
}

static void
finish(struct attempt *a, const struct auth_done *result)
{
    struct auth_role *r = a->role;
    uint64_t id = a->id;

    attempt_free(a);
    say_done(r, id, result);
}

static void
on_checked(struct pool_job *job)
{
    struct attempt *a = job->arg;

    if (a != NULL) {
        a->job = NULL;
        finish(a, &job->result);
    }
    pool_job_free(job);
}

/* The exchange is over and its password is on its way to a thread. */
static bool
post_check(struct attempt *a, const struct auth_secret *s)
{
    struct pool_job *job = calloc(1, sizeof(*job));

    if (job == NULL)
        return false;
    job->done = on_checked;
    job->arg = a;
    job->has_password = a->exchange.has_password;
    memcpy(job->password, a->exchange.password, sizeof(job->password));
    job->secret = *s;
    sodium_memzero(a->exchange.password, sizeof(a->exchange.password));
    if (!pool_post(a->role->pool, job)) {
        pool_job_free(job);
        return false;
    }
    a->job = job;
    a->waits = WAITS_HASH;
    return true;
}

/* What the exchange wants next; secret: only behind EXCHANGE_WANT_HASH. */
static void
go_on(struct attempt *a, enum exchange_next next, const struct auth_secret *secret)
{
    const struct auth_done unavailable = {.verdict = SASL_UNAVAILABLE};
    struct auth_done result = {.verdict = a->exchange.verdict};

    switch (next) {
    case EXCHANGE_CHALLENGE:
        a->waits = WAITS_CLIENT;
        say(a->role, AUTH_CHALLENGE, a->id, buf_span(&a->exchange.challenge));
        break;
    case EXCHANGE_WANT_SECRET:
        a->waits = WAITS_SECRET;
        say_names(a);
        break;
    case EXCHANGE_WANT_HASH:
        if (!post_check(a, secret))
            finish(a, &unavailable);
        break;
    case EXCHANGE_DONE:
        finish(a, &result);
        break;
    }
}

/* --- from the store; false: this is no store's frame --- */

static struct attempt *
attempt_new(struct auth_role *r, uint64_t id, enum sasl_mechanism m, struct span binding)
{
    struct attempt *a = HASH_COUNT(r->attempts) < ATTEMPTS_MAX ? calloc(1, sizeof(*a)) : NULL;

    if (a == NULL)
        return NULL;
    a->id = id;
    a->role = r;
    HASH_ADD(hh, r->attempts, id, sizeof(a->id), a);
    if (a->hh.tbl == NULL) { /* no memory: not in the table */
        free(a);
        return NULL;
    }
    if (exchange_start(&a->exchange, r->library, m, binding))
        return a;
    attempt_free(a);
    return NULL;
}

static bool
take_begin(struct auth_role *r, const struct door_frame *f)
{
    const struct auth_done unavailable = {.verdict = SASL_UNAVAILABLE};
    struct auth_begin begin;
    struct span binding;
    struct attempt *a;
    struct unpack u;

    unpack_init(&u, f->body);
    binding = unpack_span(&u, AUTH_BINDING_MAX);
    auth_begin_unpack(&begin, &u);
    if (!unpack_done(&u) || attempt_find(r, f->id) != NULL)
        return false;
    a = attempt_new(r, f->id, begin.mechanism, binding);
    if (a == NULL)
        say_done(r, f->id, &unavailable);
    else
        go_on(a, exchange_feed(&a->exchange, begin.has_initial, begin.octets), NULL);
    return true;
}

static bool
take_step(struct auth_role *r, const struct door_frame *f)
{
    struct attempt *a = attempt_find(r, f->id);

    if (a == NULL)
        return true; /* it has just ended */
    if (a->waits != WAITS_CLIENT || f->body.n > SASL_OCTETS_MAX)
        return false;
    go_on(a, exchange_feed(&a->exchange, true, f->body), NULL);
    return true;
}

static bool
take_secret(struct auth_role *r, const struct door_frame *f)
{
    struct attempt *a = attempt_find(r, f->id);
    struct auth_secret secret;
    struct unpack u;

    unpack_init(&u, f->body);
    auth_secret_unpack(&secret, &u);
    if (!unpack_done(&u))
        return false;
    if (a == NULL)
        return true;
    if (a->waits != WAITS_SECRET)
        return false;
    go_on(a, exchange_secret(&a->exchange, &secret), &secret);
    sodium_memzero(&secret, sizeof(secret));
    return true;
}

static bool
take_abort(struct auth_role *r, const struct door_frame *f)
{
    struct attempt *a = attempt_find(r, f->id);

    if (a != NULL)
        attempt_free(a);
    return f->body.n == 0;
}

static bool
take_frame(struct auth_role *r, const struct door_frame *f)
{
    if (f->fd >= 0)
        return false;
    switch (f->type) {
    case AUTH_BEGIN:
        return take_begin(r, f);
    case AUTH_STEP:
        return take_step(r, f);
    case AUTH_SECRET:
        return take_secret(r, f);
    case AUTH_ABORT:
        return take_abort(r, f);
    }
    return false;
}

static bool
take_from_store(void *arg, struct door_frame *f)
{
    struct auth_role *r = arg;
    bool is_good = take_frame(r, f);

    door_forget(r->store.door);
    return is_good;
}

static void
on_store_lost(void *arg, enum door_result how)
{
    end_role(arg, how == DOOR_CLOSED ? EXIT_SUCCESS : EXIT_FAILURE);
}

static const struct door_keeper_calls store_calls = {
    .take = take_from_store,
    .lost = on_store_lost,
};

/* Main says nothing more; its end is ours. */
static bool
take_from_main(void *arg, struct door_frame *f)
{
    if (f->type == MAIN_DRAIN)
        end_role(arg, EXIT_SUCCESS);
    return true;
}

static void
on_main_lost(void *arg, enum door_result how)
{
    (void)how;
    end_role(arg, EXIT_SUCCESS);
}

static const struct door_keeper_calls main_calls = {
    .take = take_from_main,
    .lost = on_main_lost,
};

/* --- begin and end --- */

struct auth_library *
auth_prepare(void)
{
    struct auth_library *l = calloc(1, sizeof(*l));

    if (l != NULL && sodium_init() >= 0 && gsasl_init(&l->gsasl) == GSASL_OK) {
        gsasl_callback_set(l->gsasl, exchange_callback);
        return l;
    }
    free(l);
    return NULL;
}

/* Takes the doors. */
static bool
start(struct auth_role *r, const struct settings_auth *settings, struct door *main_door,
      struct door *store_door)
{
    r->loop = loop_new();
    r->pool = r->loop == NULL ? NULL : pool_new(r->loop, settings);
    if (r->pool == NULL) {
        door_free(main_door);
        door_free(store_door);
        return false;
    }
    r->main = (struct door_keeper){.loop = r->loop, .calls = &main_calls, .arg = r};
    r->store = (struct door_keeper){.loop = r->loop, .calls = &store_calls, .arg = r};
    bool is_open = door_keeper_open(&r->main, main_door);
    return door_keeper_open(&r->store, store_door) && is_open &&
           door_keeper_send(&r->main, ROLE_READY, 0, SPAN_NONE, -1);
}

static void
release(struct auth_role *r)
{
    struct attempt *a, *next;

    HASH_ITER(hh, r->attempts, a, next)
    {
        attempt_free(a);
    }
    pool_free(r->pool);
    door_keeper_close(&r->store);
    door_keeper_close(&r->main);
    loop_free(r->loop);
}

int
auth_run(struct auth_library *library, struct door *main_door, int store_door,
         const struct settings_auth *settings)
{
    struct auth_role r = {.library = library->gsasl};

    mallopt(M_PERTURB, FREED_FILL); /* libraries free pieces of passwords without wiping them */
    if (start(&r, settings, main_door, door_new(store_door, QUEUE_MAX)))
        loop_run(r.loop);
    else
        r.exit_status = EXIT_FAILURE;
    release(&r);
    return r.exit_status;
}
