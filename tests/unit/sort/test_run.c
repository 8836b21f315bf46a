/* SPDX-License-Identifier: MIT
 *
 * The sorter's role on a real door: messages inline, in many frames and by descriptor; and what
 * ends it with status 1, because no store would send it.
 */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "doorstep/door.h"
#include "doorstep/door_frames.h"
#include "doorstep/sort.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TIMEOUT_MS 60000

static const char sample[] = "Subject: hello\r\n\r\nbody\r\n";
#define SAMPLE_OCTETS (sizeof sample - 1)

struct role {
    pthread_t thread;
    int fd;
    unsigned messages_max;
    int status;
    struct door *store; /* the other end */
};

static void *
run_role(void *arg)
{
    struct role *role = arg;
    struct charsets *charsets = sort_prepare();

    struct sort_options options = {.messages_max = role->messages_max};

    sieve_limits_default(&options.sieve);
    role->status = sort_run(charsets, role->fd, &options);
    charsets_free(charsets);
    return NULL;
}

static void
start(struct role *role, unsigned messages_max)
{
    int fds[2];

    ck_assert(door_pair(fds));
    *role = (struct role){.fd = fds[1], .messages_max = messages_max, .status = -1};
    role->store = door_new(fds[0], 4 * DOOR_BODY_MAX);
    ck_assert_ptr_nonnull(role->store);
    ck_assert_int_eq(pthread_create(&role->thread, NULL, run_role, role), 0);
}

/* The store goes away; the role's exit status. */
static int
stop(struct role *role)
{
    door_free(role->store);
    ck_assert_int_eq(pthread_join(role->thread, NULL), 0);
    return role->status;
}

static void
send_frame(struct role *role, uint16_t type, uint64_t id, struct span body, int fd)
{
    ck_assert(door_send(role->store, type, id, body, fd));
    while (door_flush(role->store) == DOOR_AGAIN)
        ck_assert(door_wait(role->store, true, TIMEOUT_MS));
}

static void
begin_message(struct buf *body, unsigned kind, uint64_t octets)
{
    struct pack p;

    buf_init(body, DOOR_BODY_MAX);
    pack_init(&p, body);
    pack_u8(&p, (uint8_t)kind);
    pack_u64(&p, octets);
}

/* Send `in` inline, `first` octets of it in the first frame and `piece` in each other. */
static void
send_inline(struct role *role, uint64_t id, struct span in, size_t first, size_t piece)
{
    struct buf body;

    begin_message(&body, 0, in.n);
    ck_assert(buf_append(&body, in.p, first));
    send_frame(role, SORT_MESSAGE, id, buf_span(&body), -1);
    for (in = span_skip(in, first); in.n > 0; in = span_skip(in, piece))
        send_frame(role, SORT_MORE, id, (struct span){in.p, in.n < piece ? in.n : piece}, -1);
    buf_release(&body);
}

static void
receive_facts(struct role *role, uint64_t id, struct arena *arena, struct facts *out)
{
    struct door_frame frame;
    struct unpack u;
    struct buf packed;
    bool more = true;

    buf_init(&packed, SORT_FACTS_MAX);
    while (more) {
        enum door_result result = door_receive(role->store, &frame);
        if (result == DOOR_AGAIN) {
            ck_assert(door_wait(role->store, false, TIMEOUT_MS));
            continue;
        }
        ck_assert_int_eq(result, DOOR_OK);
        ck_assert_int_eq(frame.type, SORT_FACTS);
        ck_assert_uint_eq(frame.id, id);
        unpack_init(&u, frame.body);
        more = unpack_u8(&u) == 1;
        ck_assert(buf_append_span(&packed, u.rest));
    }
    arena_init(arena, 4 * SORT_FACTS_MAX);
    unpack_init(&u, buf_span(&packed));
    ck_assert(facts_unpack(out, arena, &u));
    ck_assert(unpack_done(&u));
    buf_release(&packed);
}

static void
expect_sample(struct role *role, uint64_t id)
{
    struct arena arena;
    struct facts f;

    receive_facts(role, id, &arena, &f);
    ck_assert_str_eq(f.subject, "hello");
    ck_assert_str_eq(f.preview, "body");
    ck_assert_uint_eq(f.octets, SAMPLE_OCTETS);
    arena_release(&arena);
}

START_TEST(messages_inline)
{
    struct role role;

    start(&role, 0);
    send_inline(&role, 1, span_of(sample), SAMPLE_OCTETS, 1);
    send_inline(&role, 2, span_of(sample), 0, 1);
    send_inline(&role, 3, span_of(sample), 5, 7);
    expect_sample(&role, 1);
    expect_sample(&role, 2);
    expect_sample(&role, 3);
    ck_assert_int_eq(stop(&role), 0);
}
END_TEST

