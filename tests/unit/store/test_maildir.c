/* SPDX-License-Identifier: MIT
 *
 * What only a Maildir has: file names that other programs read and change at any moment,
 * maildirsize, tmp/ to clean, hard links.
 */
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "maildir/maildir_priv.h"

static const struct letter plain = {.bytes = {"Subject: a\r\n\r\nbody\r\n", 20}};

static void
put(const struct fixture *f, const char *below, const char *content)
{
    char path[700];

    snprintf(path, sizeof(path), "%s%s", fixture_path(f, "/"), below);
    write_file(path, span_of(content));
}

/* ---- bytes ---- */

static size_t
written(const struct store_mail *mail, char *out, size_t size)
{
    int fd = memfd_create("mail", MFD_CLOEXEC);
    uint64_t octets = 0;

    ck_assert(fd >= 0 && store_write_mail(fd, mail, false, &octets));
    ck_assert_int_eq(pread(fd, out, size, 0), (ssize_t)octets);
    ck_assert(store_same_mail(fd, mail, false));
    close(fd);
    return octets;
}

/* A message that many get is converted once: each file is as if it had been alone. */
START_TEST(line_ends_of_many_and_of_one)
{
    char alone[4096], many[4096];
    struct store_mail mail = {.trace = SPAN("Return-Path: <>\r\nReceived: a\r\n\tb\r\n"),
                              .msg = message_from_memory(plain.bytes)};

    size_t n = written(&mail, alone, sizeof(alone));
    message_make_lf(mail.msg);
    ck_assert(message_lf(mail.msg).n > 0);
    ck_assert_uint_eq(written(&mail, many, sizeof(many)), n);
    ck_assert(memcmp(alone, many, n) == 0 && memchr(many, '\r', n) == NULL);
    message_unref(mail.msg);
}
END_TEST

/* ---- names ---- */

static const struct {
    const char *file;
    const char *base; /* NULL: no message */
    unsigned flags;
    uint64_t stored, wire;
    time_t arrived;
} names[] = {
    {"1700000000.M1P2.host,S=12,W=34:2,S", "1700000000.M1P2.host,S=12,W=34", STORE_SEEN, 12, 34,
     1700000000},
    {"1.x:2,DFPRST", "1.x", 63, UINT64_MAX, UINT64_MAX, 1},
    {"1.x:2,", "1.x", 0, UINT64_MAX, UINT64_MAX, 1},
    {"1.x", "1.x", 0, UINT64_MAX, UINT64_MAX, 1},
    {"1.x:2,Sab", "1.x", STORE_SEEN, UINT64_MAX, UINT64_MAX, 1},
    {"1.x:1,S", "1.x", 0, UINT64_MAX, UINT64_MAX, 1},
    {"1.x:2", "1.x", 0, UINT64_MAX, UINT64_MAX, 1},
    {"1.x,S=99999999999999999999", "1.x,S=99999999999999999999", 0, UINT64_MAX, UINT64_MAX, 1},
    {"1.x,S=", "1.x,S=", 0, UINT64_MAX, UINT64_MAX, 1},
    {"1.x,S=1x", "1.x,S=1x", 0, UINT64_MAX, UINT64_MAX, 1},
    {"1.x,S=-1", "1.x,S=-1", 0, UINT64_MAX, UINT64_MAX, 1},
    {"1.x,W=7,S=5", "1.x,W=7,S=5", 0, 5, 7, 1},
    {"1.x:2,S,S=5", "1.x", STORE_SEEN, UINT64_MAX, UINT64_MAX, 1},
    {"letter", "letter", 0, UINT64_MAX, UINT64_MAX, -1},
    {".hidden", NULL, 0, 0, 0, 0},
    {":2,S", NULL, 0, 0, 0, 0},
    {"", NULL, 0, 0, 0, 0},
};
#define NAMES (int)(sizeof(names) / sizeof(names[0]))

