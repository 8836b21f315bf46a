/* SPDX-License-Identifier: MIT
 *
 * The pool of sorters against ones that answer, lie, hang and die.
 */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/door.h"
#include "doorstep/door_frames.h"

#include "sorters_priv.h"
#include "suites.h"

enum behaviour { ANSWERS, LIES, HANGS, DIES, ANSWERS_SOMEBODY_ELSE, BREAKS_OFF, READS_LATE };

struct fake {
    int fd;
    enum behaviour behaviour;
    pthread_t thread;
    uint64_t octets; /* of messages received */
};

static struct loop *loop;
static struct arena arena; /* of all that is asked */
static struct sorters *sorters;
static int replaced;
static int answered;
static uint32_t received_count; /* of the last facts; UINT32_MAX: unknown */
static int unknown;
static int late;
static struct settings_timeouts timeouts; /* answers without facts */

static void
send_facts(struct door *door, uint64_t id)
{
    static const struct facts facts = {.received_count = 42};
    struct buf body;
    struct pack p;

    buf_init(&body, DOOR_BODY_MAX);
    pack_init(&p, &body);
    pack_u8(&p, 0);
    facts_pack(&facts, &p);
    ck_assert(!p.full);
    door_send(door, SORT_FACTS, id, buf_span(&body), -1);
    buf_release(&body);
}

/* True when the message is whole. */
static bool
take(struct fake *f, const struct door_frame *frame, uint64_t *left)
{
    struct unpack u;

    if (frame->type == SORT_MESSAGE) {
        unpack_init(&u, frame->body);
        bool by_fd = unpack_u8(&u) == 1;
        *left = unpack_u64(&u);
        f->octets += *left;
        *left -= by_fd ? *left : u.rest.n;
        if (by_fd)
            close(frame->fd);
    } else {
        *left -= frame->body.n;
    }
    return *left == 0;
}

static void *
run_fake(void *arg)
{
    struct fake *f = arg;
    struct door *door = door_new(f->fd, 1 << 20);
    struct door_frame frame;
    uint64_t left = 0;

    if (f->behaviour == READS_LATE)
        usleep(100000);
    while (door_wait(door, false, -1)) {
        enum door_result got = door_receive(door, &frame);
        if (got == DOOR_AGAIN)
            continue;
        if (got != DOOR_OK || f->behaviour == DIES)
            break;
        if (!take(f, &frame, &left) || f->behaviour == HANGS)
            continue;
        if (f->behaviour == LIES)
            door_send(door, SORT_FACTS, frame.id, SPAN("\0nonsense"), -1);
        else if (f->behaviour == BREAKS_OFF)
            door_send(door, SORT_FACTS, frame.id, SPAN("\1the first half of"), -1);
        else
            send_facts(door, f->behaviour == ANSWERS_SOMEBODY_ELSE ? frame.id + 7 : frame.id);
    }
    door_free(door);
    return NULL;
}

static void
start_fake(struct fake *f, uint32_t slot, enum behaviour behaviour)
{
    int fds[2];

    ck_assert(door_pair(fds));
    *f = (struct fake){.fd = fds[1], .behaviour = behaviour};
    pthread_create(&f->thread, NULL, run_fake, f);
    sorters_add(sorters, slot, fds[0]);
}

static void
on_replace(void *arg, uint32_t slot)
{
    (void)arg;
    (void)slot;
    replaced++;
}

static void
on_facts(void *arg, enum sorters_answer answer, const struct facts *facts, struct span packed)
{
    int *wanted = arg;

    late += answer == SORTERS_LATE;
    ck_assert_int_eq(answer == SORTERS_FACTS, facts != NULL);

    ck_assert_int_eq(facts != NULL, packed.n > 0);
    received_count = facts != NULL ? facts->received_count : UINT32_MAX;
    unknown += facts == NULL;
    if (++answered == *wanted)
        loop_stop(loop);
}

static void
begin(unsigned timeout_ms)
{
    timeouts = (struct settings_timeouts){.sort = timeout_ms, .sort_wait = 60000};
    loop = loop_new();
    arena_init(&arena, 1 << 20);
    sorters = sorters_new(loop, &timeouts, on_replace, NULL);
    replaced = answered = unknown = late = 0;
    received_count = 0;
}

