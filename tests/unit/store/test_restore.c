/* SPDX-License-Identifier: MIT
 *
 * The contract of stores that a journal may stand in front of: what was published without a sync
 * comes back after whatever a crash makes of it, once, whole, under its name; what is whole is left
 * alone. Loops run over all such drivers.
 */
#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "doorstep/pack.h"

static const char *const restoring[] = {"maildir", "maildir with CRLF", "maildir by tmp", "mbox"};
#define RESTORING (int)(sizeof(restoring) / sizeof(restoring[0]))
#define MAILDIRS 3 /* the first ones */

static const struct letter plain = {.bytes = {"Subject: a\r\n\r\nFrom body\r\n", 25}};
static const struct letter binary = {.bytes = {"Subject: a\r\n\r\nx\ny\0\r\n\r", 21}};

static void
begin(struct fixture *f, const char *kind)
{
    fixture_begin(f, kind_find(kind));
    ck_assert_uint_ne(store_can(f->st) & STORE_CAN_RESTORE, 0);
    store_use_journal(f->st);
}

/* The store after a crash: what was open is not there any more. */
static void
again(struct fixture *f)
{
    fixture_reopen(f);
    store_use_journal(f->st);
}

struct spot { /* the octets of a delivery on the disk */
    char path[768];
    off_t from, to;
};

static struct spot
spot_of(struct fixture *f, const char *mailbox, const struct posted *p)
{
    struct spot at = {.from = 0};
    struct stat st;
    struct buf path;

    buf_init(&path, sizeof(at.path) - 1);
    ck_assert(store_where(f->st, mailbox, p->ref.name, &path));
    strcpy(at.path, buf_str(&path));
    buf_release(&path);
    ck_assert_msg(stat(at.path, &st) == 0, "%s", at.path);
    at.to = st.st_size;
    if (f->kind->is_mbox) {
        struct unpack u;
        unpack_init(&u, (struct span){p->place, p->place_n});
        ck_assert_uint_eq(unpack_u64(&u), st.st_ino);
        at.from = (off_t)unpack_u64(&u);
        at.to = at.from + (off_t)(unpack_u64(&u) + unpack_u64(&u));
        ck_assert(unpack_done(&u));
    }
    return at;
}

/* It is there once, whole, under its name, and nothing else is. */
static void
check_one(struct fixture *f, const struct letter *l, struct posted *p, const char *mailbox,
          size_t count, const char *when)
{
    struct listed seen;
    struct buf want, got;

    buf_init(&want, SIZE_MAX);
    buf_init(&got, SIZE_MAX);
    list_messages(f->st, mailbox, &seen);
    ck_assert_msg(seen.count == count, "%s, %s: %zu messages", f->kind->name, when, seen.count);
    ck_assert_msg(list_find(&seen, p->ref.name) != NULL, "%s, %s: not listed", f->kind->name, when);
    letter_stored(f->kind, l, p, &want);
    read_back(f->st, mailbox, p->ref.name, &got);
    ck_assert_msg(span_equal(buf_span(&want), buf_span(&got)), "%s, %s: other octets",
                  f->kind->name, when);
    buf_release(&want);
    buf_release(&got);
}

static void
restore_ok(struct fixture *f, const struct letter *l, struct posted *p, const char *mailbox,
           const char *when)
{
    char found[STORE_MAILBOX_SIZE];

    ck_assert_msg(letter_restore(f->st, l, p, found) == STORE_DONE, "%s, %s: %s", f->kind->name,
                  when, p->why.cause);
    ck_assert_str_eq(found, mailbox);
}

START_TEST(what_is_whole_is_left_alone)
{
    const struct letter flagged = {.bytes = plain.bytes, .flags = STORE_SEEN | STORE_FLAGGED};
    const struct letter *const letters[] = {&plain, &binary, &flagged};
    struct stat before, after;
    struct fixture f;
    struct posted p;

    begin(&f, restoring[_i]);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_msg(letter_publish(f.st, letters[i], &p), "%s", p.why.cause);
        struct spot at = spot_of(&f, "INBOX", &p);
        ck_assert_int_eq(stat(at.path, &before), 0);
        again(&f);
        for (int twice = 0; twice < 2; twice++)
            restore_ok(&f, letters[i], &p, "INBOX", "nothing happened");
        ck_assert_int_eq(stat(at.path, &after), 0);
        ck_assert_uint_eq(before.st_ino, after.st_ino);
        ck_assert_int_eq(before.st_size, after.st_size);
        check_one(&f, letters[i], &p, "INBOX", i + 1, "nothing happened");
    }
    fixture_end(&f);
}
END_TEST

