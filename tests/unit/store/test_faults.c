/* SPDX-License-Identifier: MIT
 *
 * Every change to the file system in a batch of deliveries fails once, or is where the process
 * ends. Each time: what was acknowledged is there and whole, what was not is not seen, and the next
 * delivery works.
 */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doorstep/beneath.h"
#include "doorstep/log.h"
#include "faults.h"

#define BATCH 2
#define LONG_LETTER 100000 /* several writes */

static const char *const swept[] = {"maildir", "maildir by tmp", "mbox", "plugin"};
#define SWEPT (int)(sizeof(swept) / sizeof(swept[0]))

static const int errors[] = {ENOSPC, EIO, EDQUOT, EMFILE};

static char long_bytes[LONG_LETTER];

static struct letter
long_letter(void)
{
    for (size_t i = 0; i < LONG_LETTER; i++)
        long_bytes[i] = i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : (char)('a' + i / 64 % 26);
    return (struct letter){.bytes = {long_bytes, LONG_LETTER}};
}

/* As the store role delivers a batch: a delivery that fails is taken back, the others go on. How
 * many were acknowledged. */
static size_t
deliver_batch(struct store *st, const struct letter *l, struct posted p[BATCH])
{
    struct outcome why;
    size_t done = 0;

    for (int i = 0; i < BATCH; i++) {
        if (letter_stage(st, l, &p[i]) != STORE_DONE)
            p[i].staged = NULL;
    }
    for (int i = 0; i < BATCH; i++) {
        if (p[i].staged == NULL)
            continue;
        if (store_sync(st, p[i].staged, &p[i].why) && store_publish(st, p[i].staged, &p[i].why))
            continue;
        store_discard(st, p[i].staged);
        p[i].staged = NULL;
    }
    bool ok = store_commit(st, &why);
    for (int i = 0; i < BATCH; i++) {
        if (p[i].staged == NULL)
            continue;
        if (ok)
            store_forget(st, p[i].staged);
        else
            store_discard(st, p[i].staged);
        done += ok;
    }
    return done;
}

/* Whole: our trace, then all of the letter. */
static bool
on_whole(void *arg, const struct store_entry *e)
{
    struct buf *names = arg;

    return buf_append(names, e->name, strlen(e->name) + 1);
}

static void
check_whole(struct fixture *f, const struct letter *l, size_t least, size_t most, const char *when)
{
    struct buf names, got;
    struct posted none = {.trace = ""};
    struct buf want;
    struct outcome why;
    size_t count = 0;

    buf_init(&names, 1 << 20);
    buf_init(&got, SIZE_MAX);
    buf_init(&want, SIZE_MAX);
    letter_stored(f->kind, l, &none, &want);
    ck_assert_msg(store_scan(f->st, "INBOX", on_whole, &names, &why), "%s", why.cause);
    for (size_t at = 0; at < names.len; at += strlen(names.data + at) + 1) {
        count++;
        buf_reset(&got);
        read_back(f->st, "INBOX", names.data + at, &got);
        bool same = got.len > want.len && strncmp(got.data, "Return-Path: ", 13) == 0 &&
                    memcmp(got.data + got.len - want.len, want.data, want.len) == 0;
        ck_assert_msg(same, "%s, %s: a message is not whole", f->kind->name, when);
    }
    ck_assert_msg(count >= least && count <= most, "%s, %s: %zu messages, not %zu to %zu",
                  f->kind->name, when, count, least, most);
    buf_release(&names);
    buf_release(&got);
    buf_release(&want);
}

/* Puts a fault on the n-th call, delivers, and looks: what was acknowledged is there, and works on.
 */
static bool
sweep_one(const struct kind *kind, int n, void (*put)(int n), const char *what)
{
    struct fixture f;
    struct posted p[BATCH];
    struct letter l = long_letter();
    char when[64];

    snprintf(when, sizeof(when), "call %d says %s", n, what);
    fixture_begin(&f, kind);
    if (n % 2 == 0) /* on an account that exists, and on a new one */
        ck_assert(letter_deliver(f.st, &l, &p[0]));
    size_t before = n % 2 == 0;
    put(n);
    size_t done = deliver_batch(f.st, &l, p);
    bool happened = faults_off();
    ck_assert_msg(happened || done == BATCH, "%s, %s: %zu delivered", kind->name, when, done);
    check_whole(&f, &l, before + done, before + done, when);
    fixture_reopen(&f);
    check_whole(&f, &l, before + done, before + done, when);
    ck_assert_msg(letter_deliver(f.st, &l, &p[0]), "%s, %s: then %s", kind->name, when,
                  p[0].why.cause);
    check_whole(&f, &l, before + done + 1, before + done + 1, when);
    fixture_end(&f);
    return happened;
}