START_TEST(file_names_are_read)
{
    struct maildir_name n;
    bool ok = maildir_name_parse(names[_i].file, &n);

    ck_assert_msg(ok == (names[_i].base != NULL), "%s", names[_i].file);
    if (!ok)
        return;
    ck_assert_uint_eq(n.base_length, strlen(names[_i].base));
    ck_assert_uint_eq(n.flags, names[_i].flags);
    ck_assert_uint_eq(n.stored_octets, names[_i].stored);
    ck_assert_uint_eq(n.wire_octets, names[_i].wire);
    ck_assert_int_eq(n.arrived, names[_i].arrived);
}
END_TEST

START_TEST(folder_names_are_mailbox_names)
{
    static const struct {
        const char *mailbox, *folder;
    } folders[] = {
        {"Sent", ".Sent"},
        {"A/b/c", ".A.b.c"},
        {"a.b", ".a&AC4-b"},
        {"a&b", ".a&-b"},
        {"Entw\xc3\xbcrfe", ".Entw&APw-rfe"},
        {"\xc3\xbc.\xc3\xbc", ".&APw-&AC4-&APw-"},
    };
    static const char *const not_ours[] = {"Sent",   ".",         "..",    "..x",    ".a..b",
                                           ".a.",    ".&",        ".&APw", ".INBOX", ".inbox",
                                           ".&AEE-", ".&APwALg-", ""};
    char folder[NAME_MAX + 1], mailbox[STORE_MAILBOX_SIZE];
    struct outcome why;

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        ck_assert(maildir_folder_encode(folders[i].mailbox, folder, &why));
        ck_assert_str_eq(folder, folders[i].folder);
        ck_assert(maildir_folder_decode(folder, mailbox));
        ck_assert_str_eq(mailbox, folders[i].mailbox);
    }
    for (size_t i = 0; i < sizeof(not_ours) / sizeof(not_ours[0]); i++)
        ck_assert_msg(!maildir_folder_decode(not_ours[i], mailbox), "%s", not_ours[i]);
}
END_TEST

START_TEST(names_say_sizes_and_flags)
{
    struct fixture f;
    struct posted p;
    char want[64], path[700];
    struct letter l = plain;

    fixture_begin(&f, kind_find("maildir"));
    ck_assert(letter_deliver(f.st, &l, &p));
    snprintf(path, sizeof(path), "%s/new/%s", fixture_path(&f, ""), p.ref.name);
    ck_assert_int_eq(access(path, F_OK), 0);
    /* 3 lines of the letter and 4 of the trace lose their CR. */
    snprintf(want, sizeof(want), ",S=%zu,W=%zu", strlen(p.trace) - 4 + 20 - 3,
             strlen(p.trace) + 20);
    ck_assert_msg(strstr(p.ref.name, want) != NULL, "%s, not %s", p.ref.name, want);
    ck_assert_uint_eq(p.ref.wire_octets, strlen(p.trace) + 20);
    ck_assert_ptr_nonnull(strstr(p.ref.name, p.id));

    l.flags = STORE_SEEN | STORE_FLAGGED;
    ck_assert(letter_deliver(f.st, &l, &p));
    snprintf(path, sizeof(path), "%s/cur/%s:2,FS", fixture_path(&f, ""), p.ref.name);
    ck_assert_int_eq(access(path, F_OK), 0);

    l.bytes = SPAN("a\nb\r\n"); /* readers would not agree on W= */
    ck_assert(letter_deliver(f.st, &l, &p));
    ck_assert_ptr_null(strstr(p.ref.name, ",W="));
    fixture_end(&f);
}
END_TEST

