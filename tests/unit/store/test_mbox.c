/* SPDX-License-Identifier: MIT
 *
 * What only an mbox has: From_ lines, quoting, locks, names that survive a mail reader's flags, and
 * the repair of half a message.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utime.h>

#include "mbox/mbox_priv.h"

static const struct letter plain = {.bytes = {"Subject: a\r\n\r\nbody\r\n", 20}};

/* ---- the scanner ---- */

struct scanned {
    struct buf out; /* "[From_ line]content" for each message */
    uint64_t ends[16];
    size_t count;
};

static void
on_begin(void *arg, const char *from)
{
    ck_assert(buf_printf(&((struct scanned *)arg)->out, "[%s]", from));
}

static bool
on_content(void *arg, const char *p, size_t n)
{
    return buf_append(&((struct scanned *)arg)->out, p, n);
}

static bool
on_end(void *arg, uint64_t start, uint64_t after)
{
    struct scanned *s = arg;

    ck_assert_uint_le(start, after);
    s->ends[s->count++] = after;
    return true;
}

static const struct {
    const char *name;
    const char *file;
    const char *messages;
} files[] = {
    {"empty", "", ""},
    {"no message", "hello\nworld\n", ""},
    {"one", "From a\nx\n\n", "[a]x\n"},
    {"two", "From a\nx\n\nFrom b\ny\n\n", "[a]x\n[b]y\n"},
    {"blank lines inside", "From a\n\n\nx\n\n\nFrom b\n\n", "[a]\n\nx\n\n[b]"},
    {"no blank line before", "From a\nx\nFrom b\ny\n\n", "[a]x\nFrom b\ny\n"},
    {"quoted", "From a\n>From b\n>>From c\n>x\n\n", "[a]From b\n>From c\n>x\n"},
    {"no blank line at the end", "From a\nx\n", "[a]x\n"},
    {"cut in a line", "From a\nx", "[a]x"},
    {"cut in From_", "From a\nx\n\nFro", "[a]x\n\nFro"},
    {"cut in a From_ line", "From a\nx\n\nFrom b", "[a]x\n[b]"},
    {"cut behind a >", "From a\n>", "[a]>"},
    {"cut in a quoted From", "From a\n>>Fr", "[a]>>Fr"},
    {"cut in CR", "From a\nx\n\r", "[a]x\n\r"},
    {"CRLF throughout", "From a\r\nx\r\n\r\nFrom b\r\n", "[a\r]x\r\n[b\r]"},
    {"CRLF content, LF between", "From a\nx\r\n\nFrom b\n", "[a]x\r\n[b]"},
    {"garbage before", "junk\n\nFrom a\nx\n\n", "[a]x\n"},
    {"From without a space", "From a\nFrom\n\nFrom: b\n\n", "[a]From\n\nFrom: b\n"},
};
#define FILES (int)(sizeof(files) / sizeof(files[0]))

START_TEST(scanner_finds_messages_however_it_is_fed)
{
    size_t n = strlen(files[_i].file);

    for (size_t step = 1; step <= n + 1; step++) {
        struct mbox_scanner s;
        struct scanned got = {.count = 0};
        buf_init(&got.out, 4096);
        mbox_scanner_init(&s, &got);
        s.begin = on_begin;
        s.content = on_content;
        s.end = on_end;
        for (size_t at = 0; at < n; at += step)
            mbox_scanner_feed(&s, files[_i].file + at, n - at < step ? n - at : step);
        mbox_scanner_end(&s, false);
        ck_assert_msg(strcmp(buf_str(&got.out), files[_i].messages) == 0, "%s by %zu: %s",
                      files[_i].name, step, buf_str(&got.out));
        buf_release(&got.out);
    }
}
END_TEST

static const struct {
    const char *from;
    time_t when;
} dates[] = {
    {"a@example.org Thu Jan  1 00:00:00 1970", 0},
    {"a b c Sun Nov 22 04:10:25 2026", 1795320625},
    {"MAILER-DAEMON Wed Feb 29 23:59:59 2012", 1330559999},
    {"a Sun Foo 22 04:10:25 2026", -1},
    {"a Sun Nov 22 04:61:25 2026", -1},
    {"a Sun Nov 22 04:10 2026", -1},
    {"", -1},
    {"a", -1},
    {"------------------------", -1},
};

