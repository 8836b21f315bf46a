/* SPDX-License-Identifier: MIT
 *
 * A hostile server against the relay's client: the first two octets choose how the client is made
 * and how what follows is cut; the rest is what the server says. Whatever it is, each job has its
 * answers exactly once, nothing is delivered that was not sent whole, every line that the client
 * says is one, and the connection ends once.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/relay_client.h"

#define MESSAGE "Subject: a\r\n\r\n.first\r\n.\r\nMAIL FROM:<x@y>\r\n\n.\nlast line\r\n"
#define LAST_LINE "last line\r\n"
#define LARGE 1600 /* times the message: several chunks */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct relay_recipient recipients[] = {
    {"bob@example.net", NOTIFY_FAILURE, "rfc822;Bob@example.net"},
    {"j\xc3\xb6rg@example.net", 0, ""},
    {"carl@example.net", NOTIFY_NEVER, "utf-8;carl@example.net"},
};

static const struct relay_forward forward = {
    {"mx.example.com", "192.0.2.1", "25", "ESMTP", "a b=c\r\nMAIL FROM:<x@y>", "4711", "REMOTE"}};

#define TO(count) .route = "", .recipients = recipients, .recipient_count = (count)
#define FROM_ANN .reverse_path = "ann@example.org", .envid = "", .by = ""
#define WHOLE .octets = sizeof(MESSAGE) - 1

static const struct relay_job jobs[] = {
    {FROM_ANN, TO(1), WHOLE},
    {FROM_ANN, TO(3), .octets = 100, .is_question = true},
    {.reverse_path = "",
     .envid = "id+1",
     .by = "120;N",
     TO(3),
     WHOLE,
     .ret = RET_HDRS,
     .body = BODY_8BITMIME,
     .head = {"X: y\r\n", 6},
     .forward = &forward},
    {FROM_ANN, TO(3), WHOLE, .body = BODY_BINARYMIME},
    {FROM_ANN, TO(2), WHOLE, .ret = RET_FULL, .body = BODY_8BITMIME, .smtputf8 = true,
     .require_tls = true, .forward = &forward},
    {FROM_ANN, TO(3), WHOLE},
};

#define JOBS (sizeof(jobs) / sizeof(jobs[0]))

struct owner {
    struct relay_client *client;
    struct relay_job job;
    unsigned choice;
    size_t sent, done, ended;
    bool is_open;
    bool is_verified;
    bool wants_tls;
    struct buf said; /* since the transaction began */
};

static void
require(bool holds)
{
    if (!holds)
        abort();
}

static bool
on_write(void *arg, struct span octets)
{
    struct owner *o = arg;

    require(o->ended == 0);
    buf_append_span(&o->said, octets);
    return (o->choice & 1) == 0 || o->said.len % 3 != 0;
}

static void
on_start_tls(void *arg)
{
    ((struct owner *)arg)->wants_tls = true;
}

static ssize_t
on_read_message(void *arg, uint64_t offset, void *out, size_t n)
{
    struct owner *o = arg;
    size_t at = (size_t)offset % (sizeof(MESSAGE) - 1), left = sizeof(MESSAGE) - 1 - at;

    if (n > left)
        n = left;
    if ((o->choice & 2) != 0 && n > 3)
        n = 3;
    memcpy(out, &MESSAGE[at], n);
    return (ssize_t)n;
}

/* The store takes what it says: see job.c. */
static void
require_packable(const struct relay_result *result)
{
    struct relay_result again;
    struct arena arena;
    struct unpack u;
    struct pack p;
    struct buf out;

    arena_init(&arena, RELAY_PACKED_MAX);
    buf_init(&out, RELAY_PACKED_MAX);
    pack_init(&p, &out);
    relay_result_pack(result, &p);
    unpack_init(&u, buf_span(&out));
    relay_result_unpack(&again, &arena, &u);
    require(!p.full && unpack_done(&u));
    buf_release(&out);
    arena_release(&arena);
}

