/* SPDX-License-Identifier: MIT
 *
 * The store's door to the outbound role, with one behind it that lies, breaks off, is slow or gone:
 * each message that was asked about is answered once, by a result that is possible or by the
 * policy.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "doorstep/door.h"
#include "doorstep/door_frames.h"

#include "filters_priv.h"
#include "suites.h"

#define TEXT "From: a\r\n\r\nbody\r\n"
#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

static struct loop *loop;
static struct filters *filters;
static struct door *outbound; /* the other end */
static struct arena arena;
static int answers, replaced;
static uint64_t timeout;
static enum filter_verdict verdict;
static bool has_body;

static void
on_replace(void *arg)
{
    (void)arg;
    replaced++;
}

static void
on_result(void *arg, const struct filter_result *result, int body_fd)
{
    (void)arg;
    answers++;
    verdict = result->verdict;
    has_body = body_fd >= 0;
    loop_stop(loop);
}

static void
run_until(int wanted)
{
    while (answers < wanted)
        loop_run(loop);
}

static void
connect_outbound(void)
{
    int fds[2];

    ck_assert(door_pair(fds));
    filters_connect(filters, fds[0]);
    outbound = door_new(fds[1], 64u << 20);
}

static void
begin(uint64_t timeout_ms)
{
    loop = loop_new();
    arena_init(&arena, 16u << 20);
    filters = filters_new(&filter_milter, loop, on_replace, NULL);
    timeout = timeout_ms;
    answers = replaced = 0;
    has_body = false;
    connect_outbound();
}

static void
finish(void)
{
    filters_free(filters);
    door_free(outbound);
    loop_free(loop);
    arena_release(&arena);
}

static void
ask(bool must)
{
    struct message *m = message_from_memory(SPAN(TEXT));
    struct filters_question q = {
        .words = SPAN("\0\0\0\1n"), .msg = m, .id = "", .must = must, .timeout_ms = timeout};

    filters_ask(filters, &q, &arena, on_result, NULL);
    message_unref(m);
}

/* --- what outbound says --- */

struct lie {
    const char *name;
    struct filter_result result;
    const char *raw; /* in place of a result */
    size_t raw_octets;
    uint16_t type;    /* 0: FILTER_RESULT */
    int body;         /* octets of a new body's file; -1: none */
    bool is_unsealed; /* the file */
    bool is_strange;  /* it answers what nobody asked */
    bool is_good;
};

#define PASSES .verdict = FILTER_PASS, .quarantine = "", .reason = ""
#define CHANGED PASSES, .is_changed = true, .header = {"A: 1\r\n\r\n", 8}
#define REST .body_offset = 11, .body_octets = 6

static const struct lie lies[] = {
    {"nothing has changed", {PASSES}, .body = -1, .is_good = true},
    {"a new header", {CHANGED, REST}, .body = -1, .is_good = true},
    {"a new body", {CHANGED, .has_new_body = true, .body_octets = 4}, .body = 4, .is_good = true},
    {"a new body that is not sealed",
     {CHANGED, .has_new_body = true, .body_octets = 4},
     .body = 4,
     .is_unsealed = true},
    {"a new body that is shorter", {CHANGED, .has_new_body = true, .body_octets = 5}, .body = 4},
    {"a new body that is longer", {CHANGED, .has_new_body = true, .body_octets = 3}, .body = 4},
    {"a new body without a file", {CHANGED, .has_new_body = true, .body_octets = 4}, .body = -1},
    {"a file without a new body", {CHANGED, REST}, .body = 4},
    {"a new body in a message that is the same",
     {PASSES, .has_new_body = true, .body_octets = 4},
     .body = 4},
    {"a file for nothing", {PASSES}, .body = 4},
    {"the original from behind its end",
     {CHANGED, .body_offset = 18, .body_octets = UINT64_MAX},
     .body = -1},
    {"too much of the original", {CHANGED, .body_offset = 11, .body_octets = 7}, .body = -1},
    {"too little of the original", {CHANGED, .body_offset = 11, .body_octets = 5}, .body = -1},
    {"a refusal that is a success",
     {.verdict = FILTER_REFUSE, .quarantine = "", .reason = ""},
     .body = -1},
    {"a mailbox of two lines",
     {.verdict = FILTER_PASS, .quarantine = "a\nb", .reason = ""},
     .body = -1},
    {"nonsense", {PASSES}, .raw = "\0nonsense", .raw_octets = 9, .body = -1},
    {"an empty frame", {PASSES}, .raw = "", .raw_octets = 0, .type = FILTER_RESULT, .body = -1},
    {"a file with a piece", {PASSES}, .raw = "\1piece", .raw_octets = 6, .body = 4},
    {"a frame of another role", {PASSES}, .type = SORT_FACTS, .body = -1},
    {"a frame that it is asked by", {PASSES}, .type = FILTER_MESSAGE, .body = -1},
};

