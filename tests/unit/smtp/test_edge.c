/* SPDX-License-Identifier: MIT
 *
 * The edge role as a process of its own between a main and a store that are this test: frames on
 * its doors, real sockets to its listeners.
 */
#include "doorstep/smtp.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/door.h"
#include "doorstep/door_frames.h"
#include "doorstep/envelope.h"
#include "doorstep/outcome.h"

#define QUEUE (32 << 20)

static struct settings_address addresses[] = {
    {.text = "unix:/test", .is_unix = true, .path = "/test"},
    {.text = "127.0.0.1:0"},
};
static struct settings_network loopback = {.family = AF_INET, .bytes = {127}, .bits = 8};
static struct settings_listen listens[] = {
    {.protocol = LISTEN_LMTP, .address = addresses, .address_count = 2},
    {.protocol = LISTEN_SMTP,
     .address = &addresses[1],
     .address_count = 1,
     .trusted = &loopback,
     .trusted_count = 1},
};
static struct settings settings = {
    .hostname = "mx.test",
    .edges = 1,
    .listens = listens,
    .listen_count = 2,
    .limits = {.message_size = 60 << 20,
               .recipients = 1000,
               .connections = 20,
               .command_line = 2048,
               .errors = 20,
               .transactions = 1000,
               .commands = 1000,
               .unknown_recipients = UINT64_MAX,
               .tarpit_recipients = UINT64_MAX,
               .network_connections = UINT64_MAX,
               .network_messages = UINT64_MAX,
               .network_ipv4 = 32,
               .network_ipv6 = 64,
               .data_rate = 1,
               .busy = 100},
    .timeouts = {.command = 60000,
                 .data = 60000,
                 .write = 60000,
                 .answer = 60000,
                 .session = 3600000,
                 .busy = 60000},
};

static const struct settings *
parse(int fd)
{
    char in[8];

    return read(fd, in, sizeof(in)) == 4 && memcmp(in, "test", 4) == 0 ? &settings : NULL;
}

static bool
confine(const struct settings *s)
{
    return s == &settings;
}

struct edge_process {
    pid_t pid;
    struct door *main;
    struct door *store;
    int unix_listener_name; /* abstract, by number */
    uint16_t lmtp_port, smtp_port;
};

/* --- main's part --- */

static int
listen_unix(struct edge_process *e)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    e->unix_listener_name = (int)getpid();
    snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "doorstep-%d", e->unix_listener_name);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    ck_assert_int_eq(listen(fd, 100), 0);
    return fd;
}

static int
listen_tcp(uint16_t *port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(name);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, length), 0);
    ck_assert_int_eq(listen(fd, 100), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    *port = ntohs(name.sin_port);
    return fd;
}

static void
give_listener(struct edge_process *e, uint32_t index, const char *text, int fd)
{
    struct buf body;
    struct pack p;

    buf_init(&body, 1000);
    pack_init(&p, &body);
    pack_u32(&p, index);
    pack_str(&p, text);
    ck_assert(door_send(e->main, MAIN_LISTENER, 0, buf_span(&body), fd));
    buf_release(&body);
    close(fd);
}

static void
give_store(struct edge_process *e)
{
    int fds[2];

    door_free(e->store);
    ck_assert(door_pair(fds));
    ck_assert(door_send(e->main, MAIN_STORE_DOOR, 0, SPAN_NONE, fds[0]));
    close(fds[0]);
    e->store = door_new(fds[1], QUEUE);
}

static void
give_settings(struct edge_process *e)
{
    int fd = memfd_create("settings", MFD_CLOEXEC);

    ck_assert_int_eq(write(fd, "test", 4), 4);
    lseek(fd, 0, SEEK_SET);
    ck_assert(door_send(e->main, MAIN_SETTINGS, 0, SPAN_NONE, fd));
    close(fd);
}

