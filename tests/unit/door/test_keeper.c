/* SPDX-License-Identifier: MIT
 *
 * Doors on a loop: frames and turns, lies and ends, and owners who let go in the middle of a call.
 */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doorstep/door_frames.h"
#include "doorstep/door_keeper.h"

enum { GOOD = EDGE_RCPT, BAD = EDGE_DATA, KEEP_FD = EDGE_ALIAS, GO = EDGE_AUTH_BEGIN };

#define QUEUE_MAX (1u << 20)
#define TURNS_MAX 200

static struct loop *loop;
static struct door *other; /* the other side */
static struct door_keeper *keeper;
static char told[TURNS_MAX * 2]; /* a letter for each call */
static int kept_fd;
static bool expects_more;

static void
tell(char letter)
{
    size_t n = strlen(told);

    ck_assert(n + 1 < sizeof(told));
    told[n] = letter;
    told[n + 1] = '\0';
}

static bool
take(void *arg, struct door_frame *f)
{
    ck_assert_ptr_eq(arg, keeper);
    tell('f');
    if (f->type == KEEP_FD) {
        kept_fd = f->fd;
        f->fd = -1;
    }
    if (f->type == GO) { /* no octet of the keeper may be looked at from here on */
        door_keeper_close(keeper);
        free(keeper);
        keeper = NULL;
    }
    loop_stop(loop);
    return f->type != BAD;
}

static void
on_lost(void *arg, enum door_result how)
{
    ck_assert_ptr_eq(arg, keeper);
    ck_assert_ptr_null(keeper->door);
    tell(how == DOOR_CLOSED ? 'c' : 'b');
    free(keeper);
    keeper = NULL;
    loop_stop(loop);
}

static bool
awaits(void *arg)
{
    (void)arg;
    return expects_more;
}

static void
on_sent(void *arg)
{
    (void)arg;
    tell('s');
    loop_stop(loop);
}

static const struct door_keeper_calls plain = {.take = take, .lost = on_lost};
static const struct door_keeper_calls all = {
    .take = take, .lost = on_lost, .awaits = awaits, .sent = on_sent};

static void
keep(const struct door_keeper_calls *calls, bool is_paused)
{
    int fds[2];

    keeper = calloc(1, sizeof(*keeper));
    ck_assert(keeper != NULL && door_pair(fds));
    *keeper =
        (struct door_keeper){.loop = loop, .calls = calls, .arg = keeper, .is_paused = is_paused};
    ck_assert(door_keeper_open(keeper, door_new(fds[0], QUEUE_MAX)));
    other = door_new(fds[1], QUEUE_MAX);
    ck_assert(other != NULL);
}

static void
setup(void)
{
    loop = loop_new();
    told[0] = '\0';
    kept_fd = -1;
    expects_more = false;
}

static void
teardown(void)
{
    if (keeper != NULL)
        door_keeper_close(keeper);
    free(keeper);
    door_free(other);
    loop_free(loop);
    keeper = NULL;
    other = NULL;
}

static void
say(uint16_t type)
{
    ck_assert(door_send(other, type, 1, SPAN_NONE, -1));
}

static void
on_time(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

/* Until something is told, or nothing was. */
static void
run_turn(void)
{
    struct loop_timer *t = loop_timer_new(loop, on_time, NULL);

    loop_timer_start(t, 1);
    loop_run(loop);
    loop_timer_free(t);
}

static void
run_until(const char *wanted)
{
    while (strlen(told) < strlen(wanted))
        run_turn();
    ck_assert_str_eq(told, wanted);
}

START_TEST(frames_are_heard_in_order_up_to_the_end)
{
    keep(&plain, false);
    say(GOOD);
    say(GOOD);
    door_free(other);
    other = NULL;
    run_until("ffc");
}
END_TEST

START_TEST(who_lies_is_heard_no_more)
{
    keep(&plain, false);
    say(GOOD);
    say(BAD);
    say(GOOD);
    run_until("ffb");
}
END_TEST

START_TEST(what_is_no_frame_is_a_lie)
{
    keep(&plain, false);
    ck_assert_int_eq(send(door_fd(other), "x", 1, 0), 1);
    run_until("b");
}
END_TEST

START_TEST(a_keeper_may_be_freed_while_it_is_heard)
{
    keep(&plain, false);
    ck_assert(door_put(other, GOOD, 1, SPAN_NONE));
    ck_assert(door_put(other, GO, 1, SPAN_NONE));
    ck_assert(door_put(other, GOOD, 1, SPAN_NONE));
    ck_assert_int_eq(door_flush(other), DOOR_OK);
    run_until("ff");
    run_turn();
    ck_assert_str_eq(told, "ff");
}
END_TEST

START_TEST(a_descriptor_is_kept_or_closed)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), lowest;

    keep(&plain, false);
    ck_assert(door_send(other, KEEP_FD, 1, SPAN_NONE, fd));
    run_until("f");
    ck_assert_int_eq(close(kept_fd), 0);
    lowest = dup(fd);
    close(lowest);
    ck_assert(door_send(other, GOOD, 1, SPAN_NONE, fd));
    run_until("ff");
    ck_assert_int_eq(dup(fd), lowest);
    close(lowest);
    close(fd);
}
END_TEST

