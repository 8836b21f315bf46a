/* SPDX-License-Identifier: MIT
 *
 * The contract: what store.h promises, asked of every driver, also through a hand and from a
 * plugin. A driver that passes may keep mail. Loops run over all kinds; messages name the kind that
 * failed.
 */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LARGE (700 * 1024)
#define S(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

/* ---- octets ---- */

static const struct {
    const char *name;
    struct span bytes;
    bool keep_bytes;
} letters[] = {
    {.name = "small", .bytes = S("Subject: a\r\n\r\nbody\r\n")},
    {.name = "header only", .bytes = S("Subject: a\r\n")},
    {.name = "empty", .bytes = S("")},
    {.name = "one line end", .bytes = S("\r\n")},
    {.name = "blank lines at the end", .bytes = S("A: b\r\n\r\nx\r\n\r\n\r\n")},
    {.name = "NUL octets", .bytes = S("A: b\r\n\r\nx\0y\0\r\n")},
    {.name = "8-bit", .bytes = S("A: \xc3\xbc\r\n\r\n\xff\xfe\r\n")},
    {.name = "bare LF", .bytes = S("A: b\r\n\r\nx\ny\r\n")},
    {.name = "bare CR", .bytes = S("A: b\r\n\r\nx\ry\r\n")},
    {.name = "bare CR at the end", .bytes = S("A: b\r\n\r\nx\r")},
    {.name = "CR CR LF", .bytes = S("A: b\r\n\r\nx\r\r\n")},
    {.name = "no final line end", .bytes = S("A: b\r\n\r\nx")},
    {.name = "dots", .bytes = S("A: b\r\n\r\n.\r\n..\r\n.x\r\n")},
    {.name = "From lines", .bytes = S("A: b\r\n\r\nFrom x\r\n>From y\r\n>>From z\r\nFrom\r\n")},
    {.name = "From line first", .bytes = S("From x\r\n\r\nFrom y\r\n")},
    {.name = "blank line and From",
     .bytes = S("A: b\r\n\r\n\r\nFrom c Thu Jan  1 00:00:00 1970\r\n")},
    {.name = "From at the very end", .bytes = S("A: b\r\n\r\nFrom ")},
    {.name = "half a From at the end", .bytes = S("A: b\r\n\r\n>Fro")},
    {.name = "binary, kept", .bytes = S("A: b\r\n\r\nx\r\ny\r\n"), .keep_bytes = true},
    {.name = "binary without end", .bytes = S("A: b\r\n\r\nx\0"), .keep_bytes = true},
    {.name = "binary with From", .bytes = S("A: b\r\n\r\nFrom x\r\n\nFrom y"), .keep_bytes = true},
};
#define LETTERS (sizeof(letters) / sizeof(letters[0]))

static void
check_round_trip(struct fixture *f, const struct letter *l, const char *what)
{
    struct buf want, got;
    struct posted p;

    buf_init(&want, SIZE_MAX);
    buf_init(&got, SIZE_MAX);
    ck_assert_msg(letter_deliver(f->st, l, &p), "%s, %s: %s", f->kind->name, what, p.why.cause);
    letter_stored(f->kind, l, &p, &want);
    read_back(f->st, l->mailbox != NULL ? l->mailbox : "INBOX", p.ref.name, &got);
    ck_assert_msg(span_equal(buf_span(&want), buf_span(&got)), "%s, %s: other octets",
                  f->kind->name, what);
    ck_assert_msg(p.ref.stored_octets == got.len, "%s, %s: %zu octets, said %zu", f->kind->name,
                  what, got.len, (size_t)p.ref.stored_octets);
    ck_assert_uint_eq(p.ref.trace_octets, strlen(p.trace));
    buf_release(&want);
    buf_release(&got);
}

START_TEST(octets_come_back)
{
    struct fixture f;

    fixture_begin(&f, &kinds[_i]);
    for (size_t i = 0; i < LETTERS; i++) {
        struct letter l = {.bytes = letters[i].bytes, .keep_bytes = letters[i].keep_bytes};
        check_round_trip(&f, &l, letters[i].name);
        l.no_trace = true;
        check_round_trip(&f, &l, letters[i].name);
    }
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 2 * LETTERS);
    fixture_reopen(&f);
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 2 * LETTERS);
    fixture_end(&f);
}
END_TEST