static void
edge_start(struct edge_process *e)
{
    static const struct edge_hooks hooks = {.parse_settings = parse, .confine = confine};
    struct door_frame f;
    int fds[2];

    memset(e, 0, sizeof(*e));
    signal(SIGPIPE, SIG_IGN);
    ck_assert(door_pair(fds));
    e->pid = fork();
    if (e->pid == 0) {
        close(fds[1]);
        exit(edge_run(fds[0], &hooks));
    }
    close(fds[0]);
    e->main = door_new(fds[1], QUEUE);
    give_settings(e);
    give_listener(e, 0, "unix", listen_unix(e));
    give_listener(e, 0, "tcp", listen_tcp(&e->lmtp_port));
    give_listener(e, 1, "tcp", listen_tcp(&e->smtp_port));
    give_store(e);
    ck_assert(door_send(e->main, MAIN_GO, 0, SPAN("\0"), -1));
    ck_assert(door_wait(e->main, false, 10000));
    ck_assert_int_eq(door_receive(e->main, &f), DOOR_OK);
    ck_assert_uint_eq(f.type, ROLE_READY);
}

static void
edge_expect_exit(struct edge_process *e, int status)
{
    int got;

    for (int i = 0; i < 1000; i++) {
        if (waitpid(e->pid, &got, WNOHANG) == e->pid) {
            ck_assert(WIFEXITED(got));
            ck_assert_int_eq(WEXITSTATUS(got), status);
            door_free(e->main);
            door_free(e->store);
            return;
        }
        usleep(10000);
    }
    ck_abort_msg("the edge does not end");
}

/* It ends when its door to main closes. */
static void
edge_end(struct edge_process *e)
{
    door_free(e->main);
    e->main = NULL;
    edge_expect_exit(e, 0);
}

/* --- the store's part --- */

static void
store_receive(struct edge_process *e, struct door_frame *f, uint16_t type)
{
    ck_assert_msg(door_wait(e->store, false, 10000), "no frame of type %u", type);
    ck_assert_int_eq(door_receive(e->store, f), DOOR_OK);
    ck_assert_uint_eq(f->type, type);
}

static void
store_answer_rcpt(struct edge_process *e, enum outcome_kind kind)
{
    struct door_frame f;
    struct outcome o;
    struct buf body;
    struct pack p;

    store_receive(e, &f, EDGE_RCPT);
    outcome_set(&o, kind, NULL);
    buf_init(&body, 4096);
    pack_init(&p, &body);
    outcome_pack(&o, &p);
    ck_assert(door_send(e->store, STORE_RCPT, f.id, buf_span(&body), -1));
    buf_release(&body);
}

static void
store_answer(struct edge_process *e, uint64_t id, uint32_t index, enum outcome_kind kind)
{
    struct outcome o;
    struct buf body;
    struct pack p;

    outcome_set(&o, kind, NULL);
    buf_init(&body, 4096);
    pack_init(&p, &body);
    pack_u32(&p, index);
    outcome_pack(&o, &p);
    pack_str(&p, "ID");
    ck_assert(door_send(e->store, STORE_ANSWER, id, buf_span(&body), -1));
    buf_release(&body);
}

/* Everything from begin to end; returns the id, the content, and the envelope in arena. */
static uint64_t
store_take_message(struct edge_process *e, struct buf *content, struct envelope *envelope,
                   struct arena *arena)
{
    struct door_frame f;
    struct buf packed;
    struct unpack u;
    uint64_t id;

    store_receive(e, &f, EDGE_DATA_BEGIN);
    id = f.id;
    buf_init(&packed, 64 << 20);
    do {
        ck_assert(door_wait(e->store, false, 10000));
        ck_assert_int_eq(door_receive(e->store, &f), DOOR_OK);
        ck_assert_uint_eq(f.id, id);
        ck_assert(f.type == EDGE_DATA || f.type == EDGE_ENVELOPE || f.type == EDGE_DATA_END);
        ck_assert(buf_append_span(f.type == EDGE_DATA ? content : &packed, f.body));
    } while (f.type != EDGE_DATA_END);
    unpack_init(&u, buf_span(&packed));
    ck_assert(envelope_unpack(envelope, arena, &u));
    ck_assert(unpack_done(&u));
    buf_release(&packed);
    return id;
}

/* --- the client's part --- */

static int
connect_unix(const struct edge_process *e)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "doorstep-%d", e->unix_listener_name);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    return fd;
}

static int
connect_tcp(uint16_t port)
{
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    return fd;
}

static void
say(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), 0), (ssize_t)strlen(text));
}

