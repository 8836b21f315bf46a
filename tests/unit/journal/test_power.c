/* SPDX-License-Identifier: MIT
 *
 * Power cuts and failing calls, in random histories of a writer (disk.h): whatever the disk kept of
 * what was not synced, a reader gives back every record whose sync returned and that was not freed,
 * whole and in order; none whose failure was told; nothing that was cleared; of freed ones the
 * newest without a gap; and it never speaks of damage.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"
#include "fixture.h"

#define STEPS 200
#define HISTORIES 20
#define RECORDS_MAX 4096
#define SEGMENTS 3
#define CUTS_ONE_IN 4

enum state {
    NONE,   /* was not taken */
    ADDED,  /* may come back */
    SYNCED, /* must come back, unless freed */
    UNSURE, /* may come back: the power went before the answer, or nobody was told */
    FAILED, /* may come back: the cut behind it could not be written yet */
    DEAD    /* must not come back */
};

struct expected {
    enum state state;
    bool was_synced, is_freed, is_back;
    bool is_told;  /* a batch was written that says that it is freed */
    unsigned life; /* which opening of the journal */
    uint64_t segment;
};

static struct expected records[RECORDS_MAX];
static unsigned count, life, cuts;
static struct journal *j;
static char cut_folder[64];

/* ---- what a record is: its serial, then a piece of noise that begins where the serial says ----
 */

static char noise[128 * 1024];

static const char *
noise_of(unsigned serial)
{
    return noise + serial * 13 % (sizeof noise / 2);
}

static struct span
print_record(unsigned serial)
{
    static char bytes[sizeof noise / 2];
    size_t n = disk_random(disk_random(4) == 0 ? 30000 : 1500);

    memcpy(bytes, &serial, sizeof serial);
    memcpy(bytes + sizeof serial, noise_of(serial), n);
    return (struct span){bytes, sizeof serial + n};
}

/* ---- checking ---- */

static bool
check_record(void *arg, const struct journal_entry *e)
{
    long *last = arg;
    unsigned serial;

    ck_assert_uint_ge(e->record.n, sizeof serial);
    memcpy(&serial, e->record.p, sizeof serial);
    ck_assert_uint_lt(serial, count);
    ck_assert(memcmp(e->record.p + sizeof serial, noise_of(serial), e->record.n - sizeof serial) ==
              0);
    ck_assert_msg((long)serial > *last, "%u behind %ld", serial, *last);
    ck_assert_msg(records[serial].state != NONE && records[serial].state != DEAD,
                  "%u of life %u came back", serial, records[serial].life);
    records[serial].is_back = true;
    *last = serial;
    return true;
}

static void
check_finding(void *arg, enum journal_finding what, const char *file, uint64_t offset)
{
    (void)arg;
    ck_assert_msg(what == JOURNAL_TORN, "finding %d in %s at %llu", what, file,
                  (unsigned long long)offset);
}

/* A freed record is back only with all behind it. */
static void
check_expected(void)
{
    unsigned back_in = 0; /* the life of the last one that is back, counted from 1 */

    for (unsigned i = 0; i < count; i++) {
        struct expected *e = &records[i];
        bool must = e->was_synced && e->state != DEAD && (!e->is_freed || back_in == e->life + 1);
        ck_assert_msg(!must || e->is_back, "%u of life %u is lost", i, e->life);
        if (e->is_back)
            back_in = e->life + 1;
        e->is_back = false;
    }
}

static void
check_folder(const char *in_folder)
{
    static const struct journal_hooks hooks = {check_record, check_finding};
    struct journal_reader *r = journal_reader_open(in_folder, &why);
    long last = -1;

    ck_assert_msg(r != NULL, "%s", why.cause);
    ck_assert(journal_reader_run(r, &hooks, &last));
    journal_reader_close(r);
    check_expected();
    cuts++;
}

static void
maybe_cut(void)
{
    if (disk_random(CUTS_ONE_IN) != 0)
        return;
    disk_cut(cut_folder);
    check_folder(cut_folder);
}

/* ---- steps ---- */

/* Those below a segment. */
static void
change_below(uint64_t segment, enum state from, enum state to)
{
    for (unsigned i = 0; i < count; i++)
        if (records[i].state == from && records[i].segment < segment) {
            records[i].state = to;
            records[i].was_synced = records[i].was_synced || to == SYNCED;
        }
}

static void
change(enum state from, enum state to)
{
    change_below(UINT64_MAX, from, to);
}

static void
step_free(void)
{
    uint64_t from = journal_oldest(j), to = journal_current(j);
    uint64_t segment = from + disk_random((unsigned)(to - from) + 1);

    for (unsigned i = 0; i < count; i++)
        if (records[i].life == life && records[i].segment < segment)
            records[i].is_freed = true;
    journal_free(j, segment);
}

