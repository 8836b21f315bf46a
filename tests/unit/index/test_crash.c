/* SPDX-License-Identifier: MIT
 *
 * The same deliveries again and again, with the nth write, sync, cut or deletion going wrong: it
 * fails once, or the process dies there, or the power fails and what was not synced is lost. What
 * was committed is there each time, whole, and its UIDs are not given again. Every other commit is
 * an unsynced one: it outlives all but the power, and that too once a later one was synced. All of
 * it a second time as the daemon works, with writes to the WAL gathered.
 */
#include "fixture.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/db.h"

#include "fault_vfs.h"

static struct fixture f;
static unsigned call; /* that goes wrong */
static bool power_fails;

#define BATCHES 6
#define BATCH 12

/* big_facts() - so that there is much to write. */
static struct facts
big_facts(void)
{
    static char text[20000];
    memset(text, 'x', sizeof(text) - 1);
    struct facts facts = fixture_facts;
    facts.bodystructure = text;
    return facts;
}

static bool
deliver_batch(uint32_t *last, bool synced)
{
    char name[32];
    uint32_t uid = 0;
    const struct facts facts = big_facts();
    struct index_mailbox m;
    if (!index_mailbox_find(f.ix, "INBOX", &m, &f.why) || !index_begin(f.ix, &f.why))
        return false;
    for (int i = 0; i < BATCH; i++) {
        bool ok = index_take_uid(f.ix, m.id, &uid, &f.why);
        snprintf(name, sizeof(name), "%u", uid);
        struct index_message x = fixture_message(m.id, uid, name, 0, &facts);
        if (!ok || !index_add(f.ix, &x, &f.why)) {
            index_rollback(f.ix);
            return false;
        }
    }
    if (!(synced ? index_commit(f.ix, &f.why) : index_commit_unsynced(f.ix, &f.why)))
        return false;
    if (synced || !power_fails)
        *last = uid;
    return true;
}

/* deliveries() - until something fails; the highest UID whose commit was acknowledged. */
static uint32_t
deliveries(void)
{
    uint32_t last = 0;
    struct index_mailbox m;
    f.ix = index_open(f.folder, true, &f.why);
    if (f.ix == NULL)
        return 0;
    bool ok = index_begin(f.ix, &f.why) && index_mailbox_add(f.ix, "INBOX", 1000, &m, &f.why) &&
              index_commit(f.ix, &f.why);
    for (int i = 0; ok && i < BATCHES; i++) {
        ok = deliver_batch(&last, i % 2 == 1);
        if (ok && i % 3 == 2)
            ok = index_checkpoint(f.ix, 0, &f.why);
        if (ok && i == BATCHES / 2) {
            index_close(f.ix);
            f.ix = index_open(f.folder, false, &f.why);
            ok = f.ix != NULL;
        }
    }
    index_close(f.ix);
    f.ix = NULL;
    return last;
}

static bool
count_one(void *arg, const struct index_message *m)
{
    *(uint64_t *)arg += m->facts != NULL && m->facts->bodystructure[0] == 'x';
    return true;
}

/* check_after() - with a disk that works again. */
static void
check_after(uint32_t last)
{
    struct index_mailbox m;
    uint64_t rows = 0;
    uint32_t uid = 0;
    f.ix = index_open(f.folder, true, &f.why);
    if (f.ix == NULL && last == 0) {
        /* Nothing was promised yet: a file cut short in its making is set aside. */
        ck_assert_msg(f.why.kind == OUTCOME_CORRUPT, "call %u: %s", call, f.why.cause);
        return;
    }
    ck_assert_msg(f.ix != NULL, "call %u: %s", call, f.why.cause);
    ck_assert_msg(index_check(f.ix, true, &f.why), "call %u: %s", call, f.why.cause);
    if (index_mailbox_find(f.ix, "INBOX", &m, &f.why)) {
        OK(&f, index_message_list(f.ix, m.id, 1, true, count_one, &rows, &f.why));
        ck_assert_msg(m.messages >= last && m.messages == rows, "call %u: %u promised, %u there",
                      call, last, (unsigned)rows);
        ck_assert_msg(m.messages - last <= 2 * BATCH, "call %u", call);
        ck_assert_msg(m.uid_next == m.messages + 1, "call %u", call);
        ck_assert_msg(deliver_batch(&uid, true) && uid == m.messages + BATCH, "call %u", call);
    } else {
        ck_assert_msg(last == 0 && f.why.kind == OUTCOME_NOT_FOUND, "call %u: %s", call,
                      f.why.cause);
    }
    index_close(f.ix);
    f.ix = NULL;
}