/* Of one small message with another whole one before it. */
START_TEST(cut_at_every_octet)
{
    const struct letter *const letters[] = {&plain, &binary};
    struct fixture f;
    struct posted first, p;
    char when[64];

    for (size_t i = 0; i < 2; i++) {
        begin(&f, restoring[_i]);
        ck_assert(letter_publish(f.st, &plain, &first) && letter_publish(f.st, letters[i], &p));
        struct spot at = spot_of(&f, "INBOX", &p);
        for (off_t n = at.from; n < at.to; n++) {
            snprintf(when, sizeof(when), "cut to %lld octets", (long long)(n - at.from));
            ck_assert_int_eq(truncate(at.path, n), 0);
            again(&f);
            restore_ok(&f, letters[i], &p, "INBOX", when);
            restore_ok(&f, letters[i], &p, "INBOX", when);
            store_restore_end(f.st);
            check_one(&f, letters[i], &p, "INBOX", 2, when);
            check_one(&f, &plain, &first, "INBOX", 2, when);
        }
        fixture_end(&f);
    }
}
END_TEST

static void
zero(const char *path, off_t from, off_t to)
{
    static const char nothing[65536];
    int fd = open(path, O_WRONLY);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_le(to - from, (off_t)sizeof(nothing));
    ck_assert(store_pwrite_all(fd, nothing, (size_t)(to - from), (uint64_t)from));
    close(fd);
}

/* Pages that were never written: all of it, its beginning, its end; and cut behind them. */
START_TEST(pages_of_zeros)
{
    static char bytes[30000];
    const struct letter l = {.bytes = {bytes, sizeof(bytes)}};
    static const struct {
        int from, to; /* tenths */
    } holes[] = {{0, 10}, {0, 4}, {4, 10}, {3, 6}, {1, 2}};
    struct fixture f;
    struct posted p;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = i % 80 == 78 ? '\r' : i % 80 == 79 ? '\n' : (char)('a' + i % 26);
    begin(&f, restoring[_i]);
    for (size_t i = 0; i < sizeof(holes) / sizeof(holes[0]); i++) {
        for (int cut = 0; cut < 2; cut++) {
            ck_assert(letter_publish(f.st, &l, &p));
            struct spot at = spot_of(&f, "INBOX", &p);
            off_t tenth = (at.to - at.from) / 10;
            off_t end = holes[i].to == 10 ? at.to : at.from + holes[i].to * tenth;
            zero(at.path, at.from + holes[i].from * tenth, end);
            ck_assert(cut == 0 || truncate(at.path, end) == 0);
            again(&f);
            restore_ok(&f, &l, &p, "INBOX", "zeros");
            store_restore_end(f.st);
            check_one(&f, &l, &p, "INBOX", 2 * i + (size_t)cut + 1, "zeros");
        }
    }
    fixture_end(&f);
}
END_TEST

START_TEST(what_is_absent_comes_back)
{
    struct fixture f;
    struct posted p[50];
    struct outcome why;
    char mailbox[STORE_MAILBOX_SIZE];

    begin(&f, restoring[_i]);
    for (int i = 0; i < 50; i += 5) { /* in batches */
        for (int k = i; k < i + 5; k++) {
            ck_assert_int_eq(letter_stage(f.st, k % 2 ? &binary : &plain, &p[k]), STORE_DONE);
            letter_place(f.st, &p[k]);
        }
        for (int k = i; k < i + 5; k++)
            ck_assert(store_publish(f.st, p[k].staged, &why));
        for (int k = i; k < i + 5; k++)
            store_forget(f.st, p[k].staged);
    }
    const char *account = fixture_path(&f, "");
    char aside[600];
    snprintf(aside, sizeof(aside), "%s.aside", account);
    ck_assert_int_eq(rename(account, aside), 0); /* folders and all */
    again(&f);
    for (int twice = 0; twice < 2; twice++) {
        for (int i = 0; i < 50; i++) {
            ck_assert_msg(letter_restore(f.st, i % 2 ? &binary : &plain, &p[i], mailbox) ==
                              STORE_DONE,
                          "%s: %s", f.kind->name, p[i].why.cause);
            ck_assert_str_eq(mailbox, "INBOX");
        }
        store_restore_end(f.st);
        for (int i = 0; i < 50; i++)
            check_one(&f, i % 2 ? &binary : &plain, &p[i], "INBOX", 50, "absent");
    }
    fixture_end(&f);
}
END_TEST

