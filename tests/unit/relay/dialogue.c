/* SPDX-License-Identifier: MIT
 *
 * A script plays server and owner of a client: see dialogue.h.
 */
#include "dialogue.h"

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/relay_client.h"

#define WORD_SIZE 256
#define RECIPIENTS 16
#define CUTS_OF_EACH 1000 /* random ones, in all runs of a dialogue */

static struct relay_logins *logins;

struct dialogue {
    const char *name;
    unsigned line; /* of the script */
    struct relay_client_config config;
    char user[WORD_SIZE], password[WORD_SIZE];
    struct relay_client *client;
    struct buf said;    /* by the client, not yet matched */
    struct buf events;  /* the same, a line each */
    struct buf heard;   /* server lines that are still to be fed */
    struct buf message; /* of the next job */
    struct relay_job job;
    struct relay_recipient recipients[RECIPIENTS];
    struct relay_forward forward;
    char words[RECIPIENTS + 8][WORD_SIZE]; /* of the job */
    size_t sent;                           /* octets of it that were matched */
    bool can_write;
    uint32_t random; /* 0: pieces are whole */
    unsigned cuts;
};

static void
mismatch(const struct dialogue *d, const char *what, const char *got)
{
    ck_abort_msg("%s, line %u: %s: \"%.500s\"", d->name, d->line, what, got);
}

/* ------------------------------------------------------------------ the client's owner */

static bool
on_write(void *arg, struct span octets)
{
    struct dialogue *d = arg;

    ck_assert(buf_append_span(&d->said, octets));
    return d->can_write;
}

static void
on_start_tls(void *arg)
{
    struct dialogue *d = arg;

    buf_append_str(&d->events, "tls\n");
}

static ssize_t
on_read_message(void *arg, uint64_t offset, void *out, size_t n)
{
    struct dialogue *d = arg;

    if (offset >= d->message.len)
        return 0;
    if (n > d->message.len - offset)
        n = d->message.len - (size_t)offset;
    if (d->random != 0 && n > 1 && n < 4096)
        n = 1 + d->random % (n - 1);
    memcpy(out, d->message.data + offset, n);
    return (ssize_t)n;
}

static const char *const state_names[] = {"delivered", "deferred", "failed"};

static void
on_done(void *arg, const struct relay_result *result, bool is_stale)
{
    struct dialogue *d = arg;

    buf_printf(&d->events, "done%s%s%s%s\n", result->dsn ? " dsn" : "", is_stale ? " stale" : "",
               result->tls[0] == '\0' ? "" : " ", result->tls);
    ck_assert_uint_eq(result->answer_count, d->job.recipient_count);
    ck_assert_str_eq(result->host, "mx.example.net");
    for (uint32_t i = 0; i < result->answer_count; i++) {
        const struct relay_answer *a = &result->answers[i];
        buf_printf(&d->events, "%s %u %s %s\n", state_names[a->state], a->code,
                   a->enhanced[0] == '\0' ? "-" : a->enhanced, a->text);
    }
    buf_reset(&d->message);
}

static void
on_ready(void *arg)
{
    struct dialogue *d = arg;

    buf_append_str(&d->events, "ready\n");
}

static void
on_ended(void *arg, const struct relay_answer *why)
{
    struct dialogue *d = arg;

    if (why == NULL)
        buf_append_str(&d->events, "ended\n");
    else
        buf_printf(&d->events, "ended %s %u %s %s\n", state_names[why->state], why->code,
                   why->enhanced[0] == '\0' ? "-" : why->enhanced, why->text);
}

static const struct relay_client_calls calls = {
    .write = on_write,
    .start_tls = on_start_tls,
    .read_message = on_read_message,
    .done = on_done,
    .ready = on_ready,
    .ended = on_ended,
};

/* ------------------------------------------------------------------ words */

/* The next word off *s; false when there is none. */
static bool
take_word(const char **s, char word[WORD_SIZE])
{
    size_t n;

    *s += strspn(*s, " ");
    n = strcspn(*s, " ");
    ck_assert_uint_lt(n, WORD_SIZE);
    memcpy(word, *s, n);
    word[n] = '\0';
    *s += n;
    return n > 0;
}