/* remove_files() - the mark too, which would keep the next index from giving its UIDs again. */
static void
remove_files(void)
{
    char path[PATH_MAX];
    fault_remove_files();
    snprintf(path, sizeof(path), "%s/index.mark", f.folder);
    unlink(path);
}

/* sweep() - each call until the deliveries get through; the later ones in steps. */
static void
sweep(enum fault_mode mode, bool gathers)
{
    unsigned cut_short = 0;
    if (gathers)
        db_setup();
    power_fails = mode == FAULT_POWER;
    for (call = 1;; call += call < 60 ? 1 : gathers ? 13 : 29) {
        fault_arm(mode, call);
        uint32_t last = deliveries();
        bool reached = fault_disarm();
        if (mode == FAULT_POWER && reached)
            fault_lose_unsynced();
        check_after(last);
        remove_files();
        if (!reached)
            break;
        cut_short += last < BATCHES * BATCH;
    }
    ck_assert_uint_gt(cut_short, gathers ? 20 : 60);
}

static void
begin_anew(bool gathers)
{
    struct index_mailbox m;
    if (gathers)
        db_setup();
    fault_arm(FAULT_POWER, UINT_MAX);
    power_fails = true;
    f.ix = index_open(f.folder, true, &f.why);
    ck_assert_msg(f.ix != NULL, "%s", f.why.cause);
    OK(&f, index_begin(f.ix, &f.why));
    OK(&f, index_mailbox_add(f.ix, "INBOX", 1000, &m, &f.why));
    OK(&f, index_commit(f.ix, &f.why));
}

static void
cut_power(uint32_t promised)
{
    index_close(f.ix);
    f.ix = NULL;
    fault_disarm();
    fault_lose_unsynced();
    check_after(promised);
}

START_TEST(a_sync_that_failed_is_made_up_for)
{
    uint32_t last = 0;
    begin_anew(_i == 1);
    OK(&f, deliver_batch(&last, false));
    fault_fail_next_sync();
    ck_assert(!deliver_batch(&last, true));
    ck_assert_uint_eq(last, 0);
    OK(&f, deliver_batch(&last, true));
    ck_assert_uint_eq(last, 3 * BATCH);
    cut_power(last);
}
END_TEST

START_TEST(a_sync_that_failed_in_a_checkpoint_is_made_up_for)
{
    uint32_t last = 0;
    begin_anew(_i == 1);
    OK(&f, deliver_batch(&last, false));
    fault_fail_next_sync();
    ck_assert(!index_checkpoint(f.ix, 0, &f.why));
    OK(&f, deliver_batch(&last, true));
    cut_power(last);
}
END_TEST

static void
setup(void)
{
    char path[192];
    fixture_init(&f);
    index_close(f.ix);
    f.ix = NULL;
    snprintf(path, sizeof(path), "%s/index.sqlite", f.folder);
    fault_install(path);
    fault_remove_files();
}

static void
teardown(void)
{
    fault_uninstall();
    fixture_release(&f);
}

START_TEST(the_nth_call_fails)
{
    sweep(FAULT_ONCE, _i == 1);
}
END_TEST

START_TEST(the_disk_is_full_at_the_nth_call)
{
    sweep(FAULT_DISK_FULL, _i == 1);
}
END_TEST

START_TEST(the_process_dies_at_the_nth_call)
{
    sweep(FAULT_KILL, _i == 1);
}
END_TEST

START_TEST(the_power_fails_at_the_nth_call)
{
    sweep(FAULT_POWER, _i == 1);
}
END_TEST