START_TEST(foreign_files_are_listed)
{
    struct fixture f;
    struct posted p;
    struct listed seen;
    struct names boxes;
    char path[700];

    fixture_begin(&f, kind_find("maildir"));
    ck_assert(letter_deliver(f.st, &plain, &p));
    put(&f, "new/1500000000.a.b", "12345");
    put(&f, "cur/1400000000.c.d,S=7:2,RSx", "1234567");
    put(&f, "cur/copied by hand", "123");
    put(&f, "cur/.hidden", "123");
    put(&f, "new/.nfs00000000001a2b3c00000001", "123"); /* removed while it was open, on NFS */
    put(&f, ".nfs00000000001a2b3c00000002", "123");
    put(&f, "tmp/1500000000.e.f", "123");
    snprintf(path, sizeof(path), "%s/cur/1500000001.folder", fixture_path(&f, ""));
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/cur/1500000002.link", fixture_path(&f, ""));
    ck_assert_int_eq(symlink("/etc/passwd", path), 0);
    snprintf(path, sizeof(path), "%s/new/1500000003.fifo", fixture_path(&f, ""));
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    list_messages(f.st, "INBOX", &seen);
    ck_assert_uint_eq(seen.count, 4);
    ck_assert_str_eq(seen.list[0].name, "1400000000.c.d,S=7"); /* in the order of arrival */
    ck_assert_uint_eq(seen.list[0].stored_octets, 7);
    ck_assert_uint_eq(seen.list[0].flags, STORE_SEEN | STORE_ANSWERED);
    ck_assert_int_eq(seen.list[0].arrived, 1400000000);
    ck_assert(!seen.list[0].is_new);
    ck_assert_str_eq(seen.list[1].name, "1500000000.a.b");
    ck_assert_uint_eq(seen.list[1].stored_octets, 5);
    ck_assert(seen.list[1].is_new);
    ck_assert_str_eq(seen.list[3].name, "copied by hand");
    ck_assert_int_gt(seen.list[3].arrived, 1700000000);
    ck_assert(store_set_flags(f.st, "INBOX", "1400000000.c.d,S=7", STORE_FLAGGED, &p.why));
    snprintf(path, sizeof(path), "%s/cur/1400000000.c.d,S=7:2,Fx", fixture_path(&f, ""));
    ck_assert_int_eq(access(path, F_OK), 0); /* Dovecot's keyword stays */
    ck_assert_ptr_null(store_read(f.st, "INBOX", "1500000002.link", &p.why));
    ck_assert_ptr_null(store_read(f.st, "INBOX", "1500000003.fifo", &p.why));
    list_mailboxes(f.st, &boxes);
    ck_assert_uint_eq(boxes.count, 1); /* INBOX */
    fixture_end(&f);
}
END_TEST

/* ---- at the same time ---- */

#define FOUND_MAX 300

struct found {
    char list[FOUND_MAX][NAME_MAX + 1];
    size_t count;
};

static void
reader_list(int maildir, const char *sub, struct found *out)
{
    int fd = openat(maildir, sub, O_RDONLY | O_DIRECTORY);
    DIR *d = fdopendir(fd);
    const struct dirent *e;

    out->count = 0;
    while ((e = readdir(d)) != NULL && out->count < FOUND_MAX) {
        if (e->d_name[0] != '.')
            strcpy(out->list[out->count++], e->d_name);
    }
    closedir(d);
}

/* A mail reader that moves what it finds from new/ to cur/ and changes flags, without end. */
static void
restless_reader(const char *path)
{
    static const char *const flags[] = {":2,", ":2,S", ":2,RS", ":2,FRS", ":2,T"};
    static const char *const subs[] = {"new", "cur"};
    static struct found found;
    int maildir = open(path, O_RDONLY | O_DIRECTORY);
    char from[600], to[600];

    for (unsigned turn = 0;; turn++) {
        const char *sub = subs[turn % 2];
        reader_list(maildir, sub, &found);
        for (size_t n = 0; n < found.count; n++) {
            snprintf(from, sizeof(from), "%s/%s", sub, found.list[n]);
            snprintf(to, sizeof(to), "cur/%.*s%s", (int)strcspn(found.list[n], ":"), found.list[n],
                     flags[(turn + n) % 5]);
            (void)!renameat(maildir, from, maildir, to);
        }
    }
}

#define RACED 120

