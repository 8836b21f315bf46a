/* SPDX-License-Identifier: MIT
 *
 * The store's door to a role that may be away, lie or be replaced: its owner hears once that it is
 * lost, and main is asked for another one only where this one is at fault. test_filters.c and
 * test_relay_link.c have the questions.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "role_door_priv.h"
#include "suites.h"

enum { GOOD = 1, BAD };

static struct loop *loop;
static struct role_door door;
static struct door *role; /* the other end */
static char told[64];     /* what the owner heard, in order */
static int kept_fd;

static void
tell(const char *what)
{
    strcat(told, what);
    loop_stop(loop);
}

static bool
on_frame(void *arg, struct door_frame *frame)
{
    (void)arg;
    tell("f");
    if (frame->type == GOOD && frame->id == 2) {
        kept_fd = frame->fd;
        frame->fd = -1;
    }
    return frame->type == GOOD;
}

static void
on_lost(void *arg, const char *cause)
{
    (void)arg;
    ck_assert(!role_door_is_here(&door));
    ck_assert(!role_door_send(&door, GOOD, 1, SPAN_NONE, -1));
    ck_assert(cause[0] != '\0');
    tell("l");
}

static void
on_replace(void *arg)
{
    (void)arg;
    tell("r");
}

static const struct role_door_calls calls = {
    .take = on_frame, .lost = on_lost, .replace = on_replace};

static void
connect_role(void)
{
    int fds[2];

    ck_assert(door_pair(fds));
    ck_assert(role_door_open(&door, fds[0]));
    role = door_new(fds[1], 1 << 20);
}

static void
setup(void)
{
    loop = loop_new();
    door = (struct role_door){.loop = loop, .role = "test", .queue_max = 1 << 20, .calls = &calls};
    told[0] = '\0';
    kept_fd = -1;
}

static void
teardown(void)
{
    role_door_close(&door);
    door_free(role);
    role = NULL;
    loop_free(loop);
}

static void
run_until(const char *wanted)
{
    while (strlen(told) < strlen(wanted))
        loop_run(loop);
    ck_assert_str_eq(told, wanted);
}

START_TEST(a_role_that_is_away_hears_nothing)
{
    ck_assert(!role_door_send(&door, GOOD, 1, SPAN_NONE, -1));
    role_door_lose(&door, "it hangs", true);
    ck_assert_str_eq(told, "");
}
END_TEST

START_TEST(frames_go_both_ways)
{
    struct door_frame f;

    connect_role();
    ck_assert(role_door_send(&door, GOOD, 7, SPAN("what"), -1));
    ck_assert_int_eq(door_receive(role, &f), DOOR_OK);
    ck_assert(f.id == 7 && f.body.n == 4);
    door_send(role, GOOD, 1, SPAN_NONE, -1);
    door_send(role, GOOD, 1, SPAN_NONE, -1);
    run_until("ff");
}
END_TEST

START_TEST(what_is_queued_goes_when_there_is_room)
{
    static char octets[DOOR_BODY_MAX];
    const struct span body = {octets, sizeof octets};
    struct door_frame f;
    unsigned sent = 0, heard = 0;

    connect_role();
    while (door_queued(door.keeper.door) == 0 && role_door_send(&door, GOOD, 1, body, -1))
        sent++;
    ck_assert_uint_gt(door_queued(door.keeper.door), 0);
    while (heard < sent) {
        while (door_receive(role, &f) == DOOR_OK)
            heard++;
        door_send(role, GOOD, 1, SPAN_NONE, -1); /* turns the loop */
        loop_run(loop);
        told[0] = '\0';
    }
    ck_assert_uint_eq(door_queued(door.keeper.door), 0);
}
END_TEST

/* Descriptors come and go; none stays. */
START_TEST(a_descriptor_is_kept_or_closed)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    connect_role();
    door_send(role, GOOD, 1, SPAN_NONE, fd);
    door_send(role, GOOD, 2, SPAN_NONE, fd);
    run_until("ff");
    ck_assert_int_ge(kept_fd, 0);
    ck_assert_int_eq(close(kept_fd), 0);
    int lowest = dup(fd);
    door_send(role, GOOD, 1, SPAN_NONE, fd);
    run_until("fff");
    close(lowest);
    ck_assert_int_eq(dup(fd), lowest);
    close(lowest);
    close(fd);
}
END_TEST

START_TEST(one_that_lies_is_replaced)
{
    connect_role();
    door_send(role, BAD, 1, SPAN_NONE, -1);
    door_send(role, GOOD, 1, SPAN_NONE, -1); /* is heard no more */
    run_until("frl");
}
END_TEST

START_TEST(one_that_ends_comes_back_by_itself)
{
    connect_role();
    door_free(role);
    role = NULL;
    run_until("l");
    connect_role();
    door_send(role, GOOD, 1, SPAN_NONE, -1);
    run_until("lf");
}
END_TEST

START_TEST(a_new_one_takes_the_place_of_the_old_one)
{
    struct door *first;

    connect_role();
    first = role;
    connect_role();
    ck_assert_str_eq(told, "l");
    door_send(role, GOOD, 1, SPAN_NONE, -1);
    run_until("lf");
    door_free(first);
}
END_TEST

START_TEST(its_owner_may_give_it_up)
{
    connect_role();
    role_door_lose(&door, "it hangs", true);
    ck_assert_str_eq(told, "rl");
    role_door_close(&door);
    ck_assert_str_eq(told, "rl");
}
END_TEST

TCase *
role_door_tests(void)
{
    TCase *t = tcase_create("role_door");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_role_that_is_away_hears_nothing);
    tcase_add_test(t, frames_go_both_ways);
    tcase_add_test(t, what_is_queued_goes_when_there_is_room);
    tcase_add_test(t, a_descriptor_is_kept_or_closed);
    tcase_add_test(t, one_that_lies_is_replaced);
    tcase_add_test(t, one_that_ends_comes_back_by_itself);
    tcase_add_test(t, a_new_one_takes_the_place_of_the_old_one);
    tcase_add_test(t, its_owner_may_give_it_up);
    return t;
}