/* Lines of all lengths around a window, "From " across every seam. */
static struct span
large_letter(char *out)
{
    size_t n = 0, line = 0;

    while (n < LARGE - 2000) {
        if (line++ % 3 == 0) {
            memcpy(out + n, ">From ", 6);
            n += 6;
        }
        for (size_t i = 0; i < line % 1100; i++)
            out[n++] = (char)('a' + i % 26);
        memcpy(out + n, "\r\n", 2);
        n += 2;
    }
    return (struct span){out, n};
}

START_TEST(large_octets_come_back)
{
    static char bytes[LARGE];
    struct fixture f;
    struct letter l = {.bytes = large_letter(bytes)};

    fixture_begin(&f, &kinds[_i]);
    check_round_trip(&f, &l, "large in memory");
    l.spill = 1000;
    check_round_trip(&f, &l, "large in a file");
    l.keep_bytes = true;
    check_round_trip(&f, &l, "large in a file, kept");
    l.spill = 0;
    check_round_trip(&f, &l, "large in memory, kept");
    fixture_end(&f);
}
END_TEST

/* Random octets with many line ends, so that what the tables forgot has a chance. */
START_TEST(random_octets_come_back)
{
    static const char alphabet[] = "\r\n\n>From  ab\0\xff.";
    char bytes[300];
    struct fixture f;
    unsigned seed = 1;

    fixture_begin(&f, &kinds[_i]);
    for (int round = 0; round < 100; round++) {
        size_t n = (size_t)rand_r(&seed) % sizeof(bytes);
        for (size_t i = 0; i < n; i++)
            bytes[i] = alphabet[(size_t)rand_r(&seed) % (sizeof(alphabet) - 1)];
        struct letter l = {.bytes = {bytes, n}};
        check_round_trip(&f, &l, "random");
    }
    fixture_end(&f);
}
END_TEST

/* ---- steps ---- */

static const struct letter plain = {.bytes = S("Subject: a\r\n\r\nbody\r\n")};

START_TEST(nothing_is_seen_before_publish)
{
    struct fixture f;
    struct posted p[3];
    struct outcome why;
    struct listed seen;

    fixture_begin(&f, &kinds[_i]);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(letter_stage(f.st, &plain, &p[i]), STORE_DONE);
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 0);
    for (int i = 0; i < 3; i++)
        ck_assert(store_sync(f.st, p[i].staged, &why));
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 0);
    for (int i = 2; i >= 0; i--) {
        ck_assert(store_publish(f.st, p[i].staged, &why));
        ck_assert_uint_eq(count_messages(f.st, "INBOX"), (unsigned)(3 - i));
    }
    ck_assert(store_commit(f.st, &why));
    list_messages(f.st, "INBOX", &seen);
    for (int i = 0; i < 3; i++) {
        const struct listed_entry *e = list_find(&seen, p[i].ref.name);
        ck_assert_msg(e != NULL, "%s: %s is not listed", f.kind->name, p[i].ref.name);
        ck_assert_uint_eq(e->stored_octets, p[i].ref.stored_octets);
        store_forget(f.st, p[i].staged);
    }
    fixture_end(&f);
}
END_TEST

/* After which step the delivery is taken back. */
enum undo { UNDO_STAGE, UNDO_SYNC, UNDO_PUBLISH, UNDO_COMMIT, UNDO_KINDS };

