/* SPDX-License-Identifier: MIT
 *
 * The way of the frames of log-ins between edges, attempts and the auth role: see logins_priv.h.
 * Neither side is believed: what an edge or the role may not say breaks its door.
 */
#include "attempt_priv.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/clock.h"
#include "doorstep/door_frames.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"

#include "deliver_priv.h"
#include "penalty_file_priv.h"
#include "script_sessions_priv.h"

#define QUEUE_MAX (4u << 20)  /* unsent octets to the role */
#define ROLE_TIMEOUT_MS 60000 /* for one step, and all that wait in its queue */
#define SAVE_MS 2000          /* penalties are written this long after the first that is new */

static void on_timer(void *arg);

/* --- attempts --- */

struct attempt *
attempt_find_serial(struct logins *l, uint64_t serial)
{
    struct attempt *a;

    HASH_FIND(hh_serial, l->by_serial, &serial, sizeof(serial), a);
    return a;
}

static struct attempt *
attempt_find(struct logins *l, struct edge *e, uint64_t id)
{
    const struct attempt_key key = {e, id};
    struct attempt *a;

    HASH_FIND(hh, l->attempts, &key, sizeof(key), a);
    return a;
}

static void
attempt_free(struct attempt *a)
{
    struct logins *l = a->logins;
    struct edge *e = a->key.edge;

    if (a->has_reserved)
        penalties_release(l->penalties, &a->keys);
    if (a->hh.tbl != NULL)
        HASH_DELETE(hh, l->attempts, a);
    if (a->hh_serial.tbl != NULL)
        HASH_DELETE(hh_serial, l->by_serial, a);
    loop_timer_free(a->timer);
    sodium_memzero(a, sizeof(*a));
    free(a);
    edge_unref(e);
}

static struct attempt *
attempt_new(struct logins *l, struct edge *e, uint64_t id)
{
    /* A connection has one at a time. */
    bool has_room = HASH_COUNT(l->attempts) < l->settings->limits.connections;
    struct attempt *a = has_room ? calloc(1, sizeof(*a)) : NULL;

    if (a == NULL)
        return NULL;
    a->key = (struct attempt_key){e, id};
    e->references++;
    a->serial = ++l->last_serial;
    a->logins = l;
    a->reason = "not what the mechanism says";
    a->asked_ms = clock_ms();
    a->timer = loop_timer_new(l->loop, on_timer, a);
    HASH_ADD(hh, l->attempts, key, sizeof(a->key), a);
    HASH_ADD(hh_serial, l->by_serial, serial, sizeof(a->serial), a);
    if (a->timer != NULL && a->hh.tbl != NULL && a->hh_serial.tbl != NULL)
        return a;
    attempt_free(a);
    return NULL;
}

/* --- to the edge --- */

static void
say_done(struct edge *e, uint64_t id, enum sasl_verdict verdict, const char *login)
{
    struct buf body;
    struct pack p;

    buf_init(&body, DOOR_BODY_MAX);
    pack_init(&p, &body);
    pack_u8(&p, (uint8_t)verdict);
    pack_str(&p, login);
    edge_send(e, STORE_AUTH_DONE, id, buf_span(&body));
    buf_release(&body);
}

void
attempt_end(struct attempt *a, enum sasl_verdict verdict)
{
    struct attempt_key key = a->key;
    char login[PENALTY_KEY_SIZE] = "";

    if (verdict == SASL_ACCEPTED && a->is_kept &&
        !script_session_open(key.edge, key.id, &a->secret.account))
        verdict = SASL_UNAVAILABLE;
    metrics_count(METRIC_LOGINS, (unsigned)verdict, 1);
    if (verdict == SASL_ACCEPTED)
        memcpy(login, a->keys.account, sizeof(login));
    if (verdict != SASL_ACCEPTED && a->turn != TURN_DELAY)
        role_door_send(&a->logins->role, AUTH_ABORT, a->serial, SPAN_NONE, -1);
    key.edge->references++; /* it may go while it is told */
    attempt_free(a);
    say_done(key.edge, key.id, verdict, login);
    edge_unref(key.edge);
}