START_TEST(an_empty_message)
{
    struct role role;
    struct arena arena;
    struct facts f;

    start(&role, 0);
    send_inline(&role, 9, SPAN_NONE, 0, 1);
    receive_facts(&role, 9, &arena, &f);
    ck_assert_uint_eq(f.octets, 0);
    ck_assert_uint_eq(f.flags, 0);
    arena_release(&arena);
    ck_assert_int_eq(stop(&role), 0);
}
END_TEST

static int
message_file(const char *text, size_t times)
{
    int fd = memfd_create("message", MFD_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    for (size_t i = 0; i < times; i++)
        ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    return fd;
}

static void
send_file(struct role *role, uint64_t id, int fd, uint64_t octets)
{
    struct buf body;

    begin_message(&body, 1, octets);
    send_frame(role, SORT_MESSAGE, id, buf_span(&body), fd);
    buf_release(&body);
}

START_TEST(a_message_by_descriptor)
{
    struct role role;
    int fd = message_file(sample, 1);

    start(&role, 0);
    send_file(&role, 1, fd, SAMPLE_OCTETS);
    expect_sample(&role, 1);
    ck_assert_int_eq(stop(&role), 0);
    close(fd);
}
END_TEST

START_TEST(a_file_of_many_windows)
{
    struct role role;
    struct arena arena;
    struct facts f;
    int fd = message_file("Subject: hello\r\n\r\n", 1);
    char line[1000];

    memset(line, 'x', sizeof line);
    line[998] = '\r';
    line[999] = '\n';
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(write(fd, line, sizeof line), (ssize_t)sizeof line);
    start(&role, 0);
    send_file(&role, 1, fd, 1000 * 1000 + 18);
    receive_facts(&role, 1, &arena, &f);
    ck_assert_uint_eq(f.octets, 1000 * 1000 + 18);
    ck_assert_uint_eq(f.lines, 1002);
    arena_release(&arena);
    ck_assert_int_eq(stop(&role), 0);
    close(fd);
}
END_TEST

START_TEST(a_file_that_is_too_short_has_unknown_facts)
{
    struct role role;
    struct arena arena;
    struct facts f;
    int fd = message_file(sample, 1);

    start(&role, 0);
    send_file(&role, 1, fd, SAMPLE_OCTETS + 1);
    receive_facts(&role, 1, &arena, &f);
    ck_assert_uint_eq(f.flags, FACTS_UNKNOWN);
    arena_release(&arena);
    send_file(&role, 2, fd, SAMPLE_OCTETS);
    expect_sample(&role, 2); /* and nothing is left of the one before */
    ck_assert_int_eq(stop(&role), 0);
    close(fd);
}
END_TEST

START_TEST(facts_of_many_frames)
{
    struct role role;
    struct arena arena;
    struct facts f;
    int fd = message_file("Content-Type: multipart/mixed; boundary=x\r\n\r\n", 1);

    for (int i = 0; i < 3000; i++)
        ck_assert_int_eq(write(fd, "--x\r\n\r\nhi\r\n", 11), 11);
    start(&role, 0);
    send_file(&role, 1, fd, 45 + 3000 * 11);
    receive_facts(&role, 1, &arena, &f);
    ck_assert_uint_eq(f.part_count, 3001);
    ck_assert_uint_gt(strlen(f.bodystructure), DOOR_BODY_MAX);
    arena_release(&arena);
    ck_assert_int_eq(stop(&role), 0);
    close(fd);
}
END_TEST

START_TEST(ends_by_itself_after_enough_messages)
{
    struct role role;

    start(&role, 2);
    send_inline(&role, 1, span_of(sample), SAMPLE_OCTETS, 1);
    expect_sample(&role, 1);
    send_inline(&role, 2, span_of(sample), SAMPLE_OCTETS, 1);
    expect_sample(&role, 2);
    ck_assert_int_eq(pthread_join(role.thread, NULL), 0);
    ck_assert_int_eq(role.status, 0);
    door_free(role.store);
}
END_TEST

/* Several messages in one packet: all are answered, also when the role ends behind them. */
START_TEST(messages_that_share_a_packet)
{
    struct role role;
    struct buf body;
    struct span text = span_of(sample);

    start(&role, 2);
    begin_message(&body, 0, text.n);
    for (uint64_t id = 1; id <= 5; id++) {
        ck_assert(door_put(role.store, SORT_MESSAGE, id, buf_span(&body)));
        ck_assert(door_put(role.store, SORT_MORE, id, (struct span){text.p, 5}));
        ck_assert(door_put(role.store, SORT_MORE, id, span_skip(text, 5)));
    }
    buf_release(&body);
    ck_assert_int_eq(door_flush(role.store), DOOR_OK);
    for (uint64_t id = 1; id <= 5; id++)
        expect_sample(&role, id);
    ck_assert_int_eq(pthread_join(role.thread, NULL), 0);
    ck_assert_int_eq(role.status, 0);
    door_free(role.store);
}
END_TEST

START_TEST(ends_in_the_middle_of_a_message)
{
    struct role role;
    struct buf body;

    start(&role, 0);
    begin_message(&body, 0, 100);
    send_frame(&role, SORT_MESSAGE, 1, buf_span(&body), -1);
    buf_release(&body);
    ck_assert_int_eq(stop(&role), 0);
}
END_TEST

struct hostile_frame {
    uint16_t type;
    uint64_t id;
    struct span body;
    bool has_fd;
};

#define BODY(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
#define HEAD(kind, octets) kind octets "\0\0\0\0\0\0\0"

static const struct {
    const char *name;
    struct hostile_frame frames[2]; /* type 0: none */
} hostile[] = {
    {"a frame of another door", {{STORE_ANSWER, 1, BODY(HEAD("\0", "\0")), false}}},
    {"a type that is not there", {{999, 1, BODY(HEAD("\0", "\0")), false}}},
    {"octets of no message", {{SORT_MORE, 1, BODY("x"), false}}},
    {"an empty request", {{SORT_MESSAGE, 1, BODY(""), false}}},
    {"half a length", {{SORT_MESSAGE, 1, BODY("\0\1\0"), false}}},
    {"an unknown kind", {{SORT_MESSAGE, 1, BODY(HEAD("\2", "\0")), false}}},
    {"by descriptor without one", {{SORT_MESSAGE, 1, BODY(HEAD("\1", "\1")), false}}},
    {"inline with a descriptor", {{SORT_MESSAGE, 1, BODY(HEAD("\0", "\1") "x"), true}}},
    {"a descriptor and octets", {{SORT_MESSAGE, 1, BODY(HEAD("\1", "\1") "x"), true}}},
    {"more octets than were announced", {{SORT_MESSAGE, 1, BODY(HEAD("\0", "\1") "xx"), false}}},
    {"a length beyond all files",
     {{SORT_MESSAGE, 1, BODY("\0\xff\xff\xff\xff\xff\xff\xff\xff"), false}}},
    {"more of another message",
     {{SORT_MESSAGE, 1, BODY(HEAD("\0", "\2") "x"), false}, {SORT_MORE, 2, BODY("x"), false}}},
    {"more than was missing",
     {{SORT_MESSAGE, 1, BODY(HEAD("\0", "\2") "x"), false}, {SORT_MORE, 1, BODY("xx"), false}}},
    {"more with nothing in it",
     {{SORT_MESSAGE, 1, BODY(HEAD("\0", "\2") "x"), false}, {SORT_MORE, 1, BODY(""), false}}},
    {"more with a descriptor",
     {{SORT_MESSAGE, 1, BODY(HEAD("\0", "\2") "x"), false}, {SORT_MORE, 1, BODY("x"), true}}},
    {"another request in the middle",
     {{SORT_MESSAGE, 1, BODY(HEAD("\0", "\2") "x"), false},
      {SORT_MESSAGE, 2, BODY(HEAD("\0", "\1") "x"), false}}},
};

START_TEST(what_no_store_sends_ends_it)
{
    struct role role;
    int fd = message_file(sample, 1);

    start(&role, 0);
    for (size_t i = 0; i < 2 && hostile[_i].frames[i].type != 0; i++) {
        const struct hostile_frame *f = &hostile[_i].frames[i];
        send_frame(&role, f->type, f->id, f->body, f->has_fd ? fd : -1);
    }
    ck_assert_int_eq(pthread_join(role.thread, NULL), 0);
    ck_assert_msg(role.status == 1, "%s: status %d", hostile[_i].name, role.status);
    door_free(role.store);
    close(fd);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("run");
    TCase *cases = tcase_create("run");

    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, messages_inline);
    tcase_add_test(cases, an_empty_message);
    tcase_add_test(cases, a_message_by_descriptor);
    tcase_add_test(cases, a_file_of_many_windows);
    tcase_add_test(cases, a_file_that_is_too_short_has_unknown_facts);
    tcase_add_test(cases, facts_of_many_frames);
    tcase_add_test(cases, ends_by_itself_after_enough_messages);
    tcase_add_test(cases, messages_that_share_a_packet);
    tcase_add_test(cases, ends_in_the_middle_of_a_message);
    tcase_add_loop_test(cases, what_no_store_sends_ends_it, 0, COUNT(hostile));
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
