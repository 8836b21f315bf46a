/* SPDX-License-Identifier: MIT
 *
 * Connecting without waiting: to a path or a number, past addresses where nobody is, to those who
 * have no room yet or never answer; and that who gives up hears nothing any more.
 */
#include "doorstep/loop.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONG_MS 60000
#define SHORT_MS 20

static struct loop *loop;
static char folder[] = "/tmp/doorstep-connect.XXXXXX";
static int told;
static int got = -1; /* the descriptor */
static struct loop_address last;
static char problem[128];

static void
setup(void)
{
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    loop = loop_new();
    told = 0;
    got = -1;
}

static void
teardown(void)
{
    char path[64];

    if (got >= 0)
        close(got);
    loop_free(loop);
    snprintf(path, sizeof(path), "%s/socket", folder);
    unlink(path);
    rmdir(folder);
}

static void
on_end(void *arg, const struct loop_connected *end)
{
    (void)arg;
    told++;
    got = end->fd;
    last = *end->address;
    snprintf(problem, sizeof(problem), "%s", end->fd < 0 ? end->problem : "");
}

static struct loop_address
here(const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return loop_address_of_path(path);
}

static struct loop_address
loopback(void)
{
    const struct sockaddr_in four = {.sin_family = AF_INET,
                                     .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    struct loop_address a = {.length = sizeof(four)};

    memcpy(&a.ip, &four, sizeof(four));
    return a;
}

/* The port that the kernel has chosen stands in the address. */
static int
listen_at(struct loop_address *a, int backlog)
{
    int fd = socket(a->ip.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a->ip, a->length), 0);
    ck_assert_int_eq(listen(fd, backlog), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a->ip, &(socklen_t){sizeof(a->ip)}), 0);
    return fd;
}

static bool
is_last(const struct loop_address *a)
{
    return last.length == a->length && memcmp(&last.ip, &a->ip, a->length) == 0;
}

/* Until nothing is left to wait for. */
static void
connect_to(const struct loop_addresses *to, uint64_t timeout_ms)
{
    ck_assert_ptr_nonnull(loop_connect_new(loop, to, timeout_ms, on_end, NULL));
    ck_assert_int_eq(told, 0);
    loop_run(loop);
    ck_assert_int_eq(told, 1);
}

static void
expect_connected(void)
{
    ck_assert_int_ge(got, 0);
    ck_assert_int_eq(write(got, "x", 1), 1);
    ck_assert(fcntl(got, F_GETFL) & O_NONBLOCK);
    ck_assert(fcntl(got, F_GETFD) & FD_CLOEXEC);
}

START_TEST(a_path_is_connected_to)
{
    struct loop_addresses to = {.list = {here("socket")}, .count = 1};
    int fd = listen_at(&to.list[0], 1);

    connect_to(&to, LONG_MS);
    expect_connected();
    close(fd);
}
END_TEST

START_TEST(tcp_does_not_delay)
{
    struct loop_addresses to = {.list = {loopback()}, .count = 1};
    int fd = listen_at(&to.list[0], 1), on = 0;

    connect_to(&to, LONG_MS);
    expect_connected();
    ck_assert_int_eq(getsockopt(got, IPPROTO_TCP, TCP_NODELAY, &on, &(socklen_t){sizeof(on)}), 0);
    ck_assert_int_eq(on, 1);
    close(fd);
}
END_TEST

START_TEST(where_nobody_is_the_next_one_is_tried)
{
    struct loop_addresses to = {.list = {here("nobody"), loopback(), here("socket")}, .count = 3};
    int gone = listen_at(&to.list[1], 1), fd = listen_at(&to.list[2], 1);

    close(gone);
    connect_to(&to, LONG_MS);
    expect_connected();
    ck_assert(is_last(&to.list[2]));
    close(fd);
}
END_TEST

START_TEST(the_last_problem_is_told)
{
    struct loop_addresses to = {.list = {here("nobody"), loopback()}, .count = 2};

    close(listen_at(&to.list[1], 1));
    connect_to(&to, LONG_MS);
    ck_assert_int_eq(got, -1);
    ck_assert(is_last(&to.list[1]));
    ck_assert_str_eq(problem, strerror(ECONNREFUSED));
}
END_TEST