static char *
read_line(int fd, char *line, size_t size, int timeout_ms)
{
    size_t n = 0;

    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};

        if (poll(&p, 1, timeout_ms) != 1 || read(fd, line + n, 1) != 1) {
            line[n] = '\0';
            return line;
        }
        if (line[n++] == '\n' || n == size - 1) {
            line[n] = '\0';
            return line;
        }
    }
}

/* Lines up to one that begins with `start`, which is compared whole when it ends in LF. */
static void
expect(int fd, const char *start)
{
    char line[1024];

    do {
        read_line(fd, line, sizeof(line), 10000);
    } while (line[0] != '\0' && line[3] == '-');
    ck_assert_msg(strncmp(line, start, strlen(start)) == 0, "expected %s, got %s", start, line);
}

static void
expect_end(int fd)
{
    char line[64];

    ck_assert_str_eq(read_line(fd, line, sizeof(line), 10000), "");
    close(fd);
}

#define HELLO "LHLO c.test\r\n"
#define FROM "MAIL FROM:<s@x.test>\r\n"
#define TO(name) "RCPT TO:<" name "@d.test>\r\n"

static void
open_lmtp(int fd)
{
    expect(fd, "220 mx.test LMTP");
    say(fd, HELLO);
    expect(fd, "250 HELP");
}

/* --- tests --- */

START_TEST(a_message_travels_and_each_recipient_has_its_answer)
{
    struct edge_process e;
    struct envelope envelope;
    struct arena arena;
    struct buf content;
    uint64_t id;
    int fd;

    edge_start(&e);
    arena_init(&arena, 1 << 20);
    buf_init(&content, 1 << 20);
    fd = connect_unix(&e);
    open_lmtp(fd);
    say(fd, "XFORWARD IDENT=4QUEUE ADDR=192.0.2.9\r\n" FROM TO("ann") TO("nobody")
                TO("bob") "DATA\r\n");
    store_answer_rcpt(&e, OUTCOME_RCPT_OK);
    store_answer_rcpt(&e, OUTCOME_NO_SUCH_USER);
    store_answer_rcpt(&e, OUTCOME_RCPT_OK);
    expect(fd, "250 2.0.0");
    expect(fd, "250 2.1.0");
    expect(fd, "250 2.1.5 <ann@d.test>");
    expect(fd, "550 5.1.1 <nobody@d.test>");
    expect(fd, "250 2.1.5 <bob@d.test>");
    expect(fd, "354");
    say(fd, "hi\r\n..dot\r\n.\r\nNOOP\r\n");
    id = store_take_message(&e, &content, &envelope, &arena);
    ck_assert_str_eq(buf_str(&content), "hi\r\n.dot\r\n");
    ck_assert_uint_eq(envelope.recipient_count, 2);
    ck_assert_str_eq(envelope.recipients[1].address.local, "bob");
    ck_assert_str_eq(envelope.queue_id, "4QUEUE");
    ck_assert_str_eq(envelope.client_ip, "192.0.2.9");
    ck_assert_int_eq(envelope.protocol, PROTOCOL_LMTP);
    store_answer(&e, id, 0, OUTCOME_DELIVERED);
    expect(fd, "250 2.1.5 <ann@d.test>"); /* as soon as it is known */
    store_answer(&e, id, 1, OUTCOME_OVER_QUOTA);
    expect(fd, "452 4.2.2 <bob@d.test>");
    expect(fd, "250 2.0.0");
    say(fd, "QUIT\r\n");
    expect(fd, "221 2.0.0");
    expect_end(fd);
    arena_release(&arena);
    buf_release(&content);
    edge_end(&e);
}
END_TEST