START_TEST(discard_leaves_nothing)
{
    struct fixture f;
    struct posted kept, p[3];
    struct outcome why;

    fixture_begin(&f, &kinds[_i]);
    ck_assert(letter_deliver(f.st, &plain, &kept));
    size_t files = count_files(f.dir);
    for (int undo = UNDO_STAGE; undo < UNDO_KINDS; undo++) {
        for (int i = 0; i < 3; i++)
            ck_assert_int_eq(letter_stage(f.st, &plain, &p[i]), STORE_DONE);
        for (int i = 0; undo >= UNDO_SYNC && i < 3; i++)
            ck_assert(store_sync(f.st, p[i].staged, &why));
        for (int i = 0; undo >= UNDO_PUBLISH && i < 3; i++)
            ck_assert(store_publish(f.st, p[i].staged, &why));
        ck_assert(undo < UNDO_COMMIT || store_commit(f.st, &why));
        for (int i = 0; i < 3; i++)
            store_discard(f.st, p[i].staged);
        ck_assert(store_commit(f.st, &why));
        ck_assert_msg(count_messages(f.st, "INBOX") == 1, "%s: undo %d", f.kind->name, undo);
        ck_assert_msg(count_files(f.dir) == files, "%s: undo %d leaves files", f.kind->name, undo);
    }
    fixture_end(&f);
}
END_TEST

START_TEST(one_of_a_batch_is_taken_back)
{
    struct fixture f;
    struct posted p[5];
    struct buf want, got;
    struct outcome why;

    fixture_begin(&f, &kinds[_i]);
    for (int gone = 0; gone < 5; gone++) {
        for (int i = 0; i < 5; i++) {
            ck_assert_int_eq(letter_stage(f.st, &plain, &p[i]), STORE_DONE);
            ck_assert(store_sync(f.st, p[i].staged, &why));
        }
        for (int i = 0; i < 5; i++)
            ck_assert(store_publish(f.st, p[i].staged, &why));
        store_discard(f.st, p[gone].staged);
        ck_assert(store_commit(f.st, &why));
        for (int i = 0; i < 5; i++) {
            if (i != gone)
                store_forget(f.st, p[i].staged);
        }
        for (int i = 0; i < 5; i++) {
            struct message *m = store_read(f.st, "INBOX", p[i].ref.name, &why);
            ck_assert_msg((m == NULL) == (i == gone), "%s: %d of batch %d", f.kind->name, i, gone);
            message_unref(m);
            if (i == gone)
                continue;
            buf_init(&want, SIZE_MAX);
            buf_init(&got, SIZE_MAX);
            letter_stored(f.kind, &plain, &p[i], &want);
            read_back(f.st, "INBOX", p[i].ref.name, &got);
            ck_assert(span_equal(buf_span(&want), buf_span(&got)));
            buf_release(&want);
            buf_release(&got);
        }
    }
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 20);
    fixture_end(&f);
}
END_TEST

START_TEST(closing_takes_back_what_is_not_committed)
{
    struct fixture f;
    struct posted kept, p[2];
    struct outcome why;

    fixture_begin(&f, &kinds[_i]);
    ck_assert(letter_deliver(f.st, &plain, &kept));
    size_t files = count_files(f.dir);
    ck_assert_int_eq(letter_stage(f.st, &plain, &p[0]), STORE_DONE);
    ck_assert_int_eq(letter_stage(f.st, &plain, &p[1]), STORE_DONE);
    ck_assert(store_sync(f.st, p[0].staged, &why));
    ck_assert(store_publish(f.st, p[0].staged, &why));
    fixture_reopen(&f);
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 1);
    ck_assert_uint_eq(count_files(f.dir), files);
    fixture_end(&f);
}
END_TEST

START_TEST(names_are_unique_and_last)
{
    static struct listed before, after;
    struct fixture f;
    struct posted p;

    fixture_begin(&f, &kinds[_i]);
    for (int i = 0; i < 40; i++) {
        struct letter l = plain;
        l.when = 1700000000; /* a frozen clock */
        l.no_trace = i % 2 == 0;
        ck_assert(letter_deliver(f.st, &l, &p));
    }
    list_messages(f.st, "INBOX", &before);
    ck_assert_uint_eq(before.count, 40);
    for (size_t i = 0; i < 40; i++) {
        for (size_t k = 0; k < i; k++)
            ck_assert_str_ne(before.list[i].name, before.list[k].name);
    }
    fixture_reopen(&f);
    ck_assert(letter_deliver(f.st, &plain, &p));
    list_messages(f.st, "INBOX", &after);
    ck_assert_uint_eq(after.count, 41);
    for (size_t i = 0; i < 40; i++)
        ck_assert_msg(list_find(&after, before.list[i].name) != NULL, "%s: %s", f.kind->name,
                      before.list[i].name);
    fixture_end(&f);
}
END_TEST

