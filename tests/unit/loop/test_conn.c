/* SPDX-License-Identifier: MIT
 *
 * Connections over socketpairs: what goes in comes out, one end, bounds, backpressure, time.
 */
#include "doorstep/loop.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/buf.h"
#include "doorstep/clock.h"

struct side {
    struct loop *loop;
    struct conn *conn;
    struct loop_timer *guard;
    struct buf got;
    int peer;
    int closed;
    int timeouts;
    int writable;
    const char *reason;
    size_t largest; /* piece of input */
};

static void
on_bytes(void *arg, struct span bytes)
{
    struct side *s = arg;

    if (bytes.n > s->largest)
        s->largest = bytes.n;
    ck_assert(buf_append_span(&s->got, bytes));
    if (span_find(bytes, '!') < bytes.n)
        loop_stop(s->loop);
}

static void
on_timeout(void *arg)
{
    struct side *s = arg;

    s->timeouts++;
    loop_stop(s->loop);
}

static void
on_writable(void *arg)
{
    struct side *s = arg;

    s->writable++;
    loop_stop(s->loop);
}

static void
on_closed(void *arg, const char *reason)
{
    struct side *s = arg;

    s->closed++;
    s->reason = reason;
    s->conn = NULL;
    loop_stop(s->loop);
}

static const struct conn_handlers handlers = {
    .on_bytes = on_bytes,
    .on_timeout = on_timeout,
    .on_writable = on_writable,
    .on_closed = on_closed,
};

static void
never(void *arg)
{
    (void)arg;
    ck_abort_msg("took longer than 20 s");
}

static void
side_open(struct side *s, size_t high, size_t max)
{
    struct conn_limits limits = {.output_max = max, .output_high = high};
    int fds[2];

    memset(s, 0, sizeof(*s));
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    s->loop = loop_new();
    buf_init(&s->got, 16 << 20);
    s->peer = fds[1];
    s->conn = conn_new(s->loop, fds[0], &limits, &handlers, s);
    ck_assert_ptr_nonnull(s->conn);
    s->guard = loop_timer_new(s->loop, never, NULL);
    loop_timer_start(s->guard, 20000);
}

static void
side_release(struct side *s)
{
    if (s->peer >= 0)
        close(s->peer);
    loop_free(s->loop);
    ck_assert_int_eq(s->closed, 1); /* exactly once, whatever happened before */
    buf_release(&s->got);
}

static void
peer_send(struct side *s, const char *text)
{
    ck_assert_int_eq(write(s->peer, text, strlen(text)), (ssize_t)strlen(text));
}

static void
peer_expect(struct side *s, const char *text)
{
    char in[256];
    ssize_t n = read(s->peer, in, sizeof(in) - 1);

    ck_assert_int_ge(n, 0);
    in[n] = '\0';
    ck_assert_str_eq(in, text);
}

static void
on_time_over(void *arg)
{
    loop_stop(arg);
}

static void
run_briefly(struct side *s)
{
    struct loop_timer *t = loop_timer_new(s->loop, on_time_over, s->loop);

    loop_timer_start(t, 1);
    loop_run(s->loop);
    loop_timer_free(t);
}

START_TEST(reading_starts_paused_and_bytes_wait)
{
    struct side s;

    side_open(&s, 1000, 2000);
    peer_send(&s, "hello!");
    conn_set_timeout(s.conn, 20);
    loop_run(s.loop);
    ck_assert_int_eq(s.timeouts, 1);
    ck_assert_uint_eq(s.got.len, 0);
    conn_read_resume(s.conn);
    loop_run(s.loop);
    ck_assert_str_eq(buf_str(&s.got), "hello!");
    side_release(&s);
}
END_TEST

