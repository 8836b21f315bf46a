/* SPDX-License-Identifier: MIT
 *
 * The scripts of those who have logged in: see script_sessions_priv.h. Before each request it is
 * looked up whether the account is still there and may log in.
 */
#include "script_sessions_priv.h"

#include <stdlib.h>

#include "doorstep/door_frames.h"
#include "doorstep/log.h"
#include "doorstep/managesieve.h"

#include "scripts_priv.h"

#define PIECE_MAX (DOOR_BODY_MAX - 1) /* of an answer, in one frame */

_Static_assert(MANAGESIEVE_NAME_MAX < PERSONAL_SCRIPT_NAME_SIZE, "a name that comes fits");

struct script_session {
    struct job job; /* the look-up of its account */
    UT_hash_handle hh;
    uint64_t id;
    struct edge *edge; /* a reference */
    struct account account;
    struct buf asked;               /* a packed request, so far */
    struct script_request *request; /* under way, or NULL */
    bool is_there;                  /* what the look-up found */
    bool is_closed;                 /* and not in the table any more */
};

static struct script_session *
find(struct edge *e, uint64_t id)
{
    struct script_session *s;

    HASH_FIND(hh, e->scripts, &id, sizeof(id), s);
    return s;
}

static void
session_free(struct script_session *s)
{
    struct edge *e = s->edge;

    buf_release(&s->asked);
    free(s);
    edge_unref(e);
}

/* --- the answer --- */

static enum managesieve_result
result_of(enum script_result result)
{
    static const enum managesieve_result results[SCRIPT_RESULTS] = {
        [SCRIPT_DONE] = MANAGESIEVE_DONE,
        [SCRIPT_FAILED] = MANAGESIEVE_FAILED,
        [SCRIPT_REFUSED] = MANAGESIEVE_REFUSED,
        [SCRIPT_BAD_NAME] = MANAGESIEVE_BAD_NAME,
        [SCRIPT_MISSING] = MANAGESIEVE_MISSING,
        [SCRIPT_EXISTS] = MANAGESIEVE_EXISTS,
        [SCRIPT_IS_ACTIVE] = MANAGESIEVE_IS_ACTIVE,
        [SCRIPT_TOO_MANY] = MANAGESIEVE_TOO_MANY,
        [SCRIPT_TOO_LONG] = MANAGESIEVE_TOO_LONG,
        [SCRIPT_OVER_STORAGE] = MANAGESIEVE_OVER_STORAGE,
    };

    return results[result];
}

/* May drop the edge. */
static void
send_pieces(struct edge *e, uint64_t id, struct span packed)
{
    char body[DOOR_BODY_MAX];

    do {
        size_t n = packed.n < PIECE_MAX ? packed.n : PIECE_MAX;

        body[0] = packed.n > n;
        memcpy(body + 1, packed.p, n);
        edge_send(e, STORE_SCRIPT, id, (struct span){body, n + 1});
        packed = span_skip(packed, n);
    } while (packed.n > 0);
}

/* One that does not read its answers has no room for long ones; it is not dropped for that. */
static bool
has_room(const struct edge *e, size_t octets)
{
    return !edge_is_here(e) || octets + door_queued(e->keeper.door) < EDGE_QUEUE_MAX / 2;
}

static void
send_answer(struct script_session *s, const struct managesieve_answer *a)
{
    static const struct managesieve_answer failed = {.result = MANAGESIEVE_FAILED};
    struct buf body;
    struct pack p;

    buf_init(&body, EDGE_QUEUE_MAX);
    pack_init(&p, &body);
    managesieve_answer_pack(a, &p);
    if (p.full || !has_room(s->edge, body.len)) {
        buf_reset(&body);
        pack_init(&p, &body);
        managesieve_answer_pack(&failed, &p);
    }
    if (!p.full)
        send_pieces(s->edge, s->id, buf_span(&body));
    buf_release(&body);
}

static struct managesieve_script *
list_of(const struct script_request *r)
{
    struct managesieve_script *list = calloc(r->list_count + 1, sizeof(*list));

    for (size_t i = 0; list != NULL && i < r->list_count; i++)
        list[i] = (struct managesieve_script){r->list[i].name, r->list[i].is_active};
    return list;
}

static void
answer(struct script_session *s, const struct script_request *r)
{
    struct managesieve_script *list = list_of(r);
    struct managesieve_answer a = {.result = MANAGESIEVE_FAILED};

    if (list != NULL) {
        a.result = result_of(r->result);
        a.text = buf_span(r->verb == SCRIPT_GET ? &r->found : &r->report);
        a.list = list;
        a.list_count = (uint32_t)r->list_count;
    }
    if (a.result == MANAGESIEVE_FAILED) { /* what there is of an answer is not the client's */
        log_event(LOG_LEVEL_WARNING, "script_request", "account", s->account.user, "domain",
                  s->account.domain, "cause", r->why.cause, NULL);
        a = (struct managesieve_answer){.result = MANAGESIEVE_FAILED};
    }
    send_answer(s, &a);
    free(list);
}

static void
on_done(struct script_request *r)
{
    struct script_session *s = r->arg;
    struct edge *e = s->edge;

    e->references++; /* telling it may end it, and the session */
    s->request = NULL;
    if (s->is_closed)
        session_free(s);
    else
        answer(s, r);
    scripts_request_free(r);
    edge_unref(e);
}

