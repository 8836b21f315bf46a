/* SPDX-License-Identifier: MIT
 *
 * The loop without connections: timers, posts from other threads, watches, signals, and that
 * loop_free() closes what nobody closed (the leak checker of the sanitizer build looks on).
 */
#include "doorstep/loop.h"

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doorstep/clock.h"

struct seen {
    struct loop *loop;
    struct loop_timer *timer;
    struct loop_watch *watch;
    int fd;
    int count;
    unsigned events;
};

static void
stop(void *arg)
{
    struct seen *seen = arg;

    seen->count++;
    loop_stop(seen->loop);
}

START_TEST(a_timer_fires_once_after_its_time)
{
    struct seen seen = {.loop = loop_new()};
    struct loop_timer *t = loop_timer_new(seen.loop, stop, &seen);
    uint64_t start = clock_ms();

    loop_timer_start(t, 30);
    loop_run(seen.loop);
    ck_assert_uint_ge(clock_ms() - start, 29);
    loop_run(seen.loop); /* nothing is left to wait for: returns */
    ck_assert_int_eq(seen.count, 1);
    loop_timer_free(t);
    loop_free(seen.loop);
}
END_TEST

static void
count_only(void *arg)
{
    ((struct seen *)arg)->count++;
}

START_TEST(a_stopped_timer_stays_silent)
{
    struct seen seen = {.loop = loop_new()};
    struct seen end = {.loop = seen.loop};
    struct loop_timer *stopped = loop_timer_new(seen.loop, count_only, &seen);
    struct loop_timer *t = loop_timer_new(seen.loop, stop, &end);

    loop_timer_start(stopped, 5);
    loop_timer_start(t, 20);
    loop_timer_stop(stopped);
    loop_run(seen.loop);
    ck_assert_int_eq(seen.count, 0);
    ck_assert_int_eq(end.count, 1);
    loop_timer_free(stopped);
    loop_timer_free(t);
    loop_free(seen.loop);
}
END_TEST

static void
free_own_timer(void *arg)
{
    struct seen *seen = arg;

    seen->count++;
    loop_timer_free(seen->timer);
}

START_TEST(a_timer_may_free_itself)
{
    struct seen seen = {.loop = loop_new()};

    seen.timer = loop_timer_new(seen.loop, free_own_timer, &seen);
    loop_timer_start(seen.timer, 1);
    loop_run(seen.loop);
    ck_assert_int_eq(seen.count, 1);
    loop_free(seen.loop);
}
END_TEST

#define POSTS 1000

struct order {
    struct loop *loop;
    int next;
    bool in_order;
};

struct post {
    struct order *order;
    int number;
};

static void
on_post(void *arg)
{
    struct post *post = arg;

    if (post->number != post->order->next++)
        post->order->in_order = false;
    if (post->order->next == POSTS)
        loop_stop(post->order->loop);
    free(post);
}

static void *
post_many(void *arg)
{
    for (int i = 0; i < POSTS; i++) {
        struct post *post = malloc(sizeof(*post));

        post->order = arg;
        post->number = i;
        loop_post(post->order->loop, on_post, post);
    }
    return NULL;
}

static void
never(void *arg)
{
    (void)arg;
    ck_abort_msg("took longer than 10 s");
}

START_TEST(posts_of_a_thread_run_once_and_in_order)
{
    struct order order = {.loop = loop_new(), .in_order = true};
    struct loop_timer *guard = loop_timer_new(order.loop, never, NULL);
    pthread_t thread;

    loop_timer_start(guard, 10000);
    ck_assert_int_eq(pthread_create(&thread, NULL, post_many, &order), 0);
    loop_run(order.loop);
    pthread_join(thread, NULL);
    ck_assert_int_eq(order.next, POSTS);
    ck_assert(order.in_order);
    loop_free(order.loop);
}
END_TEST

static void
on_watch(void *arg, unsigned events)
{
    struct seen *seen = arg;
    char byte;

    seen->events |= events;
    seen->count++;
    if ((events & LOOP_READ) != 0 && read(seen->fd, &byte, 1) <= 0) {
        loop_watch_free(seen->watch);
        loop_stop(seen->loop);
    }
}

struct chores {
    struct loop *loop;
    struct loop_chore first, second, never;
    int posts, firsts, seconds, nevers;
};

static void
on_first(void *arg)
{
    struct chores *c = arg;

    c->firsts++;
    loop_chore_add(c->loop, &c->second); /* done in the same turn */
}

static void
on_second(void *arg)
{
    struct chores *c = arg;

    ck_assert_int_eq(c->posts, 2); /* behind all of the turn's callbacks */
    c->seconds++;
    loop_stop(c->loop);
}

static void
on_never(void *arg)
{
    ((struct chores *)arg)->nevers++;
}