START_TEST(a_large_message_and_a_thousand_recipients_fit_through_the_door)
{
    const size_t size = 20 << 20;
    char *block = malloc(size);
    struct edge_process e;
    struct envelope envelope;
    struct arena arena;
    struct buf content;
    pid_t client;
    int status;

    edge_start(&e);
    memset(block, 'x', size);
    arena_init(&arena, 64 << 20);
    buf_init(&content, 64 << 20);
    client = fork();
    if (client == 0) {
        int fd = connect_tcp(e.lmtp_port);
        char line[600];
        size_t sent = 0;

        open_lmtp(fd);
        say(fd, FROM);
        expect(fd, "250 2.1.0");
        for (int i = 0; i < 1000; i++) {
            snprintf(line, sizeof(line), "RCPT TO:<%060d@%050d.%050d.test>\r\n", i, i, i);
            say(fd, line);
        }
        for (int i = 0; i < 1000; i++)
            expect(fd, "250 2.1.5");
        snprintf(line, sizeof(line), "BDAT %zu LAST\r\n", size);
        say(fd, line);
        while (sent < size) {
            ssize_t n = send(fd, block + sent, size - sent, 0);

            ck_assert_int_gt(n, 0);
            sent += (size_t)n;
        }
        for (int i = 0; i < 1000; i++)
            expect(fd, "250 2.1.5");
        _exit(0);
    }
    for (int i = 0; i < 1000; i++)
        store_answer_rcpt(&e, OUTCOME_RCPT_OK);
    usleep(300000); /* a slow store: the edge must stop reading, not grow */
    {
        uint64_t id = store_take_message(&e, &content, &envelope, &arena);

        ck_assert_uint_eq(content.len, size);
        ck_assert_int_eq(memcmp(content.data, block, size), 0);
        ck_assert_uint_eq(envelope.recipient_count, 1000);
        for (uint32_t i = 1000; i > 0; i--)
            store_answer(&e, id, i - 1, OUTCOME_DELIVERED);
        ck_assert_int_eq(door_flush(e.store), DOOR_OK);
    }
    ck_assert_int_eq(waitpid(client, &status, 0), client);
    ck_assert_int_eq(status, 0);
    arena_release(&arena);
    buf_release(&content);
    free(block);
    edge_end(&e);
}
END_TEST

START_TEST(a_client_that_vanishes_aborts_its_message)
{
    struct edge_process e;
    struct door_frame f;
    int fd;

    edge_start(&e);
    fd = connect_unix(&e);
    open_lmtp(fd);
    say(fd, FROM TO("ann") "DATA\r\n");
    store_answer_rcpt(&e, OUTCOME_RCPT_OK);
    expect(fd, "250 2.1.0");
    expect(fd, "250 2.1.5");
    expect(fd, "354");
    say(fd, "half");
    store_receive(&e, &f, EDGE_DATA_BEGIN);
    store_receive(&e, &f, EDGE_DATA);
    close(fd);
    store_receive(&e, &f, EDGE_DATA_ABORT);
    edge_end(&e);
}
END_TEST

START_TEST(a_store_that_restarts_is_not_seen_at_rcpt)
{
    struct edge_process e;
    struct door_frame f;
    int fd;

    edge_start(&e);
    fd = connect_unix(&e);
    open_lmtp(fd);
    say(fd, FROM TO("ann"));
    expect(fd, "250 2.1.0");
    store_receive(&e, &f, EDGE_RCPT); /* and dies without an answer */
    door_free(e.store);
    e.store = NULL;
    usleep(100000);
    say(fd, TO("bob"));
    give_store(&e);
    store_answer_rcpt(&e, OUTCOME_RCPT_OK);
    store_answer_rcpt(&e, OUTCOME_RCPT_OK);
    expect(fd, "250 2.1.5 <ann@d.test>");
    expect(fd, "250 2.1.5 <bob@d.test>");
    close(fd);
    edge_end(&e);
}
END_TEST