/* --- the request --- */

/* An account that went away, or was disabled, since it logged in. */
static void
on_looked_up(void *arg)
{
    struct script_session *s = arg;
    struct script_request *r = s->request;

    if (s->is_there && !s->is_closed) {
        r->account = s->account;
        scripts_ask(r);
        return;
    }
    r->result = SCRIPT_FAILED;
    outcome_set(&r->why, OUTCOME_DISABLED, "the account may not log in any more");
    on_done(r);
}

static void
run_lookup(struct job *job, void *arg)
{
    struct script_session *s = (struct script_session *)job;
    struct directory *d = arg;
    struct accounts *accounts = directory_lock(d);
    struct account found;
    struct outcome why;

    s->is_there =
        accounts_find(accounts, s->account.user, s->account.domain, &found, &why) && found.enabled;
    if (s->is_there)
        s->account = found;
    directory_unlock(d);
    loop_post(s->edge->deliver->loop, on_looked_up, s);
}

static enum script_verb
verb_of(enum managesieve_verb verb)
{
    static const enum script_verb verbs[MANAGESIEVE_VERBS] = {
        [MANAGESIEVE_CHECK] = SCRIPT_CHECK,   [MANAGESIEVE_HAVE_SPACE] = SCRIPT_HAVE_SPACE,
        [MANAGESIEVE_PUT] = SCRIPT_PUT,       [MANAGESIEVE_LIST] = SCRIPT_LIST,
        [MANAGESIEVE_GET] = SCRIPT_GET,       [MANAGESIEVE_DELETE] = SCRIPT_DELETE,
        [MANAGESIEVE_RENAME] = SCRIPT_RENAME, [MANAGESIEVE_ACTIVATE] = SCRIPT_ACTIVATE,
    };

    return verbs[verb];
}

static bool
has_nul(struct span s)
{
    return s.n > 0 && memchr(s.p, '\0', s.n) != NULL;
}

/* NULL: no memory. */
static struct script_request *
request_new(struct script_session *s, const struct managesieve_request *want)
{
    struct script_request *r = scripts_request_new(s->edge->deliver, &s->account);

    if (r == NULL)
        return NULL;
    r->verb = verb_of(want->verb);
    r->octets = want->octets;
    r->done = on_done;
    r->arg = s;
    if (want->name.n > 0)
        memcpy(r->name, want->name.p, want->name.n);
    if (want->to.n > 0)
        memcpy(r->to, want->to.p, want->to.n);
    if (r->verb == SCRIPT_CHECK || r->verb == SCRIPT_PUT)
        r->text = message_from_memory(want->text);
    if (r->text != NULL || (r->verb != SCRIPT_CHECK && r->verb != SCRIPT_PUT))
        return r;
    scripts_request_free(r);
    return NULL;
}

static bool
take_request(struct script_session *s)
{
    static const struct managesieve_answer failed = {.result = MANAGESIEVE_FAILED};
    struct managesieve_request want;

    if (!managesieve_request_unpack(&want, s->edge->deliver->settings->sieve.script_size,
                                    buf_span(&s->asked)) ||
        has_nul(want.name) || has_nul(want.to))
        return false;
    s->request = request_new(s, &want);
    buf_release(&s->asked);
    if (s->request == NULL)
        send_answer(s, &failed);
    else
        directory_run(s->edge->deliver->directory, &s->job);
    return true;
}

bool
script_session_ask(struct edge *e, uint64_t id, struct span body)
{
    struct script_session *s = find(e, id);
    struct unpack u;
    uint8_t has_more;

    unpack_init(&u, body);
    has_more = unpack_u8(&u);
    if (s == NULL || s->request != NULL || u.broken || has_more > 1 ||
        !buf_append_span(&s->asked, u.rest))
        return false;
    return has_more == 1 || take_request(s);
}

/* --- begin and end --- */

bool
script_session_open(struct edge *e, uint64_t id, const struct account *a)
{
    const struct settings *settings = e->deliver->settings;
    bool has_place = edge_is_here(e) && HASH_COUNT(e->scripts) < settings->limits.connections;
    struct script_session *s = has_place ? calloc(1, sizeof(*s)) : NULL;

    if (s == NULL)
        return false;
    s->job.run = run_lookup;
    s->id = id;
    s->edge = e;
    s->account = *a;
    buf_init(&s->asked, settings->sieve.script_size + MANAGESIEVE_NAMES_MAX);
    HASH_ADD(hh, e->scripts, id, sizeof(s->id), s);
    if (s->hh.tbl == NULL) {
        free(s);
        return false;
    }
    e->references++;
    return true;
}

bool
script_session_is_open(struct edge *e, uint64_t id)
{
    return find(e, id) != NULL;
}

static void
session_close(struct script_session *s)
{
    HASH_DELETE(hh, s->edge->scripts, s);
    if (s->request == NULL)
        session_free(s);
    else
        s->is_closed = true;
}

void
script_session_close(struct edge *e, uint64_t id)
{
    struct script_session *s = find(e, id);

    if (s != NULL)
        session_close(s);
}

void
script_sessions_close_all(struct edge *e)
{
    struct script_session *s, *next;

    HASH_ITER(hh, e->scripts, s, next)
    {
        session_close(s);
    }
}
