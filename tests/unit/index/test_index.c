/* SPDX-License-Identifier: MIT
 *
 * Mailboxes, UIDs, MODSEQs, counters, rows in and out, the ledger.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct fixture f;

static void
setup(void)
{
    fixture_init(&f);
}

static void
teardown(void)
{
    fixture_release(&f);
}

START_TEST(a_message_is_read_back_as_it_was_added)
{
    struct arena arena;
    struct index_message m;
    arena_init(&arena, 1 << 20);
    uint32_t uid =
        fixture_add(&f, "1700000000.M1P2.mx,S=1000,W=1025", STORE_FLAGGED, &fixture_facts);
    fixture_reopen(&f);
    OK(&f, index_message_find(f.ix, f.inbox.id, uid, &arena, &m, &f.why));
    ck_assert_uint_eq(m.uid, 1);
    ck_assert_uint_eq(m.flags, STORE_FLAGGED);
    ck_assert_int_eq(m.received.tv_sec, 1795318573);
    ck_assert_int_eq(m.received.tv_nsec, 123456789);
    ck_assert_str_eq(m.ref.name, "1700000000.M1P2.mx,S=1000,W=1025");
    ck_assert_uint_eq(m.ref.stored_octets, 1000);
    ck_assert_uint_eq(m.ref.wire_octets, 1025);
    ck_assert_uint_eq(m.ref.trace_octets, 5);
    ck_assert(!m.ref.is_crlf);
    ck_assert_uint_eq(m.octets, 1025);
    ck_assert_uint_eq(m.lines, 25);
    ck_assert_uint_eq(strlen(m.digest), 64);
    ck_assert_str_eq(m.delivery_id, "id-of-the-delivery");
    const struct facts *x = m.facts;
    ck_assert_ptr_nonnull(x);
    ck_assert_uint_eq(x->flags, FACTS_HAS_ATTACHMENT);
    ck_assert_uint_eq(x->octets, 1020);
    ck_assert_uint_eq(x->header_octets, 120);
    ck_assert_uint_eq(x->received_count, 2);
    ck_assert_str_eq(x->message_id, fixture_facts.message_id);
    ck_assert_str_eq(x->subject, fixture_facts.subject);
    ck_assert_str_eq(x->base_subject, fixture_facts.base_subject);
    ck_assert_str_eq(x->from, fixture_facts.from);
    ck_assert_str_eq(x->references, fixture_facts.references);
    ck_assert_str_eq(x->list_id, fixture_facts.list_id);
    ck_assert_str_eq(x->date, fixture_facts.date);
    ck_assert_str_eq(x->envelope, fixture_facts.envelope);
    ck_assert_str_eq(x->bodystructure, fixture_facts.bodystructure);
    ck_assert_str_eq(x->preview, fixture_facts.preview);
    ck_assert_uint_eq(x->header_count, 3);
    ck_assert_str_eq(x->headers[0].value, fixture_facts.headers[0].value);
    ck_assert_str_eq(x->headers[2].name, "X-Empty");
    ck_assert_uint_eq(x->part_count, 2);
    ck_assert_str_eq(x->parts[1].number, "1.1");
    ck_assert_uint_eq(x->parts[1].lines_before, 9);
    arena_release(&arena);
}
END_TEST

static bool
is_of(const char *folder, const char *file, mode_t mode)
{
    char path[512];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    return stat(path, &st) == 0 && (st.st_mode & 0777) == mode;
}

START_TEST(folders_and_files_are_their_owners_alone)
{
    char deep[256];
    snprintf(deep, sizeof(deep), "%s/accounts", f.folder);
    umask(0);
    struct index *ix = index_open(deep, true, &f.why);
    ck_assert_msg(ix != NULL, "%s", f.why.cause);
    ck_assert(is_of(f.folder, "accounts", 0700));
    ck_assert(is_of(deep, "index.sqlite", 0600));
    ck_assert(is_of(deep, "index.sqlite-wal", 0600));
    ck_assert(!is_of(deep, "index.sqlite-shm", 0600));
    index_close(ix);
    snprintf(deep, sizeof(deep), "rm -r %s/accounts", f.folder);
    ck_assert_int_eq(system(deep), 0);
}
END_TEST

START_TEST(an_index_that_is_not_there_is_not_found)
{
    char none[256];
    snprintf(none, sizeof(none), "%s/none", f.folder);
    ck_assert_ptr_null(index_open(none, false, &f.why));
    ck_assert_int_eq(f.why.kind, OUTCOME_NOT_FOUND);
    FAILS(&f, OUTCOME_NOT_FOUND, index_set_aside(none, &f.why));
}
END_TEST

START_TEST(uids_rise_over_rollback_expunge_and_reopening)
{
    uint32_t uid;
    ck_assert_uint_eq(fixture_add(&f, "a", 0, NULL), 1);
    ck_assert_uint_eq(fixture_add(&f, "b", 0, NULL), 2);
    OK(&f, index_begin(f.ix, &f.why));
    OK(&f, index_take_uid(f.ix, f.inbox.id, &uid, &f.why));
    ck_assert_uint_eq(uid, 3);
    index_rollback(f.ix); /* nobody saw it */
    OK(&f, index_begin(f.ix, &f.why));
    OK(&f, index_take_uid(f.ix, f.inbox.id, &uid, &f.why));
    ck_assert_uint_eq(uid, 3);
    OK(&f, index_expunge(f.ix, f.inbox.id, 2, &f.why));
    OK(&f, index_commit(f.ix, &f.why)); /* taken for good, without a row */
    fixture_reopen(&f);
    ck_assert_uint_eq(fixture_add(&f, "c", 0, NULL), 4);
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").uid_next, 5);
}
END_TEST

