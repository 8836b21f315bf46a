/* SPDX-License-Identifier: MIT
 *
 * Both halves of the control socket against each other, and the server against clients that
 * misbehave. The server runs on a loop in a thread of its own; its operations are made for the
 * tests.
 */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/control.h"

enum { WAIT_MS = 20000, FLOOD_ROWS = 4000 };

#define CK(condition) ck_assert_msg((condition), "line %d, errno %d", __LINE__, errno)

struct server {
    char folder[64];
    char path[108];
    struct loop *loop;
    struct control *control;
    pthread_t thread;
    struct control_request *held; /* of "hold"; loop thread */
    unsigned flood_sent;          /* of "flood"; loop thread */
    atomic_int flood_pauses;
    atomic_int held_count;
    atomic_int gone_seen;
    atomic_int depth; /* of the handler in itself */
    atomic_int depth_max;
    char big[4096];
};

static struct server s;

/* ---- Operations ---- */

static void
flood(void *arg, struct control_request *r)
{
    (void)arg;
    while (s.flood_sent < FLOOD_ROWS && !control_gone(r)) {
        s.flood_sent++;
        if (control_row(r, json_pack("{s:i, s:s}", "n", (int)s.flood_sent, "text", s.big)))
            continue;
        s.flood_pauses++;
        control_when_writable(r, flood, NULL);
        return;
    }
    if (control_gone(r))
        s.gone_seen++;
    control_done(r, json_pack("{s:i}", "rows", (int)s.flood_sent));
}

static void
look_whether_gone(void *arg)
{
    struct control_request *r = s.held;

    (void)arg;
    if (r == NULL)
        return;
    if (control_gone(r)) {
        s.gone_seen++;
        s.held = NULL;
        control_row(r, json_object());
        control_done(r, NULL);
    }
}

static void
rows(struct control_request *r)
{
    json_int_t n = json_integer_value(json_object_get(control_args(r), "count"));

    for (json_int_t i = 1; i <= n; i++) {
        control_row(r, json_pack("{s:I}", "n", i));
        control_progress(r, (uint64_t)i, (uint64_t)n);
    }
    control_done(r, json_pack("{s:I}", "count", n));
}

static void
bytes(struct control_request *r)
{
    static const char pattern[] = "0123456789";
    char text[200000];

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = pattern[i % 10];
    control_bytes(r, (struct span){text, sizeof(text)});
    control_done(r, NULL);
}

static void
answer_with_error(struct control_request *r)
{
    struct outcome why;

    outcome_set(&why, OUTCOME_NO_SUCH_USER, "looked in %s", "accounts");
    outcome_say(&why, "no account of that name");
    control_fail(r, &why);
}

static void
run(struct control_request *r)
{
    const char *op = control_op(r);

    if (strcmp(op, "rows") == 0)
        rows(r);
    else if (strcmp(op, "bytes") == 0)
        bytes(r);
    else if (strcmp(op, "fail") == 0)
        answer_with_error(r);
    else if (strcmp(op, "null row") == 0) {
        control_row(r, NULL);
        control_done(r, NULL);
    } else if (strcmp(op, "hold") == 0) {
        s.held = r;
        s.held_count++;
    } else if (strcmp(op, "flood") == 0) {
        s.flood_sent = 0;
        flood(NULL, r);
    } else
        control_done(r, json_incref(control_args(r)));
}

static void
handle(void *arg, struct control_request *r)
{
    (void)arg;
    int depth = ++s.depth;
    if (depth > s.depth_max)
        s.depth_max = depth;
    run(r);
    s.depth--;
}

/* ---- Fixture ---- */

static void *
run_loop(void *arg)
{
    loop_run(arg);
    return NULL;
}

static int
listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    CK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    CK(chmod(path, 0666) == 0 && listen(fd, 64) == 0);
    return fd;
}

