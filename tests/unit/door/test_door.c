/* SPDX-License-Identifier: MIT
 *
 * Doors: frames and descriptors arrive as sent and in order, nothing blocks, and the other
 * side can neither leak descriptors to us nor make us read what no frame is.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/door.h"
#include "doorstep/door_frames.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define QUEUE_MAX (1024 * 1024)

static char full_body[DOOR_BODY_MAX];

static struct door *here, *there;

static void
open_doors(size_t queue_max)
{
    int fds[2];

    ck_assert(door_pair(fds));
    here = door_new(fds[0], queue_max);
    there = door_new(fds[1], queue_max);
    ck_assert(here != NULL && there != NULL);
    for (size_t i = 0; i < sizeof(full_body); i++)
        full_body[i] = (char)(i * 7 + i / 256);
}

static void
setup(void)
{
    open_doors(QUEUE_MAX);
}

static void
teardown(void)
{
    door_free(here);
    door_free(there);
}

static int
open_descriptors(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");

    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

static int
marked_file(const char *text)
{
    int fd = memfd_create("door", MFD_CLOEXEC);

    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    return fd;
}

static void
check_marked_file(int fd, const char *text)
{
    char got[64] = "";

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pread(fd, got, sizeof(got), 0), (ssize_t)strlen(text));
    ck_assert_str_eq(got, text);
}

START_TEST(pair_is_close_on_exec_and_never_blocks)
{
    int fds[2] = {door_fd(here), door_fd(there)};

    for (int i = 0; i < 2; i++) {
        ck_assert_int_ne(fcntl(fds[i], F_GETFD) & FD_CLOEXEC, 0);
        ck_assert_int_ne(fcntl(fds[i], F_GETFL) & O_NONBLOCK, 0);
    }
}
END_TEST

START_TEST(frames_arrive_as_sent)
{
    struct door_frame f;

    ck_assert_int_eq(door_receive(there, &f), DOOR_AGAIN);
    ck_assert(door_send(here, EDGE_DATA, UINT64_MAX - 1, SPAN("a\0b"), -1));
    ck_assert(door_send(here, 65535, 0, SPAN_NONE, -1));
    ck_assert(door_send(here, ROLE_READY, 7, (struct span){full_body, sizeof(full_body)}, -1));
    ck_assert_int_eq(door_receive(there, &f), DOOR_OK);
    ck_assert_uint_eq(f.type, EDGE_DATA);
    ck_assert(f.id == UINT64_MAX - 1);
    ck_assert(span_equal(f.body, SPAN("a\0b")));
    ck_assert_int_eq(f.fd, -1);
    ck_assert_int_eq(door_receive(there, &f), DOOR_OK);
    ck_assert_uint_eq(f.type, 65535);
    ck_assert_uint_eq(f.body.n, 0);
    ck_assert_int_eq(door_receive(there, &f), DOOR_OK);
    ck_assert(span_equal(f.body, (struct span){full_body, sizeof(full_body)}));
    ck_assert_int_eq(door_receive(there, &f), DOOR_AGAIN);
}
END_TEST

START_TEST(a_descriptor_arrives_and_the_sender_keeps_its_own)
{
    struct door_frame f;
    int fd = marked_file("lent");

    ck_assert(door_send(here, SORT_MESSAGE, 1, SPAN("x"), fd));
    ck_assert_int_eq(door_receive(there, &f), DOOR_OK);
    ck_assert_int_ne(f.fd, fd);
    check_marked_file(f.fd, "lent");
    check_marked_file(fd, "lent");
    ck_assert_int_ne(fcntl(f.fd, F_GETFD) & FD_CLOEXEC, 0);
    close(f.fd);
    close(fd);
}
END_TEST

/* Sends frames of so many octets with ids 0, 1, 2... until the door refuses. */
static uint64_t
send_until_full(size_t octets)
{
    uint64_t id = 0;

    while (door_send(here, EDGE_DATA, id, (struct span){full_body, octets}, -1)) {
        id++;
        ck_assert_uint_lt(id, 1000000);
    }
    return id;
}