START_TEST(an_account_without_mail_is_an_empty_inbox)
{
    struct fixture f;
    struct names names;
    struct outcome why;
    uint64_t stamp;

    fixture_begin(&f, &kinds[_i]);
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 0);
    ck_assert_uint_eq(count_messages(f.st, "inbox"), 0);
    list_mailboxes(f.st, &names);
    ck_assert_uint_eq(names.count, 1);
    ck_assert_str_eq(names.list[0], "INBOX");
    ck_assert(!store_stamp(f.st, "INBOX", &stamp));
    ck_assert_ptr_null(store_read(f.st, "INBOX", "nothing", &why));
    ck_assert_int_eq(why.kind, OUTCOME_NOT_FOUND);
    ck_assert_uint_eq(count_files(f.dir), 0);
    fixture_end(&f);
}
END_TEST

START_TEST(wrong_questions_are_refused)
{
    static const char *const names[] = {"", ".", "..", "a/b", "../a", ".a", "/etc/passwd"};
    struct fixture f;
    struct posted p;
    struct outcome why;

    fixture_begin(&f, &kinds[_i]);
    ck_assert(letter_deliver(f.st, &plain, &p));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ck_assert_ptr_null(store_read(f.st, "INBOX", names[i], &why));
        ck_assert(!store_remove(f.st, "INBOX", names[i], &why));
        ck_assert(!store_set_flags(f.st, "INBOX", names[i], 0, &why));
    }
    struct letter nowhere = plain;
    nowhere.mailbox = "Nowhere";
    ck_assert_int_eq(letter_stage(f.st, &nowhere, &p), STORE_FAILED);
    ck_assert_int_eq(p.why.kind, OUTCOME_NOT_FOUND);
    nowhere.mailbox = "../../etc";
    ck_assert_int_eq(letter_stage(f.st, &nowhere, &p), STORE_FAILED);
    ck_assert_int_eq(p.why.kind, OUTCOME_BAD_REQUEST);
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 1);
    fixture_end(&f);
}
END_TEST

/* ---- mailboxes ---- */

static const char *const good_names[] = {
    "Sent",  "Lists/dev",    "Lists/dev/a b", "Entw\xc3\xbcrfe",
    "a.b",   "v1.0/notes.d", "x.lock",        "100%",
    "&",     "~peter",       "cur",           "new",
    "tmp",   "INBOX/deeper", "\xe5\x8f\xb0",  "a:b",
    "-rf *", "%2E%2E",
};
#define GOOD_NAMES (sizeof(good_names) / sizeof(good_names[0]))

START_TEST(mailboxes_of_all_names)
{
    struct fixture f;
    struct names names;
    struct posted p;
    struct outcome why;

    fixture_begin(&f, &kinds[_i]);
    if ((store_can(f.st) & STORE_CAN_FOLDERS) == 0) {
        ck_assert(!store_mailbox_create(f.st, "Sent", &why));
        ck_assert_int_eq(why.kind, OUTCOME_BAD_REQUEST);
        fixture_end(&f);
        return;
    }
    for (size_t i = 0; i < GOOD_NAMES; i++) {
        struct letter l = plain;
        l.mailbox = good_names[i];
        ck_assert_msg(store_mailbox_create(f.st, good_names[i], &why), "%s: %s: %s", f.kind->name,
                      good_names[i], why.cause);
        ck_assert(!store_mailbox_create(f.st, good_names[i], &why));
        ck_assert_int_eq(why.kind, OUTCOME_EXISTS);
        check_round_trip(&f, &l, good_names[i]);
    }
    ck_assert(store_commit(f.st, &why));
    fixture_reopen(&f);
    list_mailboxes(f.st, &names);
    ck_assert_uint_eq(names.count, GOOD_NAMES + 1);
    for (size_t i = 0; i < GOOD_NAMES; i++) {
        ck_assert_msg(names_have(&names, good_names[i]), "%s: %s", f.kind->name, good_names[i]);
        ck_assert_uint_eq(count_messages(f.st, good_names[i]), 1);
    }
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 0);
    ck_assert(letter_deliver(f.st, &plain, &p));
    fixture_end(&f);
}
END_TEST