static void
make_due(void *arg)
{
    struct chores *c = arg;

    c->posts++;
    loop_chore_add(c->loop, &c->first);
    loop_chore_add(c->loop, &c->never);
    loop_chore_cancel(c->loop, &c->never);
    loop_chore_cancel(c->loop, &c->never);
}

START_TEST(a_chore_runs_once_at_the_end_of_its_turn)
{
    struct chores c = {.loop = loop_new()};
    struct loop_timer *alive = loop_timer_new(c.loop, on_never, &c);

    loop_chore_init(&c.first, on_first, &c);
    loop_chore_init(&c.second, on_second, &c);
    loop_chore_init(&c.never, on_never, &c);
    loop_timer_start(alive, 60000);
    ck_assert(loop_post(c.loop, make_due, &c) && loop_post(c.loop, make_due, &c));
    loop_run(c.loop);
    ck_assert(c.firsts == 1 && c.seconds == 1 && c.nevers == 0);
    loop_timer_free(alive);
    loop_free(c.loop);
}
END_TEST

START_TEST(a_watch_sees_bytes_and_the_end)
{
    struct seen seen = {.loop = loop_new()};
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    seen.fd = fds[0];
    seen.watch = loop_watch_new(seen.loop, fds[0], LOOP_READ, on_watch, &seen);
    ck_assert_int_eq(write(fds[1], "ab", 2), 2);
    close(fds[1]);
    loop_run(seen.loop);
    ck_assert_int_eq(seen.count, 3); /* a, b, end */
    ck_assert_uint_eq(seen.events, LOOP_READ);
    close(fds[0]);
    loop_free(seen.loop);
}
END_TEST

static void
on_writable_watch(void *arg, unsigned events)
{
    struct seen *seen = arg;

    seen->events |= events;
    loop_watch_set(seen->watch, 0);
    loop_stop(seen->loop);
}

START_TEST(a_watch_can_change_what_it_waits_for)
{
    struct seen seen = {.loop = loop_new()};
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    seen.watch = loop_watch_new(seen.loop, fds[0], 0, on_writable_watch, &seen);
    loop_run(seen.loop); /* paused: nothing to wait for */
    ck_assert_uint_eq(seen.events, 0);
    loop_watch_set(seen.watch, LOOP_WRITE);
    loop_run(seen.loop);
    ck_assert_uint_eq(seen.events, LOOP_WRITE);
    loop_watch_free(seen.watch);
    close(fds[0]);
    close(fds[1]);
    loop_free(seen.loop);
}
END_TEST

static void
on_signal(void *arg, int signum)
{
    struct seen *seen = arg;

    seen->count = signum;
    loop_stop(seen->loop);
}

START_TEST(a_signal_arrives_on_the_loop)
{
    struct seen seen = {.loop = loop_new()};
    struct loop_signal *s = loop_signal_new(seen.loop, SIGUSR1, on_signal, &seen);

    ck_assert_ptr_nonnull(s);
    ck_assert_int_eq(raise(SIGUSR1), 0);
    loop_run(seen.loop);
    ck_assert_int_eq(seen.count, SIGUSR1);
    loop_signal_free(s);
    loop_free(seen.loop);
}
END_TEST

static void
ignore_accept(void *arg, int fd, const struct sockaddr_storage *peer)
{
    (void)arg;
    (void)peer;
    close(fd);
}

START_TEST(loop_free_closes_what_is_still_open)
{
    struct seen seen = {.loop = loop_new()};
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    loop_timer_start(loop_timer_new(seen.loop, stop, &seen), 10000);
    ck_assert_ptr_nonnull(loop_watch_new(seen.loop, fds[0], LOOP_READ, on_watch, &seen));
    ck_assert_ptr_nonnull(loop_signal_new(seen.loop, SIGUSR1, on_signal, &seen));
    ck_assert_ptr_nonnull(
        listener_new(seen.loop, socket(AF_INET, SOCK_STREAM, 0), ignore_accept, NULL));
    loop_stop(seen.loop); /* a stop behind the end of the run is late, and no harm */
    loop_free(seen.loop);
    ck_assert_int_eq(seen.count, 0);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("loop");
    TCase *cases = tcase_create("loop");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, cases);
    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, a_timer_fires_once_after_its_time);
    tcase_add_test(cases, a_stopped_timer_stays_silent);
    tcase_add_test(cases, a_timer_may_free_itself);
    tcase_add_test(cases, posts_of_a_thread_run_once_and_in_order);
    tcase_add_test(cases, a_chore_runs_once_at_the_end_of_its_turn);
    tcase_add_test(cases, a_watch_sees_bytes_and_the_end);
    tcase_add_test(cases, a_watch_can_change_what_it_waits_for);
    tcase_add_test(cases, a_signal_arrives_on_the_loop);
    tcase_add_test(cases, loop_free_closes_what_is_still_open);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