static int
make_body(const struct lie *l)
{
    int fd;

    if (l->body < 0)
        return -1;
    fd = memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ck_assert(fd >= 0 && ftruncate(fd, l->body) == 0);
    if (!l->is_unsealed)
        ck_assert(fcntl(fd, F_ADD_SEALS, SEALS) == 0);
    return fd;
}

/* The id of what is asked; its text is read and left. */
static uint64_t
hear(void)
{
    struct door_frame f;
    uint64_t id = 0;

    while (door_receive(outbound, &f) == DOOR_OK)
        id = f.id;
    ck_assert_uint_ne(id, 0);
    return id;
}

static void
say(const struct lie *l, uint64_t id)
{
    int fd = make_body(l);
    struct buf body;
    struct pack p;

    buf_init(&body, DOOR_BODY_MAX);
    pack_init(&p, &body);
    if (l->raw != NULL) {
        ck_assert(buf_append(&body, l->raw, l->raw_octets));
    } else {
        pack_u8(&p, 0);
        filter_result_pack(&l->result, &p);
    }
    ck_assert(!p.full);
    ck_assert(door_send(outbound, l->type != 0 ? l->type : FILTER_RESULT, id, buf_span(&body), fd));
    if (fd >= 0)
        close(fd);
    buf_release(&body);
}

static void
expect_policy(bool must, const char *name)
{
    ck_assert_msg(answers == 1, "%s: %d answers", name, answers);
    ck_assert_msg(verdict == (must ? FILTER_LOST : FILTER_PASS), "%s: %d", name, (int)verdict);
    ck_assert_msg(!has_body, "%s", name);
}

START_TEST(outbound_says)
{
    const struct lie *l = &lies[_i / 2];
    bool must = _i % 2 == 1;

    begin(60000);
    ask(must);
    say(l, hear());
    run_until(1);
    if (l->is_good) {
        ck_assert_msg(answers == 1 && verdict == FILTER_PASS, "%s", l->name);
        ck_assert_msg(has_body == (l->body >= 0) && replaced == 0, "%s", l->name);
    } else {
        expect_policy(must, l->name);
        ck_assert_msg(replaced == 1, "%s: it is kept", l->name);
    }
    finish();
}
END_TEST

/* --- when --- */

START_TEST(it_is_away)
{
    begin(60000);
    door_free(outbound);
    outbound = NULL;
    ask(_i == 1);
    run_until(1);
    expect_policy(_i == 1, "away");
    answers = 0;
    ask(_i == 1); /* answered at once */
    expect_policy(_i == 1, "still away");
    connect_outbound();
    answers = 0;
    ask(true);
    say(&lies[0], hear());
    run_until(1);
    ck_assert(answers == 1 && verdict == FILTER_PASS);
    finish();
}
END_TEST

START_TEST(it_is_too_slow)
{
    begin(20);
    ask(_i == 1);
    uint64_t id = hear();
    run_until(1);
    expect_policy(_i == 1, "slow");
    say(&lies[0], id); /* too late: nobody's */
    ask(true);
    say(&lies[0], hear());
    run_until(2);
    ck_assert(answers == 2 && verdict == FILTER_PASS && replaced == 0);
    finish();
}
END_TEST