/* How many calls there are: two in a row without a fault end it, one for each kind of account. */
static int
sweep(const struct kind *kind, void (*put)(int n), const char *what)
{
    int n = 1;

    for (int quiet = 0; quiet < 2; n++)
        quiet = sweep_one(kind, n, put, what) ? 0 : quiet + 1;
    return n;
}

static void
put_error(int n)
{
    faults_fail(n, errors[n % 4]);
}

START_TEST(every_call_fails_once)
{
    ck_assert_int_gt(sweep(kind_find(swept[_i]), put_error, "it failed"), 8);
}
END_TEST

/* ---- as NFS fails, which has no unnamed files ---- */

static const char *const over_nfs[] = {"maildir by tmp", "mbox"};
#define OVER_NFS (int)(sizeof(over_nfs) / sizeof(over_nfs[0]))

static void
put_stale(int n)
{
    faults_fail(n, ESTALE);
}

START_TEST(every_call_meets_a_stale_handle_once)
{
    ck_assert_int_gt(sweep(kind_find(over_nfs[_i]), put_stale, "ESTALE"), 8);
}
END_TEST

START_TEST(every_reply_is_lost_once)
{
    ck_assert_int_gt(sweep(kind_find(over_nfs[_i]), faults_lose_reply, "what the second says"), 3);
}
END_TEST

/* The server lost all that we hold: by the second delivery it is opened anew. */
START_TEST(stale_folders_are_opened_anew)
{
    struct fixture f;
    struct posted p;
    struct letter l = long_letter();

    fixture_begin(&f, kind_find(over_nfs[_i]));
    ck_assert(letter_deliver(f.st, &l, &p));
    faults_stale();
    bool first = letter_deliver(f.st, &l, &p);
    ck_assert_msg(letter_deliver(f.st, &l, &p), "%s: %s", f.kind->name, p.why.cause);
    check_whole(&f, &l, 2 + first, 2 + first, "folders that were stale");
    fixture_end(&f);
}
END_TEST

/* ---- crash ---- */