START_TEST(a_store_that_stays_away_costs_451_and_no_connection)
{
    struct edge_process e;
    struct envelope envelope;
    struct arena arena;
    struct buf content;
    uint64_t start;
    int fd;

    edge_start(&e);
    arena_init(&arena, 1 << 20);
    buf_init(&content, 1 << 20);
    fd = connect_unix(&e);
    open_lmtp(fd);
    say(fd, FROM TO("ann") "DATA\r\n");
    store_answer_rcpt(&e, OUTCOME_RCPT_OK);
    expect(fd, "250 2.1.0");
    expect(fd, "250 2.1.5");
    expect(fd, "354");
    say(fd, "hi\r\n.\r\n");
    store_take_message(&e, &content, &envelope, &arena);
    door_free(e.store);
    e.store = NULL;
    start = clock_ms();
    expect(fd, "451 4.3.0 <ann@d.test>");
    ck_assert_uint_lt(clock_ms() - start, 2000); /* a message is lost at once */
    start = clock_ms();
    say(fd, FROM TO("ann") "DATA\r\n");
    expect(fd, "250 2.1.0");
    expect(fd, "451 4.3.0 <ann@d.test>");
    ck_assert_uint_ge(clock_ms() - start, 2500); /* a question waits for 3 s */
    expect(fd, "503 5.5.1");
    start = clock_ms();
    say(fd, TO("bob"));
    expect(fd, "451 4.3.0 <bob@d.test>");
    ck_assert_uint_lt(clock_ms() - start, 2000); /* from then on none does */
    give_store(&e);
    usleep(100000);
    say(fd, TO("bob"));
    store_answer_rcpt(&e, OUTCOME_RCPT_OK);
    expect(fd, "250 2.1.5 <bob@d.test>");
    close(fd);
    arena_release(&arena);
    buf_release(&content);
    edge_end(&e);
}
END_TEST

START_TEST(only_trusted_networks_may_speak_for_others)
{
    struct edge_process e;
    int fd;

    edge_start(&e);
    fd = connect_tcp(e.lmtp_port); /* no network is trusted there */
    open_lmtp(fd);
    say(fd, "XCLIENT NAME=a\r\n");
    expect(fd, "550 5.7.0");
    close(fd);
    fd = connect_tcp(e.smtp_port);
    expect(fd, "220 mx.test ESMTP");
    say(fd, "EHLO c.test\r\nXFORWARD NAME=a\r\n");
    expect(fd, "250 HELP");
    expect(fd, "250 2.0.0");
    close(fd);
    edge_end(&e);
}
END_TEST

START_TEST(a_flood_from_the_network_leaves_the_unix_socket_its_part)
{
    struct edge_process e;
    int fds[20];

    edge_start(&e);
    for (int i = 0; i < 18; i++) {
        fds[i] = connect_tcp(e.lmtp_port);
        expect(fds[i], "220");
    }
    fds[18] = connect_tcp(e.lmtp_port);
    expect(fds[18], "421 4.3.2");
    expect_end(fds[18]);
    for (int i = 18; i < 20; i++) {
        fds[i] = connect_unix(&e);
        expect(fds[i], "220");
    }
    {
        int last = connect_unix(&e);

        expect(last, "421 4.3.2");
        expect_end(last);
    }
    close(fds[0]);
    usleep(100000);
    close(fds[19]);
    usleep(100000);
    fds[19] = connect_unix(&e);
    expect(fds[19], "220");
    for (int i = 1; i < 20; i++)
        close(fds[i]);
    edge_end(&e);
}
END_TEST

static void
tell_drain(struct edge_process *e, uint32_t ms)
{
    struct buf body;
    struct pack p;

    buf_init(&body, 4);
    pack_init(&p, &body);
    pack_u32(&p, ms);
    ck_assert(door_send(e->main, MAIN_DRAIN, 0, buf_span(&body), -1));
    buf_release(&body);
}

START_TEST(a_drain_lets_a_message_end_and_then_ends)
{
    struct edge_process e;
    struct envelope envelope;
    struct arena arena;
    struct buf content;
    int idle, busy;
    uint64_t id;

    edge_start(&e);
    arena_init(&arena, 1 << 20);
    buf_init(&content, 1 << 20);
    idle = connect_unix(&e);
    busy = connect_unix(&e);
    open_lmtp(idle);
    open_lmtp(busy);
    say(busy, FROM TO("ann") "DATA\r\n");
    store_answer_rcpt(&e, OUTCOME_RCPT_OK);
    expect(busy, "250 2.1.0");
    expect(busy, "250 2.1.5");
    expect(busy, "354");
    tell_drain(&e, 10000);
    expect(idle, "421 4.3.2");
    expect_end(idle);
    say(busy, "hi\r\n.\r\n");
    id = store_take_message(&e, &content, &envelope, &arena);
    store_answer(&e, id, 0, OUTCOME_DELIVERED);
    expect(busy, "250 2.1.5");
    expect(busy, "421 4.3.2");
    expect_end(busy);
    edge_expect_exit(&e, 0);
    arena_release(&arena);
    buf_release(&content);
}
END_TEST

