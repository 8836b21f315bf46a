/* SPDX-License-Identifier: MIT
 *
 * Sieve in the pool of sorters: results that come as they should, and what one that was taken over
 * sends instead. It loses its place, and another one is asked; a run that no sorter survives is
 * given up alone.
 */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/door.h"
#include "doorstep/door_frames.h"

#include "sorters_priv.h"
#include "suites.h"

#define RUNS 2
#define EDITION_MAX 1000

enum behaviour {
    FILES,
    EDITS,
    ASKS,
    FILES_BEFORE_FACTS,
    SENDS_NONSENSE,
    COUNTS_EDITIONS_WRONG,
    EDITS_TOO_MUCH,
    ASKS_TWICE,
    ASKS_OF_ANOTHER_RUN,
    ASKS_WHAT_NOBODY_KNOWS,
    ASKS_BEFORE_FACTS,
    REPORTS,
    DIES_BEHIND_FACTS,
    HANGS_BEHIND_FACTS
};

struct fake {
    int fd;
    enum behaviour behaviour;
    pthread_t thread;
    struct door *door;
    unsigned runs; /* that it was given */
};

static struct loop *loop;
static struct arena arena;
static struct sorters *sorters;
static struct settings_timeouts timeouts;
static struct sorters_filed *filed;
static enum sorters_answer answer;
static int replaced, asked;
static bool answers_late; /* nobody answers questions */

/* ---- a sorter ---- */

static void
send_packed(struct fake *f, uint16_t type, uint64_t id, const struct filing_result *r)
{
    struct buf body;
    struct pack p;

    buf_init(&body, DOOR_BODY_MAX);
    pack_init(&p, &body);
    pack_u8(&p, 0);
    if (r != NULL)
        filing_result_pack(r, &p);
    else
        facts_pack(&(struct facts){.received_count = 42}, &p);
    door_send(f->door, type, id, buf_span(&body), -1);
    buf_release(&body);
}

static void
send_facts(struct fake *f, uint64_t id)
{
    send_packed(f, SORT_FACTS, id, NULL);
}

static void
send_result(struct fake *f, uint64_t id, uint32_t editions)
{
    struct filing_action keep = {.kind = FILING_FILE,
                                 .script = "",
                                 .mailbox = "INBOX",
                                 .special_use = "",
                                 .mailbox_id = "",
                                 .text = "",
                                 .key = "",
                                 .edition = editions};
    const struct filing_result r = {
        .error = "", .edition_count = editions, .actions = &keep, .action_count = 1};

    send_packed(f, SORT_FILED, id, &r);
}

static void
send_edition(struct fake *f, uint64_t id, size_t octets)
{
    char piece[2000] = {0};

    memset(piece + 1, 'x', octets);
    door_send(f->door, SORT_EDITION, id, (struct span){piece, octets + 1}, -1);
}

static void
ask(struct fake *f, uint64_t id, uint32_t run, uint8_t what)
{
    struct buf body;
    struct pack p;

    buf_init(&body, 100);
    pack_init(&p, &body);
    pack_u32(&p, run);
    pack_u8(&p, what);
    pack_str(&p, "Lists");
    door_send(f->door, SORT_ASK, id, buf_span(&body), -1);
    buf_release(&body);
}

static bool
wait_for_answer(struct fake *f)
{
    struct door_frame frame;

    while (door_wait(f->door, false, -1)) {
        enum door_result got = door_receive(f->door, &frame);
        if (got == DOOR_OK && frame.type == SORT_TOLD)
            return true;
        if (got != DOOR_AGAIN)
            return false;
    }
    return false;
}