static bool
take_value(const char *word, const char *key, char out[WORD_SIZE])
{
    size_t n = strlen(key);

    if (strncmp(word, key, n) != 0)
        return false;
    memmove(out, word + n, strlen(word + n) + 1);
    return true;
}

static enum relay_tls
tls_of(const char *value)
{
    if (strcmp(value, "none") == 0)
        return RELAY_TLS_NONE;
    if (strcmp(value, "opportunistic") == 0)
        return RELAY_TLS_OPPORTUNISTIC;
    if (strcmp(value, "required") == 0)
        return RELAY_TLS_REQUIRED;
    ck_assert_str_eq(value, "implicit");
    return RELAY_TLS_IMPLICIT;
}

static void
set_whole(struct dialogue *d)
{
    d->random = 0;
    d->cuts = CUTS_OF_EACH;
}

static void
set_options(struct dialogue *d, const char *text)
{
    char word[WORD_SIZE], value[WORD_SIZE];

    while (take_word(&text, word)) {
        if (strcmp(word, "lmtp") == 0)
            d->config.is_lmtp = true;
        else if (strcmp(word, "whole") == 0)
            set_whole(d);
        else if (strcmp(word, "unix") == 0)
            d->config.is_here = true;
        else if (strcmp(word, "as-it-is") == 0)
            d->config.as_it_is = true;
        else if (take_value(word, "tls=", value))
            d->config.tls = tls_of(value);
        else if (!take_value(word, "user=", d->user) && !take_value(word, "password=", d->password))
            mismatch(d, "what option is that", word);
    }
}

/* ------------------------------------------------------------------ jobs */

/* name=, addr= and the others: whom the message came from. */
static bool
forward_flag(struct dialogue *d, const char *word, char *slot)
{
    static const char *const keys[RELAY_FORWARD_ATTRIBUTES] = {
        "name=", "addr=", "port=", "proto=", "helo=", "ident=", "source=",
    };

    for (unsigned i = 0; i < RELAY_FORWARD_ATTRIBUTES; i++) {
        if (take_value(word, keys[i], slot)) {
            d->forward.values[i] = slot;
            d->job.forward = &d->forward;
            return true;
        }
    }
    return false;
}

static const char *
job_flag(struct dialogue *d, const char *word, char *slot)
{
    struct relay_job *job = &d->job;
    struct relay_recipient *next = &d->recipients[job->recipient_count];

    if (strcmp(word, "utf8") == 0)
        job->smtputf8 = true;
    else if (strcmp(word, "8bit") == 0)
        job->body = BODY_8BITMIME;
    else if (strcmp(word, "binary") == 0)
        job->body = BODY_BINARYMIME;
    else if (strcmp(word, "question") == 0)
        job->is_question = true;
    else if (strcmp(word, "requiretls") == 0)
        job->require_tls = true;
    else if (strcmp(word, "ret=full") == 0)
        job->ret = RET_FULL;
    else if (strcmp(word, "ret=hdrs") == 0)
        job->ret = RET_HDRS;
    else if (strcmp(word, "short") == 0)
        job->octets += 100;
    else if (strcmp(word, "head") == 0)
        job->head = SPAN("Received: by mx.example.org\r\n");
    else if (take_value(word, "envid=", slot))
        job->envid = slot;
    else if (take_value(word, "by=", slot))
        job->by = slot;
    else if (take_value(word, "orcpt=", slot))
        next[-1].orcpt = slot;
    else if (take_value(word, "notify=", slot))
        next[-1].notify = (unsigned)atoi(slot);
    else if (!forward_flag(d, word, slot))
        return word; /* a recipient */
    return NULL;
}