START_TEST(several_full_frames_fit_into_the_socket)
{
    for (int i = 0; i < 4; i++)
        ck_assert(door_send(here, EDGE_DATA, 0, (struct span){full_body, sizeof(full_body)}, -1));
    ck_assert_uint_eq(door_queued(here), 0);
}
END_TEST

START_TEST(what_waits_goes_out_in_order)
{
    struct door_frame f;
    uint64_t sent = send_until_full(sizeof(full_body)), next = 0;

    ck_assert_uint_gt(door_queued(here), 0);
    ck_assert_uint_le(door_queued(here), QUEUE_MAX);
    ck_assert_int_eq(door_flush(here), DOOR_AGAIN);
    while (next < sent) {
        enum door_result result = door_receive(there, &f);
        if (result == DOOR_AGAIN) {
            ck_assert_int_ne(door_flush(here), DOOR_CLOSED);
            continue;
        }
        ck_assert_int_eq(result, DOOR_OK);
        ck_assert(f.id == next++);
        ck_assert(span_equal(f.body, (struct span){full_body, sizeof(full_body)}));
    }
    ck_assert_uint_eq(door_queued(here), 0);
    ck_assert_int_eq(door_flush(here), DOOR_OK);
    ck_assert_int_eq(door_receive(there, &f), DOOR_AGAIN);
}
END_TEST

START_TEST(a_small_frame_does_not_overtake)
{
    struct door_frame f = {0};
    uint64_t sent = send_until_full(sizeof(full_body));

    ck_assert(door_send(here, EDGE_DATA_END, sent, SPAN("end"), -1)); /* little enough to wait */
    for (uint64_t next = 0; next <= sent;) {
        if (door_receive(there, &f) == DOOR_OK)
            ck_assert(f.id == next++);
        else
            door_flush(here);
    }
    ck_assert_uint_eq(f.type, EDGE_DATA_END);
}
END_TEST