START_TEST(readers_race_and_nothing_is_missed)
{
    static struct posted p[RACED];
    static struct listed seen;
    struct fixture f;
    struct buf got;

    fixture_begin(&f, kind_find("maildir"));
    ck_assert(letter_deliver(f.st, &plain, &p[0]));
    pid_t reader = fork();
    if (reader == 0)
        restless_reader(fixture_path(&f, ""));
    for (int i = 1; i < RACED; i++)
        ck_assert_msg(letter_deliver(f.st, &plain, &p[i]), "%s", p[i].why.cause);
    buf_init(&got, 4096);
    for (int round = 0; round < 20; round++) {
        list_messages(f.st, "INBOX", &seen);
        ck_assert_uint_eq(seen.count, RACED);
        int one = round * 5;
        buf_reset(&got);
        read_back(f.st, "INBOX", p[one].ref.name, &got);
        struct outcome why;
        bool ok = store_set_flags(f.st, "INBOX", p[one].ref.name, STORE_SEEN, &why);
        ck_assert_msg(ok || why.kind == OUTCOME_BUSY, "%s", why.cause);
    }
    /* A delivery that is taken back is found wherever the reader put it. */
    struct posted undo;
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(letter_stage(f.st, &plain, &undo), STORE_DONE);
        ck_assert(store_publish(f.st, undo.staged, &undo.why));
        usleep(500);
        store_discard(f.st, undo.staged);
    }
    kill(reader, SIGKILL);
    waitpid(reader, NULL, 0);
    list_messages(f.st, "INBOX", &seen);
    ck_assert_uint_eq(seen.count, RACED);
    buf_release(&got);
    fixture_end(&f);
}
END_TEST

#define PROCESSES 4
#define EACH 100

START_TEST(processes_deliver_at_once)
{
    struct fixture f;
    pid_t pids[PROCESSES];
    int status;

    fixture_begin(&f, kind_find("maildir"));
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            struct store *st = fixture_open(&f);
            struct letter l = plain;
            struct posted p;
            l.when = 1700000000;
            bool ok = true;
            for (int n = 0; n < EACH; n++)
                ok = ok && letter_deliver(st, &l, &p);
            store_close(st);
            _exit(ok ? 0 : 1);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
        ck_assert_int_eq(status, 0);
    }
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), PROCESSES * EACH);
    fixture_end(&f);
}
END_TEST

START_TEST(a_frozen_clock_gives_no_name_twice)
{
    struct fixture f;
    struct posted p;
    struct letter l = plain;
    char last[STORE_REF_SIZE] = "";

    setenv("TMPDIR", "/dev/shm", 1);
    fixture_begin(&f, kind_find("maildir"));
    l.when = 1700000000;
    for (int i = 0; i < 20000; i++) {
        bool ok = letter_deliver(f.st, &l, &p) && strcmp(last, p.ref.name) != 0;
        strcpy(last, p.ref.name);
        if (!ok)
            ck_abort_msg("%d: %s", i, p.why.cause);
    }
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 20000);
    fixture_end(&f);
}
END_TEST

START_TEST(a_maildir_that_is_replaced_is_found_again)
{
    struct fixture f;
    struct posted p;
    char command[900];

    fixture_begin(&f, kind_find("maildir"));
    ck_assert(letter_deliver(f.st, &plain, &p));
    snprintf(command, sizeof(command), "rm -r '%s'", fixture_path(&f, ""));
    ck_assert_int_eq(system(command), 0);
    /* The delivery that notices may fail for now; the next one does not. */
    if (!letter_deliver(f.st, &plain, &p))
        ck_assert_int_eq(p.why.kind, OUTCOME_SYSTEM);
    ck_assert_msg(letter_deliver(f.st, &plain, &p), "%s", p.why.cause);
    ck_assert_uint_ge(count_messages(f.st, "INBOX"), 1);
    fixture_end(&f);
}
END_TEST

/* With a journal its path is looked at once a second only. */
START_TEST(a_maildir_that_was_moved_away_gets_no_mail)
{
    struct fixture f;
    struct posted p;
    char aside[600];

    fixture_begin(&f, kind_find("maildir"));
    store_use_journal(f.st);
    ck_assert(letter_publish(f.st, &plain, &p));
    snprintf(aside, sizeof(aside), "%s.old", fixture_path(&f, ""));
    ck_assert_int_eq(rename(fixture_path(&f, ""), aside), 0);
    sleep(1);
    ck_assert(letter_publish(f.st, &plain, &p));
    ck_assert_uint_eq(count_files(aside), 1);
    ck_assert_uint_eq(count_files(fixture_path(&f, "/new")), 1);
    snprintf(aside, sizeof(aside), "rm -r '%s'", fixture_path(&f, ""));
    ck_assert_int_eq(system(aside), 0); /* removed: seen at once */
    ck_assert_msg(letter_publish(f.st, &plain, &p), "%s", p.why.cause);
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 1);
    fixture_end(&f);
}
END_TEST