/* What was freed is so for good: a batch that says it was synced, or a head. */
static void
bury(bool told_only)
{
    for (unsigned i = 0; i < count; i++)
        if (records[i].life == life && records[i].is_freed && (records[i].is_told || !told_only))
            records[i].state = DEAD;
}

static void
tell(bool written)
{
    for (unsigned i = 0; i < count; i++)
        records[i].is_told = written && records[i].is_freed;
}

static void
step_prepare(void)
{
    if (journal_prepare(j))
        bury(false);
}

static void
step_add(void)
{
    unsigned serial = count++;
    struct span part = print_record(serial);
    uint64_t segment = 0;

    ck_assert_uint_lt(count, RECORDS_MAX);
    records[serial] = (struct expected){.state = NONE, .life = life};
    if (!journal_add(j, 20, &part, 1, &segment, &why))
        return;
    change(FAILED, DEAD);
    records[serial].state = ADDED;
    records[serial].segment = segment;
    /* The octets are borrowed until the write, and there is one buffer. */
    tell(true);
    if (journal_write(j, &why)) {
        change_below(segment, ADDED, SYNCED); /* before the next segment was begun */
    } else {
        change_below(segment, ADDED, UNSURE); /* that may have been what failed, or not */
        change(ADDED, FAILED);
        tell(false);
    }
}

static void
step_sync(void)
{
    bool has_room = journal_current(j) - journal_oldest(j) + 1 < SEGMENTS;

    if (journal_sync(j, &why)) {
        change(ADDED, SYNCED);
        bury(true);
    } else {
        change(ADDED, has_room ? DEAD : FAILED);
        tell(false);
    }
}

static void
arm(void)
{
    static const int errors[] = {EIO, ENOSPC, EINTR, 0};
    static const enum disk_call calls[] = {DISK_PWRITE,    DISK_PWRITE,  DISK_FDATASYNC,
                                           DISK_FDATASYNC, DISK_FSYNC,   DISK_RENAMEAT,
                                           DISK_FALLOCATE, DISK_UNLINKAT};
    enum disk_call call = calls[disk_random(8)];
    int error = errors[disk_random(call == DISK_PWRITE ? 4 : call == DISK_FDATASYNC ? 3 : 2)];

    disk_fail(call, disk_random(3), error);
}

static void
open_again(void)
{
    struct journal_reader *r = journal_reader_open(folder, &why);

    ck_assert_msg(r != NULL, "%s", why.cause);
    life++;
    j = open_writer(SEGMENTS);
    for (int i = 0; i < 3; i++) /* what could not be carried out is written anew */
        step_add();
    step_sync();
    for (unsigned i = 0; i < count; i++)
        if (records[i].life < life)
            records[i].is_freed = true;
    if (disk_random(4) == 0)
        disk_fail(disk_random(2) ? DISK_UNLINKAT : DISK_FSYNC, 0, EIO);
    while (!journal_reader_clear(r, 2, &why))
        ck_assert(disk_has_failed());
    disk_spare();
    journal_reader_close(r);
    for (unsigned i = 0; i < count; i++)
        if (records[i].life < life)
            records[i].state = DEAD;
}

static void
power_cut(void)
{
    disk_spare();
    disk_on_call(NULL);
    disk_cut(cut_folder);
    check_folder(cut_folder);
    change(ADDED, UNSURE);
    change(FAILED, UNSURE);
    journal_close(j);
    disk_adopt(cut_folder);
    disk_on_call(maybe_cut);
    open_again();
}

static void
step(void)
{
    unsigned n = disk_random(100);

    if (n < 50)
        step_add();
    else if (n < 72)
        step_sync();
    else if (n < 78)
        journal_turn(j);
    else if (n < 88)
        step_free();
    else if (n < 94)
        step_prepare();
    else if (n < 98)
        arm();
    else
        power_cut();
}

START_TEST(a_random_history)
{
    strcpy(cut_folder, "/tmp/journal-cut.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(cut_folder));
    disk_begin(folder, (unsigned)_i);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)disk_random(256);
    count = life = cuts = 0;
    disk_on_call(maybe_cut);
    j = open_writer(SEGMENTS);
    for (int i = 0; i < STEPS; i++)
        step();
    disk_on_call(NULL);
    disk_cut(cut_folder);
    check_folder(cut_folder);
    journal_close(j);
    disk_end();
    ck_assert_uint_gt(cuts, 20);
    fixture_remove(cut_folder);
}
END_TEST

/* test_journal_power [HISTORIES [FIRST]] */
int
main(int argc, char **argv)
{
    Suite *s = suite_create("journal");
    TCase *t = tcase_create("power");
    SRunner *r;
    int first = argc > 2 ? atoi(argv[2]) : 0;
    int failed;

    tcase_add_checked_fixture(t, fixture_open, fixture_close);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, a_random_history, first, first + (argc > 1 ? atoi(argv[1]) : HISTORIES));
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