START_TEST(it_answers_twice)
{
    begin(60000);
    ask(true);
    uint64_t id = hear();
    say(&lies[0], id);
    say(&lies[1], id);
    run_until(1);
    ask(true);
    say(&lies[1], hear());
    run_until(2);
    ck_assert(answers == 2 && replaced == 0);
    finish();
}
END_TEST

START_TEST(it_answers_what_nobody_asked)
{
    begin(60000);
    ask(true);
    say(&lies[0], hear() + 7);
    run_until(1);
    expect_policy(true, "nobody asked");
    ck_assert_int_eq(replaced, 1);
    finish();
}
END_TEST

static struct loop_timer *pump;

static void
on_pump(void *arg)
{
    (void)arg;
    door_flush(outbound);
    loop_timer_start(pump, 1);
}

/* Pieces of a result that never ends. */
START_TEST(it_says_too_much)
{
    static char piece[DOOR_BODY_MAX];
    unsigned n = 0;

    begin(60000);
    ask(true);
    uint64_t id = hear();
    piece[0] = 1;
    while (n < 200 &&
           door_send(outbound, FILTER_RESULT, id, (struct span){piece, sizeof(piece)}, -1))
        n++;
    ck_assert_uint_eq(n, 200); /* 13 MB: queued on its side */
    pump = loop_timer_new(loop, on_pump, NULL);
    loop_timer_start(pump, 0);
    run_until(1);
    loop_timer_free(pump);
    expect_policy(true, "too much");
    ck_assert_int_eq(replaced, 1);
    finish();
}
END_TEST

START_TEST(another_one_comes_while_it_is_asked)
{
    begin(60000);
    ask(false);
    ask(true);
    struct door *first = outbound;
    connect_outbound();
    ck_assert_int_eq(answers, 2);
    ask(true);
    say(&lies[0], hear());
    run_until(3);
    ck_assert(answers == 3 && verdict == FILTER_PASS);
    door_free(first);
    finish();
}
END_TEST

START_TEST(the_store_ends_while_it_is_asked)
{
    begin(60000);
    ask(true);
    finish();
    expect_policy(true, "the end");
}
END_TEST

/* --- the new message --- */

static const struct {
    const char *name;
    uint64_t max;
    const char *expected; /* NULL: too big */
} applied[] = {
    {"it fits", 14, "A: 1\r\n\r\nbody\r\n"},
    {"one octet too many", 13, NULL},
    {"not even the header", 7, NULL},
};

START_TEST(result_becomes_a_message)
{
    struct message *original = message_from_memory(SPAN(TEXT));
    struct message *m = message_new(4096, NULL, NULL);
    const struct filter_result *r = &lies[1].result;
    struct outcome why;
    char text[64] = "";

    bool good = filters_apply(r, -1, original, applied[_i].max, m, &why);
    ck_assert_msg(good == (applied[_i].expected != NULL), "%s", applied[_i].name);
    if (good) {
        ck_assert(message_read(m, 0, text, sizeof(text) - 1) > 0);
        ck_assert_str_eq(text, applied[_i].expected);
    } else {
        ck_assert_int_eq(why.kind, OUTCOME_TOO_BIG);
    }
    message_unref(m);
    message_unref(original);
}
END_TEST

TCase *
filters_tests(void)
{
    TCase *t = tcase_create("filters");

    tcase_add_loop_test(t, outbound_says, 0, 2 * (int)(sizeof(lies) / sizeof(lies[0])));
    tcase_add_loop_test(t, it_is_away, 0, 2);
    tcase_add_loop_test(t, it_is_too_slow, 0, 2);
    tcase_add_test(t, it_answers_twice);
    tcase_add_test(t, it_answers_what_nobody_asked);
    tcase_add_test(t, it_says_too_much);
    tcase_add_test(t, another_one_comes_while_it_is_asked);
    tcase_add_test(t, the_store_ends_while_it_is_asked);
    tcase_add_loop_test(t, result_becomes_a_message, 0, 3);
    return t;
}