/* ---- stamp ---- */

START_TEST(a_stamp_changes_with_the_mailbox)
{
    struct fixture f;
    struct posted p;
    uint64_t a = 0, b = 0;

    fixture_begin(&f, kind_find(_i == 0 ? "maildir" : "mbox"));
    ck_assert(letter_deliver(f.st, &plain, &p));
    ck_assert(!store_stamp(f.st, "INBOX", &a)); /* changed this very moment */
    usleep(60000);
    ck_assert(store_stamp(f.st, "INBOX", &a));
    ck_assert(store_stamp(f.st, "INBOX", &b));
    ck_assert_uint_eq(a, b);
    ck_assert(letter_deliver(f.st, &plain, &p));
    usleep(60000);
    ck_assert(store_stamp(f.st, "INBOX", &b));
    ck_assert_uint_ne(a, b);
    if (_i == 0) {
        ck_assert(store_set_flags(f.st, "INBOX", p.ref.name, STORE_SEEN, &p.why));
        usleep(60000);
        ck_assert(store_stamp(f.st, "INBOX", &a));
        ck_assert_uint_ne(a, b);
    }
    fixture_end(&f);
}
END_TEST

/* ---- hard links ---- */

START_TEST(accounts_share_a_file)
{
    struct fixture f, g;
    struct posted p;
    struct store_ref ref;
    struct store_staged *linked[2];
    struct outcome why;
    struct stat st;
    char path[700];
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
    /* Of a staged delivery, and of a published one. */
    ck_assert_int_eq(store_stage_link(g.st, &mail, p.staged, &linked[0], &ref, &why), STORE_DONE);
    ck_assert(store_sync(f.st, p.staged, &why) && store_publish(f.st, p.staged, &why));
    ck_assert_int_eq(store_stage_link(g.st, &mail, p.staged, &linked[1], &ref, &why), STORE_DONE);
    for (int i = 0; i < 2; i++)
        ck_assert(store_sync(g.st, linked[i], &why) && store_publish(g.st, linked[i], &why));
    ck_assert(store_commit(f.st, &why) && store_commit(g.st, &why));
    store_forget(f.st, p.staged);
    for (int i = 0; i < 2; i++)
        store_forget(g.st, linked[i]);
    snprintf(path, sizeof(path), "%s/new/%s", fixture_path(&f, ""), p.ref.name);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_nlink, 3);
    ck_assert_uint_eq(count_messages(g.st, "INBOX"), 2);
    ck_assert_uint_eq(ref.stored_octets, p.ref.stored_octets);
    message_unref(m);
    fixture_end(&f);
    fixture_end(&g);
}
END_TEST

/* ---- maildirsize and tmp/ ---- */

static void
check_size_file(const struct fixture *f, const char *want)
{
    struct buf got;

    buf_init(&got, 65536);
    read_file(fixture_path(f, "/maildirsize"), &got);
    ck_assert_str_eq(buf_str(&got), want);
    buf_release(&got);
}