START_TEST(a_uid_of_the_journal_moves_uidnext)
{
    OK(&f, index_begin(f.ix, &f.why));
    struct index_message m = fixture_message(f.inbox.id, 70, "a", 0, NULL);
    OK(&f, index_add(f.ix, &m, &f.why));
    struct index_message twice = fixture_message(f.inbox.id, 70, "b", 0, NULL);
    FAILS(&f, OUTCOME_EXISTS, index_add(f.ix, &twice, &f.why));
    struct index_message same = fixture_message(f.inbox.id, 71, "a", 0, NULL);
    FAILS(&f, OUTCOME_EXISTS, index_add(f.ix, &same, &f.why));
    struct index_message none = fixture_message(f.inbox.id, 0, "z", 0, NULL);
    FAILS(&f, OUTCOME_BAD_REQUEST, index_add(f.ix, &none, &f.why));
    OK(&f, index_commit(f.ix, &f.why));
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").uid_next, 71);
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").messages, 1);
}
END_TEST

START_TEST(the_last_uid_is_the_last)
{
    uint32_t uid;
    OK(&f, index_begin(f.ix, &f.why));
    struct index_message m = fixture_message(f.inbox.id, UINT32_MAX - 1, "a", 0, NULL);
    OK(&f, index_add(f.ix, &m, &f.why));
    FAILS(&f, OUTCOME_SYSTEM, index_take_uid(f.ix, f.inbox.id, &uid, &f.why));
    m.uid = UINT32_MAX;
    FAILS(&f, OUTCOME_BAD_REQUEST, index_add(f.ix, &m, &f.why));
    OK(&f, index_commit(f.ix, &f.why));
    fixture_reopen(&f);
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").uid_next, UINT32_MAX);
}
END_TEST

START_TEST(modseq_rises_for_the_whole_account)
{
    struct index_mailbox other;
    uint64_t before = fixture_mailbox(&f, "INBOX").highest_modseq;
    fixture_add(&f, "a", 0, NULL);
    ck_assert_uint_gt(fixture_mailbox(&f, "INBOX").highest_modseq, before);
    OK(&f, index_begin(f.ix, &f.why));
    OK(&f, index_mailbox_add(f.ix, "Other", 1001, &other, &f.why));
    ck_assert_uint_gt(other.highest_modseq, fixture_mailbox(&f, "INBOX").highest_modseq);
    struct index_message m = fixture_message(other.id, 1, "x", 0, NULL);
    OK(&f, index_add(f.ix, &m, &f.why));
    ck_assert_uint_gt(m.modseq, other.highest_modseq);
    OK(&f, index_mailbox_delete(f.ix, other.id, &f.why));
    OK(&f, index_commit(f.ix, &f.why));
    fixture_reopen(&f); /* the row that knew it is gone */
    fixture_add(&f, "b", 0, NULL);
    ck_assert_uint_gt(fixture_mailbox(&f, "INBOX").highest_modseq, m.modseq);
}
END_TEST