START_TEST(a_mailbox_is_made_again)
{
    const struct letter l = {.bytes = plain.bytes, .mailbox = "Lists/dev"};
    struct outcome why;
    struct fixture f;
    struct posted p;

    begin(&f, restoring[_i]);
    ck_assert(store_mailbox_create(f.st, "Lists", &why));
    ck_assert(store_mailbox_create(f.st, "Lists/dev", &why) && store_commit(f.st, &why));
    ck_assert(letter_publish(f.st, &l, &p));
    ck_assert(store_mailbox_delete(f.st, "Lists/dev", &why));
    ck_assert(store_mailbox_delete(f.st, "Lists", &why));
    again(&f);
    restore_ok(&f, &l, &p, "Lists/dev", "no mailbox");
    store_restore_end(f.st);
    check_one(&f, &l, &p, "Lists/dev", 1, "no mailbox");
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 0);
    fixture_end(&f);
}
END_TEST

START_TEST(other_octets_under_its_name_are_replaced)
{
    static const char *const others[] = {"", "x", "Subject: somebody else's\n\nand more\n"};
    struct fixture f;
    struct posted p;
    struct buf was;

    begin(&f, restoring[_i]);
    ck_assert(letter_publish(f.st, &plain, &p));
    struct spot at = spot_of(&f, "INBOX", &p);
    for (size_t i = 0; i < 3; i++) {
        write_file(at.path, span_of(others[i]));
        restore_ok(&f, &plain, &p, "INBOX", "other octets");
        check_one(&f, &plain, &p, "INBOX", 1, "other octets");
    }
    buf_init(&was, SIZE_MAX); /* one octet is another, one is too many */
    read_file(at.path, &was);
    was.data[was.len / 2] ^= 1;
    write_file(at.path, buf_span(&was));
    restore_ok(&f, &plain, &p, "INBOX", "one octet");
    check_one(&f, &plain, &p, "INBOX", 1, "one octet");
    was.data[was.len / 2] ^= 1;
    ck_assert(buf_append_char(&was, 'x'));
    write_file(at.path, buf_span(&was));
    restore_ok(&f, &plain, &p, "INBOX", "one more");
    check_one(&f, &plain, &p, "INBOX", 1, "one more");
    ck_assert_uint_eq(count_files(f.dir), 1);
    buf_release(&was);
    fixture_end(&f);
}
END_TEST

/* Moved to another folder and flagged, whole and torn. */
START_TEST(it_is_found_wherever_it_was_moved)
{
    struct fixture f;
    struct posted p;
    struct listed seen;
    struct store_ref moved;
    struct outcome why;

    begin(&f, restoring[_i]);
    ck_assert(store_mailbox_create(f.st, "Work", &why) && store_commit(f.st, &why));
    ck_assert(letter_publish(f.st, &plain, &p));
    ck_assert(store_set_flags(f.st, "INBOX", p.ref.name, STORE_SEEN | STORE_ANSWERED, &why));
    ck_assert_msg(store_move(f.st, "INBOX", p.ref.name, "Work", &moved, &why), "%s", why.cause);
    struct spot at = spot_of(&f, "Work", &p);
    for (int torn = 0; torn < 2; torn++) {
        ck_assert(torn == 0 || truncate(at.path, 30) == 0);
        again(&f);
        restore_ok(&f, &plain, &p, "Work", "moved");
        store_restore_end(f.st);
        check_one(&f, &plain, &p, "Work", 1, "moved");
        list_messages(f.st, "Work", &seen);
        ck_assert_uint_eq(seen.list[0].flags, STORE_SEEN | STORE_ANSWERED);
        ck_assert_uint_eq(count_messages(f.st, "INBOX"), 0);
    }
    fixture_end(&f);
}
END_TEST

