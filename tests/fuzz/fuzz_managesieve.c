/* SPDX-License-Identifier: MIT
 *
 * What a client of ManageSieve may send: whole conversations, in pieces, with an owner that answers
 * at once or later, so or so. The first octet says which owner. Whatever comes, replies are lines
 * or literals, one request is asked at a time, and none without a log-in. Then the octets as the
 * bodies of the frames between edge and store.
 */
#include <stdlib.h>
#include <string.h>

#include "doorstep/managesieve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : abort())

struct owner {
    struct managesieve *m;
    bool is_late, is_reading, is_away;
    bool has_login, owes_auth, owes_answer, is_closed, starts_tls;
    enum managesieve_verb asked;
    uint64_t replies;
};

static bool
on_reply(void *arg, struct span octets)
{
    struct owner *o = arg;

    MUST(octets.n >= 2 && octets.p[octets.n - 2] == '\r' && octets.p[octets.n - 1] == '\n');
    MUST(!o->is_closed && !o->starts_tls);
    return o->is_reading || ++o->replies % 3 != 0;
}

static bool
on_can_start_tls(void *arg)
{
    return !((struct owner *)arg)->is_away;
}

static void
on_start_tls(void *arg)
{
    struct owner *o = arg;

    MUST(!o->has_login && !o->owes_auth);
    o->starts_tls = true;
}

static bool
on_auth_begin(void *arg, enum sasl_mechanism m, bool has_initial, struct span octets)
{
    struct owner *o = arg;

    MUST(!o->owes_auth && !o->has_login && m < SASL_MECHANISM_COUNT);
    MUST((has_initial || octets.n == 0) && octets.n <= SASL_OCTETS_MAX);
    o->owes_auth = !o->is_away || octets.n % 2 == 0;
    return o->owes_auth;
}

static bool
on_auth_step(void *arg, struct span octets)
{
    struct owner *o = arg;

    MUST(!o->has_login && octets.n <= SASL_OCTETS_MAX);
    o->owes_auth = !o->is_away || octets.n % 2 == 0;
    return o->owes_auth;
}

static void
on_auth_abort(void *arg)
{
    struct owner *o = arg;

    o->owes_auth = false;
}

static bool
is_good_name(struct span s)
{
    return s.n <= MANAGESIEVE_NAME_MAX && (s.n == 0 || memchr(s.p, '\0', s.n) == NULL);
}

static void
answer(struct owner *o)
{
    static const struct managesieve_script list[] = {{"a", true}, {"b \"\\", false}};
    const struct managesieve_answer a = {
        .result = (enum managesieve_result)(o->replies % MANAGESIEVE_RESULTS),
        .text = o->asked == MANAGESIEVE_GET ? SPAN("keep;\r\n") : SPAN("a:1:1: error: no\n"),
        .list = list,
        .list_count = o->asked == MANAGESIEVE_LIST ? 2 : 0,
    };

    o->owes_answer = false;
    managesieve_answer(o->m, &a);
}

static bool
on_request(void *arg, const struct managesieve_request *r)
{
    struct owner *o = arg;

    MUST(o->has_login && !o->owes_answer && r->verb < MANAGESIEVE_VERBS);
    MUST(is_good_name(r->name) && is_good_name(r->to));
    o->asked = r->verb;
    o->owes_answer = !o->is_away;
    if (o->owes_answer && !o->is_late)
        answer(o);
    return !o->is_away;
}

static void
on_forget_login(void *arg)
{
    struct owner *o = arg;

    MUST(o->has_login);
    o->has_login = false;
}

static void
on_close(void *arg, const char *reason)
{
    struct owner *o = arg;

    MUST(!o->is_closed && reason != NULL);
    o->is_closed = true;
}

static const struct managesieve_calls calls = {
    .reply = on_reply,
    .can_start_tls = on_can_start_tls,
    .start_tls = on_start_tls,
    .auth_begin = on_auth_begin,
    .auth_step = on_auth_step,
    .auth_abort = on_auth_abort,
    .request = on_request,
    .forget_login = on_forget_login,
    .close = on_close,
};

#define REFUSALS 4

static const enum sasl_verdict refusals[REFUSALS] = {SASL_REFUSED, SASL_MALFORMED, SASL_BANNED,
                                                     SASL_UNAVAILABLE};

static void
finish_auth(struct owner *o, unsigned how)
{
    o->owes_auth = false;
    if (how % 4 == 0) {
        managesieve_challenge(o->m, SPAN("v=1"));
    } else if (how % 4 == 1) {
        managesieve_auth_done(o->m, refusals[how / 4 % REFUSALS], "", SPAN_NONE);
    } else {
        o->has_login = true;
        managesieve_auth_done(o->m, SASL_ACCEPTED, "ann@example.org",
                              how % 8 < 4 ? SPAN("v=x") : SPAN_NONE);
    }
}

/* What is owed is given, as often as that makes more. */
static void
settle(struct owner *o, unsigned how)
{
    for (unsigned i = 0; i < 64 && !o->is_closed; i++) {
        if (o->owes_auth)
            finish_auth(o, how++);
        else if (o->owes_answer)
            answer(o);
        else if (o->starts_tls) {
            o->starts_tls = false;
            managesieve_tls_started(o->m, true, false);
        } else if (!managesieve_wants_input(o->m)) {
            managesieve_writable(o->m);
        } else {
            return;
        }
    }
}

static void
converse(const uint8_t *data, size_t size, unsigned kind)
{
    const struct managesieve_config config = {
        .implementation = "Doorstep",
        .extensions = "fileinto",
        .notify = "mailto",
        .lists = "urn tag",
        .script_max = 4096,
        .failures_max = 5,
        .errors_max = 20,
        .strange_commands_max = 50,
        .can_start_tls = (kind & 8) != 0,
        .is_private = true,
        .has_binding = true,
        .has_outer_name = true,
    };
    struct owner o = {
        .is_late = (kind & 1) != 0, .is_reading = (kind & 2) != 0, .is_away = (kind & 4) != 0};
    size_t piece = kind / 16 + 1;

    o.m = managesieve_new(&config, &calls, &o);
    MUST(o.m != NULL);
    for (size_t at = 0; at < size && !o.is_closed; at += piece) {
        size_t n = size - at < piece ? size - at : piece;

        settle(&o, kind + (unsigned)at);
        if (managesieve_wants_input(o.m))
            managesieve_feed(o.m, (struct span){(const char *)data + at, n});
        MUST(managesieve_is_closed(o.m) == o.is_closed);
        MUST((managesieve_login(o.m) != NULL) == o.has_login);
    }
    settle(&o, kind);
    managesieve_bye(o.m, "TRYLATER", "The end.");
    MUST(managesieve_is_closed(o.m));
    managesieve_free(o.m);
}

static void
read_frames(struct span octets)
{
    struct managesieve_request r;
    struct managesieve_answer a;
    struct arena arena;
    struct buf again;
    struct pack p;

    arena_init(&arena, 1u << 20);
    buf_init(&again, 1u << 20);
    pack_init(&p, &again);
    if (managesieve_request_unpack(&r, 4096, octets)) {
        managesieve_request_pack(&r, &p);
        MUST(!p.full && span_equal(buf_span(&again), octets));
    }
    buf_reset(&again);
    if (managesieve_answer_unpack(&a, &arena, octets)) {
        managesieve_answer_pack(&a, &p);
        MUST(!p.full && span_equal(buf_span(&again), octets));
    }
    buf_release(&again);
    arena_release(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    converse(data + 1, size - 1, data[0]);
    read_frames((struct span){(const char *)data + 1, size - 1});
    return 0;
}