/* A look at all messages: 1 it works, 0 the disk would not read, -1 something else. */
static int
look(void)
{
    struct index_mailbox m;
    uint64_t rows = 0;

    if (index_mailbox_find(f.ix, "INBOX", &m, &f.why) &&
        index_message_list(f.ix, m.id, 1, true, count_one, &rows, &f.why))
        return rows == m.messages && rows >= BATCHES * BATCH ? 1 : -1;
    return f.why.kind == OUTCOME_UNREADABLE ? 0 : -1;
}

/* One read after the other (the first ones, then some): the same connection reads the page again,
 * and nothing is called damaged. */
START_TEST(a_page_that_the_disk_did_not_give_is_read_again)
{
    uint32_t last;
    int failed = 0;

    deliveries();
    for (call = 1;; call += call < 10 ? 1 : 97) {
        f.ix = index_open(f.folder, false, &f.why);
        OK(&f, f.ix != NULL);
        fault_arm(FAULT_READ, call);
        int result = look();
        bool reached = fault_disarm();
        ck_assert_msg(result >= 0, "read %u: %s", call, f.why.cause);
        failed += result == 0;
        ck_assert_msg(look() == 1, "read %u: %s", call, f.why.cause);
        if (call < 5)
            ck_assert(deliver_batch(&last, true));
        index_close(f.ix);
        f.ix = NULL;
        if (!reached)
            break;
    }
    ck_assert_int_gt(failed, 3);
}
END_TEST

START_TEST(a_disk_that_gives_nothing_is_not_damage)
{
    deliveries();
    f.ix = index_open(f.folder, false, &f.why);
    OK(&f, f.ix != NULL);
    fault_arm(FAULT_READS, 1);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(look(), 0);
    index_close(f.ix);
    f.ix = index_open(f.folder, false, &f.why);
    ck_assert(f.ix == NULL && f.why.kind == OUTCOME_UNREADABLE);
    fault_disarm();
    f.ix = index_open(f.folder, false, &f.why);
    OK(&f, f.ix != NULL);
    ck_assert_int_eq(look(), 1);
}
END_TEST

/* A check tells of pages, and its findings are text: not all of them are damage. */
START_TEST(a_check_that_cannot_read_finds_no_damage)
{
    bool reached = true;

    deliveries();
    for (call = 1; reached; call += call < 10 ? 1 : 13) {
        f.ix = index_open(f.folder, false, &f.why);
        OK(&f, f.ix != NULL);
        fault_arm(FAULT_READ, call);
        bool ok = index_check(f.ix, true, &f.why);
        reached = fault_disarm();
        ck_assert_msg(ok || (reached && f.why.kind != OUTCOME_CORRUPT), "read %u: %s", call,
                      f.why.cause);
        ck_assert_msg(index_check(f.ix, true, &f.why), "read %u: %s", call, f.why.cause);
        index_close(f.ix);
        f.ix = NULL;
    }
    ck_assert_int_gt(call, 10);
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("crash");
    TCase *t = tcase_create("sweeps");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 240);
    tcase_add_loop_test(t, the_nth_call_fails, 0, 2);
    tcase_add_loop_test(t, the_disk_is_full_at_the_nth_call, 0, 2);
    tcase_add_loop_test(t, the_process_dies_at_the_nth_call, 0, 2);
    tcase_add_loop_test(t, the_power_fails_at_the_nth_call, 0, 2);
    tcase_add_loop_test(t, a_sync_that_failed_is_made_up_for, 0, 2);
    tcase_add_loop_test(t, a_sync_that_failed_in_a_checkpoint_is_made_up_for, 0, 2);
    suite_add_tcase(s, t);
    t = tcase_create("reads");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 240);
    tcase_add_test(t, a_page_that_the_disk_did_not_give_is_read_again);
    tcase_add_test(t, a_disk_that_gives_nothing_is_not_damage);
    tcase_add_test(t, a_check_that_cannot_read_finds_no_damage);
    suite_add_tcase(s, t);
    return s;
}

int
main(void)
{
    SRunner *r = srunner_create(suite());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