START_TEST(from_lines_are_written_and_read)
{
    char line[MBOX_FROM_SIZE], wide[2000];

    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++)
        ck_assert_msg(mbox_from_time(dates[i].from) == dates[i].when, "%s", dates[i].from);
    mbox_from_line("", 0, line);
    ck_assert_str_eq(line, "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n");
    mbox_from_line("\"a b\"@x\n.org", 1795320625, line);
    ck_assert_str_eq(line, "From \"a_b\"@x_.org Sun Nov 22 04:10:25 2026\n");
    memset(wide, 'w', sizeof(wide));
    wide[sizeof(wide) - 1] = '\0';
    mbox_from_line(wide, INT64_MAX, line); /* no such date */
    ck_assert_str_eq(line + strlen(line) - 25, "Thu Jan  1 00:00:00 1970\n");
}
END_TEST

/* ---- names ---- */

static const char id[] = "01M80RKRZ7F8F8MSNT31SVP";

static const struct {
    const char *name;
    const char *a, *b; /* two contents */
    const char *want;  /* name of both; NULL: not an id, and the same; "": they differ */
} named[] = {
    {"our id", "Return-Path: <>\nReceived: x\n\tid 01M80RKRZ7F8F8MSNT31SVP;\n\n",
     "Received: x id 01M80RKRZ7F8F8MSNT31SVP\n\nother", id},
    {"an id of another host", "Received: x id 4BXYZ1;\nReceived: id 01M80RKRZ7F8F8MSNT31SVP;\n\n",
     "Received: x id 4BXYZ1;\nReceived: id 01M80RKRZ7F8F8MSNT31SVP;\n\n", NULL},
    {"an id in the body", "A: b\n\nReceived: id 01M80RKRZ7F8F8MSNT31SVP;\n", "A: b\n", ""},
    {"flags of mail readers", "A: b\n\nx\n", "A: b\nStatus: RO\nX-Status: A\n\nx\n", NULL},
    {"folded flags", "A: b\n\nx\n", "X-Keywords: a\n b\nA: b\n\nx\n", NULL},
    {"other fields", "A: b\n\nx\n", "A: b\nStatus-Line: RO\n\nx\n", ""},
    {"Status in the body", "A: b\n\nx\n", "A: b\n\nStatus: RO\nx\n", ""},
    {"nothing", "", "", NULL},
};
#define NAMED (int)(sizeof(named) / sizeof(named[0]))

static void
name_of(const char *content, size_t step, char name[STORE_REF_SIZE])
{
    struct mbox_namer n;
    size_t length = strlen(content);

    mbox_namer_init(&n);
    for (size_t at = 0; at < length; at += step)
        mbox_namer_put(&n, content + at, length - at < step ? length - at : step);
    mbox_namer_end(&n, name);
}

START_TEST(messages_have_names_of_their_own)
{
    char a[STORE_REF_SIZE], b[STORE_REF_SIZE];

    for (size_t step = 1; step < 100; step++) {
        name_of(named[_i].a, step, a);
        name_of(named[_i].b, 1000, b);
        if (named[_i].want == NULL)
            ck_assert_msg(a[0] == 'h' && strlen(a) == 33 && strcmp(a, b) == 0, "%s",
                          named[_i].name);
        else if (named[_i].want[0] == '\0')
            ck_assert_msg(a[0] == 'h' && strcmp(a, b) != 0, "%s", named[_i].name);
        else
            ck_assert_msg(strcmp(a, named[_i].want) == 0 && strcmp(a, b) == 0, "%s",
                          named[_i].name);
    }
}
END_TEST

/* ---- other programs' mailboxes ---- */

START_TEST(appending_mends_a_missing_end)
{
    static const struct {
        const char *before, *between;
    } ends[] = {
        {"From a\nx\n\n", ""}, {"From a\nx\n", "\n"}, {"From a\nx", "\n\n"}, {"\n", "\n"}, {"", ""},
    };
    struct fixture f;
    struct posted p;
    struct buf got, want;

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        fixture_begin(&f, kind_find("mbox"));
        char folder[300];
        snprintf(folder, sizeof(folder), "%s/example.org", f.dir);
        mkdir(folder, 0700);
        write_file(fixture_path(&f, ""), span_of(ends[i].before));
        buf_init(&got, 4096);
        buf_init(&want, 4096);
        struct letter l = plain;
        l.no_trace = true;
        l.when = 1795320625;
        l.sender = "";
        ck_assert_msg(letter_deliver(f.st, &l, &p), "%s", p.why.cause);
        read_file(fixture_path(&f, ""), &got);
        ck_assert(buf_printf(&want,
                             "%s%sFrom MAILER-DAEMON Sun Nov 22 04:10:25 2026\n"
                             "Subject: a\n\nbody\n\n",
                             ends[i].before, ends[i].between));
        ck_assert_str_eq(buf_str(&got), buf_str(&want));
        buf_release(&got);
        buf_release(&want);
        fixture_end(&f);
    }
}
END_TEST