/* --- to the role --- */

static struct attempt *
first_waiting(const struct logins *l)
{
    struct attempt *a = l->attempts;

    while (a != NULL && a->turn == TURN_DELAY)
        a = a->hh.next;
    return a;
}

/* What the role was asked cannot be told now. Telling an edge may end it, and its other attempts.
 */
static void
on_lost(void *arg, const char *cause)
{
    const struct logins *l = arg;
    struct attempt *a;

    (void)cause; /* the log has it */
    while ((a = first_waiting(l)) != NULL)
        attempt_end(a, SASL_UNAVAILABLE);
}

static void
on_replace(void *arg)
{
    struct logins *l = arg;

    l->replace(l->arg);
}

bool
attempt_tell_role(struct attempt *a, uint16_t type, struct span body)
{
    struct logins *l = a->logins;

    if (!role_door_send(&l->role, type, a->serial, body, -1)) {
        attempt_end(a, SASL_UNAVAILABLE);
        return false;
    }
    door_mark_secret(l->role.keeper.door);
    a->turn = TURN_ROLE;
    loop_timer_start(a->timer, ROLE_TIMEOUT_MS);
    return true;
}

static void
on_timer(void *arg)
{
    struct attempt *a = arg;

    if (a->turn == TURN_DELAY)
        attempt_end(a, a->verdict);
    else if (a->turn == TURN_ROLE)
        role_door_lose(&a->logins->role, "it does not answer", true);
}

/* --- from the edge --- */

static void
tell_begin(struct attempt *a, const struct auth_begin *begin)
{
    struct buf body;
    struct pack p;

    buf_init(&body, DOOR_BODY_MAX);
    pack_init(&p, &body);
    pack_span(&p, (struct span){a->client.binding, a->client.binding_length});
    auth_begin_pack(begin, &p);
    attempt_tell_role(a, AUTH_BEGIN, buf_span(&body));
    if (body.data != NULL)
        sodium_memzero(body.data, body.size);
    buf_release(&body);
}

bool
logins_begin(struct logins *l, struct edge *e, uint64_t id, struct span body, bool is_kept)
{
    struct auth_client client;
    struct auth_begin begin;
    struct attempt *a;
    struct unpack u;

    unpack_init(&u, body);
    auth_client_unpack(&client, &u);
    auth_begin_unpack(&begin, &u);
    if (!unpack_done(&u) || attempt_find(l, e, id) != NULL || script_session_is_open(e, id))
        return false;
    a = attempt_new(l, e, id);
    if (a == NULL) {
        say_done(e, id, SASL_UNAVAILABLE, "");
        return true;
    }
    a->is_kept = is_kept;
    a->client = client;
    a->mechanism = begin.mechanism;
    if (!penalty_key_address(client.address, a->keys.address))
        a->keys.address[0] = '\0';
    if (penalties_is_banned(l->penalties, &a->keys, clock_ms()))
        attempt_end(a, SASL_BANNED);
    else
        tell_begin(a, &begin);
    return true;
}

bool
logins_step(struct logins *l, struct edge *e, uint64_t id, struct span body)
{
    struct attempt *a = attempt_find(l, e, id);

    if (a == NULL)
        return true; /* it has just ended */
    if (a->turn != TURN_CLIENT || body.n > SASL_OCTETS_MAX)
        return false;
    a->asked_ms = clock_ms();
    attempt_tell_role(a, AUTH_STEP, body);
    return true;
}

static void
forget(struct attempt *a)
{
    role_door_send(&a->logins->role, AUTH_ABORT, a->serial, SPAN_NONE, -1);
    attempt_free(a);
}

bool
logins_abort(struct logins *l, struct edge *e, uint64_t id)
{
    struct attempt *a = attempt_find(l, e, id);

    if (a != NULL)
        forget(a);
    return true;
}

void
logins_abort_all(struct logins *l, struct edge *e)
{
    struct attempt *a, *next;

    if (l == NULL)
        return;
    HASH_ITER(hh, l->attempts, a, next)
    {
        if (a->key.edge == e)
            forget(a);
    }
}

/* --- from the role; false: this is no auth role's frame --- */