static void
start(const uid_t *allowed, size_t allowed_count)
{
    memset(&s, 0, sizeof(s));
    memset(s.big, 'x', sizeof(s.big) - 1);
    strcpy(s.folder, "/tmp/doorstep-control-XXXXXX");
    CK(mkdtemp(s.folder) != NULL && chmod(s.folder, 0755) == 0);
    snprintf(s.path, sizeof(s.path), "%s/control.sock", s.folder);
    s.loop = loop_new();
    CK(s.loop != NULL);
    s.control = control_new(s.loop, listen_at(s.path), allowed, allowed_count, handle, NULL);
    CK(s.control != NULL);
    CK(pthread_create(&s.thread, NULL, run_loop, s.loop) == 0);
}

static void
setup(void)
{
    uid_t self = getuid();
    start(&self, 1);
}

static void
stop_on_loop(void *arg)
{
    (void)arg;
    control_free(s.control);
    if (s.held != NULL) {
        ck_assert(control_gone(s.held));
        control_done(s.held, NULL);
    }
    loop_stop(s.loop);
}

static void
teardown(void)
{
    CK(loop_post(s.loop, stop_on_loop, NULL));
    pthread_join(s.thread, NULL);
    loop_free(s.loop);
    unlink(s.path);
    rmdir(s.folder);
}

/* ---- Raw clients ---- */