START_TEST(flags_change_counts_and_modseq_only_when_they_differ)
{
    struct arena arena;
    struct index_message m;
    arena_init(&arena, 1 << 20);
    uint32_t uid = fixture_add(&f, "a", 0, &fixture_facts);
    uint64_t modseq = fixture_mailbox(&f, "INBOX").highest_modseq;
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").unseen, 1);
    OK(&f, index_begin(f.ix, &f.why));
    OK(&f, index_set_flags(f.ix, f.inbox.id, uid, STORE_SEEN, "$Label1 x'); --", &f.why));
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").unseen, 0);
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").highest_modseq, modseq + 1);
    OK(&f, index_set_flags(f.ix, f.inbox.id, uid, STORE_SEEN, NULL, &f.why));
    OK(&f, index_set_flags(f.ix, f.inbox.id, uid, STORE_SEEN, "$Label1 x'); --", &f.why));
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").highest_modseq, modseq + 1);
    OK(&f, index_set_flags(f.ix, f.inbox.id, uid, STORE_DELETED, NULL, &f.why));
    OK(&f, index_commit(f.ix, &f.why));
    OK(&f, index_message_find(f.ix, f.inbox.id, uid, &arena, &m, &f.why));
    ck_assert_uint_eq(m.flags, STORE_DELETED);
    ck_assert_str_eq(m.keywords, "$Label1 x'); --");
    ck_assert_uint_eq(m.modseq, modseq + 2);
    ck_assert_ptr_nonnull(m.facts);
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").unseen, 1);
    OK(&f, index_begin(f.ix, &f.why));
    FAILS(&f, OUTCOME_NOT_FOUND, index_set_flags(f.ix, f.inbox.id, 99, 0, "", &f.why));
    FAILS(&f, OUTCOME_NOT_FOUND, index_set_flags(f.ix, 99, uid, 0, "", &f.why));
    arena_release(&arena);
}
END_TEST

START_TEST(facts_may_come_later)
{
    struct arena arena;
    struct index_message m;
    uint64_t octets, messages;
    arena_init(&arena, 1 << 20);
    OK(&f, index_begin(f.ix, &f.why));
    m = fixture_message(f.inbox.id, 1, "a", 0, NULL);
    m.octets = 0; /* another program brought it: nothing is known */
    m.ref.stored_octets = UINT64_MAX;
    OK(&f, index_add(f.ix, &m, &f.why));
    OK(&f, index_usage(f.ix, &octets, &messages, &f.why));
    ck_assert_uint_eq(octets, 0);
    OK(&f, index_set_facts(f.ix, f.inbox.id, 1, &fixture_facts, 555, 22, &f.why));
    OK(&f, index_set_facts(f.ix, f.inbox.id, 1, &fixture_facts, 777, 33, &f.why));
    OK(&f, index_commit(f.ix, &f.why));
    OK(&f, index_message_find_ref(f.ix, f.inbox.id, "a", &arena, &m, &f.why));
    ck_assert_uint_eq(m.octets, 777);
    ck_assert_uint_eq(m.lines, 33);
    ck_assert_uint_eq(m.ref.stored_octets, 555);
    ck_assert_str_eq(m.facts->preview, fixture_facts.preview);
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").octets, 777);
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").messages, 1);
    OK(&f, index_usage(f.ix, &octets, &messages, &f.why));
    ck_assert_uint_eq(octets, 555);
    arena_release(&arena);
}
END_TEST