/* Listed, then moved on by another program, over and over. */
START_TEST(it_is_found_though_it_moves_on)
{
    static const char *const folders[] = {"A", "B", "C"};
    struct fixture f;
    struct posted other, p;
    struct store_ref moved;
    struct outcome why;

    begin(&f, restoring[_i]);
    for (size_t i = 0; i < 3; i++)
        ck_assert(store_mailbox_create(f.st, folders[i], &why) && store_commit(f.st, &why));
    ck_assert(letter_publish(f.st, &plain, &other) && letter_publish(f.st, &plain, &p));
    ck_assert(store_remove(f.st, "INBOX", other.ref.name, &why));
    ck_assert(store_move(f.st, "INBOX", p.ref.name, "A", &moved, &why));
    struct store *reader = fixture_open(&f);
    restore_ok(&f, &plain, &other, "INBOX", "absent"); /* all names are known now */
    for (size_t i = 0; i < 2; i++) {
        ck_assert(store_move(reader, folders[i], p.ref.name, folders[i + 1], &moved, &why));
        restore_ok(&f, &plain, &p, folders[i + 1], "moved on");
    }
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 1);
    store_close(reader);
    fixture_end(&f);
}
END_TEST

static void
plant_folder(const char *path)
{
    ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void
plant_full_folder(const char *path)
{
    char inside[800];

    plant_folder(path);
    snprintf(inside, sizeof(inside), "%s/x", path);
    write_file(inside, SPAN("x"));
}

static void
plant_link(const char *path)
{
    ck_assert_int_eq(symlink("/etc/passwd", path), 0);
}

static void
plant_fifo(const char *path)
{
    ck_assert_int_eq(mkfifo(path, 0600), 0);
}

START_TEST(something_else_has_its_name)
{
    static void (*const plant[])(const char *) = {plant_folder, plant_full_folder, plant_link,
                                                  plant_fifo};
    const struct letter flagged = {.bytes = plain.bytes, .flags = STORE_SEEN};
    const struct letter *const letters[] = {&plain, &flagged};
    struct fixture f;
    struct posted p;

    for (size_t i = 0; i < 8; i++) {
        const struct letter *l = letters[i % 2];
        begin(&f, restoring[_i]);
        ck_assert(letter_publish(f.st, l, &p));
        struct spot at = spot_of(&f, "INBOX", &p);
        ck_assert_int_eq(unlink(at.path), 0);
        plant[i / 2](at.path);
        again(&f);
        restore_ok(&f, l, &p, "INBOX", "planted");
        restore_ok(&f, l, &p, "INBOX", "planted");
        store_restore_end(f.st);
        check_one(&f, l, &p, "INBOX", 1, "planted");
        fixture_end(&f);
    }
}
END_TEST

START_TEST(folders_that_a_crash_took_are_made)
{
    static const char *const subs[] = {"/tmp", "/new", "/cur"};
    struct fixture f;
    struct posted p;

    begin(&f, restoring[_i]);
    ck_assert(letter_publish(f.st, &plain, &p));
    struct spot at = spot_of(&f, "INBOX", &p);
    ck_assert_int_eq(unlink(at.path), 0);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(rmdir(fixture_path(&f, subs[i])), 0);
    again(&f);
    restore_ok(&f, &plain, &p, "INBOX", "no folders");
    check_one(&f, &plain, &p, "INBOX", 1, "no folders");
    fixture_end(&f);
}
END_TEST

START_TEST(records_that_make_no_sense_are_refused)
{
    static const char *const names[] = {"", ".x", "a/b", "../x", "a:2,S"};
    char mailbox[STORE_MAILBOX_SIZE], name[STORE_REF_SIZE];
    struct fixture f;
    struct posted p;

    begin(&f, restoring[_i]);
    ck_assert(letter_publish(f.st, &plain, &p));
    size_t files = count_files(f.dir);
    strcpy(name, p.ref.name);
    for (size_t i = 0; i < 5; i++) {
        strcpy(p.ref.name, names[i]);
        ck_assert_int_eq(letter_restore(f.st, &plain, &p, mailbox), STORE_FAILED);
    }
    strcpy(p.ref.name, name);
    struct letter elsewhere = plain;
    elsewhere.mailbox = "../../x";
    ck_assert_int_eq(letter_restore(f.st, &elsewhere, &p, mailbox), STORE_FAILED);
    ck_assert_int_eq(p.why.kind, OUTCOME_BAD_REQUEST);
    p.ref.is_crlf = false; /* would lose its bare LF */
    ck_assert_int_eq(letter_restore(f.st, &binary, &p, mailbox), STORE_FAILED);
    ck_assert_int_eq(p.why.kind, OUTCOME_CORRUPT);
    ck_assert_uint_eq(count_files(f.dir), files);
    fixture_end(&f);
}
END_TEST

/* A place is a hint, whatever a damaged record makes of it. */
START_TEST(a_place_may_be_anything)
{
    struct fixture f;
    struct posted first, p;
    unsigned seed = 1;

    begin(&f, restoring[_i]);
    ck_assert(letter_publish(f.st, &plain, &first) && letter_publish(f.st, &plain, &p));
    struct spot at = spot_of(&f, "INBOX", &p);
    for (int i = 0; i < 200; i++) {
        struct posted odd = p;
        if (i % 2 == 0)
            odd.place_n = (size_t)rand_r(&seed) % (sizeof(odd.place) + 1);
        for (size_t k = 0; k < odd.place_n; k++) {
            if (i % 2 == 0 || rand_r(&seed) % 8 == 0) /* all of it, or some octets */
                odd.place[k] = (char)(rand_r(&seed) % 3 == 0 ? 0xff : rand_r(&seed));
        }
        bool is_cut = i % 4 > 1; /* behind "From ", which alone might be anybody's */
        ck_assert(!is_cut || truncate(at.path, at.from + 5 + i % 100) == 0);
        restore_ok(&f, &plain, &odd, "INBOX", "an odd place");
        check_one(&f, &plain, &p, "INBOX", 2, "an odd place");
        check_one(&f, &plain, &first, "INBOX", 2, "an odd place");
    }
    fixture_end(&f);
}
END_TEST

START_TEST(it_keeps_its_time)
{
    const struct letter l = {.bytes = plain.bytes, .when = 1700000000};
    struct listed seen;
    struct fixture f;
    struct posted p;
    struct stat st;

    begin(&f, restoring[_i]);
    ck_assert(letter_publish(f.st, &l, &p));
    struct spot at = spot_of(&f, "INBOX", &p);
    ck_assert_int_eq(truncate(at.path, 0), 0);
    restore_ok(&f, &l, &p, "INBOX", "torn");
    list_messages(f.st, "INBOX", &seen);
    ck_assert_uint_eq(seen.count, 1);
    ck_assert_int_eq(seen.list[0].arrived, l.when);
    ck_assert_int_eq(stat(at.path, &st), 0);
    ck_assert(f.kind->is_mbox || st.st_mtime == l.when);
    fixture_end(&f);
}
END_TEST

START_TEST(a_full_disk_changes_nothing)
{
    static char bytes[200000];
    const struct letter l = {.bytes = {bytes, sizeof(bytes)}};
    char mailbox[STORE_MAILBOX_SIZE];
    struct fixture f;
    struct posted p;
    struct stat st;

    memset(bytes, 'x', sizeof(bytes));
    fixture_begin(&f, kind_find(restoring[_i]));
    if (mount("tmpfs", f.dir, "tmpfs", 0, "size=512k,mode=0700") < 0) {
        printf("skipped: a full disk, %s (mount: %s)\n", restoring[_i], strerror(errno));
        fixture_end(&f);
        return;
    }
    again(&f);
    ck_assert(letter_publish(f.st, &l, &p));
    struct spot at = spot_of(&f, "INBOX", &p);
    ck_assert_int_eq(truncate(at.path, at.from + 100000), 0);
    char filler[600];
    snprintf(filler, sizeof(filler), "%s/filler", f.dir);
    int fd = open(filler, O_WRONLY | O_CREAT, 0600);
    while (write(fd, bytes, 4096) > 0)
        continue;
    close(fd);
    size_t files = count_files(f.dir);
    again(&f);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(letter_restore(f.st, &l, &p, mailbox), STORE_FAILED);
        ck_assert_int_eq(p.why.kind, OUTCOME_DISK_FULL);
        store_restore_end(f.st);
        ck_assert_int_eq(stat(at.path, &st), 0);
        ck_assert_int_eq(st.st_size, at.from + 100000);
        ck_assert_uint_eq(count_files(f.dir), files);
    }
    ck_assert_int_eq(unlink(filler), 0);
    restore_ok(&f, &l, &p, "INBOX", "room again");
    check_one(&f, &l, &p, "INBOX", 1, "room again");
    store_close(f.st);
    f.st = NULL;
    ck_assert_int_eq(umount(f.dir), 0);
    fixture_end(&f);
}
END_TEST