START_TEST(a_waiting_frame_holds_its_own_descriptor)
{
    struct door_frame f;
    int before = open_descriptors(), fd = marked_file("waits");
    uint64_t sent = send_until_full(sizeof(full_body));

    ck_assert(door_send(here, SORT_MESSAGE, sent, SPAN(""), fd));
    close(fd);
    for (uint64_t next = 0; next <= sent;) {
        if (door_receive(there, &f) == DOOR_OK)
            next++;
        else
            door_flush(here);
    }
    check_marked_file(f.fd, "waits");
    close(f.fd);
    ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

START_TEST(freeing_a_door_drops_what_waits)
{
    int before = open_descriptors(), fd = marked_file("dropped");

    send_until_full(sizeof(full_body));
    ck_assert(door_send(here, SORT_MESSAGE, 1, SPAN(""), fd));
    close(fd);
    door_free(here);
    here = NULL;
    door_free(NULL);
    ck_assert_int_eq(open_descriptors(), before - 1);
}
END_TEST

START_TEST(without_a_queue_a_full_socket_refuses)
{
    teardown();
    open_doors(0);
    ck_assert_uint_gt(send_until_full(1000), 0);
    ck_assert_uint_eq(door_queued(here), 0);
}
END_TEST

START_TEST(the_end_is_seen_behind_the_last_frame)
{
    struct door_frame f;

    ck_assert(door_send(here, STORE_ANSWER, 1, SPAN("last"), -1));
    door_free(here);
    here = NULL;
    ck_assert(door_wait(there, false, 0));
    ck_assert_int_eq(door_receive(there, &f), DOOR_OK);
    ck_assert_int_eq(door_receive(there, &f), DOOR_CLOSED);
    ck_assert_int_eq(door_receive(there, &f), DOOR_CLOSED);
    ck_assert(!door_send(there, EDGE_DATA, 1, SPAN("x"), -1));
    ck_assert(!door_send(there, EDGE_DATA, 1, SPAN("x"), -1));
    ck_assert_int_eq(door_flush(there), DOOR_CLOSED);
}
END_TEST

START_TEST(what_waits_for_a_gone_side_is_closed)
{
    send_until_full(sizeof(full_body));
    door_free(there);
    there = NULL;
    ck_assert_int_eq(door_flush(here), DOOR_CLOSED);
    ck_assert(!door_send(here, EDGE_DATA, 1, SPAN("x"), -1));
}
END_TEST

START_TEST(frames_that_are_put_share_packets_and_keep_their_order)
{
    struct span large = {full_body, sizeof(full_body)};
    struct door_frame f;

    ck_assert(door_put(here, EDGE_DATA, 0, SPAN("a")));
    ck_assert(door_put(here, EDGE_DATA, 1, SPAN_NONE));
    ck_assert_uint_eq(door_queued(here), 33);
    ck_assert_int_eq(door_receive(there, &f), DOOR_AGAIN); /* they wait */
    ck_assert(door_put(here, EDGE_DATA, 2, large));        /* has no room behind those */
    ck_assert_int_eq(door_receive(there, &f), DOOR_OK);
    ck_assert(f.id == 0 && span_equal(f.body, SPAN("a")));
    ck_assert(door_holds(there) && door_wait(there, false, 0)); /* the socket is empty */
    ck_assert_int_eq(door_receive(there, &f), DOOR_OK);
    ck_assert(f.id == 1 && f.body.n == 0 && !door_holds(there));
    ck_assert_int_eq(door_receive(there, &f), DOOR_AGAIN);
    ck_assert(door_put(here, EDGE_DATA, 3, SPAN("b")));
    ck_assert(door_send(here, EDGE_DATA, 4, SPAN("c"), STDERR_FILENO)); /* pushes them all */
    ck_assert_uint_eq(door_queued(here), 0);
    for (uint64_t id = 2; id <= 4; id++) {
        ck_assert_int_eq(door_receive(there, &f), DOOR_OK);
        ck_assert_uint_eq(f.id, id);
        ck_assert_int_eq(f.fd >= 0, id == 4);
    }
    close(f.fd);
    ck_assert_int_eq(door_flush(here), DOOR_OK);
}
END_TEST

START_TEST(what_is_put_keeps_within_the_queue)
{
    struct door_frame f;
    uint64_t id = 0, seen = 0;

    while (door_put(here, EDGE_DATA, id, (struct span){full_body, id % 3000}))
        id++;
    ck_assert_uint_le(door_queued(here), QUEUE_MAX);
    while (seen < id) {
        if (door_receive(there, &f) == DOOR_OK) {
            ck_assert(f.id == seen && f.body.n == seen % 3000);
            ck_assert_int_eq(memcmp(f.body.p, full_body, f.body.n), 0);
            seen++;
        } else {
            ck_assert_int_ne(door_flush(here), DOOR_CLOSED);
        }
    }
    ck_assert_uint_eq(door_queued(here), 0);
}
END_TEST

/* A packet as the other side may send it: raw octets and any number of descriptors. */
static void
send_raw(const void *bytes, size_t n, int fd, size_t fds)
{
    char control[CMSG_SPACE(32 * sizeof(int))] __attribute__((aligned(8))) = {0};
    struct iovec part = {(void *)bytes, n};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

    if (fds > 0) {
        msg.msg_control = control;
        msg.msg_controllen = CMSG_SPACE(fds * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds * sizeof(int));
        for (size_t i = 0; i < fds; i++)
            memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(int));
    }
    ck_assert_int_eq(sendmsg(door_fd(here), &msg, 0), (ssize_t)n);
}

#define HEAD(version, type, length, id) version "\0" type "\0" length "\0\0\0" id "\0\0\0\0\0\0\0"