/* ---- locks ---- */

static void
deliver_first(struct fixture *f)
{
    struct posted p;

    ck_assert_msg(letter_deliver(f->st, &plain, &p), "%s", p.why.cause);
}

/* Another process that holds a lock until told to end. */
static pid_t
holder(const struct fixture *f, enum store_lock lock, int pipe_to[2])
{
    char c;
    int ready[2];

    ck_assert_int_eq(pipe(ready), 0);
    ck_assert_int_eq(pipe(pipe_to), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(pipe_to[1]);
        int fd = open(fixture_path(f, ""), O_RDWR);
        struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        bool ok =
            lock == STORE_LOCK_FLOCK ? flock(fd, LOCK_EX) == 0 : fcntl(fd, F_SETLK, &all) == 0;
        if (!ok || write(ready[1], "x", 1) != 1)
            _exit(1);
        _exit(read(pipe_to[0], &c, 1) == 0 ? 0 : 1);
    }
    close(pipe_to[0]);
    ck_assert_int_eq(read(ready[0], &c, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

START_TEST(a_locked_mailbox_is_tried_later)
{
    static const enum store_lock locks[] = {STORE_LOCK_FCNTL, STORE_LOCK_FLOCK};
    struct fixture f;
    struct posted p;
    int status, pipe_to[2];

    fixture_begin(&f, kind_find("mbox"));
    f.settings.lock[0] = locks[_i];
    f.settings.lock_count = 1;
    deliver_first(&f);
    pid_t pid = holder(&f, locks[_i], pipe_to);
    ck_assert_int_eq(letter_stage(f.st, &plain, &p), STORE_LATER);
    ck_assert_int_eq(p.why.kind, OUTCOME_BUSY);
    ck_assert_int_eq(p.wait.fd, -1);
    ck_assert_uint_gt(p.wait.ms, 0);
    close(pipe_to[1]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    deliver_first(&f);
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 2);
    fixture_end(&f);
}
END_TEST

/* Ours holds the process locks of other programs off, too. */
START_TEST(a_staged_mailbox_is_locked)
{
    struct fixture f;
    struct posted p;
    int status;

    fixture_begin(&f, kind_find("mbox"));
    f.settings.lock[1] = STORE_LOCK_FLOCK;
    deliver_first(&f);
    ck_assert_int_eq(letter_stage(f.st, &plain, &p), STORE_DONE);
    pid_t pid = fork();
    if (pid == 0) {
        struct flock all = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
        int fd = open(fixture_path(&f, ""), O_RDWR);
        bool refused = fcntl(fd, F_SETLK, &all) < 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;
        _exit(refused ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    store_discard(f.st, p.staged);
    fixture_end(&f);
}
END_TEST

static void
plant_dotlock(const struct fixture *f, const char *content, time_t age)
{
    struct utimbuf old = {time(NULL) - age, time(NULL) - age};

    write_file(fixture_path(f, ".lock"), span_of(content));
    ck_assert_int_eq(utime(fixture_path(f, ".lock"), &old), 0);
}

START_TEST(dotlocks_are_kept_and_stale_ones_broken)
{
    struct fixture f;
    struct posted p;
    char alive[32];
    pid_t gone = fork();

    if (gone == 0)
        _exit(0);
    waitpid(gone, NULL, 0);
    snprintf(alive, sizeof(alive), "%d\n", (int)getpid());
    char dead[32];
    snprintf(dead, sizeof(dead), "%d\n", (int)gone);
    const struct {
        const char *content;
        time_t age;
        enum store_result want;
    } cases[] = {
        {alive, 0, STORE_LATER},   {dead, 0, STORE_LATER},   {"", 0, STORE_LATER},
        {alive, 400, STORE_LATER}, {dead, 400, STORE_DONE},  {"", 400, STORE_DONE},
        {"x", 400, STORE_DONE},    {dead, 290, STORE_LATER}, {"0", 400, STORE_DONE},
    };
    fixture_begin(&f, kind_find("mbox"));
    deliver_first(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        plant_dotlock(&f, cases[i].content, cases[i].age);
        enum store_result got = letter_stage(f.st, &plain, &p);
        ck_assert_msg(got == cases[i].want, "case %zu: %s", i, p.why.cause);
        ck_assert_int_eq(access(fixture_path(&f, ".lock"), F_OK), 0);
        if (got == STORE_DONE)
            store_discard(f.st, p.staged);
        ck_assert_int_eq(access(fixture_path(&f, ".lock"), F_OK), got == STORE_DONE ? -1 : 0);
        unlink(fixture_path(&f, ".lock"));
    }
    ck_assert_uint_eq(count_files(f.dir), 2); /* mailbox and its empty record: no drafts */
    fixture_end(&f);
}
END_TEST

/* What a power cut leaves of a lock of ours: its name and its time, not its content. */
START_TEST(a_dotlock_that_lost_its_content_in_a_power_cut_is_broken)
{
    struct fixture f;
    struct posted p;
    struct stat lock;

    fixture_begin(&f, kind_find("mbox"));
    ck_assert_int_eq(letter_stage(f.st, &plain, &p), STORE_DONE);
    ck_assert_int_eq(stat(fixture_path(&f, ".lock"), &lock), 0);
    store_discard(f.st, p.staged);
    write_file(fixture_path(&f, ".lock"), span_of(""));
    ck_assert_int_eq(letter_stage(f.st, &plain, &p), STORE_LATER);
    const struct timespec times[2] = {lock.st_atim, lock.st_mtim};
    ck_assert_int_eq(utimensat(AT_FDCWD, fixture_path(&f, ".lock"), times, 0), 0);
    ck_assert_int_eq(letter_stage(f.st, &plain, &p), STORE_DONE);
    store_discard(f.st, p.staged);
    fixture_end(&f);
}
END_TEST

START_TEST(a_dotlock_of_a_process_that_nobody_waited_for_is_broken)
{
    struct fixture f;
    struct posted p;
    siginfo_t ended;

    fixture_begin(&f, kind_find("mbox"));
    pid_t pid = fork();
    if (pid == 0)
        _exit(letter_stage(f.st, &plain, &p) == STORE_DONE ? 0 : 1);
    ck_assert_int_eq(waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT), 0);
    ck_assert_int_eq(ended.si_status, 0);
    ck_assert_int_eq(access(fixture_path(&f, ".lock"), F_OK), 0);
    ck_assert_int_eq(letter_stage(f.st, &plain, &p), STORE_DONE);
    store_discard(f.st, p.staged);
    waitpid(pid, NULL, 0);
    fixture_end(&f);
}
END_TEST

/* ---- repair ---- */

/* A mailbox with one message, its record, and a tail that a crash left. */
struct crashed {
    struct fixture f;
    struct buf whole; /* the delivery that was being written */
    char record[400];
};

static void
crash_prepare(struct crashed *c)
{
    struct posted p;
    struct buf all;
    struct outcome why;
    struct stat st;

    fixture_begin(&c->f, kind_find("mbox"));
    c->f.settings.lock_count = 1;
    deliver_first(&c->f);
    ck_assert_int_eq(stat(fixture_path(&c->f, ""), &st), 0);
    ck_assert_int_eq(letter_stage(c->f.st, &plain, &p), STORE_DONE);
    ck_assert(store_sync(c->f.st, p.staged, &why) && store_publish(c->f.st, p.staged, &why));
    /* As the disk looks now, without the process. */
    char folder[300];
    snprintf(folder, sizeof(folder), "%s/example.org/.ann.mbox.doorstep", c->f.dir);
    buf_init(&all, 4096);
    read_file(folder, &all);
    snprintf(c->record, sizeof(c->record), "%s", buf_str(&all));
    buf_reset(&all);
    read_file(fixture_path(&c->f, ""), &all);
    buf_init(&c->whole, 4096);
    ck_assert(buf_append(&c->whole, all.data + st.st_size, all.len - (size_t)st.st_size));
    buf_release(&all);
    store_discard(c->f.st, p.staged);
    ck_assert_int_gt(strlen(c->record), 0);
}

static void
crash_leave(struct crashed *c, struct span tail)
{
    char record[300];
    int fd = open(fixture_path(&c->f, ""), O_WRONLY | O_APPEND);

    ck_assert(store_write_all(fd, tail.p, tail.n));
    close(fd);
    snprintf(record, sizeof(record), "%s/example.org/.ann.mbox.doorstep", c->f.dir);
    write_file(record, span_of(c->record));
}

static off_t
size_of(const struct fixture *f)
{
    struct stat st;

    ck_assert_int_eq(stat(fixture_path(f, ""), &st), 0);
    return st.st_size;
}

START_TEST(any_part_of_ours_is_cut_off)
{
    struct crashed c;

    crash_prepare(&c);
    off_t before = size_of(&c.f);
    for (size_t n = 0; n <= c.whole.len; n++) {
        struct span part = {c.whole.data, n};
        crash_leave(&c, part);
        size_t count = count_messages(c.f.st, "INBOX");
        ck_assert_uint_eq(count, n == c.whole.len ? 2 : 1);
        ck_assert_msg(n == c.whole.len || size_of(&c.f) == before, "%zu octets", n);
    }
    buf_release(&c.whole);
    fixture_end(&c.f);
}
END_TEST

START_TEST(unwritten_blocks_are_cut_off)
{
    struct crashed c;

    crash_prepare(&c);
    off_t before = size_of(&c.f);
    for (size_t n = 0; n < c.whole.len; n += 7) {
        struct buf tail;
        buf_init(&tail, 4096);
        ck_assert(buf_append_span(&tail, buf_span(&c.whole)));
        memset(tail.data + n, 0, tail.len - n);
        crash_leave(&c, buf_span(&tail));
        ck_assert_uint_eq(count_messages(c.f.st, "INBOX"), 1);
        ck_assert_msg(size_of(&c.f) == before, "zero from octet %zu", n);
        buf_release(&tail);
    }
    buf_release(&c.whole);
    fixture_end(&c.f);
}
END_TEST

START_TEST(mail_of_others_is_never_cut)
{
    static const char others[] = "From b@example.org Sun Nov 22 04:10:25 2026\nA: b\n\nx\n\n";
    struct crashed c;

    crash_prepare(&c);
    off_t before = size_of(&c.f);
    for (size_t n = 0; n < c.whole.len; n++) {
        struct buf tail;
        buf_init(&tail, 4096);
        ck_assert(buf_append(&tail, c.whole.data, n));
        ck_assert(n == 0 || buf_append_str(&tail, "\n\n"));
        ck_assert(buf_append_str(&tail, others));
        crash_leave(&c, buf_span(&tail));
        count_messages(c.f.st, "INBOX");
        ck_assert_msg(size_of(&c.f) == before + (off_t)tail.len, "after %zu octets", n);
        ck_assert_int_eq(truncate(fixture_path(&c.f, ""), before), 0);
        buf_release(&tail);
    }
    buf_release(&c.whole);
    fixture_end(&c.f);
}
END_TEST

/* A reader has put Status fields into what we wrote; the record came back from a crash. */
START_TEST(a_message_changed_since_is_left)
{
    struct crashed c;
    struct buf tail;

    crash_prepare(&c);
    buf_init(&tail, 4096);
    const char *blank = strstr(c.whole.data, "\n\n");
    size_t head = (size_t)(blank - c.whole.data) + 1;
    ck_assert(buf_append(&tail, c.whole.data, head) && buf_append_str(&tail, "Status: RO\n") &&
              buf_append(&tail, c.whole.data + head, c.whole.len - head));
    crash_leave(&c, buf_span(&tail));
    ck_assert_uint_eq(count_messages(c.f.st, "INBOX"), 2);
    ck_assert_uint_eq(count_messages(c.f.st, "INBOX"), 2);
    buf_release(&tail);
    buf_release(&c.whole);
    fixture_end(&c.f);
}
END_TEST

START_TEST(a_damaged_record_does_nothing)
{
    static const char *const records[] = {
        "x",
        "doorstep mbox record 1\n",
        "doorstep mbox record 1\n1 0\n",
        "doorstep mbox record 1\n99999999999999999999999 0\n",
        "doorstep mbox record 1\n1\n5 x\n",
        "doorstep mbox record 2\n1 0\n",
    };
    struct crashed c;

    crash_prepare(&c);
    off_t before = size_of(&c.f);
    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        snprintf(c.record, sizeof(c.record), "%s", records[i]);
        crash_leave(&c, SPAN_NONE);
        ck_assert_uint_eq(count_messages(c.f.st, "INBOX"), 1);
        ck_assert_int_eq(size_of(&c.f), before);
    }
    buf_release(&c.whole);
    fixture_end(&c.f);
}
END_TEST

/* ---- many at once ---- */

#define WRITERS 64
#define EACH 4

static int
write_some(struct fixture *f)
{
    struct store *st = fixture_open(f);
    struct posted p;

    for (int done = 0; done < EACH;) {
        enum store_result result = letter_stage(st, &plain, &p);
        if (result == STORE_LATER) {
            usleep(1000 * (1 + (unsigned)getpid() % 7));
            continue;
        }
        if (result != STORE_DONE || !store_sync(st, p.staged, &p.why) ||
            !store_publish(st, p.staged, &p.why) || !store_commit(st, &p.why))
            return 1;
        store_forget(st, p.staged);
        done++;
    }
    store_close(st);
    return 0;
}

static bool
count_one(void *arg, const struct store_entry *e)
{
    (void)e;
    ++*(size_t *)arg;
    return true;
}

/* A reader that respects locks sees whole messages only, and never fewer than before. */
static void
watch(struct fixture *f, pid_t *writers)
{
    size_t seen = 0;
    int status, left = WRITERS;

    while (left > 0) {
        struct outcome why;
        size_t count = 0;
        if (store_scan(f->st, "INBOX", count_one, &count, &why)) {
            ck_assert_uint_ge(count, seen);
            seen = count;
        } else {
            ck_assert_int_eq(why.kind, OUTCOME_BUSY);
        }
        for (int i = 0; i < WRITERS; i++) {
            if (writers[i] == 0 || waitpid(writers[i], &status, WNOHANG) == 0)
                continue;
            ck_assert_int_eq(status, 0);
            writers[i] = 0;
            left--;
        }
        usleep(2000);
    }
}

START_TEST(many_writers_and_a_reader)
{
    static pid_t writers[WRITERS];
    struct fixture f;
    struct buf all;

    fixture_begin(&f, kind_find("mbox"));
    f.settings.lock_count = 1 + (size_t)_i; /* fcntl alone, and with dotlock */
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = fork();
        if (writers[i] == 0)
            _exit(write_some(&f));
        ck_assert_int_gt(writers[i], 0);
    }
    watch(&f, writers);
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), WRITERS * EACH);
    buf_init(&all, 1 << 20);
    read_file(fixture_path(&f, ""), &all);
    size_t bodies = 0;
    for (const char *p = buf_str(&all); (p = strstr(p, "\n\nbody\n\n")) != NULL; p++)
        bodies++;
    ck_assert_uint_eq(bodies, WRITERS * EACH);
    buf_release(&all);
    fixture_end(&f);
}
END_TEST