/* False: it ends. */
static bool
misbehave(struct fake *f, uint64_t id)
{
    switch (f->behaviour) {
    case FILES_BEFORE_FACTS:
        send_result(f, id, 0);
        return true;
    case ASKS_BEFORE_FACTS:
        ask(f, id, 0, SORT_ASK_MAILBOX);
        return true;
    case DIES_BEHIND_FACTS:
        send_facts(f, id);
        return false;
    case FILES:
    case EDITS:
    case ASKS:
    case SENDS_NONSENSE:
    case COUNTS_EDITIONS_WRONG:
    case EDITS_TOO_MUCH:
    case ASKS_TWICE:
    case ASKS_OF_ANOTHER_RUN:
    case ASKS_WHAT_NOBODY_KNOWS:
    case REPORTS:
    case HANGS_BEHIND_FACTS:
        break;
    }
    send_facts(f, id);
    for (unsigned run = 0; run < f->runs && f->behaviour != HANGS_BEHIND_FACTS; run++) {
        if (f->behaviour == SENDS_NONSENSE)
            door_send(f->door, SORT_FILED, id, SPAN("\0nonsense"), -1);
        if (f->behaviour == REPORTS)
            door_send(f->door, SORT_REPORT, id, SPAN("\0nonsense"), -1);
        if (f->behaviour == ASKS_OF_ANOTHER_RUN)
            ask(f, id, run + 1, SORT_ASK_MAILBOX);
        if (f->behaviour == ASKS_WHAT_NOBODY_KNOWS)
            ask(f, id, run, SORT_QUESTIONS);
        if (f->behaviour == ASKS || f->behaviour == ASKS_TWICE)
            ask(f, id, run, SORT_ASK_MAILBOX);
        if (f->behaviour == ASKS_TWICE)
            ask(f, id, run, SORT_ASK_MAILBOX);
        if (f->behaviour == ASKS && !wait_for_answer(f))
            return false;
        if (f->behaviour == EDITS || f->behaviour == COUNTS_EDITIONS_WRONG)
            send_edition(f, id, 100);
        if (f->behaviour == EDITS_TOO_MUCH)
            send_edition(f, id, EDITION_MAX + 1);
        send_result(f, id, f->behaviour == EDITS);
    }
    return true;
}