START_TEST(writes_of_a_turn_leave_together)
{
    struct side s;
    int pair[2];

    side_open(&s, 1000, 2000);
    /* A packet socket in place of the stream shows where one send ends. */
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
    {
        struct conn_limits limits = {.output_max = 2000, .output_high = 1000};
        struct side t = {.loop = s.loop, .peer = pair[1]};

        t.conn = conn_new(s.loop, pair[0], &limits, &handlers, &t);
        ck_assert(conn_write(t.conn, SPAN("250 one\r\n")));
        ck_assert(conn_write(t.conn, SPAN("250 two\r\n")));
        conn_set_timeout(s.conn, 10);
        loop_run(s.loop);
        peer_expect(&t, "250 one\r\n250 two\r\n");
        conn_close(t.conn, false, "test");
        loop_run(s.loop);
        ck_assert_int_eq(t.closed, 1);
        close(pair[1]);
    }
    side_release(&s);
}
END_TEST

START_TEST(close_with_flush_sends_the_last_reply_then_lingers)
{
    struct side s;

    side_open(&s, 1000, 2000);
    conn_read_resume(s.conn);
    peer_send(&s, "QUIT and unread garbage");
    conn_write(s.conn, SPAN("221 bye\r\n"));
    conn_close(s.conn, true, "quit");
    conn_close(s.conn, true, "again"); /* any number of times; the first reason stays */
    while (s.closed == 0) {
        char in[64];
        ssize_t n = read(s.peer, in, sizeof(in));

        if (n > 0)
            ck_assert(n == 9 && memcmp(in, "221 bye\r\n", 9) == 0);
        if (n == 0) {
            close(s.peer);
            s.peer = -1;
            loop_run(s.loop);
            break;
        }
        run_briefly(&s);
    }
    ck_assert_int_eq(s.closed, 1);
    ck_assert_str_eq(s.reason, "quit");
    ck_assert_uint_eq(s.got.len, 0);
    side_release(&s);
}
END_TEST

START_TEST(a_peer_that_never_closes_is_left_after_five_seconds)
{
    struct side s;
    uint64_t start = clock_ms();

    side_open(&s, 1000, 2000);
    conn_write(s.conn, SPAN("421 bye\r\n"));
    conn_close(s.conn, true, "quit");
    loop_run(s.loop);
    ck_assert_int_eq(s.closed, 1);
    ck_assert_uint_ge(clock_ms() - start, 4900);
    side_release(&s);
}
END_TEST

START_TEST(the_end_of_the_peer_closes_once)
{
    struct side s;

    side_open(&s, 1000, 2000);
    conn_read_resume(s.conn);
    close(s.peer);
    s.peer = -1;
    loop_run(s.loop);
    ck_assert_int_eq(s.closed, 1);
    ck_assert_str_eq(s.reason, "peer closed");
    side_release(&s);
}
END_TEST

START_TEST(a_half_closed_peer_still_gets_its_replies)
{
    struct side s;
    char in[64] = "";

    side_open(&s, 1000, 2000);
    conn_read_resume(s.conn);
    shutdown(s.peer, SHUT_WR);
    conn_write(s.conn, SPAN("250 ok\r\n"));
    loop_run(s.loop);
    ck_assert_int_eq(s.closed, 1);
    ck_assert_int_eq(read(s.peer, in, sizeof(in)), 8);
    side_release(&s);
}
END_TEST

START_TEST(a_peer_that_does_not_read_meets_the_marks)
{
    struct side s;
    char block[4096];
    char in[65536];

    memset(block, 'x', sizeof(block));
    side_open(&s, 1 << 20, 4 << 20);
    while (conn_write(s.conn, (struct span){block, sizeof(block)}))
        ;
    conn_set_timeout(s.conn, 50);
    loop_run(s.loop);
    ck_assert_int_eq(s.timeouts, 1); /* the socket's own buffer is full, nothing more moves */
    ck_assert_int_eq(s.writable, 0);
    while (s.writable == 0) {
        while (read(s.peer, in, sizeof(in)) > 0)
            ;
        run_briefly(&s);
    }
    ck_assert_int_eq(s.closed, 0);
    side_release(&s);
}
END_TEST

START_TEST(too_much_output_closes)
{
    struct side s;
    char block[4096];

    memset(block, 'x', sizeof(block));
    side_open(&s, 8192, 16384);
    for (int i = 0; i < 5; i++)
        conn_write(s.conn, (struct span){block, sizeof(block)});
    ck_assert_int_eq(s.closed, 0); /* not from inside conn_write() */
    loop_run(s.loop);
    ck_assert_str_eq(s.reason, "output overflow");
    side_release(&s);
}
END_TEST