START_TEST(a_drain_has_a_deadline)
{
    struct edge_process e;
    int fd;

    edge_start(&e);
    fd = connect_unix(&e);
    open_lmtp(fd);
    say(fd, FROM TO("ann") "DATA\r\n");
    store_answer_rcpt(&e, OUTCOME_RCPT_OK);
    expect(fd, "250 2.1.0");
    expect(fd, "250 2.1.5");
    expect(fd, "354");
    tell_drain(&e, 200);
    expect(fd, "421 4.3.2");
    expect_end(fd);
    edge_expect_exit(&e, 0);
}
END_TEST

START_TEST(a_retired_edge_serves_its_sessions_to_their_end)
{
    struct edge_process e;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd, late;

    edge_start(&e);
    fd = connect_unix(&e);
    open_lmtp(fd);
    ck_assert(door_send(e.main, MAIN_RETIRE, 0, SPAN_NONE, -1));
    usleep(200000);
    late = socket(AF_INET, SOCK_STREAM, 0);
    name.sin_port = htons(e.lmtp_port);
    ck_assert_int_eq(connect(late, (struct sockaddr *)&name, sizeof(name)), -1);
    ck_assert_int_eq(errno, ECONNREFUSED);
    close(late);
    say(fd, FROM TO("ann"));
    store_answer_rcpt(&e, OUTCOME_RCPT_OK);
    expect(fd, "250 2.1.0");
    expect(fd, "250 2.1.5");
    say(fd, "QUIT\r\n");
    expect(fd, "221 2.0.0");
    expect_end(fd);
    edge_expect_exit(&e, 0);
}
END_TEST

START_TEST(a_store_that_says_nonsense_is_as_good_as_dead)
{
    struct edge_process e;
    int fd;

    edge_start(&e);
    fd = connect_unix(&e);
    open_lmtp(fd);
    ck_assert(door_send(e.store, STORE_ANSWER, 1, SPAN("nonsense"), -1));
    usleep(100000);
    say(fd, "NOOP\r\n");
    expect(fd, "250 2.0.0");
    ck_assert(door_wait(e.store, false, 10000));
    {
        struct door_frame f;

        ck_assert_int_eq(door_receive(e.store, &f), DOOR_CLOSED);
    }
    close(fd);
    edge_end(&e);
}
END_TEST

START_TEST(settings_that_cannot_be_read_end_the_edge)
{
    static const struct edge_hooks hooks = {.parse_settings = parse, .confine = confine};
    int fds[2], status;
    struct door *main_door;
    pid_t pid;

    ck_assert(door_pair(fds));
    pid = fork();
    if (pid == 0) {
        close(fds[1]);
        exit(edge_run(fds[0], &hooks));
    }
    close(fds[0]);
    main_door = door_new(fds[1], QUEUE);
    ck_assert(door_send(main_door, MAIN_GO, 0, SPAN("\0"), -1)); /* before any settings */
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_ne(WEXITSTATUS(status), 0);
    door_free(main_door);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("edge");
    TCase *cases = tcase_create("edge");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, cases);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_message_travels_and_each_recipient_has_its_answer);
    tcase_add_test(cases, a_large_message_and_a_thousand_recipients_fit_through_the_door);
    tcase_add_test(cases, a_client_that_vanishes_aborts_its_message);
    tcase_add_test(cases, a_store_that_restarts_is_not_seen_at_rcpt);
    tcase_add_test(cases, a_store_that_stays_away_costs_451_and_no_connection);
    tcase_add_test(cases, only_trusted_networks_may_speak_for_others);
    tcase_add_test(cases, a_flood_from_the_network_leaves_the_unix_socket_its_part);
    tcase_add_test(cases, a_drain_lets_a_message_end_and_then_ends);
    tcase_add_test(cases, a_drain_has_a_deadline);
    tcase_add_test(cases, a_retired_edge_serves_its_sessions_to_their_end);
    tcase_add_test(cases, a_store_that_says_nonsense_is_as_good_as_dead);
    tcase_add_test(cases, settings_that_cannot_be_read_end_the_edge);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