static void
finish(struct fake *fakes, size_t n)
{
    sorters_free(sorters);
    for (size_t i = 0; i < n; i++)
        pthread_join(fakes[i].thread, NULL);
    loop_free(loop);
    arena_release(&arena);
}

static struct message *
sample(size_t octets)
{
    struct message *m = message_new(octets, NULL, NULL);
    struct outcome why;
    char piece[1000];

    memset(piece, 'x', sizeof piece);
    while (octets > 0) {
        size_t n = octets < sizeof piece ? octets : sizeof piece;
        ck_assert(message_append(m, piece, n, &why));
        octets -= n;
    }
    message_seal(m);
    return m;
}

static const struct {
    const char *name;
    enum behaviour first, second;
    int replaced;
    uint32_t received_count;
} pairs[] = {
    {"both answer", ANSWERS, ANSWERS, 0, 42},
    {"one lies, the other answers", LIES, ANSWERS, 1, 42},
    {"one dies, the other answers", DIES, ANSWERS, 1, 42},
    {"one hangs, the other answers", HANGS, ANSWERS, 1, 42},
    {"one answers a question nobody asked", ANSWERS_SOMEBODY_ELSE, ANSWERS, 1, 42},
    {"two die: facts stay unknown", DIES, DIES, 2, UINT32_MAX},
    {"two lie: facts stay unknown", LIES, LIES, 2, UINT32_MAX},
    {"two hang: facts stay unknown", HANGS, HANGS, 2, UINT32_MAX},
};

START_TEST(pool)
{
    struct fake fakes[2];
    int wanted = 1;
    struct message *m = sample(10000);

    begin(100);
    start_fake(&fakes[0], 0, pairs[_i].first);
    start_fake(&fakes[1], 1, pairs[_i].second);
    sorters_ask(sorters, m, &arena, on_facts, &wanted);
    loop_run(loop);
    ck_assert_msg(received_count == pairs[_i].received_count, "%s", pairs[_i].name);
    ck_assert_msg(replaced == pairs[_i].replaced, "%s: replaced %d", pairs[_i].name, replaced);
    finish(fakes, 2);
    message_unref(m);
}
END_TEST

/* The one that a sorter was working on when it died has done it; the others are not blamed. */
START_TEST(of_several_given_at_once_one_pays)
{
    struct fake fakes[3];
    int wanted = 5;
    struct message *m = sample(1000);

    begin(5000);
    for (int i = 0; i < wanted; i++)
        sorters_ask(sorters, m, &arena, on_facts, &wanted);
    for (uint32_t i = 0; i < 3; i++) /* all are given to the first, then to the next */
        start_fake(&fakes[i], i, i < 2 ? DIES : ANSWERS);
    loop_run(loop);
    ck_assert_int_eq(answered, 5);
    ck_assert_int_eq(unknown, 1);
    ck_assert_int_eq(replaced, 2);
    finish(fakes, 3);
    message_unref(m);
}
END_TEST

START_TEST(more_than_one_packet_of_messages)
{
    struct fake fake;
    int wanted = 100;
    struct message *m = sample(10000);

    begin(5000);
    for (int i = 0; i < wanted; i++)
        sorters_ask(sorters, m, &arena, on_facts, &wanted);
    start_fake(&fake, 0, ANSWERS);
    loop_run(loop);
    ck_assert(unknown == 0 && replaced == 0);
    finish(&fake, 1);
    ck_assert_uint_eq(fake.octets, 100 * 10000);
    message_unref(m);
}
END_TEST

static const size_t sizes[] = {300000, 5000000}; /* in memory: limits.message_memory decides */

static void
stop_loop(void *arg)
{
    loop_stop(arg);
}