static void
set_job(struct dialogue *d, const char *text)
{
    char word[WORD_SIZE];
    size_t slot = 1;

    d->job = (struct relay_job){.route = "", .envid = "", .by = "", .recipients = d->recipients};
    d->forward = (struct relay_forward){{"", "", "", "", "", "", ""}};
    d->job.octets = d->message.len;
    d->sent = 0;
    take_word(&text, d->words[0]);
    d->job.reverse_path = strcmp(d->words[0], "<>") == 0 ? "" : d->words[0];
    take_word(&text, word);
    ck_assert_str_eq(word, ">");
    while (take_word(&text, word)) {
        if (job_flag(d, word, d->words[slot]) != NULL) {
            strcpy(d->words[slot], word);
            d->recipients[d->job.recipient_count++] =
                (struct relay_recipient){d->words[slot], 0, ""};
        }
        slot++;
        ck_assert_uint_lt(slot, RECIPIENTS + 8);
    }
}

/* ------------------------------------------------------------------ lines of the script */

static uint32_t
next_random(struct dialogue *d)
{
    d->random ^= d->random << 13;
    d->random ^= d->random >> 17;
    d->random ^= d->random << 5;
    return d->random;
}

static void
feed(struct dialogue *d)
{
    struct span rest = buf_span(&d->heard);

    while (rest.n > 0) {
        struct span piece = rest;
        if (d->random != 0)
            piece.n = 1 + next_random(d) % rest.n;
        d->cuts += piece.n < rest.n;
        /* its own memory: what is read behind it shows */
        char *copy = malloc(piece.n);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, piece.p, piece.n);
        relay_client_take(d->client, (struct span){copy, piece.n});
        free(copy);
        rest = span_skip(rest, piece.n);
    }
    buf_reset(&d->heard);
}

/* The first line of b, ended by `end`, is `text`. */
static void
expect_line(struct dialogue *d, struct buf *b, const char *end, const char *text)
{
    size_t n = strlen(text), m = strlen(end);
    struct span got = buf_span(b);

    if (got.n < n + m || memcmp(got.p, text, n) != 0 || memcmp(got.p + n, end, m) != 0)
        mismatch(d, text, buf_str(b));
    buf_consume(b, n + m);
}

/* Lines of 80 octets. */
static void
set_large_message(struct dialogue *d, size_t octets)
{
    while (d->message.len < octets)
        buf_printf(&d->message, "%078zu\r\n", d->message.len);
    ck_assert_uint_eq(d->message.len, octets);
}

static void
expect_content(struct dialogue *d, size_t octets)
{
    ck_assert_uint_ge(d->said.len, octets);
    ck_assert(memcmp(d->said.data, d->message.data + d->sent, octets) == 0);
    d->sent += octets;
    buf_consume(&d->said, octets);
}

static const char *const wait_names[RELAY_WAITS] = {
    [RELAY_WAITS_FOR_GREETING] = "greeting",   [RELAY_WAITS_FOR_HELLO] = "hello",
    [RELAY_WAITS_FOR_HANDSHAKE] = "handshake", [RELAY_WAITS_FOR_JOB] = "job",
    [RELAY_WAITS_FOR_MAIL] = "mail",           [RELAY_WAITS_FOR_RCPT] = "rcpt",
    [RELAY_WAITS_FOR_DATA] = "data",           [RELAY_WAITS_FOR_ROOM] = "room",
    [RELAY_WAITS_FOR_CHUNK] = "chunk",         [RELAY_WAITS_FOR_END] = "end",
    [RELAY_WAITS_FOR_QUIT] = "quit",           [RELAY_WAITS_FOR_NOTHING] = "nothing",
};

static void
start_tls(struct dialogue *d, const char *text)
{
    struct relay_tls_facts facts = {
        .version = "TLSv1.3",
        .cipher = "TLS_AES_256_GCM_SHA384",
        .is_verified = strcmp(text, "verified") == 0,
        .problem = "it has expired",
    };

    relay_client_tls_started(d->client, &facts);
}

static void
make_client(struct dialogue *d)
{
    if (d->client != NULL)
        return;
    d->client = relay_client_new(&d->config, &calls, d);
    ck_assert_ptr_nonnull(d->client);
}