START_TEST(a_turn_has_an_end_but_a_packet_is_heard_whole)
{
    keep(&plain, false);
    for (int i = 0; i < 100; i++)
        ck_assert(door_put(other, GOOD, 1, SPAN_NONE));
    ck_assert_int_eq(door_flush(other), DOOR_OK);
    say(GOOD);
    loop_run(loop);
    ck_assert_uint_eq(strlen(told), 100); /* the packet; what follows waits for the next turn */
    loop_run(loop);
    ck_assert_uint_eq(strlen(told), 101);
}
END_TEST

START_TEST(who_awaits_nothing_asks_no_more_this_turn)
{
    keep(&all, false);
    say(GOOD);
    say(GOOD);
    loop_run(loop);
    ck_assert_str_eq(told, "f");
    expects_more = true;
    say(GOOD);
    loop_run(loop);
    ck_assert_str_eq(told, "fff");
}
END_TEST

START_TEST(a_paused_one_speaks_but_hears_nothing)
{
    struct door_frame f;

    keep(&all, true);
    say(GOOD);
    ck_assert(door_keeper_put(keeper, GOOD, 7, SPAN("what")));
    run_until("s");
    run_turn();
    ck_assert_str_eq(told, "s");
    ck_assert_int_eq(door_receive(other, &f), DOOR_OK);
    ck_assert(f.id == 7 && f.body.n == 4);
    door_keeper_resume(keeper);
    run_until("sf");
    door_keeper_pause(keeper);
    say(GOOD);
    run_turn();
    ck_assert_str_eq(told, "sf");
}
END_TEST

START_TEST(what_the_socket_refuses_goes_when_there_is_room)
{
    static char octets[DOOR_BODY_MAX];
    const struct span body = {octets, sizeof octets};
    struct door_frame f;
    unsigned sent = 0, heard = 0;

    keep(&all, false);
    while (door_queued(keeper->door) == 0 && door_keeper_send(keeper, GOOD, 1, body, -1))
        sent++;
    ck_assert_uint_gt(door_queued(keeper->door), 0);
    while (heard < sent) {
        while (door_receive(other, &f) == DOOR_OK)
            heard++;
        run_turn();
    }
    ck_assert_uint_eq(door_queued(keeper->door), 0);
    ck_assert_uint_ge(strlen(told), 1);
}
END_TEST

/* Nobody reads: the loop sleeps, and does not turn round what can never be sent. */
START_TEST(what_nobody_reads_any_more_is_not_waited_for)
{
    static char octets[DOOR_BODY_MAX];

    keep(&all, false);
    while (door_queued(keeper->door) == 0)
        ck_assert(door_keeper_send(keeper, GOOD, 1, (struct span){octets, sizeof octets}, -1));
    shutdown(door_fd(other), SHUT_RD);
    for (int i = 0; i < 20; i++)
        run_turn();
    ck_assert_uint_le(strlen(told), 2);
}
END_TEST

START_TEST(without_a_door_nothing_is_said)
{
    struct door_keeper away = {.loop = loop, .calls = &plain};

    ck_assert(!door_keeper_open(&away, NULL));
    ck_assert(!door_keeper_send(&away, GOOD, 1, SPAN_NONE, -1));
    ck_assert(!door_keeper_put(&away, GOOD, 1, SPAN_NONE));
    ck_assert(!door_keeper_send_pieces(&away, GOOD, 1, SPAN("long"), -1));
    door_keeper_pause(&away);
    door_keeper_close(&away);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("keeper");
    TCase *t = tcase_create("keeper");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, frames_are_heard_in_order_up_to_the_end);
    tcase_add_test(t, who_lies_is_heard_no_more);
    tcase_add_test(t, what_is_no_frame_is_a_lie);
    tcase_add_test(t, a_keeper_may_be_freed_while_it_is_heard);
    tcase_add_test(t, a_descriptor_is_kept_or_closed);
    tcase_add_test(t, a_turn_has_an_end_but_a_packet_is_heard_whole);
    tcase_add_test(t, who_awaits_nothing_asks_no_more_this_turn);
    tcase_add_test(t, a_paused_one_speaks_but_hears_nothing);
    tcase_add_test(t, what_the_socket_refuses_goes_when_there_is_room);
    tcase_add_test(t, what_nobody_reads_any_more_is_not_waited_for);
    tcase_add_test(t, without_a_door_nothing_is_said);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