/* As many as it takes until another one would have to wait. */
static int
fill(const struct loop_address *a, int *fds, int max)
{
    for (int n = 0; n < max; n++) {
        fds[n] = socket(a->ip.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (connect(fds[n], (const struct sockaddr *)&a->ip, a->length) == 0)
            continue;
        if (errno == EINPROGRESS)
            continue;
        ck_assert_int_eq(errno, EAGAIN);
        close(fds[n]);
        return n;
    }
    return max;
}

static void
close_all(const int *fds, int count)
{
    for (int i = 0; i < count; i++)
        close(fds[i]);
}

static void
accept_one(void *arg)
{
    close(accept(*(int *)arg, NULL, NULL));
}

START_TEST(a_full_backlog_is_waited_for)
{
    struct loop_addresses to = {.list = {here("socket")}, .count = 1};
    int fd = listen_at(&to.list[0], 0), others[8];
    int count = fill(&to.list[0], others, 8);
    struct loop_timer *room = loop_timer_new(loop, accept_one, &fd);

    ck_assert_int_lt(count, 8);
    loop_timer_start(room, SHORT_MS);
    connect_to(&to, LONG_MS);
    expect_connected();
    loop_timer_free(room);
    close_all(others, count);
    close(fd);
}
END_TEST

START_TEST(a_backlog_that_stays_full_is_given_up)
{
    struct loop_addresses to = {.list = {here("socket")}, .count = 1};
    int fd = listen_at(&to.list[0], 0), others[8];
    int count = fill(&to.list[0], others, 8);

    connect_to(&to, SHORT_MS);
    ck_assert_str_eq(problem, strerror(EAGAIN));
    close_all(others, count);
    close(fd);
}
END_TEST

/* With its backlog full, Linux lets whoever wants to connect by TCP wait for an answer. */
START_TEST(each_address_has_its_time)
{
    struct loop_addresses to = {.list = {loopback(), here("socket")}, .count = 2};
    int silent = listen_at(&to.list[0], 0), fd = listen_at(&to.list[1], 1), others[8];
    int count = fill(&to.list[0], others, 8);

    connect_to(&to, SHORT_MS);
    expect_connected();
    ck_assert(is_last(&to.list[1]));
    close_all(others, count);
    close(silent);
    close(fd);
}
END_TEST

START_TEST(silence_is_a_problem)
{
    struct loop_addresses to = {.list = {loopback()}, .count = 1};
    int silent = listen_at(&to.list[0], 0), others[8];
    int count = fill(&to.list[0], others, 8);

    connect_to(&to, SHORT_MS);
    ck_assert_str_eq(problem, "it cannot be connected to in time");
    close_all(others, count);
    close(silent);
}
END_TEST

static void
cancel(void *arg)
{
    loop_connect_cancel(arg);
}

/* Before its first try, and while it waits. */
START_TEST(who_gives_up_hears_nothing)
{
    struct loop_addresses to = {.list = {loopback(), loopback()}, .count = 2};
    int silent = listen_at(&to.list[0], 0), others[8];
    int count = fill(&to.list[0], others, 8);
    struct loop_connect *c = loop_connect_new(loop, &to, LONG_MS, on_end, NULL);
    struct loop_timer *later = loop_timer_new(loop, cancel, c);

    loop_connect_cancel(NULL);
    loop_connect_cancel(loop_connect_new(loop, &to, LONG_MS, on_end, NULL));
    loop_timer_start(later, SHORT_MS);
    loop_run(loop);
    ck_assert_int_eq(told, 0);
    loop_timer_free(later);
    close_all(others, count);
    close(silent);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("connect");
    TCase *tc = tcase_create("connect");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_path_is_connected_to);
    tcase_add_test(tc, tcp_does_not_delay);
    tcase_add_test(tc, where_nobody_is_the_next_one_is_tried);
    tcase_add_test(tc, the_last_problem_is_told);
    tcase_add_test(tc, a_full_backlog_is_waited_for);
    tcase_add_test(tc, a_backlog_that_stays_full_is_given_up);
    tcase_add_test(tc, each_address_has_its_time);
    tcase_add_test(tc, silence_is_a_problem);
    tcase_add_test(tc, who_gives_up_hears_nothing);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
