/* SPDX-License-Identifier: MIT
 *
 * The edge's door to the outbound role, with one behind it that lies, is gone, or comes anew: each
 * stage is answered once, and another role hears who is calling before it hears of MAIL.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/door.h"
#include "doorstep/door_frames.h"

#include "filter_link_priv.h"

static struct loop *loop;
static struct filter_link *edge_side;
static struct filter_client *client;
static struct door *outbound; /* the other end */
static struct settings settings;
static struct settings_milter milter = {.name = "m"};
static const char *names[] = {"m"};
static struct settings_listen listen_section = {.milters = names, .milter_count = 1};
static char answers[128]; /* "3:250 4:451 " */
static bool is_wanted;    /* one more answer */

static void
on_answer(void *arg, uint64_t ticket, const struct outcome *o)
{
    size_t n = strlen(answers);

    (void)arg;
    snprintf(answers + n, sizeof(answers) - n, "%llu:%d ", (unsigned long long)ticket,
             outcome_code(o));
    if (is_wanted)
        loop_stop(loop);
}

static void
connect_outbound(void)
{
    int fds[2];

    ck_assert(door_pair(fds));
    filter_link_replace(edge_side, fds[0]);
    outbound = door_new(fds[1], 1 << 20);
}

static void
begin(bool must)
{
    milter.on_failure = must ? ON_FAILURE_TEMPFAIL : ON_FAILURE_ACCEPT;
    settings.milters = &milter;
    settings.milter_count = 1;
    answers[0] = '\0';
    is_wanted = false;
    loop = loop_new();
    edge_side = filter_link_new(loop);
    client = filter_client_new(edge_side, &settings, &listen_section, on_answer, NULL);
    ck_assert(filter_client_must(client) == must);
    connect_outbound();
}

static void
finish(void)
{
    filter_client_free(client);
    filter_link_free(edge_side);
    door_free(outbound);
    loop_free(loop);
}

static void
ask(uint64_t ticket, enum filter_stage stage)
{
    struct filter_event e = {.stage = stage};

    filter_event_argument(&e, "a");
    filter_client_ask(client, ticket, &e);
}