static const struct {
    const char *name;
    const char *bytes;
    size_t n;
    size_t fds;
    enum door_result result;
} packets[] = {
    {"a frame, for comparison", HEAD("\1", "\1", "\2", "\1") "ab", 18, 0, DOOR_OK},
    {"a frame with a descriptor", HEAD("\1", "\1", "\2", "\1") "ab", 18, 1, DOOR_OK},
    {"a frame with two descriptors", HEAD("\1", "\1", "\2", "\1") "ab", 18, 2, DOOR_BROKEN},
    {"a frame with more descriptors than we look at", HEAD("\1", "\1", "\2", "\1") "ab", 18, 20,
     DOOR_BROKEN},
    {"one octet", "\1", 1, 0, DOOR_BROKEN},
    {"a head cut short", HEAD("\1", "\1", "\0", "\1"), 15, 0, DOOR_BROKEN},
    {"another version", HEAD("\2", "\1", "\2", "\1") "ab", 18, 0, DOOR_BROKEN},
    {"version zero", HEAD("\0", "\1", "\2", "\1") "ab", 18, 0, DOOR_BROKEN},
    {"a length that promises more", HEAD("\1", "\1", "\3", "\1") "ab", 18, 0, DOOR_BROKEN},
    {"a length that promises less", HEAD("\1", "\1", "\1", "\1") "ab", 18, 0, DOOR_BROKEN},
    {"a broken frame with a descriptor", HEAD("\2", "\1", "\2", "\1") "ab", 18, 1, DOOR_BROKEN},
    {"two frames", HEAD("\1", "\1", "\1", "\1") "a" HEAD("\1", "\1", "\0", "\2"), 33, 0, DOOR_OK},
    {"two frames with a descriptor", HEAD("\1", "\1", "\1", "\1") "a" HEAD("\1", "\1", "\0", "\2"),
     33, 1, DOOR_BROKEN},
    {"a second frame cut short", HEAD("\1", "\1", "\1", "\1") "a" HEAD("\1", "\1", "\0", "\2"), 32,
     0, DOOR_BROKEN},
    {"a second frame of another version",
     HEAD("\1", "\1", "\1", "\1") "a" HEAD("\2", "\1", "\0", "\2"), 33, 0, DOOR_BROKEN},
    {"an empty packet", "", 0, 0, DOOR_CLOSED},
    {"an empty packet with a descriptor", "", 0, 1, DOOR_CLOSED},
};

START_TEST(hostile_packet)
{
    struct door_frame f = {.fd = -1};
    int before = open_descriptors();

    send_raw(packets[_i].bytes, packets[_i].n, STDERR_FILENO, packets[_i].fds);
    enum door_result result = door_receive(there, &f);
    ck_assert_msg(result == packets[_i].result, "%s: %d", packets[_i].name, result);
    if (result == DOOR_OK && f.fd >= 0)
        close(f.fd);
    while (result == DOOR_OK && door_holds(there))
        result = door_receive(there, &f);
    ck_assert_msg(result == packets[_i].result, "%s: %d behind it", packets[_i].name, result);
    ck_assert_msg(open_descriptors() == before, "%s: a descriptor stays", packets[_i].name);
}
END_TEST

START_TEST(a_packet_above_the_maximum_is_broken)
{
    struct door_frame f;
    static char packet[16 + DOOR_BODY_MAX + 1] = {1, 0, 1, 0,
                                                  1, 0, 1}; /* length DOOR_BODY_MAX + 1 */

    send_raw(packet, sizeof(packet), -1, 0);
    ck_assert_int_eq(door_receive(there, &f), DOOR_BROKEN);
}
END_TEST

START_TEST(without_free_descriptors_the_frame_comes_alone)
{
    struct door_frame f;
    struct rlimit limit, none;

    ck_assert(door_send(here, SORT_MESSAGE, 1, SPAN("x"), STDERR_FILENO));
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){3, limit.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    enum door_result result = door_receive(there, &f);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0); /* the leak checker needs some */
    ck_assert_int_eq(result, DOOR_OK);
    ck_assert_int_eq(f.fd, -1);
    ck_assert(span_equal(f.body, SPAN("x")));
}
END_TEST

/* Answers one call, after a frame that nobody waits for. */
static void *
answer_one(void *arg)
{
    struct door_frame f;

    (void)arg;
    ck_assert(door_wait(there, false, 5000));
    ck_assert_int_eq(door_receive(there, &f), DOOR_OK);
    ck_assert(door_send(there, HAND_REPLY, f.id + 1, SPAN("not this"), STDERR_FILENO));
    ck_assert(door_send(there, HAND_REPLY, f.id, SPAN("this"), -1));
    return NULL;
}