START_TEST(renaming_takes_children_along)
{
    struct fixture f;
    struct names names;
    struct posted p;
    struct outcome why;
    struct letter l = plain;

    fixture_begin(&f, &kinds[_i]);
    if ((store_can(f.st) & STORE_CAN_FOLDERS) != 0) {
        ck_assert(store_mailbox_create(f.st, "A", &why));
        ck_assert(store_mailbox_create(f.st, "A/x", &why));
        ck_assert(store_mailbox_create(f.st, "Ax", &why));
        ck_assert(store_mailbox_create(f.st, "C", &why));
        l.mailbox = "A/x";
        ck_assert(letter_deliver(f.st, &l, &p));
        ck_assert(!store_mailbox_rename(f.st, "A", "C", &why));
        ck_assert_int_eq(why.kind, OUTCOME_EXISTS);
        ck_assert(!store_mailbox_rename(f.st, "A", "A/y", &why));
        ck_assert(!store_mailbox_rename(f.st, "None", "D", &why));
        ck_assert_int_eq(why.kind, OUTCOME_NOT_FOUND);
        ck_assert(!store_mailbox_rename(f.st, "INBOX", "D", &why));
        ck_assert_msg(store_mailbox_rename(f.st, "A", "B/c", &why), "%s: %s", f.kind->name,
                      why.cause);
        ck_assert(store_commit(f.st, &why));
        list_mailboxes(f.st, &names);
        ck_assert_uint_eq(names.count, 5);
        ck_assert(names_have(&names, "B/c") && names_have(&names, "B/c/x"));
        ck_assert(names_have(&names, "Ax") && names_have(&names, "C"));
        ck_assert_uint_eq(count_messages(f.st, "B/c/x"), 1);
        ck_assert_int_eq(letter_stage(f.st, &l, &p), STORE_FAILED); /* A/x is gone */
        ck_assert_int_eq(p.why.kind, OUTCOME_NOT_FOUND);
    }
    fixture_end(&f);
}
END_TEST

START_TEST(deleting_leaves_children)
{
    struct fixture f;
    struct names names;
    struct posted p;
    struct outcome why;
    struct letter l = plain;

    fixture_begin(&f, &kinds[_i]);
    if ((store_can(f.st) & STORE_CAN_FOLDERS) != 0) {
        ck_assert(store_mailbox_create(f.st, "A", &why));
        ck_assert(store_mailbox_create(f.st, "A/x", &why));
        l.mailbox = "A";
        ck_assert(letter_deliver(f.st, &l, &p));
        ck_assert(store_mailbox_delete(f.st, "A", &why));
        ck_assert(store_commit(f.st, &why));
        ck_assert(!store_mailbox_delete(f.st, "A", &why));
        ck_assert_int_eq(why.kind, OUTCOME_NOT_FOUND);
        ck_assert(!store_mailbox_delete(f.st, "inbox", &why));
        list_mailboxes(f.st, &names);
        ck_assert_uint_eq(names.count, 2);
        ck_assert(names_have(&names, "A/x"));
        ck_assert_int_eq(letter_stage(f.st, &l, &p), STORE_FAILED);
        ck_assert(store_mailbox_create(f.st, "A", &why)); /* a new one, empty */
        ck_assert_uint_eq(count_messages(f.st, "A"), 0);
    }
    fixture_end(&f);
}
END_TEST