START_TEST(maildirsize_is_kept)
{
    struct fixture f;
    struct posted p, q;
    struct outcome why;
    char want[256], line[64];
    struct letter l = plain;

    l.no_trace = true;
    fixture_begin(&f, kind_find("maildir"));
    ck_assert(letter_deliver(f.st, &l, &p));
    ck_assert_int_eq(access(fixture_path(&f, "/maildirsize"), F_OK), -1); /* never made */
    put(&f, "maildirsize", "1000000S\n17 1\n");
    ck_assert(letter_stage(f.st, &l, &p) == STORE_DONE && letter_stage(f.st, &l, &q) == STORE_DONE);
    ck_assert(store_publish(f.st, p.staged, &why) && store_publish(f.st, q.staged, &why));
    ck_assert(store_commit(f.st, &why));
    store_forget(f.st, p.staged);
    store_forget(f.st, q.staged);
    check_size_file(&f, "1000000S\n17 1\n34 2\n");
    ck_assert(store_remove(f.st, "INBOX", p.ref.name, &why) && store_commit(f.st, &why));
    check_size_file(&f, "1000000S\n17 1\n34 2\n-17 -1\n");
    ck_assert_int_eq(letter_stage(f.st, &l, &p), STORE_DONE);
    ck_assert(store_publish(f.st, p.staged, &why));
    store_discard(f.st, p.staged);
    ck_assert(store_commit(f.st, &why));
    check_size_file(&f, "1000000S\n17 1\n34 2\n-17 -1\n");
    ck_assert(store_mailbox_create(f.st, "Trash", &why));
    l.mailbox = "Trash";
    ck_assert(letter_deliver(f.st, &l, &p));
    check_size_file(&f, "1000000S\n17 1\n34 2\n-17 -1\n");

    /* Grown long: summed up anew. */
    struct buf grown;
    buf_init(&grown, 65536);
    ck_assert(buf_append_str(&grown, "5000S,10C\n"));
    snprintf(line, sizeof(line), "%0*d 0\n", 50, 0);
    while (grown.len < 6000)
        ck_assert(buf_append_str(&grown, line));
    put(&f, "maildirsize", buf_str(&grown));
    buf_release(&grown);
    l.mailbox = NULL;
    ck_assert(letter_deliver(f.st, &l, &p));
    snprintf(want, sizeof(want), "5000S,10C\n%d %d\n", 3 * 17, 3);
    check_size_file(&f, want);
    fixture_end(&f);
}
END_TEST

/* With a journal there is no commit to write it: the last of a batch does, and each change. */
START_TEST(maildirsize_is_kept_behind_a_journal)
{
    struct fixture f;
    struct posted p, q;
    struct store_ref moved;
    struct outcome why;
    struct letter l = plain;
    char mailbox[STORE_MAILBOX_SIZE];

    l.no_trace = true;
    fixture_begin(&f, kind_find("maildir"));
    ck_assert(store_mailbox_create(f.st, "Trash", &why) && store_commit(f.st, &why));
    put(&f, "maildirsize", "1000000S\n0 0\n");
    store_use_journal(f.st);
    ck_assert(letter_stage(f.st, &l, &p) == STORE_DONE && letter_stage(f.st, &l, &q) == STORE_DONE);
    ck_assert(store_publish(f.st, p.staged, &why) && store_publish(f.st, q.staged, &why));
    store_forget(f.st, p.staged);
    store_forget(f.st, q.staged);
    check_size_file(&f, "1000000S\n0 0\n34 2\n");
    ck_assert(store_set_flags(f.st, "INBOX", p.ref.name, STORE_SEEN, &why));
    ck_assert(store_move(f.st, "INBOX", p.ref.name, "Trash", &moved, &why));
    check_size_file(&f, "1000000S\n0 0\n34 2\n-17 -1\n");
    ck_assert(store_move(f.st, "INBOX", p.ref.name, "Trash", &moved, &why)); /* once more */
    check_size_file(&f, "1000000S\n0 0\n34 2\n-17 -1\n");
    ck_assert(store_move(f.st, "Trash", p.ref.name, "INBOX", &moved, &why));
    check_size_file(&f, "1000000S\n0 0\n34 2\n-17 -1\n17 1\n");
    ck_assert(store_remove(f.st, "INBOX", p.ref.name, &why));
    check_size_file(&f, "1000000S\n0 0\n34 2\n-17 -1\n17 1\n-17 -1\n");
    /* Restored: the crash may have taken the line, or the file, or both; so it is summed up. */
    ck_assert_int_eq(letter_restore(f.st, &l, &p, mailbox), STORE_DONE);
    store_restore_end(f.st);
    check_size_file(&f, "1000000S\n34 2\n");
    ck_assert_int_eq(letter_restore(f.st, &l, &p, mailbox), STORE_DONE); /* nothing to do */
    store_restore_end(f.st);
    check_size_file(&f, "1000000S\n34 2\n");
    fixture_end(&f);
}
END_TEST