START_TEST(keywords_are_bounded)
{
    char keywords[5000];
    memset(keywords, 'k', sizeof(keywords) - 1);
    keywords[sizeof(keywords) - 1] = '\0';
    OK(&f, index_begin(f.ix, &f.why));
    struct index_message m = fixture_message(f.inbox.id, 1, "a", 0, NULL);
    m.keywords = keywords;
    FAILS(&f, OUTCOME_BAD_REQUEST, index_add(f.ix, &m, &f.why));
    m.keywords = keywords + 905; /* 4094 of them */
    OK(&f, index_add(f.ix, &m, &f.why));
    FAILS(&f, OUTCOME_BAD_REQUEST, index_set_flags(f.ix, f.inbox.id, 1, 0, keywords, &f.why));
    OK(&f, index_set_flags(f.ix, f.inbox.id, 1, STORE_SEEN, NULL, &f.why));
}
END_TEST

START_TEST(names_are_never_sql)
{
    static const char *const names[] = {"'; DROP TABLE messages; --",
                                        "\"",
                                        "%",
                                        "_",
                                        "a\\b",
                                        "Entw\xc3\xbcrfe/\xe4\xb8\xad",
                                        "x' OR '1'='1",
                                        "\xff\xfe no UTF-8"};
    struct index_mailbox m;
    struct arena arena;
    struct index_message found;
    arena_init(&arena, 1 << 20);
    OK(&f, index_begin(f.ix, &f.why));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        OK(&f, index_mailbox_add(f.ix, names[i], 5, &m, &f.why));
        ck_assert_str_eq(m.name, names[i]);
        struct index_message row = fixture_message(m.id, 1, names[i], 0, NULL);
        row.delivery_id = row.keywords = row.digest = names[i];
        OK(&f, index_add(f.ix, &row, &f.why));
        OK(&f, index_message_find_ref(f.ix, m.id, names[i], &arena, &found, &f.why));
        ck_assert_str_eq(found.ref.name, names[i]);
        ck_assert_str_eq(found.keywords, names[i]);
        FAILS(&f, OUTCOME_NOT_FOUND,
              index_message_find_ref(f.ix, m.id, "' OR 1=1 --", &arena, &found, &f.why));
    }
    OK(&f, index_commit(f.ix, &f.why));
    arena_release(&arena);
}
END_TEST

static bool
collect_name(void *arg, const struct index_mailbox *m)
{
    strcat(arg, m->name);
    strcat(arg, " ");
    return strcmp(m->name, "Stop") != 0;
}

START_TEST(mailboxes_are_added_renamed_listed_deleted)
{
    struct index_mailbox m, other;
    char names[256] = "";
    char long_name[STORE_MAILBOX_SIZE + 1];
    memset(long_name, 'x', sizeof(long_name));
    long_name[STORE_MAILBOX_SIZE] = '\0';
    OK(&f, index_begin(f.ix, &f.why));
    FAILS(&f, OUTCOME_EXISTS, index_mailbox_add(f.ix, "iNBoX", 7, &m, &f.why));
    FAILS(&f, OUTCOME_BAD_REQUEST, index_mailbox_add(f.ix, long_name, 7, &m, &f.why));
    FAILS(&f, OUTCOME_BAD_REQUEST, index_mailbox_add(f.ix, "", 7, &m, &f.why));
    FAILS(&f, OUTCOME_BAD_REQUEST, index_mailbox_add(f.ix, "x", 0, &m, &f.why));
    OK(&f, index_mailbox_add(f.ix, "Sent", 7, &m, &f.why));
    ck_assert_uint_eq(m.uid_validity, 7);
    ck_assert_uint_eq(m.uid_next, 1);
    OK(&f, index_mailbox_add(f.ix, "Zoo", 8, &other, &f.why));
    FAILS(&f, OUTCOME_EXISTS, index_mailbox_rename(f.ix, m.id, "Zoo", &f.why));
    FAILS(&f, OUTCOME_NOT_FOUND, index_mailbox_rename(f.ix, 99, "Z", &f.why));
    OK(&f, index_mailbox_rename(f.ix, m.id, "Post", &f.why));
    OK(&f, index_mailbox_set_stamp(f.ix, m.id, UINT64_MAX - 1, &f.why));
    FAILS(&f, OUTCOME_NOT_FOUND, index_mailbox_find(f.ix, "Sent", &m, &f.why));
    OK(&f, index_commit(f.ix, &f.why));
    OK(&f, index_mailbox_list(f.ix, collect_name, names, &f.why));
    ck_assert_str_eq(names, "INBOX Post Zoo ");
    OK(&f, index_begin(f.ix, &f.why));
    OK(&f, index_mailbox_rename(f.ix, other.id, "Stop", &f.why));
    OK(&f, index_mailbox_add(f.ix, "Zoo", 9, &other, &f.why));
    names[0] = '\0';
    OK(&f, index_mailbox_list(f.ix, collect_name, names, &f.why));
    ck_assert_str_eq(names, "INBOX Post Stop ");
    ck_assert(fixture_mailbox(&f, "Post").stamp == UINT64_MAX - 1);
    OK(&f, index_mailbox_delete(f.ix, fixture_mailbox(&f, "Post").id, &f.why));
    FAILS(&f, OUTCOME_NOT_FOUND, index_mailbox_find(f.ix, "Post", &m, &f.why));
    FAILS(&f, OUTCOME_NOT_FOUND, index_mailbox_delete(f.ix, 99, &f.why));
}
END_TEST