START_TEST(bad_mailbox_names_are_refused)
{
    static const char *const bad[] = {"",       "/",     "a/",   "/a",    "a//b", ".",    "..",
                                      "a/../b", "a/./b", "a\nb", "a\x7f", "\xff", "INBOX"};
    struct fixture f;
    struct outcome why;
    char deep[200] = "a", wide[600];

    for (int i = 0; i < 32; i++)
        strcat(deep, "/a");
    memset(wide, 'x', sizeof(wide));
    wide[sizeof(wide) - 1] = '\0';
    fixture_begin(&f, &kinds[_i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(!store_mailbox_create(f.st, bad[i], &why), "%s", bad[i]);
        ck_assert_int_eq(why.kind, OUTCOME_BAD_REQUEST);
    }
    ck_assert(!store_mailbox_create(f.st, deep, &why));
    ck_assert(!store_mailbox_create(f.st, wide, &why));
    wide[300] = '\0'; /* a name, but no file can be called so */
    ck_assert(!store_mailbox_create(f.st, wide, &why));
    ck_assert_int_eq(why.kind, OUTCOME_BAD_REQUEST);
    ck_assert_uint_eq(count_files(f.dir), 0);
    fixture_end(&f);
}
END_TEST

/* ---- single messages ---- */

START_TEST(flags_and_removal)
{
    static const unsigned sets[] = {
        STORE_SEEN,
        0,
        STORE_SEEN | STORE_ANSWERED,
        STORE_FLAGGED | STORE_DRAFT,
        STORE_DELETED | STORE_FORWARDED | STORE_SEEN | STORE_ANSWERED | STORE_FLAGGED | STORE_DRAFT,
    };
    struct fixture f;
    struct posted p, q;
    struct listed seen;
    struct outcome why;
    struct letter flagged = plain;

    fixture_begin(&f, &kinds[_i]);
    flagged.flags = STORE_FLAGGED | STORE_SEEN;
    ck_assert(letter_deliver(f.st, &plain, &p) && letter_deliver(f.st, &flagged, &q));
    if ((store_can(f.st) & STORE_CAN_FLAGS) != 0) {
        list_messages(f.st, "INBOX", &seen);
        ck_assert_uint_eq(list_find(&seen, q.ref.name)->flags, flagged.flags);
        ck_assert(list_find(&seen, p.ref.name)->is_new && !list_find(&seen, q.ref.name)->is_new);
        for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
            ck_assert(store_set_flags(f.st, "INBOX", p.ref.name, sets[i], &why));
            list_messages(f.st, "INBOX", &seen);
            ck_assert_uint_eq(seen.count, 2);
            ck_assert_uint_eq(list_find(&seen, p.ref.name)->flags, sets[i]);
        }
    } else {
        ck_assert(!store_set_flags(f.st, "INBOX", p.ref.name, STORE_SEEN, &why));
        ck_assert_int_eq(why.kind, OUTCOME_BAD_REQUEST);
    }
    if ((store_can(f.st) & STORE_CAN_DELETE) != 0) {
        ck_assert(store_remove(f.st, "INBOX", p.ref.name, &why));
        ck_assert(store_commit(f.st, &why));
        ck_assert(!store_remove(f.st, "INBOX", p.ref.name, &why));
        ck_assert_int_eq(why.kind, OUTCOME_NOT_FOUND);
        ck_assert_uint_eq(count_messages(f.st, "INBOX"), 1);
    }
    fixture_end(&f);
}
END_TEST