static int
raw_connect(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", s.path);
    CK(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

/* Read until `lines` newlines were seen or the server hung up; what came, NUL-terminated, owned. */
static char *
raw_read(int fd, size_t lines, size_t max)
{
    char *text = calloc(1, max + 1);
    size_t n = 0, seen = 0;

    CK(text != NULL);
    while (seen < lines && n < max) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        CK(poll(&p, 1, WAIT_MS) == 1);
        ssize_t got = recv(fd, text + n, max - n, 0);
        if (got <= 0)
            break;
        for (ssize_t i = 0; i < got; i++)
            seen += text[n + (size_t)i] == '\n' ? 1 : 0;
        n += (size_t)got;
    }
    text[n] = '\0';
    return text;
}

static void
raw_send(int fd, const char *text)
{
    CK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

static void
wait_until(atomic_int *value, int at_least)
{
    uint64_t deadline = clock_ms() + WAIT_MS;

    while (atomic_load(value) < at_least) {
        ck_assert(clock_ms() < deadline);
        usleep(2000);
    }
}

/* ---- Tests ---- */

START_TEST(rows_come_in_order_and_then_ok)
{
    struct control_client *c = control_connect(s.path);
    struct control_reply reply;
    json_int_t seen = 0;

    CK(c != NULL && control_send(c, "rows", json_pack("{s:i}", "count", 1000)));
    do {
        CK(control_next(c, WAIT_MS, &reply));
        if (reply.kind == CONTROL_ROW)
            ck_assert_int_eq(json_integer_value(json_object_get(reply.row, "n")), ++seen);
    } while (reply.kind == CONTROL_ROW || reply.kind == CONTROL_PROGRESS);
    ck_assert_int_eq(reply.kind, CONTROL_OK);
    ck_assert_int_eq(seen, 1000);
    control_disconnect(c);
}
END_TEST

START_TEST(bytes_come_whole)
{
    struct control_client *c = control_connect(s.path);
    struct control_reply reply;
    size_t n = 0;

    CK(c != NULL && control_send(c, "bytes", NULL));
    for (;;) {
        CK(control_next(c, WAIT_MS, &reply));
        if (reply.kind != CONTROL_BYTES)
            break;
        ck_assert_uint_le(reply.bytes.n, CONTROL_BYTES_MAX);
        for (size_t i = 0; i < reply.bytes.n; i++, n++)
            ck_assert_int_eq(reply.bytes.p[i], (char)('0' + n % 10));
    }
    ck_assert_int_eq(reply.kind, CONTROL_OK);
    ck_assert_uint_eq(n, 200000);
    control_disconnect(c);
}
END_TEST

START_TEST(error_has_code_text_and_cause)
{
    struct control_client *c = control_connect(s.path);
    struct control_reply reply;

    CK(c != NULL && control_send(c, "fail", NULL) && control_next(c, WAIT_MS, &reply));
    ck_assert_int_eq(reply.kind, CONTROL_ERROR);
    ck_assert_int_eq(reply.code, 550);
    ck_assert_str_eq(reply.enhanced, "5.1.1");
    ck_assert_str_eq(reply.text, "no account of that name");
    ck_assert_str_eq(reply.cause, "looked in accounts");
    control_disconnect(c);
}
END_TEST

START_TEST(row_that_cannot_be_made_fails_the_request)
{
    struct control_client *c = control_connect(s.path);
    struct control_reply reply;

    CK(c != NULL && control_send(c, "null row", NULL) && control_next(c, WAIT_MS, &reply));
    ck_assert_int_eq(reply.kind, CONTROL_ERROR);
    ck_assert_int_eq(reply.code, 451);
    control_disconnect(c);
}
END_TEST

START_TEST(one_connection_takes_many_requests)
{
    struct control_client *c = control_connect(s.path);
    struct control_reply reply;

    CK(c != NULL);
    for (int i = 0; i < 100; i++) {
        CK(control_send(c, "echo", json_pack("{s:i}", "n", i)));
        CK(control_next(c, WAIT_MS, &reply));
        ck_assert_int_eq(reply.kind, CONTROL_OK);
        ck_assert_int_eq(json_integer_value(json_object_get(reply.row, "n")), i);
    }
    control_disconnect(c);
}
END_TEST

/* Handlers that answer at once must not nest, however many requests wait. */
START_TEST(pipelined_requests_are_answered_in_order_without_nesting)
{
    enum { REQUESTS = 20000 };
    int fd = raw_connect();
    char *all = malloc((size_t)REQUESTS * 32), *to = all;

    CK(all != NULL);
    for (int i = 0; i < REQUESTS; i++)
        to += sprintf(to, "{\"op\":\"e\",\"args\":{\"n\":%d}}\n", i);
    pid_t writer = fork();
    if (writer == 0) {
        for (const char *at = all; at < to;) {
            ssize_t n = write(fd, at, (size_t)(to - at));
            if (n <= 0)
                _exit(1);
            at += n;
        }
        _exit(0);
    }
    char *answers = raw_read(fd, REQUESTS, (size_t)REQUESTS * 32);
    const char *at = answers;
    for (int i = 0; i < REQUESTS; i++) {
        char expected[32];
        int n = sprintf(expected, "{\"ok\":{\"n\":%d}}\n", i);
        ck_assert_msg(strncmp(at, expected, (size_t)n) == 0, "answer %d", i);
        at += n;
    }
    waitpid(writer, NULL, 0);
    ck_assert_int_eq(s.depth_max, 1);
    free(answers);
    free(all);
    close(fd);
}
END_TEST

START_TEST(hostile_line_gets_an_error_and_the_next_is_served)
{
    static const char lines[] = "{\"op\":\n"
                                "\xff\xfe\n"
                                "[[[[[[[[\n"
                                "\n"
                                "{\"op\":\"echo\",\"args\":{}}\n";
    int fd = raw_connect();

    raw_send(fd, lines);
    char *answers = raw_read(fd, 5, 65536);
    const char *at = answers;
    for (int i = 0; i < 4; i++) {
        ck_assert_msg(strncmp(at, "{\"error\":{\"code\":501", 20) == 0, "answer %d: %s", i, at);
        at = strchr(at, '\n') + 1;
    }
    ck_assert_str_eq(at, "{\"ok\":{}}\n");
    free(answers);
    close(fd);
}
END_TEST

START_TEST(request_split_at_every_octet_is_read)
{
    const char *line = "{\"op\":\"echo\",\"args\":{\"a\":\"b\"}}\n";
    int fd = raw_connect();

    for (const char *at = line; *at != '\0'; at++) {
        CK(send(fd, at, 1, MSG_NOSIGNAL) == 1);
        usleep(500);
    }
    char *answer = raw_read(fd, 1, 4096);
    ck_assert_str_eq(answer, "{\"ok\":{\"a\":\"b\"}}\n");
    free(answer);
    close(fd);
}
END_TEST

/* With a newline at its end or without: what is too long is refused before it fills memory. */
static void
send_oversized(const char *end, size_t size)
{
    int fd = raw_connect();
    char *line = malloc(size + 2);
    size_t sent = 0;

    CK(line != NULL);
    memset(line, ' ', size);
    strcpy(line + size, end);
    size += strlen(end);
    while (sent < size) {
        ssize_t n = send(fd, line + sent, size - sent, MSG_NOSIGNAL);
        if (n < 0)
            break; /* the server hung up, as it may */
        sent += (size_t)n;
    }
    char *answer = raw_read(fd, 2, 4096);
    ck_assert_msg(strstr(answer, "longer than 1048576 octets") != NULL, "%s", answer);
    ck_assert_ptr_null(strchr(strchr(answer, '\n') + 1, '\n'));
    free(answer);
    free(line);
    close(fd);
}

START_TEST(oversized_request_is_refused_and_closed)
{
    send_oversized("", CONTROL_REQUEST_MAX);
    send_oversized("\n", CONTROL_REQUEST_MAX);
    send_oversized("", 3 * CONTROL_REQUEST_MAX);
}
END_TEST

START_TEST(longest_request_is_served)
{
    struct control_client *c = control_connect(s.path);
    struct control_reply reply;
    size_t n = CONTROL_REQUEST_MAX - 64;
    char *text = calloc(1, n + 1);

    CK(c != NULL && text != NULL);
    memset(text, 'a', n);
    CK(control_send(c, "echo", json_pack("{s:s}", "t", text)));
    CK(control_next(c, WAIT_MS, &reply));
    ck_assert_int_eq(reply.kind, CONTROL_OK);
    ck_assert_str_eq(json_string_value(json_object_get(reply.row, "t")), text);
    ck_assert(!control_send(c, "echo", json_pack("{s:s, s:s}", "t", text, "u", text)));
    ck_assert_int_eq(errno, EMSGSIZE);
    free(text);
    control_disconnect(c);
}
END_TEST

START_TEST(client_that_leaves_is_seen_by_its_request)
{
    struct control_client *c = control_connect(s.path);

    CK(c != NULL && control_send(c, "hold", NULL));
    wait_until(&s.held_count, 1);
    control_disconnect(c);
    for (int i = 0; i < WAIT_MS / 5 && s.gone_seen == 0; i++) {
        CK(loop_post(s.loop, look_whether_gone, NULL));
        usleep(5000);
    }
    ck_assert_int_eq(s.gone_seen, 1);
}
END_TEST

START_TEST(request_outlives_the_server)
{
    struct control_client *c = control_connect(s.path);

    CK(c != NULL && control_send(c, "hold", NULL));
    wait_until(&s.held_count, 1);
    teardown(); /* stop_on_loop() finds it gone and ends it */
    control_disconnect(c);
    setup();
}
END_TEST

START_TEST(rows_pause_while_the_client_does_not_read)
{
    struct control_client *c = control_connect(s.path);
    struct control_reply reply;
    json_int_t seen = 0;

    CK(c != NULL && control_send(c, "flood", NULL));
    wait_until(&s.flood_pauses, 1);
    usleep(50000);
    ck_assert_int_eq(s.flood_pauses, 1); /* it stays stopped until something is read */
    do {
        CK(control_next(c, WAIT_MS, &reply));
        if (reply.kind == CONTROL_ROW)
            ck_assert_int_eq(json_integer_value(json_object_get(reply.row, "n")), ++seen);
    } while (reply.kind == CONTROL_ROW);
    ck_assert_int_eq(reply.kind, CONTROL_OK);
    ck_assert_int_eq(seen, FLOOD_ROWS);
    ck_assert_int_ge(s.flood_pauses, 2);
    control_disconnect(c);
}
END_TEST

START_TEST(client_that_leaves_wakes_a_paused_request)
{
    struct control_client *c = control_connect(s.path);

    CK(c != NULL && control_send(c, "flood", NULL));
    wait_until(&s.flood_pauses, 1);
    control_disconnect(c);
    wait_until(&s.gone_seen, 1);
}
END_TEST

START_TEST(too_many_connections_are_refused)
{
    struct control_client *clients[CONTROL_CONNECTIONS_MAX];
    struct control_reply reply;

    for (int i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
        clients[i] = control_connect(s.path);
        CK(clients[i] != NULL && control_send(clients[i], "echo", NULL));
        CK(control_next(clients[i], WAIT_MS, &reply));
    }
    struct control_client *more = control_connect(s.path);
    CK(more != NULL && control_send(more, "echo", NULL) && control_next(more, WAIT_MS, &reply));
    ck_assert_int_eq(reply.kind, CONTROL_ERROR);
    ck_assert_int_eq(reply.code, 451);
    ck_assert(!control_next(more, WAIT_MS, &reply));
    ck_assert_int_eq(errno, ECONNRESET);
    control_disconnect(more);
    for (int i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
        control_disconnect(clients[i]);
}
END_TEST

START_TEST(next_gives_up_after_its_time)
{
    struct control_client *c = control_connect(s.path);
    struct control_reply reply;

    CK(c != NULL && control_send(c, "hold", NULL));
    ck_assert(!control_next(c, 50, &reply));
    ck_assert_int_eq(errno, ETIMEDOUT);
    control_disconnect(c);
}
END_TEST

START_TEST(no_daemon_is_told_apart)
{
    ck_assert_ptr_null(control_connect("/tmp/doorstep-control-nowhere/control.sock"));
    ck_assert_int_eq(errno, ENOENT);
    char path[300];
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    ck_assert_ptr_null(control_connect(path));
    ck_assert_int_eq(errno, ENAMETOOLONG);
}
END_TEST

/* In a child with another uid, or in our own when that is not root and not allowed. */
START_TEST(other_users_are_refused)
{
    teardown();
    start(NULL, 0);
    pid_t child = fork();
    if (child == 0) {
        struct control_reply reply = {0};
        if (getuid() == 0 && setuid(65534) != 0)
            _exit(2);
        struct control_client *c = control_connect(s.path);
        bool refused = c != NULL && control_send(c, "echo", NULL) &&
                       control_next(c, WAIT_MS, &reply) && reply.kind == CONTROL_ERROR &&
                       reply.code == 550 && strcmp(reply.enhanced, "5.7.1") == 0;
        control_disconnect(c);
        _exit(refused ? 0 : 1);
    }
    int status;
    CK(waitpid(child, &status, 0) == child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(s.depth_max, 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("control server");
    TCase *tests = tcase_create("server");

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, rows_come_in_order_and_then_ok);
    tcase_add_test(tests, bytes_come_whole);
    tcase_add_test(tests, error_has_code_text_and_cause);
    tcase_add_test(tests, row_that_cannot_be_made_fails_the_request);
    tcase_add_test(tests, one_connection_takes_many_requests);
    tcase_add_test(tests, pipelined_requests_are_answered_in_order_without_nesting);
    tcase_add_test(tests, hostile_line_gets_an_error_and_the_next_is_served);
    tcase_add_test(tests, request_split_at_every_octet_is_read);
    tcase_add_test(tests, oversized_request_is_refused_and_closed);
    tcase_add_test(tests, longest_request_is_served);
    tcase_add_test(tests, client_that_leaves_is_seen_by_its_request);
    tcase_add_test(tests, request_outlives_the_server);
    tcase_add_test(tests, rows_pause_while_the_client_does_not_read);
    tcase_add_test(tests, client_that_leaves_wakes_a_paused_request);
    tcase_add_test(tests, too_many_connections_are_refused);
    tcase_add_test(tests, next_gives_up_after_its_time);
    tcase_add_test(tests, no_daemon_is_told_apart);
    tcase_add_test(tests, other_users_are_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