START_TEST(a_deleted_mailbox_takes_its_messages_out_of_the_quota)
{
    struct index_mailbox m;
    uint64_t octets, messages;
    fixture_add(&f, "a", 0, &fixture_facts);
    OK(&f, index_begin(f.ix, &f.why));
    OK(&f, index_mailbox_add(f.ix, "Other", 7, &m, &f.why));
    for (uint32_t uid = 1; uid <= 3; uid++) {
        char name[8] = {(char)('a' + uid)};
        struct index_message row = fixture_message(m.id, uid, name, 0, &fixture_facts);
        OK(&f, index_add(f.ix, &row, &f.why));
    }
    OK(&f, index_expunge(f.ix, m.id, 2, &f.why));
    OK(&f, index_commit(f.ix, &f.why));
    OK(&f, index_usage(f.ix, &octets, &messages, &f.why));
    ck_assert_uint_eq(octets, 3000);
    ck_assert_uint_eq(messages, 3);
    OK(&f, index_begin(f.ix, &f.why));
    OK(&f, index_mailbox_delete(f.ix, m.id, &f.why));
    index_rollback(f.ix);
    OK(&f, index_usage(f.ix, &octets, &messages, &f.why));
    ck_assert_uint_eq(octets, 3000);
    OK(&f, index_begin(f.ix, &f.why));
    OK(&f, index_mailbox_delete(f.ix, m.id, &f.why));
    OK(&f, index_commit(f.ix, &f.why));
    OK(&f, index_check(f.ix, true, &f.why));
    fixture_reopen(&f);
    OK(&f, index_usage(f.ix, &octets, &messages, &f.why));
    ck_assert_uint_eq(octets, 1000);
    ck_assert_uint_eq(messages, 1);
}
END_TEST

START_TEST(dates_that_no_row_holds_become_1970)
{
    static const struct timespec times[] = {{-1, 0}, {253402300800, 0}, {5, 1000000000}};
    struct arena arena;
    arena_init(&arena, 1 << 20);
    OK(&f, index_begin(f.ix, &f.why));
    for (uint32_t i = 0; i < 3; i++) {
        char name[8] = {(char)('a' + i)};
        struct index_message m = fixture_message(f.inbox.id, i + 1, name, 0, NULL);
        m.received = times[i];
        OK(&f, index_add(f.ix, &m, &f.why));
        OK(&f, index_message_find(f.ix, f.inbox.id, i + 1, &arena, &m, &f.why));
        ck_assert_int_eq(m.received.tv_sec, 0);
    }
    arena_release(&arena);
}
END_TEST

#define KEY_A "00000000000000000000000000000000000000000000000000000000000000aa"
#define KEY_B "00000000000000000000000000000000000000000000000000000000000000bb"