START_TEST(only_old_files_in_tmp_are_removed)
{
    struct fixture f;
    struct posted p, staged;
    struct outcome why;
    time_t now = time(NULL);

    fixture_begin(&f, kind_find("maildir by tmp"));
    ck_assert(letter_deliver(f.st, &plain, &p));
    ck_assert(store_mailbox_create(f.st, "Sub", &why));
    ck_assert_int_eq(letter_stage(f.st, &plain, &staged), STORE_DONE);
    put(&f, "tmp/1500000000.left", "x");
    put(&f, ".Sub/tmp/1500000000.left", "x");
    put(&f, ".Sub/cur/1500000000.kept", "x");
    put(&f, "notes", "x");
    char path[700];
    snprintf(path, sizeof(path), "%s/tmp/folder", fixture_path(&f, ""));
    ck_assert_int_eq(mkdir(path, 0700), 0);
    size_t before = count_files(f.dir);
    store_tidy(f.st, now + 35 * 3600);
    ck_assert_uint_eq(count_files(f.dir), before);
    store_tidy(f.st, now - 40 * 3600);
    ck_assert_uint_eq(count_files(f.dir), before);
    store_tidy(f.st, now + 37 * 3600);
    ck_assert_uint_eq(count_files(f.dir), before - 2); /* not what is staged, however old */
    ck_assert_int_eq(access(path, F_OK), 0);
    ck_assert(store_publish(f.st, staged.staged, &why) && store_commit(f.st, &why));
    store_forget(f.st, staged.staged);
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 2);
    fixture_end(&f);
}
END_TEST

/* ---- many ---- */

#define MANY 100000

START_TEST(a_hundred_thousand_files_are_listed)
{
    struct fixture f;
    struct posted p;
    char path[700];

    setenv("TMPDIR", "/dev/shm", 1);
    fixture_begin(&f, kind_find("maildir"));
    ck_assert(letter_deliver(f.st, &plain, &p));
    snprintf(path, sizeof(path), "%s/cur", fixture_path(&f, ""));
    int dir = open(path, O_RDONLY | O_DIRECTORY);
    bool ok = true;
    for (int i = 0; i < MANY && ok; i++) {
        snprintf(path, sizeof(path), "17%08d.M123456P789Q%dR0123456789abcdef.host,S=1,W=1:2,S",
                 (int)((unsigned)i * 2654435761u % 100000000), i);
        int fd = openat(dir, path, O_WRONLY | O_CREAT, 0600);
        ok = fd >= 0;
        close(fd);
    }
    ck_assert(ok);
    close(dir);
    uint64_t start = clock_ms();
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), MANY + 1);
    printf("listed %d files in %llu ms\n", MANY, (unsigned long long)(clock_ms() - start));
    fixture_end(&f);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("maildir");
    TCase *all = tcase_create("maildir");

    tcase_set_timeout(all, 120);
    tcase_add_test(all, line_ends_of_many_and_of_one);
    tcase_add_loop_test(all, file_names_are_read, 0, NAMES);
    tcase_add_test(all, folder_names_are_mailbox_names);
    tcase_add_test(all, names_say_sizes_and_flags);
    tcase_add_test(all, foreign_files_are_listed);
    tcase_add_test(all, readers_race_and_nothing_is_missed);
    tcase_add_test(all, processes_deliver_at_once);
    tcase_add_test(all, a_frozen_clock_gives_no_name_twice);
    tcase_add_test(all, a_maildir_that_is_replaced_is_found_again);
    tcase_add_test(all, a_maildir_that_was_moved_away_gets_no_mail);
    tcase_add_loop_test(all, a_stamp_changes_with_the_mailbox, 0, 2);
    tcase_add_test(all, accounts_share_a_file);
    tcase_add_test(all, maildirsize_is_kept);
    tcase_add_test(all, maildirsize_is_kept_behind_a_journal);
    tcase_add_test(all, only_old_files_in_tmp_are_removed);
    tcase_add_test(all, a_hundred_thousand_files_are_listed);
    suite_add_tcase(s, all);

    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