static bool
take_name(struct attempt *a, struct span body)
{
    char name[SASL_LOGIN_SIZE], authorization[SASL_LOGIN_SIZE];
    struct unpack u;

    unpack_init(&u, body);
    unpack_str(&u, name, sizeof(name));
    unpack_str(&u, authorization, sizeof(authorization));
    if (!unpack_done(&u))
        return false;
    attempt_name(a, name, authorization);
    return true;
}

static bool
take_challenge(struct attempt *a, struct span body)
{
    if (body.n > SASL_CHALLENGE_MAX)
        return false;
    a->turn = TURN_CLIENT;
    loop_timer_stop(a->timer);
    edge_send(a->key.edge, STORE_AUTH_CHALLENGE, a->key.id, body);
    return true;
}

static bool
take_done(struct attempt *a, struct span body)
{
    struct auth_done done;
    struct unpack u;

    unpack_init(&u, body);
    auth_done_unpack(&done, &u);
    if (!unpack_done(&u))
        return false;
    loop_timer_stop(a->timer);
    if (a->has_reserved)
        penalties_release(a->logins->penalties, &a->keys);
    a->has_reserved = false;
    attempt_done(a, &done);
    return true;
}

static bool
on_frame(void *arg, struct door_frame *f)
{
    struct logins *l = arg;
    struct attempt *a = attempt_find_serial(l, f->id);

    if (f->fd >= 0)
        return false;
    if (a == NULL) /* aborted meanwhile */
        return f->type == AUTH_WANT_SECRET || f->type == AUTH_CHALLENGE || f->type == AUTH_DONE;
    if (a->turn != TURN_ROLE)
        return false;
    switch (f->type) {
    case AUTH_WANT_SECRET:
        return take_name(a, f->body);
    case AUTH_CHALLENGE:
        return take_challenge(a, f->body);
    case AUTH_DONE:
        return take_done(a, f->body);
    }
    return false;
}

static const struct role_door_calls role_calls = {
    .take = on_frame,
    .lost = on_lost,
    .replace = on_replace,
};

/* --- penalties outlive the process --- */

static void
on_changed(void *arg)
{
    struct logins *l = arg;

    if (!l->is_saving)
        loop_timer_start(l->save, SAVE_MS);
    l->is_saving = true;
}

static void
on_save(void *arg)
{
    struct logins *l = arg;

    l->is_saving = false;
    penalty_file_write(l->penalties, l->settings->state_dir);
}

static bool
open_penalties(struct logins *l)
{
    l->penalties = penalties_new(&l->settings->auth, PENALTIES_MAX);
    l->save = loop_timer_new(l->loop, on_save, l);
    if (l->penalties == NULL || l->save == NULL)
        return false;
    penalty_file_read(l->penalties, l->settings->state_dir);
    penalties_watch(l->penalties, on_changed, l);
    return true;
}

static void
close_penalties(struct logins *l)
{
    if (l->is_saving)
        on_save(l);
    loop_timer_free(l->save);
    penalties_free(l->penalties);
}

/* --- begin and end --- */

void
logins_add(struct logins *l, int door_fd)
{
    role_door_open(&l->role, door_fd);
}

struct penalties *
logins_penalties(struct logins *l)
{
    return l->penalties;
}

struct logins *
logins_new(const struct settings *settings, struct loop *loop, struct directory *directory,
           logins_replace_fn replace, void *arg)
{
    struct logins *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return NULL;
    *l = (struct logins){
        .settings = settings, .loop = loop, .directory = directory, .replace = replace, .arg = arg};
    l->role = (struct role_door){
        .loop = loop, .role = "auth", .queue_max = QUEUE_MAX, .calls = &role_calls, .arg = l};
    if (open_penalties(l))
        return l;
    close_penalties(l);
    free(l);
    return NULL;
}

void
logins_free(struct logins *l)
{
    struct attempt *a, *next;

    if (l == NULL)
        return;
    HASH_ITER(hh, l->attempts, a, next)
    {
        attempt_free(a);
    }
    role_door_close(&l->role);
    close_penalties(l);
    free(l);
}
