/* SPDX-License-Identifier: MIT
 *
 * The relay's client where there is no memory: call 1, 2, 3... for some fails, for once or from
 * then on. Mail waits; nothing is refused for it, nothing counts as delivered that the server did
 * not take, and no command is said by half.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "doorstep/relay_client.h"

#define CALLS_MAX 5000
#define MESSAGE                                                                                    \
    "From: ann@example.org\r\nSubject: \xc3\xa9\r\nMIME-Version: 1.0\r\n"                          \
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"                                     \
    "Content-Type: text/plain; charset=utf-8\r\n\r\n\xc3\xa9\r\n--b--\r\n"

/* ------------------------------------------------------------------ memory */

static unsigned calls_for_memory, failing_call;
static bool fails_from_then_on;

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);

static bool
fails(void)
{
    if (failing_call == 0)
        return false;
    calls_for_memory++;
    if (calls_for_memory < failing_call || (!fails_from_then_on && calls_for_memory > failing_call))
        return false;
    errno = ENOMEM; /* as malloc(3) does */
    return true;
}

void *
__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t count, size_t n)
{
    return fails() ? NULL : __real_calloc(count, n);
}

void *
__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

/* ------------------------------------------------------------------ a server */

struct world {
    struct relay_client *client;
    const char *extensions; /* lines of the reply to EHLO */
    char said[65536];       /* by the client */
    size_t length;
    size_t read; /* of it, by the server */
    bool in_data;
    unsigned taken; /* messages */
    unsigned sent, done, delivered, ended;
    const char *wrong; /* the first thing that is */
};

static const struct relay_recipient recipients[] = {
    {"bob@example.net", NOTIFY_FAILURE, "rfc822;bob@example.net"},
    {"carl@example.net", 0, ""},
};

static const struct relay_job job = {
    .route = "",
    .reverse_path = "ann@example.org",
    .envid = "id",
    .by = "",
    .body = BODY_8BITMIME,
    .recipients = recipients,
    .recipient_count = 2,
    .head = {"X: y\r\n", 6},
    .octets = sizeof(MESSAGE) - 1,
};

/* No assertion here: Check needs memory, too. */
static void
require(struct world *w, bool holds, const char *wrong)
{
    if (!holds && w->wrong == NULL)
        w->wrong = wrong;
}

static bool
is_command(struct span line)
{
    static const char *const beginnings[] = {
        "RSET",
        "QUIT",
        "MAIL FROM:<ann@example.org>",
        "RCPT TO:<bob@example.net>",
        "RCPT TO:<carl@example.net>",
    };

    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        if (span_has_prefix_fold(line, span_of(beginnings[i])))
            return true;
    }
    return false;
}

static void
reply_to(struct world *w, struct span line)
{
    const char *reply = "250 2.0.0 ok\r\n";

    if (w->in_data) {
        if (line.n != 1 || line.p[0] != '.')
            return;
        w->in_data = false;
        w->taken++;
    } else if (span_has_prefix_fold(line, SPAN("EHLO "))) {
        reply = w->extensions;
    } else if (span_equal_fold(line, SPAN("DATA"))) {
        w->in_data = true;
        reply = "354 go on\r\n";
    } else {
        require(w, is_command(line), "no command");
    }
    relay_client_take(w->client, span_of(reply));
}

/* Answers what was said, line by line. */
static void
serve(struct world *w)
{
    while (w->read < w->length) {
        struct span rest = {w->said + w->read, w->length - w->read};
        size_t n = span_find(rest, '\n');
        require(w, n < rest.n, "half a line");
        w->read += n + 1;
        reply_to(w, (struct span){rest.p, n - 1});
    }
}

/* ------------------------------------------------------------------ its owner */

static bool
on_write(void *arg, struct span octets)
{
    struct world *w = arg;

    require(w, octets.n <= sizeof(w->said) - w->length, "too much is said");
    memcpy(w->said + w->length, octets.p, octets.n);
    w->length += octets.n;
    return true;
}

static ssize_t
on_read_message(void *arg, uint64_t offset, void *out, size_t n)
{
    size_t left = sizeof(MESSAGE) - 1 - (size_t)offset;

    (void)arg;
    n = n < left ? n : left;
    memcpy(out, &MESSAGE[offset], n);
    return (ssize_t)n;
}

static void
on_done(void *arg, const struct relay_result *result, bool is_stale)
{
    struct world *w = arg;

    (void)is_stale;
    require(w, result->answer_count == 2, "other answers");
    for (uint32_t i = 0; i < 2; i++) {
        require(w, result->answers[i].state != RELAY_FAILED, "mail is refused");
        w->delivered += result->answers[i].state == RELAY_DELIVERED;
    }
    w->done++;
}

static void
on_ready(void *arg)
{
    struct world *w = arg;

    if (w->sent + w->done < 4 && relay_client_send(w->client, &job))
        w->sent++;
    else
        relay_client_quit(w->client);
}

static void
on_ended(void *arg, const struct relay_answer *why)
{
    struct world *w = arg;

    require(w, why == NULL || why->state == RELAY_DEFERRED, "the end refuses");
    w->ended++;
}

static const struct relay_client_calls calls = {
    .write = on_write,
    .read_message = on_read_message,
    .done = on_done,
    .ready = on_ready,
    .ended = on_ended,
};

/* ------------------------------------------------------------------ */

/* false: no call failed, all went well. */
static bool
run(const char *extensions, unsigned call, bool is_for_good)
{
    static const struct relay_client_config config = {
        .hostname = "mx.example.org", .host = "mx", .user = "", .password = ""};
    static struct world w;

    w = (struct world){.extensions = extensions};
    calls_for_memory = 0;
    failing_call = call;
    fails_from_then_on = is_for_good;
    w.client = relay_client_new(&config, &calls, &w);
    if (w.client != NULL) {
        relay_client_take(w.client, SPAN("220 mx\r\n"));
        serve(&w);
        relay_client_lose(w.client, "over");
        require(&w, w.ended == 1, "it ended another time");
    }
    relay_client_free(w.client);
    failing_call = 0;
    ck_assert_msg(w.wrong == NULL, "call %u: %s", call, w.wrong);
    ck_assert_uint_eq(w.sent, w.done);
    ck_assert_uint_eq(w.delivered, 2 * w.taken);
    ck_assert(calls_for_memory >= call || w.taken == 2);
    return calls_for_memory >= call;
}

static const char *const servers[] = {
    "250 mx\r\n",
    "250-mx\r\n250-PIPELINING\r\n250-DSN\r\n250 SIZE\r\n",
    "250-mx\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
};

START_TEST(without_memory_mail_waits)
{
    for (int is_for_good = 0; is_for_good < 2; is_for_good++) {
        unsigned call = 1;
        while (run(servers[_i], call, is_for_good == 1))
            ck_assert_uint_lt(++call, CALLS_MAX);
        ck_assert_uint_gt(call, 5); /* there were some to fail */
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("relay_client_memory");
    TCase *tc = tcase_create("memory");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, without_memory_mail_waits, 0, 3);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