/* Two frames of pieces, the descriptor with the last. */
START_TEST(what_is_long_goes_in_pieces)
{
    static char octets[DOOR_PIECE_MAX + 5];
    struct door_frame f;

    ck_assert(door_send_pieces(here, HAND_CALL, 3, (struct span){octets, sizeof octets}, 0));
    ck_assert_int_eq(door_await(there, 5000, &f), DOOR_OK);
    ck_assert(f.body.n == DOOR_BODY_MAX && f.body.p[0] == 1 && f.fd == -1);
    ck_assert_int_eq(door_await(there, 5000, &f), DOOR_OK);
    ck_assert(f.id == 3 && f.body.n == 6 && f.body.p[0] == 0 && f.fd >= 0);
    close(f.fd);
    ck_assert(door_send_pieces(here, HAND_CALL, 4, SPAN_NONE, -1));
    ck_assert_int_eq(door_await(there, 5000, &f), DOOR_OK);
    ck_assert(f.body.n == 1 && f.body.p[0] == 0);
    ck_assert_int_eq(door_await(there, 1, &f), DOOR_AGAIN);
}
END_TEST

START_TEST(call_waits_for_its_own_answer)
{
    struct door_frame f;
    pthread_t thread;
    int before = open_descriptors();

    ck_assert_int_eq(pthread_create(&thread, NULL, answer_one, NULL), 0);
    ck_assert_int_eq(door_call(here, HAND_CALL, 5, SPAN("?"), -1, 5000, &f), DOOR_OK);
    ck_assert(span_equal(f.body, SPAN("this")));
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(open_descriptors(), before); /* that of the other frame was closed */
}
END_TEST

START_TEST(call_ends_in_time)
{
    struct door_frame f;
    uint64_t start = clock_ms();

    ck_assert_int_eq(door_call(here, HAND_CALL, 5, SPAN("?"), -1, 50, &f), DOOR_AGAIN);
    ck_assert_uint_ge(clock_ms() - start, 50);
    ck_assert_int_eq(door_call(here, HAND_CALL, 6, SPAN("?"), -1, 0, &f), DOOR_AGAIN);
    ck_assert(!door_wait(here, false, 1));
    ck_assert(door_wait(here, true, 0));
}
END_TEST

START_TEST(call_notices_that_the_other_side_is_gone)
{
    struct door_frame f;

    door_free(there);
    there = NULL;
    ck_assert_int_eq(door_call(here, HAND_CALL, 5, SPAN("?"), -1, 5000, &f), DOOR_CLOSED);
}
END_TEST

START_TEST(call_notices_a_broken_frame)
{
    struct door_frame f;

    ck_assert_int_eq(send(door_fd(there), "x", 1, 0), 1);
    ck_assert_int_eq(door_call(here, HAND_CALL, 5, SPAN("?"), -1, 5000, &f), DOOR_BROKEN);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("door");
    TCase *t = tcase_create("door");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, pair_is_close_on_exec_and_never_blocks);
    tcase_add_test(t, frames_arrive_as_sent);
    tcase_add_test(t, frames_that_are_put_share_packets_and_keep_their_order);
    tcase_add_test(t, what_is_put_keeps_within_the_queue);
    tcase_add_test(t, a_descriptor_arrives_and_the_sender_keeps_its_own);
    tcase_add_test(t, several_full_frames_fit_into_the_socket);
    tcase_add_test(t, what_waits_goes_out_in_order);
    tcase_add_test(t, a_small_frame_does_not_overtake);
    tcase_add_test(t, a_waiting_frame_holds_its_own_descriptor);
    tcase_add_test(t, freeing_a_door_drops_what_waits);
    tcase_add_test(t, without_a_queue_a_full_socket_refuses);
    tcase_add_test(t, the_end_is_seen_behind_the_last_frame);
    tcase_add_test(t, what_waits_for_a_gone_side_is_closed);
    tcase_add_loop_test(t, hostile_packet, 0, COUNT(packets));
    tcase_add_test(t, a_packet_above_the_maximum_is_broken);
    tcase_add_test(t, without_free_descriptors_the_frame_comes_alone);
    tcase_add_test(t, what_is_long_goes_in_pieces);
    tcase_add_test(t, call_waits_for_its_own_answer);
    tcase_add_test(t, call_ends_in_time);
    tcase_add_test(t, call_notices_that_the_other_side_is_gone);
    tcase_add_test(t, call_notices_a_broken_frame);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