START_TEST(one_turn_reads_at_most_64_kib)
{
    struct side s;
    static char block[200000];
    size_t sent = 0;

    side_open(&s, 1000, 2000);
    conn_read_resume(s.conn);
    memset(block, 'x', sizeof(block));
    block[sizeof(block) - 1] = '!';
    while (sent < sizeof(block)) {
        ssize_t n = write(s.peer, block + sent, sizeof(block) - sent);

        if (n > 0)
            sent += (size_t)n;
        run_briefly(&s);
    }
    while (s.got.len < sizeof(block))
        loop_run(s.loop);
    ck_assert_uint_le(s.largest, 65536);
    ck_assert_int_eq(memcmp(s.got.data, block, sizeof(block)), 0);
    side_release(&s);
}
END_TEST

START_TEST(a_moved_deadline_fires_at_the_new_time)
{
    struct side s;
    uint64_t start;

    side_open(&s, 1000, 2000);
    conn_set_timeout(s.conn, 20);
    conn_set_timeout(s.conn, 80);
    start = clock_ms();
    loop_run(s.loop);
    ck_assert_uint_ge(clock_ms() - start, 70);
    ck_assert_int_eq(s.timeouts, 1);
    conn_set_timeout(s.conn, 10000);
    conn_set_timeout(s.conn, 10); /* earlier than the running timer */
    start = clock_ms();
    loop_run(s.loop);
    ck_assert_uint_lt(clock_ms() - start, 5000);
    ck_assert_int_eq(s.timeouts, 2);
    side_release(&s);
}
END_TEST

/* --- listeners --- */

struct server {
    struct loop *loop;
    int accepted;
    int family;
};

static void
on_accept(void *arg, int fd, const struct sockaddr_storage *peer)
{
    struct server *server = arg;

    server->accepted++;
    server->family = peer->ss_family;
    ck_assert((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    ck_assert((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    close(fd);
    loop_stop(server->loop);
}

START_TEST(a_listener_accepts_unless_it_is_paused)
{
    struct server server = {.loop = loop_new()};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    struct loop_timer *t = loop_timer_new(server.loop, on_time_over, server.loop);
    struct listener *ls;

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, length), 0);
    ck_assert_int_eq(listen(fd, 10), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    ls = listener_new(server.loop, fd, on_accept, &server);
    listener_pause(ls);
    ck_assert_int_eq(connect(client, (struct sockaddr *)&address, length), 0);
    loop_timer_start(t, 30);
    loop_run(server.loop);
    ck_assert_int_eq(server.accepted, 0);
    listener_resume(ls);
    loop_run(server.loop);
    ck_assert_int_eq(server.accepted, 1);
    ck_assert_int_eq(server.family, AF_INET);
    listener_free(ls);
    close(client);
    client = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(client, (struct sockaddr *)&address, length), -1);
    ck_assert_int_eq(errno, ECONNREFUSED);
    close(client);
    loop_free(server.loop);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("conn");
    TCase *cases = tcase_create("conn");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, cases);
    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, reading_starts_paused_and_bytes_wait);
    tcase_add_test(cases, writes_of_a_turn_leave_together);
    tcase_add_test(cases, close_with_flush_sends_the_last_reply_then_lingers);
    tcase_add_test(cases, a_peer_that_never_closes_is_left_after_five_seconds);
    tcase_add_test(cases, the_end_of_the_peer_closes_once);
    tcase_add_test(cases, a_half_closed_peer_still_gets_its_replies);
    tcase_add_test(cases, a_peer_that_does_not_read_meets_the_marks);
    tcase_add_test(cases, too_much_output_closes);
    tcase_add_test(cases, one_turn_reads_at_most_64_kib);
    tcase_add_test(cases, a_moved_deadline_fires_at_the_new_time);
    tcase_add_test(cases, a_listener_accepts_unless_it_is_paused);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