START_TEST(accounts_that_would_be_locks_are_refused)
{
    static const char *const users[] = {"ann.lock", "ann.d"};
    struct fixture f;
    struct outcome why;

    fixture_begin(&f, kind_find("mbox by hand")); /* its path has no .mbox */
    for (size_t i = 0; i < 2; i++) {
        struct store_account who = {users[i], "example.org", ""};
        ck_assert_ptr_null(store_open(&f.settings, "", &who, &why));
        ck_assert_int_eq(why.kind, OUTCOME_SYSTEM);
    }
    fixture_end(&f);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("mbox");
    TCase *all = tcase_create("mbox");

    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, scanner_finds_messages_however_it_is_fed, 0, FILES);
    tcase_add_test(all, from_lines_are_written_and_read);
    tcase_add_loop_test(all, messages_have_names_of_their_own, 0, NAMED);
    tcase_add_test(all, appending_mends_a_missing_end);
    tcase_add_loop_test(all, a_locked_mailbox_is_tried_later, 0, 2);
    tcase_add_test(all, a_staged_mailbox_is_locked);
    tcase_add_test(all, dotlocks_are_kept_and_stale_ones_broken);
    tcase_add_test(all, a_dotlock_that_lost_its_content_in_a_power_cut_is_broken);
    tcase_add_test(all, a_dotlock_of_a_process_that_nobody_waited_for_is_broken);
    tcase_add_test(all, any_part_of_ours_is_cut_off);
    tcase_add_test(all, unwritten_blocks_are_cut_off);
    tcase_add_test(all, mail_of_others_is_never_cut);
    tcase_add_test(all, a_message_changed_since_is_left);
    tcase_add_test(all, a_damaged_record_does_nothing);
    tcase_add_loop_test(all, many_writers_and_a_reader, 0, 2);
    tcase_add_test(all, accounts_that_would_be_locks_are_refused);
    suite_add_tcase(s, all);

    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