START_TEST(the_ledger_knows_what_was_delivered_lately)
{
    char id[ID_SIZE];
    OK(&f, index_begin(f.ix, &f.why));
    OK(&f, index_ledger_add(f.ix, KEY_A, "first", 1000, &f.why));
    OK(&f, index_ledger_add(f.ix, KEY_B, "second", 2000, &f.why));
    OK(&f, index_ledger_find(f.ix, KEY_A, 0, id, &f.why)); /* not committed yet, but known */
    OK(&f, index_commit(f.ix, &f.why));
    fixture_reopen(&f);
    OK(&f, index_ledger_find(f.ix, KEY_A, 1000, id, &f.why));
    ck_assert_str_eq(id, "first");
    FAILS(&f, OUTCOME_NOT_FOUND, index_ledger_find(f.ix, KEY_A, 1001, id, &f.why));
    FAILS(&f, OUTCOME_NOT_FOUND, index_ledger_find(f.ix, "cc", 0, id, &f.why));
    FAILS(&f, OUTCOME_BAD_REQUEST, index_ledger_find(f.ix, "", 0, id, &f.why));
    FAILS(&f, OUTCOME_BAD_REQUEST, index_ledger_find(f.ix, "abc", 0, id, &f.why));
    FAILS(&f, OUTCOME_BAD_REQUEST, index_ledger_find(f.ix, "ZZ", 0, id, &f.why));
    FAILS(&f, OUTCOME_BAD_REQUEST, index_ledger_find(f.ix, KEY_A "00", 0, id, &f.why));
    OK(&f, index_begin(f.ix, &f.why));
    OK(&f, index_ledger_add(f.ix, KEY_A, "again", 3000, &f.why));
    OK(&f, index_ledger_prune(f.ix, 2001, &f.why));
    OK(&f, index_commit(f.ix, &f.why));
    OK(&f, index_ledger_find(f.ix, KEY_A, 0, id, &f.why));
    ck_assert_str_eq(id, "again");
    FAILS(&f, OUTCOME_NOT_FOUND, index_ledger_find(f.ix, KEY_B, 0, id, &f.why));
}
END_TEST

static void
number_key(unsigned n, char key[INDEX_LEDGER_KEY_SIZE])
{
    snprintf(key, INDEX_LEDGER_KEY_SIZE, "%08x", n);
}

/* Past what its filter takes, and behind a filter that was made anew from the rows. */
START_TEST(a_ledger_of_any_length_forgets_no_key)
{
    static const unsigned lengths[] = {1, 100, 5000, 9000};
    const unsigned n = lengths[_i];
    char id[ID_SIZE], key[INDEX_LEDGER_KEY_SIZE];
    OK(&f, index_begin(f.ix, &f.why));
    for (unsigned i = 0; i < n; i++) {
        number_key(i, key);
        OK(&f, index_ledger_add(f.ix, key, "id", 1000, &f.why));
    }
    OK(&f, index_commit(f.ix, &f.why));
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < n; i++) {
            number_key(i, key);
            OK(&f, index_ledger_find(f.ix, key, 0, id, &f.why));
        }
        for (unsigned i = n; i < n + 1000; i++) {
            number_key(i, key);
            FAILS(&f, OUTCOME_NOT_FOUND, index_ledger_find(f.ix, key, 0, id, &f.why));
        }
        fixture_reopen(&f);
    }
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("index");
    TCase *t = tcase_create("rows");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_message_is_read_back_as_it_was_added);
    tcase_add_test(t, folders_and_files_are_their_owners_alone);
    tcase_add_test(t, an_index_that_is_not_there_is_not_found);
    tcase_add_test(t, uids_rise_over_rollback_expunge_and_reopening);
    tcase_add_test(t, a_uid_of_the_journal_moves_uidnext);
    tcase_add_test(t, the_last_uid_is_the_last);
    tcase_add_test(t, modseq_rises_for_the_whole_account);
    tcase_add_test(t, flags_change_counts_and_modseq_only_when_they_differ);
    tcase_add_test(t, facts_may_come_later);
    tcase_add_test(t, keywords_are_bounded);
    tcase_add_test(t, names_are_never_sql);
    tcase_add_test(t, mailboxes_are_added_renamed_listed_deleted);
    tcase_add_test(t, a_deleted_mailbox_takes_its_messages_out_of_the_quota);
    tcase_add_test(t, dates_that_no_row_holds_become_1970);
    tcase_add_test(t, the_ledger_knows_what_was_delivered_lately);
    tcase_add_loop_test(t, a_ledger_of_any_length_forgets_no_key, 0, 4);
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