START_TEST(another_one_in_its_place_begins_anew)
{
    struct fake fakes[2];
    int wanted = 1;
    struct message *m = sample(100);

    begin(5000);
    struct loop_timer *timer = loop_timer_new(loop, stop_loop, loop);
    start_fake(&fakes[0], 0, BREAKS_OFF);
    sorters_ask(sorters, m, &arena, on_facts, &wanted);
    loop_timer_start(timer, 100); /* enough for half an answer */
    loop_run(loop);
    start_fake(&fakes[1], 0, ANSWERS);
    loop_run(loop);
    ck_assert_uint_eq(received_count, 42);
    ck_assert_int_eq(replaced, 0);
    loop_timer_free(timer);
    finish(fakes, 2);
    message_unref(m);
}
END_TEST

START_TEST(large_messages_arrive_whole)
{
    struct fake fake;
    int wanted = 3;
    struct message *m = sample(sizes[_i]);

    begin(5000);
    for (int i = 0; i < wanted; i++)
        sorters_ask(sorters, m, &arena, on_facts, &wanted);
    start_fake(&fake, 3, READS_LATE);
    loop_run(loop);
    ck_assert_uint_eq(received_count, 42);
    finish(&fake, 1);
    ck_assert_uint_eq(fake.octets, 3 * sizes[_i]);
    message_unref(m);
}
END_TEST

START_TEST(messages_do_not_wait_for_ever_for_a_sorter)
{
    struct fake fake;
    int wanted = 2;
    struct message *m = sample(100);

    begin(5000);
    timeouts.sort_wait = 50;
    sorters_ask(sorters, m, &arena, on_facts, &wanted);
    sorters_ask(sorters, m, &arena, on_facts, &wanted);
    loop_run(loop);
    ck_assert_int_eq(late, 2);
    wanted = 3;
    timeouts.sort_wait = 60000;
    start_fake(&fake, 0, ANSWERS); /* those that come later are not late */
    sorters_ask(sorters, m, &arena, on_facts, &wanted);
    loop_run(loop);
    ck_assert_int_eq(late, 2);
    ck_assert_uint_eq(received_count, 42);
    finish(&fake, 1);
    message_unref(m);
}
END_TEST

/* It was given to a sorter, and came back: the time that it had is gone. */
START_TEST(what_a_sorter_gave_back_is_late_too)
{
    struct fake fake;
    int wanted = 1;
    struct message *m = sample(100);

    begin(100);
    timeouts.sort_wait = 50;
    start_fake(&fake, 0, HANGS);
    sorters_ask(sorters, m, &arena, on_facts, &wanted);
    loop_run(loop);
    ck_assert_int_eq(late, 1);
    ck_assert_int_eq(replaced, 1);
    finish(&fake, 1);
    message_unref(m);
}
END_TEST

static void *
wait_for_facts(void *arg)
{
    struct message *m = arg;
    struct facts facts;

    ck_assert(sorters_wait(sorters, m, &arena, &facts));
    ck_assert_uint_eq(facts.received_count, 42);
    loop_post(loop, stop_loop, loop); /* the only loop function that any thread may call */
    return NULL;
}

START_TEST(a_thread_may_wait)
{
    struct fake fake;
    pthread_t thread;
    struct message *m = sample(100);

    begin(5000);
    start_fake(&fake, 0, ANSWERS);
    pthread_create(&thread, NULL, wait_for_facts, m);
    loop_run(loop);
    pthread_join(thread, NULL);
    finish(&fake, 1);
    message_unref(m);
}
END_TEST

TCase *
sorters_tests(void)
{
    TCase *t = tcase_create("sorters");

    tcase_add_loop_test(t, pool, 0, sizeof pairs / sizeof pairs[0]);
    tcase_add_test(t, another_one_in_its_place_begins_anew);
    tcase_add_loop_test(t, large_messages_arrive_whole, 0, sizeof sizes / sizeof sizes[0]);
    tcase_add_test(t, of_several_given_at_once_one_pays);
    tcase_add_test(t, more_than_one_packet_of_messages);
    tcase_add_test(t, messages_do_not_wait_for_ever_for_a_sorter);
    tcase_add_test(t, what_a_sorter_gave_back_is_late_too);
    tcase_add_test(t, a_thread_may_wait);
    return t;
}