START_TEST(moving_between_mailboxes)
{
    struct fixture f;
    struct posted p, q;
    struct listed seen;
    struct store_ref moved;
    struct buf want, got;
    struct outcome why;
    struct letter flagged = plain;

    fixture_begin(&f, &kinds[_i]);
    flagged.flags = STORE_FLAGGED | STORE_SEEN;
    ck_assert(letter_deliver(f.st, &plain, &p) && letter_deliver(f.st, &flagged, &q));
    if ((store_can(f.st) & STORE_CAN_FOLDERS) == 0 || (store_can(f.st) & STORE_CAN_DELETE) == 0) {
        ck_assert(!store_move(f.st, "INBOX", p.ref.name, "A", &moved, &why));
        ck_assert_int_eq(why.kind, OUTCOME_BAD_REQUEST);
        fixture_end(&f);
        return;
    }
    ck_assert(!store_move(f.st, "INBOX", p.ref.name, "A", &moved, &why)); /* which is not there */
    ck_assert_int_eq(why.kind, OUTCOME_NOT_FOUND);
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 2);
    ck_assert(store_mailbox_create(f.st, "A", &why) && store_mailbox_create(f.st, "B", &why));
    for (int twice = 0; twice < 2; twice++) {
        ck_assert_msg(store_move(f.st, "inbox", q.ref.name, "A", &moved, &why), "%s", why.cause);
        ck_assert_msg(store_move(f.st, "INBOX", p.ref.name, "A", &moved, &why), "%s", why.cause);
    }
    ck_assert(store_commit(f.st, &why));
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 0);
    list_messages(f.st, "A", &seen);
    ck_assert_uint_eq(seen.count, 2);
    ck_assert(list_find(&seen, moved.name)->is_new);
    ck_assert_uint_eq(list_find(&seen, q.ref.name)->flags, flagged.flags);
    ck_assert(store_move(f.st, "A", moved.name, "A", &moved, &why)); /* where it is */
    ck_assert(!store_move(f.st, "B", "nothing", "A", &moved, &why));
    ck_assert_int_eq(why.kind, OUTCOME_NOT_FOUND);
    ck_assert(!store_move(f.st, "A", q.ref.name, "../B", &moved, &why));
    ck_assert_int_eq(why.kind, OUTCOME_BAD_REQUEST);
    buf_init(&want, SIZE_MAX);
    buf_init(&got, SIZE_MAX);
    letter_stored(f.kind, &plain, &p, &want);
    read_back(f.st, "A", p.ref.name, &got);
    ck_assert(span_equal(buf_span(&want), buf_span(&got)));
    buf_release(&want);
    buf_release(&got);
    fixture_end(&f);
}
END_TEST

static bool
stop_at_once(void *arg, const struct store_entry *e)
{
    (void)e;
    ++*(size_t *)arg;
    return false;
}

START_TEST(a_scan_may_be_stopped)
{
    struct fixture f;
    struct posted p;
    struct outcome why;
    size_t count = 0;

    fixture_begin(&f, &kinds[_i]);
    for (int i = 0; i < 3; i++)
        ck_assert(letter_deliver(f.st, &plain, &p));
    ck_assert(store_scan(f.st, "INBOX", stop_at_once, &count, &why));
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(count_messages(f.st, "INBOX"), 3);
    fixture_end(&f);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("store contract");
    TCase *all = tcase_create("every driver");

    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, octets_come_back, 0, kind_count);
    tcase_add_loop_test(all, large_octets_come_back, 0, kind_count);
    tcase_add_loop_test(all, random_octets_come_back, 0, kind_count);
    tcase_add_loop_test(all, nothing_is_seen_before_publish, 0, kind_count);
    tcase_add_loop_test(all, discard_leaves_nothing, 0, kind_count);
    tcase_add_loop_test(all, one_of_a_batch_is_taken_back, 0, kind_count);
    tcase_add_loop_test(all, closing_takes_back_what_is_not_committed, 0, kind_count);
    tcase_add_loop_test(all, names_are_unique_and_last, 0, kind_count);
    tcase_add_loop_test(all, an_account_without_mail_is_an_empty_inbox, 0, kind_count);
    tcase_add_loop_test(all, wrong_questions_are_refused, 0, kind_count);
    tcase_add_loop_test(all, mailboxes_of_all_names, 0, kind_count);
    tcase_add_loop_test(all, renaming_takes_children_along, 0, kind_count);
    tcase_add_loop_test(all, deleting_leaves_children, 0, kind_count);
    tcase_add_loop_test(all, bad_mailbox_names_are_refused, 0, kind_count);
    tcase_add_loop_test(all, flags_and_removal, 0, kind_count);
    tcase_add_loop_test(all, moving_between_mailboxes, 0, kind_count);
    tcase_add_loop_test(all, a_scan_may_be_stopped, 0, kind_count);
    suite_add_tcase(s, all);

    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