/* ---- what is not synced ---- */

START_TEST(nothing_is_kept_for_a_commit_that_never_comes)
{
    struct outcome why;
    struct fixture f;
    struct posted p;
    struct stat held, there;

    begin(&f, restoring[_i]);
    for (int i = 0; i < 20; i++) {
        char mailbox[16];
        snprintf(mailbox, sizeof(mailbox), "M%d", i);
        const struct letter l = {.bytes = plain.bytes, .mailbox = mailbox};
        ck_assert(store_mailbox_create(f.st, mailbox, &why) && store_commit(f.st, &why));
        ck_assert(letter_publish(f.st, &l, &p));
        if ((store_can(f.st) & STORE_CAN_DELETE) == 0)
            continue;
        ck_assert(store_set_flags(f.st, mailbox, p.ref.name, STORE_SEEN, &why));
        ck_assert(store_remove(f.st, mailbox, p.ref.name, &why));
    }
    size_t open_files = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d) != NULL)
        open_files++;
    closedir(d);
    ck_assert_uint_lt(open_files, 20);
    int fd = store_sync_fd(f.st, &why);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fstat(fd, &held), 0);
    ck_assert_int_eq(stat(f.dir, &there), 0);
    ck_assert_uint_eq(held.st_dev, there.st_dev);
    ck_assert_int_eq(syncfs(fd), 0);
    close(fd);
    fixture_end(&f);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("store restore");
    TCase *all = tcase_create("every driver behind a journal");

    log_set_level(LOG_LEVEL_ERROR); /* each restored message is a line */
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, what_is_whole_is_left_alone, 0, RESTORING);
    tcase_add_loop_test(all, cut_at_every_octet, 0, RESTORING);
    tcase_add_loop_test(all, pages_of_zeros, 0, RESTORING);
    tcase_add_loop_test(all, what_is_absent_comes_back, 0, RESTORING);
    tcase_add_loop_test(all, a_mailbox_is_made_again, 0, RESTORING);
    tcase_add_loop_test(all, records_that_make_no_sense_are_refused, 0, RESTORING);
    tcase_add_loop_test(all, a_place_may_be_anything, 0, RESTORING);
    tcase_add_loop_test(all, it_keeps_its_time, 0, RESTORING);
    tcase_add_loop_test(all, a_full_disk_changes_nothing, 0, RESTORING);
    tcase_add_loop_test(all, nothing_is_kept_for_a_commit_that_never_comes, 0, RESTORING);
    tcase_add_loop_test(all, other_octets_under_its_name_are_replaced, 0, MAILDIRS);
    tcase_add_loop_test(all, it_is_found_wherever_it_was_moved, 0, MAILDIRS);
    tcase_add_loop_test(all, it_is_found_though_it_moves_on, 0, MAILDIRS);
    tcase_add_loop_test(all, something_else_has_its_name, 0, MAILDIRS);
    tcase_add_loop_test(all, folders_that_a_crash_took_are_made, 0, MAILDIRS);
    suite_add_tcase(s, all);

    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