static void
on_done(void *arg, const struct relay_result *result, bool is_stale)
{
    struct owner *o = arg;
    bool is_sent = memmem(buf_str(&o->said), o->said.len, LAST_LINE, strlen(LAST_LINE)) != NULL;

    require(!o->job.is_question || !is_sent);
    is_sent = is_sent || o->job.is_question;
    require(o->is_open && result->answer_count == jobs[o->sent - 1].recipient_count);
    for (uint32_t i = 0; i < result->answer_count; i++) {
        const struct relay_answer *a = &result->answers[i];
        require(a->state != RELAY_DELIVERED || (is_sent && a->code / 100 == 2 && !is_stale));
        require(a->state != RELAY_FAILED || a->code == 0 || a->code / 100 == 5);
    }
    require_packable(result);
    o->is_open = false;
    o->done++;
}

static void
on_ready(void *arg)
{
    struct owner *o = arg;

    require(!o->is_open && o->ended == 0);
    if (o->sent == JOBS) {
        relay_client_quit(o->client);
        return;
    }
    buf_reset(&o->said);
    o->is_open = true;
    o->job = jobs[o->sent++];
    if ((o->choice & 128) != 0)
        o->job.octets *= LARGE;
    require(relay_client_send(o->client, &o->job));
}

static void
on_ended(void *arg, const struct relay_answer *why)
{
    struct owner *o = arg;

    require(!o->is_open && ++o->ended == 1);
    require(why == NULL || (why->state == RELAY_DEFERRED && why->text != NULL));
}

static const struct relay_client_calls calls = {
    .write = on_write,
    .start_tls = on_start_tls,
    .read_message = on_read_message,
    .done = on_done,
    .ready = on_ready,
    .ended = on_ended,
};

static void
answer(struct owner *o)
{
    struct relay_tls_facts facts = {"TLSv1.3", "CIPHER", o->is_verified, "it is not",
                                    SPAN("0123456789abcdef")};

    if (o->wants_tls) {
        o->wants_tls = false;
        relay_client_tls_started(o->client, &facts);
    }
    relay_client_resume(o->client);
}

static void
feed(struct owner *o, struct span in, size_t step)
{
    if ((o->choice & 4) != 0 && relay_client_waits_for(o->client) == RELAY_WAITS_FOR_HANDSHAKE)
        o->wants_tls = true;
    answer(o);
    while (in.n > 0) {
        struct span piece = {in.p, in.n < step ? in.n : step};
        relay_client_take(o->client, piece);
        answer(o);
        in = span_skip(in, piece.n);
    }
    relay_client_lose(o->client, "over");
    relay_client_lose(o->client, "over again");
    require(o->ended == 1 && o->done == o->sent && !o->is_open);
    require(relay_client_waits_for(o->client) == RELAY_WAITS_FOR_NOTHING);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct relay_logins *logins;
    struct owner o = {0};

    if (logins == NULL)
        logins = relay_logins_new();
    if (size < 2)
        return 0;
    o.choice = data[0];
    o.is_verified = (data[0] & 8) != 0;
    struct relay_client_config config = {
        .is_lmtp = (data[0] & 16) != 0,
        .is_here = (data[0] & 32) != 0,
        .tls = (data[0] & 4) != 0 ? RELAY_TLS_IMPLICIT : (enum relay_tls)(data[1] >> 6) % 3,
        .hostname = "mx.example.org",
        .host = "mx.example.net",
        .user = (data[0] & 64) != 0 ? "ann" : "",
        .password = "secret",
        .logins = logins,
    };
    buf_init(&o.said, 1 << 20);
    o.client = relay_client_new(&config, &calls, &o);
    feed(&o, (struct span){(const char *)data + 2, size - 2}, 1 + (data[1] & 63) * 7);
    relay_client_free(o.client);
    buf_release(&o.said);
    return 0;
}