static void *
run_fake(void *arg)
{
    struct fake *f = arg;
    struct door_frame frame;
    bool goes_on = true;

    f->door = door_new(f->fd, 1 << 20);
    while (goes_on && door_wait(f->door, false, -1)) {
        enum door_result got = door_receive(f->door, &frame);
        if (got == DOOR_AGAIN)
            continue;
        if (got != DOOR_OK)
            break;
        if (frame.type == SORT_RUN)
            f->runs++;
        else if (frame.type == SORT_MORE) /* the message is one piece */
            goes_on = misbehave(f, frame.id);
    }
    door_free(f->door);
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

/* ---- the store ---- */

static void
on_replace(void *arg, uint32_t slot)
{
    (void)arg;
    (void)slot;
    replaced++;
}

static void
on_filed(void *arg, enum sorters_answer got, const struct facts *facts, struct span packed)
{
    (void)arg;
    (void)facts;
    (void)packed;
    answer = got;
    loop_stop(loop);
}

static struct message *
new_message(void *arg)
{
    (void)arg;
    return message_new(2 * EDITION_MAX, NULL, NULL);
}

static void
on_question(void *arg, const struct sorters_question *q, uint32_t run, enum sort_question what,
            struct span words)
{
    (void)arg;
    ck_assert(run < RUNS && what == SORT_ASK_MAILBOX && words.n == 9);
    asked++;
    if (!answers_late)
        sorters_tell(q, SORT_YES, SPAN_NONE);
}

static void
file_with(enum behaviour first, enum behaviour second, unsigned timeout_ms)
{
    static const struct span runs[RUNS] = {{"one", 3}, {"two", 3}};
    const struct sorters_filing filing = {.runs = runs,
                                          .count = RUNS,
                                          .octets = 6,
                                          .edition_max = EDITION_MAX,
                                          .new_message = new_message,
                                          .ask = on_question,
                                          .filed = &filed};
    struct message *m = message_from_memory(SPAN("Subject: x\r\n\r\nbody\r\n"));
    struct fake fakes[4];

    replaced = asked = 0;
    timeouts = (struct settings_timeouts){.sort = timeout_ms, .sort_wait = 60000};
    loop = loop_new();
    arena_init(&arena, 1 << 20);
    sorters = sorters_new(loop, &timeouts, on_replace, NULL);
    for (uint32_t i = 0; i < 4; i++)
        start_fake(&fakes[i], i, i == 0 ? first : i < 3 ? second : FILES);
    sorters_file(sorters, m, &arena, &filing, on_filed, NULL);
    loop_run(loop);
    sorters_free(sorters);
    for (size_t i = 0; i < 4; i++)
        pthread_join(fakes[i].thread, NULL);
    loop_free(loop);
    message_unref(m);
}

static void
release(void)
{
    for (uint32_t i = 0; i < RUNS; i++)
        for (uint32_t n = 0; n < filed[i].result.edition_count; n++)
            message_unref(filed[i].editions[n]);
    arena_release(&arena);
}

static void
check_all_filed(void)
{
    ck_assert_int_eq(answer, SORTERS_FACTS);
    for (uint32_t i = 0; i < RUNS; i++)
        ck_assert(!filed[i].is_killed && filed[i].result.action_count == 1);
}

START_TEST(results_come_for_each_run)
{
    file_with(FILES, FILES, 60000);
    check_all_filed();
    ck_assert_int_eq(replaced, 0);
    release();
}
END_TEST

START_TEST(edited_messages_come_whole)
{
    file_with(EDITS, FILES, 60000);
    check_all_filed();
    for (uint32_t i = 0; i < RUNS; i++)
        ck_assert_uint_eq(message_traits(filed[i].editions[0])->octets, 100);
    release();
}
END_TEST

START_TEST(questions_are_answered)
{
    file_with(ASKS, FILES, 60000);
    check_all_filed();
    ck_assert_int_eq(asked, RUNS);
    ck_assert_int_eq(replaced, 0);
    release();
}
END_TEST

START_TEST(a_question_that_nobody_answers_is_no_fault)
{
    answers_late = true;
    file_with(ASKS, FILES, 100);
    check_all_filed();
    ck_assert_int_eq(replaced, 0);
    release();
}
END_TEST

static const enum behaviour lies[] = {
    FILES_BEFORE_FACTS,     SENDS_NONSENSE,    COUNTS_EDITIONS_WRONG,
    EDITS_TOO_MUCH,         ASKS_TWICE,        ASKS_OF_ANOTHER_RUN,
    ASKS_WHAT_NOBODY_KNOWS, ASKS_BEFORE_FACTS, REPORTS,
    DIES_BEHIND_FACTS,
};

START_TEST(who_lies_is_replaced)
{
    answers_late = lies[_i] == ASKS_TWICE; /* else the second one may be in order */
    file_with(lies[_i], FILES, 60000);
    check_all_filed();
    ck_assert_int_eq(replaced, 1);
    release();
}
END_TEST

static const enum behaviour killers[] = {DIES_BEHIND_FACTS, HANGS_BEHIND_FACTS, SENDS_NONSENSE};

/* Two sorters did not survive the first run, and a third none: the fourth files the rest. */
START_TEST(a_run_that_kills_is_given_up_alone)
{
    file_with(killers[_i], killers[_i], 200);
    ck_assert_int_eq(answer, SORTERS_FACTS);
    ck_assert_int_eq(replaced, 3);
    ck_assert(filed[0].is_killed);
    ck_assert(!filed[1].is_killed && filed[1].result.action_count == 1);
    release();
}
END_TEST

TCase *
sorters_filing_tests(void)
{
    TCase *t = tcase_create("sorters_filing");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, results_come_for_each_run);
    tcase_add_test(t, edited_messages_come_whole);
    tcase_add_test(t, questions_are_answered);
    tcase_add_test(t, a_question_that_nobody_answers_is_no_fault);
    tcase_add_loop_test(t, who_lies_is_replaced, 0, sizeof lies / sizeof lies[0]);
    tcase_add_loop_test(t, a_run_that_kills_is_given_up_alone, 0,
                        sizeof killers / sizeof killers[0]);
    return t;
}
