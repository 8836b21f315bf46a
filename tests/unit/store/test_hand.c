/* SPDX-License-Identifier: MIT
 *
 * The door between a store and its hand when one side is not what it should be: damaged frames,
 * wrong answers, a hand that dies or is silent. That both sides work together is in the contract.
 */
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "doorstep/door.h"
#include "doorstep/door_frames.h"
#include "hand/hand_priv.h"

static const struct letter plain = {.bytes = {"Subject: a\r\n\r\nbody\r\n", 20}};
static const struct store_account ann = {"ann", "example.org", ""};
static const struct settings_store settings = {.driver = "maildir", .path = "/tmp/none/%{user}"};

/* ---- a hand that lies ---- */

/* The hand answers the first call (OPEN) well and the next one with these octets. */
static const struct {
    const char *name;
    struct span reply;
    uint16_t type;
} lies[] = {
    {"empty", {"", 0}, HAND_REPLY},
    {"no such result", {"\x09", 1}, HAND_REPLY},
    {"wrong frame type", {"\0", 1}, HAND_CALL},
    {"failed without an outcome", {"\x01", 1}, HAND_REPLY},
    {"failed with a success", {"\x01\0\0\0\0\0\0\0\0\0", 10}, HAND_REPLY},
    {"failed with no kind", {"\x01\xff\0\0\0\0\0\0\0\0", 10}, HAND_REPLY},
    {"later, too late", {"\x02\xff\xff\xff\x7f", 5}, HAND_REPLY},
    {"later, cut short", {"\x02\0", 2}, HAND_REPLY},
    {"more, where one is asked", {"\x03", 1}, HAND_REPLY},
    {"done, nothing behind", {"\0", 1}, HAND_REPLY},
    {"done, no name",
     {"\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 34},
     HAND_REPLY},
    {"done, name too long", {"\0\1\0\0\0\0\0\0\0\xff\xff\0\0", 13}, HAND_REPLY},
};
#define LIES (int)(sizeof(lies) / sizeof(lies[0]))

static void
answer(struct door *d, const struct door_frame *f, struct span reply, uint16_t type)
{
    ck_assert(door_send(d, type, f->id, reply, -1));
}

static void
next_call(struct door *d, struct door_frame *f)
{
    ck_assert(door_wait(d, false, 5000));
    if (door_receive(d, f) != DOOR_OK)
        _exit(0); /* the store gave up: right */
    if (f->fd >= 0)
        close(f->fd);
}

/* A child that answers OPEN, then calls of `what`. */
static struct store *
open_liar(void (*lie)(struct door *d, const void *what), const void *what, pid_t *pid)
{
    struct outcome why;
    int fds[2];

    ck_assert(door_pair(fds));
    *pid = fork();
    if (*pid == 0) {
        struct door_frame f;
        struct door *d = door_new(fds[1], 1 << 20);
        close(fds[0]);
        next_call(d, &f);
        answer(d, &f, (struct span){"\0\x1f\0\0\0", 5}, HAND_REPLY);
        lie(d, what);
        _exit(0);
    }
    close(fds[1]);
    struct store *st = store_open_by_hand(fds[0], &settings, "", &ann, &why);
    ck_assert_msg(st != NULL, "%s", why.cause);
    ck_assert_uint_eq(store_can(st), STORE_CAN_FLAGS | STORE_CAN_FOLDERS | STORE_CAN_DELETE);
    return st;
}

static void
tell_lie(struct door *d, const void *what)
{
    int i = *(const int *)what;
    struct door_frame f;

    for (;;) {
        next_call(d, &f);
        answer(d, &f, lies[i].reply, lies[i].type);
    }
}

START_TEST(a_lying_hand_fails_the_delivery)
{
    struct posted p;
    struct outcome why;
    pid_t pid;
    struct store *st = open_liar(tell_lie, &_i, &pid);

    ck_assert_msg(letter_stage(st, &plain, &p) == STORE_FAILED, "%s", lies[_i].name);
    ck_assert_msg(outcome_is_temporary(&p.why), "%s: %s", lies[_i].name, p.why.cause);
    /* Every further call fails too, at once. */
    ck_assert(!store_commit(st, &why));
    ck_assert(outcome_is_temporary(&why));
    store_close(st);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

static bool
on_entry(void *arg, const struct store_entry *e)
{
    (void)arg;
    return e->name[0] != '\0';
}

START_TEST(a_lying_hand_fails_everything_else)
{
    struct store_ref moved;
    struct outcome why;
    uint64_t stamp;
    pid_t pid;

    for (int call = 0; call < 6; call++) {
        struct store *st = open_liar(tell_lie, &_i, &pid);
        bool ok = true;
        outcome_set(&why, OUTCOME_SYSTEM, NULL);
        switch (call) {
        case 0:
            ok = store_scan(st, "INBOX", on_entry, NULL, &why);
            break;
        case 1:
            ok = store_read(st, "INBOX", "x", &why) != NULL;
            break;
        case 2:
            ok = store_stamp(st, "INBOX", &stamp);
            break;
        case 3:
            ok = store_mailbox_create(st, "x", &why);
            break;
        case 4:
            ok = store_set_flags(st, "INBOX", "x", 0, &why);
            break;
        case 5:
            ok = store_move(st, "INBOX", "x", "y", &moved, &why);
            break;
        default:
            break;
        }
        /* "done, nothing behind" is the right answer to some. */
        bool may = lies[_i].reply.n == 1 && lies[_i].reply.p[0] == '\0' &&
                   lies[_i].type == HAND_REPLY && call != 1 && call != 2 && call != 5;
        ck_assert_msg(!ok || may, "%s to call %d", lies[_i].name, call);
        store_close(st);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    }
}
END_TEST

static void
die(struct door *d, const void *what)
{
    struct door_frame f;

    (void)what;
    next_call(d, &f);
    _exit(1);
}

START_TEST(a_hand_that_dies_fails_the_delivery)
{
    struct posted p;
    struct outcome why;
    pid_t pid;
    struct store *st = open_liar(die, NULL, &pid);

    ck_assert_int_eq(letter_stage(st, &plain, &p), STORE_FAILED);
    ck_assert_int_eq(p.why.kind, OUTCOME_SYSTEM);
    ck_assert(!store_scan(st, "INBOX", on_entry, NULL, &why));
    store_close(st);
    waitpid(pid, NULL, 0);
}
END_TEST

static void
be_silent(struct door *d, const void *what)
{
    (void)d, (void)what;
    pause();
}

START_TEST(a_silent_hand_is_waited_for_ten_seconds)
{
    struct posted p;
    pid_t pid;
    struct store *st = open_liar(be_silent, NULL, &pid);
    uint64_t start = clock_ms();

    ck_assert_int_eq(letter_stage(st, &plain, &p), STORE_FAILED);
    ck_assert(outcome_is_temporary(&p.why));
    ck_assert_uint_ge(clock_ms() - start, 9900);
    start = clock_ms();
    ck_assert_int_eq(letter_stage(st, &plain, &p), STORE_FAILED);
    ck_assert_uint_lt(clock_ms() - start, 1000);
    store_close(st);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
END_TEST

/* A message that is a FIFO would be read for ever. */
static void
give_fifo(struct door *d, const void *what)
{
    struct door_frame f;
    int ends[2];

    (void)what;
    next_call(d, &f);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert(door_send(d, HAND_REPLY, f.id, (struct span){"\0\0", 2}, ends[0]));
    pause();
}

START_TEST(a_message_must_be_a_file)
{
    struct outcome why;
    pid_t pid;
    struct store *st = open_liar(give_fifo, NULL, &pid);

    ck_assert_ptr_null(store_read(st, "INBOX", "x", &why));
    ck_assert(outcome_is_temporary(&why));
    store_close(st);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
END_TEST

/* ---- a store that lies ---- */

static const struct {
    const char *name;
    struct span call;
    uint16_t type;
    bool with_fd;
} calls[] = {
    {"empty", {"", 0}, HAND_CALL, false},
    {"no such verb", {"\xff", 1}, HAND_CALL, false},
    {"verb 0", {"\0", 1}, HAND_CALL, false},
    {"wrong frame type", {"\x05", 1}, HAND_REPLY, false},
    {"commit before open", {"\x05", 1}, HAND_CALL, false},
    {"scan before open", {"\x08\5\0\0\0INBOX", 10}, HAND_CALL, false},
    {"open, cut short", {"\x01\7\0\0\0maildir", 12}, HAND_CALL, false},
    {"open with a descriptor", {"\x01\7\0\0\0maildir", 12}, HAND_CALL, true},
    {"stage before open, with a descriptor", {"\x02", 1}, HAND_CALL, true},
};
#define CALLS (int)(sizeof(calls) / sizeof(calls[0]))

static int
status_of(pid_t pid)
{
    int status;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static pid_t
start_hand(int fds[2], unsigned idle_ms)
{
    ck_assert(door_pair(fds));
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        _exit(store_hand_run(fds[1], idle_ms));
    }
    close(fds[1]);
    return pid;
}

START_TEST(a_damaged_call_ends_the_hand)
{
    int fds[2];
    pid_t pid = start_hand(fds, 5000);
    struct door *d = door_new(fds[0], 65536);
    int file = open("/dev/null", O_RDONLY);

    ck_assert(door_send(d, calls[_i].type, 1, calls[_i].call, calls[_i].with_fd ? file : -1));
    ck_assert_msg(status_of(pid) == EX_PROTOCOL, "%s", calls[_i].name);
    close(file);
    door_free(d);
}
END_TEST

/* After a right OPEN. */
static const struct {
    const char *name;
    struct span call;
} later_calls[] = {
    {"open once more", {"\x01", 1}},
    {"sync of nothing", {"\x03\1\0\0\0\0\0\0\0", 9}},
    {"publish of nothing", {"\x04\1\0\0\0\0\0\0\0", 9}},
    {"discard of nothing", {"\x06\1\0\0\0\0\0\0\0", 9}},
    {"forget, cut short", {"\x07\1", 2}},
    {"commit with more", {"\x05\0", 2}},
    {"scan of a name too long", {"\x08\xff\xff\xff\xff", 5}},
    {"stage, cut short", {"\x02\5\0\0\0INBOX", 10}},
    {"read with a NUL", {"\x0a\5\0\0\0IN\0OX\1\0\0\0x", 15}},
};
#define LATER_CALLS (int)(sizeof(later_calls) / sizeof(later_calls[0]))

static void
call_open(struct door *d, const char *path)
{
    struct settings_store set = {.driver = "maildir", .path = path};
    struct door_frame f;
    struct buf body;
    struct pack p;

    buf_init(&body, 65536);
    pack_init(&p, &body);
    pack_u8(&p, HAND_OPEN);
    hand_pack_settings(&set, &p);
    pack_str(&p, "");
    pack_str(&p, "ann");
    pack_str(&p, "example.org");
    pack_str(&p, "");
    ck_assert_int_eq(door_call(d, HAND_CALL, 1, buf_span(&body), -1, 5000, &f), DOOR_OK);
    ck_assert_int_eq(f.body.p[0], HAND_DONE);
    buf_release(&body);
}

START_TEST(a_damaged_call_after_open_ends_the_hand)
{
    int fds[2];
    pid_t pid = start_hand(fds, 5000);
    struct door *d = door_new(fds[0], 65536);

    call_open(d, "/tmp/%{user}.none");
    ck_assert(door_send(d, HAND_CALL, 2, later_calls[_i].call, -1));
    ck_assert_msg(status_of(pid) == EX_PROTOCOL, "%s", later_calls[_i].name);
    door_free(d);
}
END_TEST

START_TEST(an_idle_hand_ends)
{
    int fds[2];
    pid_t pid = start_hand(fds, 100);

    ck_assert_int_eq(status_of(pid), EX_OK);
    close(fds[0]);
}
END_TEST

START_TEST(an_idle_hand_that_ended_is_noticed)
{
    const struct settings_store in_tmp = {.driver = "maildir", .path = "/tmp/%{user}"};
    struct outcome why;
    int fds[2];
    pid_t pid = start_hand(fds, 500);
    struct store *st = store_open_by_hand(fds[0], &in_tmp, "", &ann, &why);

    ck_assert_msg(st != NULL, "%s", why.cause);
    ck_assert(!store_hand_is_gone(st));
    ck_assert_int_eq(status_of(pid), EX_OK);
    ck_assert(store_hand_is_gone(st));
    store_close(st);
}
END_TEST

START_TEST(a_killed_hand_costs_one_delivery)
{
    struct fixture f;
    struct posted p;
    struct outcome why;

    fixture_begin(&f, kind_find("mbox by hand"));
    ck_assert(letter_deliver(f.st, &plain, &p));
    ck_assert_int_eq(letter_stage(f.st, &plain, &p), STORE_DONE);
    ck_assert(store_sync(f.st, p.staged, &why) && store_publish(f.st, p.staged, &why));
    kill(f.hand, SIGKILL);
    waitpid(f.hand, NULL, 0);
    f.hand = 0;
    ck_assert(!store_commit(f.st, &why));
    store_discard(f.st, p.staged);
    store_close(f.st);
    unlink(fixture_path(&f, ".lock")); /* or five minutes */
    struct store *st = fixture_open(&f);
    ck_assert(letter_deliver(st, &plain, &p));
    store_close(st);
    f.st = fixture_open(&f);
    fixture_end(&f);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("hand");
    TCase *all = tcase_create("hand");

    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, a_lying_hand_fails_the_delivery, 0, LIES);
    tcase_add_loop_test(all, a_lying_hand_fails_everything_else, 0, LIES);
    tcase_add_test(all, a_hand_that_dies_fails_the_delivery);
    tcase_add_test(all, a_silent_hand_is_waited_for_ten_seconds);
    tcase_add_test(all, a_message_must_be_a_file);
    tcase_add_loop_test(all, a_damaged_call_ends_the_hand, 0, CALLS);
    tcase_add_loop_test(all, a_damaged_call_after_open_ends_the_hand, 0, LATER_CALLS);
    tcase_add_test(all, an_idle_hand_ends);
    tcase_add_test(all, an_idle_hand_that_ended_is_noticed);
    tcase_add_test(all, a_killed_hand_costs_one_delivery);
    suite_add_tcase(s, all);

    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