static bool
crash_one(const struct kind *kind, int n)
{
    struct fixture f;
    struct posted p[BATCH];
    struct letter l = long_letter();
    char when[64];
    int status;
    size_t *done =
        mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    snprintf(when, sizeof(when), "process ends at call %d", n);
    fixture_begin(&f, kind);
    f.settings.lock_count = 1; /* fcntl: a dotlock would hold for five minutes */
    ck_assert(letter_deliver(f.st, &l, &p[0]));
    store_close(f.st);
    f.st = NULL;
    pid_t pid = fork();
    if (pid == 0) {
        struct store *st = fixture_open(&f);
        faults_crash(n);
        *done = deliver_batch(st, &l, p);
        store_close(st);
        faults_off();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    bool happened = WIFEXITED(status) && WEXITSTATUS(status) == 99;
    ck_assert(happened || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    f.st = fixture_open(&f);
    /* Whole messages that were not acknowledged yet may stay; none may be lost. */
    check_whole(&f, &l, 1 + *done, 1 + BATCH, when);
    size_t count = count_messages(f.st, "INBOX");
    ck_assert_msg(letter_deliver(f.st, &l, &p[0]), "%s, %s: then %s", kind->name, when,
                  p[0].why.cause);
    check_whole(&f, &l, count + 1, count + 1, when);
    munmap(done, sizeof(*done));
    fixture_end(&f);
    return happened;
}

START_TEST(the_process_ends_at_every_call)
{
    const struct kind *kind = kind_find(swept[_i]);
    int n = 1;

    while (crash_one(kind, n))
        n++;
    ck_assert_int_gt(n, 8);
}
END_TEST

/* ---- after a crash: restoring ---- */

static const char *const restored[] = {"maildir", "maildir by tmp", "mbox"};
#define RESTORED (int)(sizeof(restored) / sizeof(restored[0]))

enum damage { DAMAGE_TORN, DAMAGE_ABSENT, DAMAGE_NO_FOLDERS, DAMAGES };

/* One delivery that is not touched, and BATCH that the crash gets at. */
static void
damaged_account(struct fixture *f, const struct letter *l, struct posted p[BATCH],
                enum damage damage)
{
    char path[600], aside[620];
    struct posted whole;
    struct buf at;

    store_use_journal(f->st);
    if (damage != DAMAGE_NO_FOLDERS)
        ck_assert(letter_publish(f->st, l, &whole));
    for (int i = 0; i < BATCH; i++)
        ck_assert(letter_publish(f->st, l, &p[i]));
    for (int i = BATCH - 1; i >= 0 && damage != DAMAGE_NO_FOLDERS; i--) {
        struct stat st;
        buf_init(&at, sizeof(path) - 1);
        ck_assert(store_where(f->st, "INBOX", p[i].ref.name, &at));
        strcpy(path, buf_str(&at));
        buf_release(&at);
        ck_assert_int_eq(stat(path, &st), 0);
        off_t keep = damage == DAMAGE_TORN ? 5000 : 0;
        if (f->kind->is_mbox) /* they lie one behind the other */
            ck_assert_int_eq(truncate(path, st.st_size / (i + 2) * (i + 1) + keep), 0);
        else if (damage == DAMAGE_TORN)
            ck_assert_int_eq(truncate(path, keep), 0);
        else
            ck_assert_int_eq(unlink(path), 0);
    }
    if (damage != DAMAGE_NO_FOLDERS)
        return;
    snprintf(aside, sizeof(aside), "%s.aside", fixture_path(f, ""));
    ck_assert_int_eq(rename(fixture_path(f, ""), aside), 0);
    fixture_reopen(f);
    store_use_journal(f->st);
}

static size_t
restore_batch(struct store *st, const struct letter *l, struct posted p[BATCH])
{
    char mailbox[STORE_MAILBOX_SIZE];
    size_t done = 0;

    for (int i = 0; i < BATCH; i++)
        done += letter_restore(st, l, &p[i], mailbox) == STORE_DONE;
    store_restore_end(st);
    return done;
}

static void
restored_all(struct fixture *f, const struct letter *l, struct posted p[BATCH], size_t count,
             const char *when)
{
    struct message *m;
    struct outcome why;

    ck_assert_msg(restore_batch(f->st, l, p) == BATCH, "%s, %s: then %s%s", f->kind->name, when,
                  p[0].why.cause, p[1].why.cause);
    check_whole(f, l, count, count, when);
    for (int i = 0; i < BATCH; i++) {
        m = store_read(f->st, "INBOX", p[i].ref.name, &why);
        ck_assert_msg(m != NULL, "%s, %s: %s", f->kind->name, when, why.cause);
        message_unref(m);
    }
}

static bool
restore_fails_one(const struct kind *kind, enum damage damage, int n, int error)
{
    struct fixture f;
    struct posted p[BATCH];
    struct letter l = long_letter();
    char when[64];

    snprintf(when, sizeof(when), "damage %d, call %d says %s", damage, n, strerror(error));
    fixture_begin(&f, kind);
    damaged_account(&f, &l, p, damage);
    size_t count = damage == DAMAGE_NO_FOLDERS ? BATCH : 1 + BATCH;
    faults_fail(n, error);
    size_t done = restore_batch(f.st, &l, p);
    bool happened = faults_off();
    ck_assert_msg(happened || done == BATCH, "%s, %s: %zu restored", kind->name, when, done);
    restored_all(&f, &l, p, count, when);
    fixture_reopen(&f);
    restored_all(&f, &l, p, count, when);
    fixture_end(&f);
    return happened;
}

START_TEST(every_call_of_a_restore_fails_once)
{
    const struct kind *kind = kind_find(restored[_i / DAMAGES]);
    int n = 1;

    while (restore_fails_one(kind, _i % DAMAGES, n, errors[n % 4]))
        n++;
    ck_assert_int_gt(n, 4);
}
END_TEST

static bool
restore_crashes_one(const struct kind *kind, enum damage damage, int n)
{
    struct fixture f;
    struct posted p[BATCH];
    struct letter l = long_letter();
    char when[64];
    int status;

    snprintf(when, sizeof(when), "damage %d, process ends at call %d", damage, n);
    fixture_begin(&f, kind);
    f.settings.lock_count = 1; /* fcntl: a dotlock would hold for five minutes */
    fixture_reopen(&f);
    damaged_account(&f, &l, p, damage);
    store_close(f.st);
    f.st = NULL;
    pid_t pid = fork();
    if (pid == 0) {
        struct store *st = fixture_open(&f);
        faults_crash(n);
        restore_batch(st, &l, p);
        faults_off();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    f.st = fixture_open(&f);
    restored_all(&f, &l, p, damage == DAMAGE_NO_FOLDERS ? BATCH : 1 + BATCH, when);
    fixture_end(&f);
    return WIFEXITED(status) && WEXITSTATUS(status) == 99;
}

START_TEST(the_process_ends_at_every_call_of_a_restore)
{
    const struct kind *kind = kind_find(restored[_i / DAMAGES]);
    int n = 1;

    while (restore_crashes_one(kind, _i % DAMAGES, n))
        n++;
    ck_assert_int_gt(n, 4);
}
END_TEST

/* ---- a full disk, a folder that nobody may write to ---- */

START_TEST(a_full_disk_is_said_and_its_space_returns)
{
    struct fixture f;
    struct posted p;
    static char bytes[600000];
    struct letter big = {.bytes = {bytes, sizeof(bytes)}};
    struct letter small = {.bytes = {"A: b\r\n", 6}};

    memset(bytes, 'x', sizeof(bytes));
    fixture_begin(&f, kind_find(swept[_i]));
    if (mount("tmpfs", f.dir, "tmpfs", 0, "size=512k,mode=0700") < 0) {
        printf("skipped: a full disk, %s (mount: %s)\n", swept[_i], strerror(errno));
        fixture_end(&f);
        return;
    }
    fixture_reopen(&f);
    ck_assert(letter_deliver(f.st, &small, &p));
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(letter_stage(f.st, &big, &p), STORE_FAILED);
        ck_assert_msg(p.why.kind == OUTCOME_DISK_FULL, "%s: %s", swept[_i], p.why.cause);
    }
    big.bytes.n = 200000;
    ck_assert_msg(letter_deliver(f.st, &big, &p), "%s: %s", swept[_i], p.why.cause);
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 2);
    store_close(f.st);
    f.st = NULL;
    ck_assert_int_eq(umount(f.dir), 0);
    fixture_end(&f);
}
END_TEST

/* As an ordinary user, because root may write anywhere. */
static int
deliver_unwritable(struct fixture *f)
{
    struct posted p;
    const struct letter l = {.bytes = {"A: b\r\n", 6}};

    if (geteuid() == 0 && setuid(65534) < 0)
        return 2;
    struct store *st = fixture_open(f);
    if (letter_deliver(st, &l, &p))
        return 3;
    store_close(st);
    if (p.why.kind != OUTCOME_SYSTEM)
        return 4;
    return strstr(p.why.cause, "example.org") != NULL || strstr(p.why.cause, "ann") != NULL ? 0 : 5;
}

START_TEST(an_unwritable_folder_is_named)
{
    struct fixture f;
    int status;

    fixture_begin(&f, kind_find(swept[_i]));
    ck_assert_int_eq(chmod(f.dir, 0555), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(deliver_unwritable(&f));
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    chmod(f.dir, 0755);
    fixture_end(&f);
}
END_TEST

/* The kernel tells one reader of a write that failed, and once: fdatasync() would then succeed. */
START_TEST(a_failed_sync_fails_all_that_share_the_file)
{
    const struct letter plain = {.bytes = SPAN("Subject: a\r\n\r\nbody\r\n")};
    struct fixture f, g;
    struct posted p;
    struct store_ref ref;
    struct store_staged *linked;
    struct outcome why;
    struct message *m = message_from_memory(plain.bytes);

    fixture_begin(&f, kind_find("maildir"));
    fixture_begin(&g, kind_find("maildir"));
    ck_assert_int_eq(letter_stage(f.st, &plain, &p), STORE_DONE);
    struct store_mail mail = {.msg = m,
                              .mailbox = "INBOX",
                              .return_path = "",
                              .id = p.id,
                              .trace = span_of(p.trace),
                              .received = clock_wall()};
    ck_assert_int_eq(store_stage_link(g.st, &mail, p.staged, &linked, &ref, &why), STORE_DONE);
    faults_fail(1, EIO);
    ck_assert(!store_sync(f.st, p.staged, &why));
    ck_assert(faults_off());
    store_discard(f.st, p.staged);
    ck_assert(!store_sync(g.st, linked, &why));
    ck_assert(outcome_is_temporary(&why));
    store_discard(g.st, linked);
    message_unref(m);
    fixture_end(&f);
    fixture_end(&g);
}
END_TEST

/* It would be taken for durable by the next delivery. */
START_TEST(a_folder_that_could_not_be_synced_is_gone)
{
    char path[] = "/tmp/test_faults.XXXXXX";
    struct stat st;

    ck_assert(mkdtemp(path) != NULL);
    int root = beneath_root(path);
    faults_fail(2, EIO); /* behind mkdirat() */
    ck_assert_int_lt(beneath_make_folder(root, "a/b"), 0);
    ck_assert(faults_off());
    ck_assert_int_eq(errno, EIO);
    ck_assert_int_lt(fstatat(root, "a", &st, 0), 0);
    close(root);
    ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

/* ---- folders that cannot be read ---- */

static const char *const listed[] = {"maildir", "mbox"};
#define LISTED (int)(sizeof(listed) / sizeof(listed[0]))

static bool
on_mailbox(void *arg, const char *mailbox)
{
    (void)mailbox;
    ++*(size_t *)arg;
    return true;
}

static void
list_begin(struct fixture *f, const char *kind)
{
    static const char *const names[] = {"A", "A/x", "B"};
    struct outcome why;

    fixture_begin(f, kind_find(kind));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        ck_assert(store_mailbox_create(f->st, names[i], &why));
}

/* A mailbox that is missing in the list would be taken for one that is gone. */
START_TEST(a_list_is_whole_or_refused)
{
    struct fixture f;
    struct outcome why;
    bool happened = true;
    int n = 0;

    list_begin(&f, listed[_i]);
    while (happened) {
        size_t count = 0;
        faults_fail_reading(++n, EIO);
        bool ok = store_mailbox_list(f.st, on_mailbox, &count, &why);
        happened = faults_off();
        ck_assert_msg(!ok || count == 4, "%s, look %d: %zu mailboxes", listed[_i], n, count);
        ck_assert_msg(ok || (happened && outcome_is_temporary(&why)), "%s", why.cause);
    }
    ck_assert_int_gt(n, 4);
    fixture_end(&f);
}
END_TEST

/* Of a Maildir, whose folders lie side by side: the children go along, or nothing moves. */
START_TEST(a_rename_that_cannot_see_its_children_moves_nothing)
{
    struct fixture f;
    struct outcome why;
    bool happened = true;
    int n = 0;

    while (happened) {
        list_begin(&f, "maildir");
        faults_fail_reading(++n, EIO);
        bool ok = store_mailbox_rename(f.st, "A", "C", &why);
        happened = faults_off();
        ck_assert_msg(store_mailbox_delete(f.st, ok ? "C" : "A", &why), "%d: %s", n, why.cause);
        ck_assert_msg(store_mailbox_delete(f.st, ok ? "C/x" : "A/x", &why), "%d: %s", n, why.cause);
        fixture_end(&f);
    }
    ck_assert_int_gt(n, 1);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("store faults");
    TCase *all = tcase_create("faults");

    /* Hundreds of batches, each with its syncs: in memory where that is possible. */
    log_set_level(LOG_LEVEL_ERROR);
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, every_call_fails_once, 0, SWEPT);
    tcase_add_loop_test(all, every_call_meets_a_stale_handle_once, 0, OVER_NFS);
    tcase_add_loop_test(all, every_reply_is_lost_once, 0, OVER_NFS);
    tcase_add_loop_test(all, stale_folders_are_opened_anew, 0, OVER_NFS);
    tcase_add_loop_test(all, the_process_ends_at_every_call, 0, SWEPT);
    tcase_add_loop_test(all, a_full_disk_is_said_and_its_space_returns, 0, SWEPT);
    tcase_add_loop_test(all, an_unwritable_folder_is_named, 0, SWEPT);
    tcase_add_loop_test(all, every_call_of_a_restore_fails_once, 0, RESTORED * DAMAGES);
    tcase_add_loop_test(all, the_process_ends_at_every_call_of_a_restore, 0, RESTORED * DAMAGES);
    tcase_add_loop_test(all, a_list_is_whole_or_refused, 0, LISTED);
    tcase_add_test(all, a_rename_that_cannot_see_its_children_moves_nothing);
    tcase_add_test(all, a_folder_that_could_not_be_synced_is_gone);
    tcase_add_test(all, a_failed_sync_fails_all_that_share_the_file);
    suite_add_tcase(s, all);

    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