static void
on_a_moment(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

/* What is due now, without waiting for an answer. */
static void
turn(void)
{
    struct loop_timer *moment = loop_timer_new(loop, on_a_moment, NULL);

    loop_timer_start(moment, 5);
    loop_run(loop);
    loop_timer_free(moment);
}

static void
wait_for_answers(const char *expected, const char *name)
{
    is_wanted = true;
    for (int i = 0; i < 1000 && strlen(answers) < strlen(expected); i++)
        turn();
    ck_assert_msg(strcmp(answers, expected) == 0, "%s: '%s'", name, answers);
    is_wanted = false;
}

/* The types of the frames that have come: "open event ", and the id of the last one. */
static uint64_t
hear(char *types, size_t size)
{
    struct door_frame f;
    uint64_t id = 0;

    types[0] = '\0';
    while (door_receive(outbound, &f) == DOOR_OK) {
        size_t n = strlen(types);

        id = f.id;
        ck_assert_int_lt(f.fd, 0);
        snprintf(types + n, size - n, "%s ",
                 f.type == FILTER_OPEN     ? "open"
                 : f.type == FILTER_EVENT  ? "event"
                 : f.type == FILTER_HANDED ? "handed"
                 : f.type == FILTER_ABORT  ? "abort"
                 : f.type == FILTER_CLOSE  ? "close"
                                           : "other");
    }
    return id;
}

static void
say_verdict(uint64_t id, uint64_t ticket, bool has_lost, enum outcome_kind kind)
{
    struct outcome o;
    struct buf body;
    struct pack p;

    outcome_set(&o, kind, NULL);
    buf_init(&body, 4096);
    pack_init(&p, &body);
    pack_u64(&p, ticket);
    pack_u8(&p, has_lost);
    outcome_pack(&o, &p);
    ck_assert(!p.full && door_send(outbound, FILTER_VERDICT, id, buf_span(&body), -1));
    buf_release(&body);
}

/* --- a good one --- */

START_TEST(stages_are_answered)
{
    char types[64];
    uint64_t id;

    begin(true);
    ask(1, FILTER_CONNECT);
    turn();
    id = hear(types, sizeof(types));
    ck_assert_str_eq(types, "open ");
    say_verdict(id, 1, false, OUTCOME_OK);
    wait_for_answers("1:250 ", "connect");
    ask(2, FILTER_MAIL);
    filter_client_handed(client, "name");
    filter_client_abort(client);
    turn();
    ck_assert_uint_eq(hear(types, sizeof(types)), id);
    ck_assert_str_eq(types, "event handed abort ");
    finish();
}
END_TEST

/* --- what no outbound role says --- */

static const struct lie {
    const char *name;
    uint16_t type;
    struct span body;
    bool has_fd;
} lies[] = {
    {"an empty verdict", FILTER_VERDICT, {"", 0}, false},
    {"half a verdict", FILTER_VERDICT, {"\1\0\0\0\0\0\0\0\0", 9}, false},
    {"a verdict of no kind",
     FILTER_VERDICT,
     {"\1\0\0\0\0\0\0\0\0\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24},
     false},
    {"a verdict with a file",
     FILTER_VERDICT,
     {"\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24},
     true},
    {"a verdict and more",
     FILTER_VERDICT,
     {"\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0x", 25},
     false},
    {"a result", FILTER_RESULT, {"\0", 1}, false},
    {"a stage", FILTER_EVENT, {"\0", 1}, false},
};

START_TEST(outbound_lies)
{
    const struct lie *l = &lies[_i / 2];
    bool must = _i % 2 == 1;
    char types[64];
    int fd = l->has_fd ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;

    begin(must);
    ask(1, FILTER_CONNECT);
    turn();
    ck_assert(door_send(outbound, l->type, hear(types, sizeof(types)), l->body, fd));
    if (fd >= 0)
        close(fd);
    wait_for_answers(must ? "1:451 " : "1:250 ", l->name);
    finish();
}
END_TEST

START_TEST(verdicts_that_nobody_waits_for)
{
    char types[64];
    uint64_t id;

    begin(true);
    ask(1, FILTER_CONNECT);
    turn();
    id = hear(types, sizeof(types));
    say_verdict(id + 1, 1, false, OUTCOME_FILTER_DEFERRED); /* no session of ours */
    say_verdict(id, 2, false, OUTCOME_FILTER_DEFERRED);     /* no question */
    say_verdict(id, 1, false, OUTCOME_OK);
    say_verdict(id, 1, false, OUTCOME_FILTER_DEFERRED); /* once more */
    wait_for_answers("1:250 ", "strange ones");
    ask(3, FILTER_HELO);
    filter_client_forget(client);
    turn();
    say_verdict(id, 3, false, OUTCOME_OK);
    turn();
    ck_assert_str_eq(answers, "1:250 ");
    finish();
}
END_TEST

/* --- gone, and another one --- */

START_TEST(another_one_hears_who_is_calling)
{
    char types[64];

    begin(_i == 1);
    ask(1, FILTER_CONNECT);
    ask(2, FILTER_HELO);
    turn();
    door_free(outbound);
    wait_for_answers(_i == 1 ? "2:451 1:451 " : "2:250 1:250 ", "gone");
    ask(3, FILTER_MAIL); /* nobody there */
    ck_assert_ptr_nonnull(strstr(answers, _i == 1 ? "3:451" : "3:250"));
    connect_outbound();
    ask(4, FILTER_RCPT); /* of a transaction that it has not heard of */
    ck_assert_ptr_nonnull(strstr(answers, _i == 1 ? "4:451" : "4:250"));
    ask(5, FILTER_MAIL);
    turn();
    hear(types, sizeof(types));
    ck_assert_str_eq(types, "open event event ");
    finish();
}
END_TEST

START_TEST(after_a_loss_the_next_transaction_begins_anew)
{
    char types[64];
    uint64_t id;

    begin(false);
    ask(1, FILTER_CONNECT);
    turn();
    id = hear(types, sizeof(types));
    say_verdict(id, 1, true, OUTCOME_OK);
    wait_for_answers("1:250 ", "connect");
    ask(2, FILTER_MAIL);
    turn();
    ck_assert_uint_ne(hear(types, sizeof(types)), id);
    ck_assert_str_eq(types, "close open event ");
    finish();
}
END_TEST

START_TEST(questions_are_bounded)
{
    begin(true);
    ask(1, FILTER_CONNECT);
    for (uint64_t i = 2; i < 200 && answers[0] == '\0'; i++)
        ask(i, FILTER_RCPT);
    ck_assert_str_eq(answers, "81:451 ");
    filter_client_forget(client);
    finish();
}
END_TEST

/* One that never reads: the queue is bounded, what does not fit is decided by the policy. */
START_TEST(it_does_not_read)
{
    static char text[4000];
    struct filter_event e = {.stage = FILTER_UNKNOWN};

    memset(text, 'a', sizeof(text) - 1);
    begin(true);
    ask(1, FILTER_CONNECT);
    for (unsigned i = 0; i < 10; i++)
        filter_event_argument(&e, text);
    for (uint64_t i = 2; i < 1000 && answers[0] == '\0'; i++) {
        filter_client_ask(client, i, &e);
        if (answers[0] == '\0')
            filter_client_forget(client);
    }
    ck_assert_ptr_nonnull(strstr(answers, ":451 "));
    finish();
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("filter_link");
    TCase *t = tcase_create("filter_link");

    tcase_add_test(t, stages_are_answered);
    tcase_add_loop_test(t, outbound_lies, 0, 2 * (int)(sizeof(lies) / sizeof(lies[0])));
    tcase_add_test(t, verdicts_that_nobody_waits_for);
    tcase_add_loop_test(t, another_one_hears_who_is_calling, 0, 2);
    tcase_add_test(t, after_a_loss_the_next_transaction_begins_anew);
    tcase_add_test(t, questions_are_bounded);
    tcase_add_test(t, it_does_not_read);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