static void
run_line(struct dialogue *d, char what, const char *text)
{
    if (what != 'O')
        make_client(d);
    if (what != 'S')
        feed(d);
    switch (what) {
    case 'O':
        set_options(d, text);
        break;
    case 'S':
        buf_printf(&d->heard, "%s\r\n", text);
        break;
    case 'C':
        expect_line(d, &d->said, "\r\n", text);
        break;
    case 'E':
        expect_line(d, &d->events, "\n", text);
        break;
    case 'M':
        buf_printf(&d->message, "%s\r\n", text);
        break;
    case 'N':
        set_large_message(d, (size_t)atoi(text));
        break;
    case 'K':
        expect_content(d, (size_t)atoi(text));
        break;
    case 'J':
        set_job(d, text);
        ck_assert(relay_client_send(d->client, &d->job));
        break;
    case 'T':
        start_tls(d, text);
        break;
    case 'W':
        if (strcmp(wait_names[relay_client_waits_for(d->client)], text) != 0)
            mismatch(d, text, wait_names[relay_client_waits_for(d->client)]);
        break;
    case 'P':
        d->can_write = false;
        break;
    case 'R':
        d->can_write = strcmp(text, "once") != 0;
        relay_client_resume(d->client);
        break;
    case 'L':
        relay_client_lose(d->client, text);
        break;
    case 'Q':
        relay_client_quit(d->client);
        break;
    default:
        mismatch(d, "what line is that", text);
    }
}

static void
run_lines(struct dialogue *d, const char *script)
{
    char line[4096];

    while (*script != '\0') {
        size_t n = strcspn(script, "\n");
        ck_assert_uint_lt(n, sizeof(line));
        memcpy(line, script, n);
        line[n] = '\0';
        script += script[n] == '\n' ? n + 1 : n;
        d->line++;
        ck_assert_msg(n >= 2 && line[1] == ':', "%s, line %u", d->name, d->line);
        run_line(d, line[0], n > 2 ? line + 3 : "");
    }
    feed(d);
}

/* With seed not 0 what the server says comes in random pieces; how many cuts that were. */
static unsigned
run_dialogue(const char *name, const char *script, uint32_t seed)
{
    struct dialogue d = {.name = name, .can_write = true, .random = seed};

    d.config = (struct relay_client_config){
        .hostname = "mx.example.org",
        .host = "mx.example.net",
        .user = d.user,
        .password = d.password,
        .logins = logins,
    };
    buf_init(&d.said, 1 << 20);
    buf_init(&d.events, 1 << 20);
    buf_init(&d.heard, 1 << 20);
    buf_init(&d.message, 1 << 20);
    run_lines(&d, script);
    if (d.said.len > 0)
        mismatch(&d, "the client also said", buf_str(&d.said));
    if (d.events.len > 0)
        mismatch(&d, "its owner was also told", buf_str(&d.events));
    relay_client_free(d.client);
    buf_release(&d.said);
    buf_release(&d.events);
    buf_release(&d.heard);
    buf_release(&d.message);
    return d.cuts;
}

/* ------------------------------------------------------------------ the program */

static const struct dialogue_row *rows;

START_TEST(dialogue)
{
    run_dialogue(rows[_i].name, rows[_i].script, 0);
}
END_TEST

START_TEST(dialogue_in_pieces)
{
    uint32_t seed = 1 + (uint32_t)_i;

    for (unsigned cuts = 0; cuts < CUTS_OF_EACH;) {
        seed = seed * 1103515245u + 12345u;
        cuts += 1 + run_dialogue(rows[_i].name, rows[_i].script, seed | 1u);
    }
}
END_TEST

int
dialogue_main(const char *name, const struct dialogue_row *table, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tc = tcase_create("dialogues");
    SRunner *runner = srunner_create(suite);
    int failed;

    rows = table;
    logins = relay_logins_new();
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, dialogue, 0, (int)count);
    tcase_add_loop_test(tc, dialogue_in_pieces, 0, (int)count);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    relay_logins_free(logins);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
