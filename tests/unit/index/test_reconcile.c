/* SPDX-License-Identifier: MIT
 *
 * What other programs did to a mailbox, taken in; and ten thousand random changes against a plain
 * model, recounted.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/db.h"

extern const struct db_step index_steps[]; /* made from schema/index */
extern const unsigned index_step_count;

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

struct seen {
    const char *name;
    unsigned flags;
    time_t arrived;
};

/* reconcile() - one in a transaction; entries end with a NULL name. */
static struct index_changes
reconcile(const struct seen *entries, bool complete, unsigned mask)
{
    struct index_changes changes;
    OK(&f, index_begin(f.ix, &f.why));
    struct index_reconcile *r = index_reconcile_begin(f.ix, f.inbox.id, &f.why);
    ck_assert_ptr_nonnull(r);
    index_reconcile_trust_flags(r, mask);
    for (; entries->name != NULL; entries++) {
        const struct store_entry e = {.name = entries->name,
                                      .flags = entries->flags,
                                      .stored_octets = 10,
                                      .wire_octets = UINT64_MAX,
                                      .arrived = entries->arrived};
        OK(&f, index_reconcile_entry(r, &e, &f.why));
    }
    OK(&f, index_reconcile_end(r, complete, &changes, &f.why));
    OK(&f, index_commit(f.ix, &f.why));
    return changes;
}

static bool
print_one(void *arg, const struct index_message *m)
{
    char one[512];
    snprintf(one, sizeof(one), "%u:%s:%u ", m->uid, m->ref.name, m->flags);
    strcat(arg, one);
    return true;
}

static void
check_rows(const char *expected)
{
    char rows[4096] = "";
    OK(&f, index_message_list(f.ix, f.inbox.id, 1, true, print_one, rows, &f.why));
    ck_assert_str_eq(rows, expected);
}

static void
check_changes(struct index_changes c, unsigned added, unsigned reflagged, unsigned removed)
{
    ck_assert_uint_eq(c.added, added);
    ck_assert_uint_eq(c.reflagged, reflagged);
    ck_assert_uint_eq(c.removed, removed);
}

#define ALL (~0U)

START_TEST(new_files_get_uids_in_order_of_arrival_then_name)
{
    static const struct seen entries[] = {
        {"late", STORE_SEEN, 300}, {"b", 0, 100}, {"a", STORE_DRAFT, 100}, {"early", 0, 50}, {0}};
    check_changes(reconcile(entries, true, ALL), 4, 0, 0);
    check_rows("1:early:0 2:a:16 3:b:0 4:late:1 ");
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").messages, 4);
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").unseen, 3);
    struct arena arena;
    struct index_message m;
    arena_init(&arena, 1 << 20);
    OK(&f, index_message_find_ref(f.ix, f.inbox.id, "late", &arena, &m, &f.why));
    ck_assert_int_eq(m.received.tv_sec, 300);
    ck_assert_uint_eq(m.ref.stored_octets, 10);
    ck_assert_ptr_null(m.facts);
    arena_release(&arena);
}
END_TEST

START_TEST(changed_files_are_reflagged_and_gone_ones_expunged)
{
    static const struct seen entries[] = {
        {"new", 0, 5}, {"b", STORE_SEEN | STORE_FLAGGED, 1}, {"c", STORE_SEEN, 1}, {0}};
    fixture_add(&f, "a", 0, &fixture_facts);
    fixture_add(&f, "b", STORE_SEEN, &fixture_facts);
    fixture_add(&f, "c", STORE_SEEN, &fixture_facts);
    uint64_t modseq = fixture_mailbox(&f, "INBOX").highest_modseq;
    check_changes(reconcile(entries, true, ALL), 1, 1, 1);
    check_rows("2:b:5 3:c:1 4:new:0 ");
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").highest_modseq, modseq + 3);
    check_changes(reconcile(entries, true, ALL), 0, 0, 0);
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").highest_modseq, modseq + 3);
}
END_TEST

START_TEST(a_listing_that_broke_off_expunges_nothing)
{
    static const struct seen entries[] = {{"b", 0, 1}, {0}};
    fixture_add(&f, "a", 0, NULL);
    check_changes(reconcile(entries, false, ALL), 1, 0, 0);
    check_rows("1:a:0 2:b:0 ");
}
END_TEST

START_TEST(an_empty_store_empties_the_mailbox)
{
    static const struct seen none[] = {{0}};
    fixture_add(&f, "a", 0, &fixture_facts);
    fixture_add(&f, "b", STORE_SEEN, NULL);
    check_changes(reconcile(none, true, ALL), 0, 0, 2);
    check_rows("");
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").octets, 0);
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").unseen, 0);
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").uid_next, 3);
    OK(&f, index_check(f.ix, true, &f.why));
}
END_TEST

START_TEST(a_name_that_stands_twice_is_one_message)
{
    static const struct seen entries[] = {
        {"a", 0, 1}, {"a", STORE_SEEN, 1}, {"b", 0, 1}, {"b", STORE_SEEN, 1}, {0}};
    fixture_add(&f, "a", 0, NULL);
    check_changes(reconcile(entries, true, ALL), 1, 0, 0);
    check_rows("1:a:0 2:b:0 ");
}
END_TEST

START_TEST(flags_that_the_store_cannot_carry_stay)
{
    static const struct seen entries[] = {{"a", STORE_SEEN, 1}, {"b", STORE_SEEN, 1}, {0}};
    fixture_add(&f, "a", STORE_FLAGGED, NULL);
    check_changes(reconcile(entries, true, 0), 1, 0, 0);
    check_rows("1:a:4 2:b:0 ");
    check_changes(reconcile(entries, true, STORE_SEEN), 0, 2, 0);
    check_rows("1:a:5 2:b:1 ");
}
END_TEST

START_TEST(keywords_survive_a_reflagging)
{
    static const struct seen entries[] = {{"a", STORE_SEEN, 1}, {0}};
    struct arena arena;
    struct index_message m;
    arena_init(&arena, 1 << 20);
    uint32_t uid = fixture_add(&f, "a", 0, NULL);
    OK(&f, index_begin(f.ix, &f.why));
    OK(&f, index_set_flags(f.ix, f.inbox.id, uid, 0, "$Junk", &f.why));
    OK(&f, index_commit(f.ix, &f.why));
    reconcile(entries, true, ALL);
    OK(&f, index_message_find(f.ix, f.inbox.id, uid, &arena, &m, &f.why));
    ck_assert_str_eq(m.keywords, "$Junk");
    arena_release(&arena);
}
END_TEST

START_TEST(a_rollback_forgets_the_reconcile)
{
    struct index_changes changes;
    const struct store_entry e = {.name = "b", .stored_octets = 10};
    const struct store_entry bad = {.name = ""};
    fixture_add(&f, "a", 0, NULL);
    OK(&f, index_begin(f.ix, &f.why));
    struct index_reconcile *r = index_reconcile_begin(f.ix, f.inbox.id, &f.why);
    OK(&f, index_reconcile_entry(r, &e, &f.why));
    FAILS(&f, OUTCOME_BAD_REQUEST, index_reconcile_entry(r, &bad, &f.why));
    OK(&f, index_reconcile_end(r, true, &changes, &f.why));
    index_rollback(f.ix);
    check_rows("1:a:0 ");
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").messages, 1);
    ck_assert_uint_eq(fixture_add(&f, "c", 0, NULL), 2);
    OK(&f, index_begin(f.ix, &f.why));
    ck_assert_ptr_null(index_reconcile_begin(f.ix, 99, &f.why));
    ck_assert_int_eq(f.why.kind, OUTCOME_NOT_FOUND);
}
END_TEST

/* The model of the random test: what the index must say, in the plainest way. */
#define MODEL_MAX 12000
struct model {
    struct model_row {
        uint32_t uid;
        unsigned flags;
        uint64_t octets;
    } rows[MODEL_MAX];
    size_t count;
    uint32_t uid_next;
    uint64_t modseq;
};

static void
random_change(struct model *m)
{
    struct model_row *row = m->count == 0 ? NULL : &m->rows[(size_t)random() % m->count];
    long dice = random() % 10;
    char name[32];
    if (row == NULL || dice < 5) {
        row = &m->rows[m->count++];
        OK(&f, index_take_uid(f.ix, f.inbox.id, &row->uid, &f.why));
        ck_assert_uint_eq(row->uid, m->uid_next);
        snprintf(name, sizeof(name), "%u", row->uid);
        row->flags = (unsigned)random() % 64;
        struct index_message x = fixture_message(f.inbox.id, row->uid, name, row->flags,
                                                 dice == 0 ? &fixture_facts : NULL);
        row->octets = x.octets = (uint64_t)random() % 100000;
        OK(&f, index_add(f.ix, &x, &f.why));
        ck_assert_uint_gt(x.modseq, m->modseq);
        m->modseq = x.modseq;
        m->uid_next++;
    } else if (dice < 8) {
        row->flags = (unsigned)random() % 64;
        OK(&f, index_set_flags(f.ix, f.inbox.id, row->uid, row->flags, "", &f.why));
    } else if (dice < 9) {
        row->octets = (uint64_t)random() % 100000;
        OK(&f, index_set_facts(f.ix, f.inbox.id, row->uid, &fixture_facts, row->octets, 1, &f.why));
    } else {
        OK(&f, index_expunge(f.ix, f.inbox.id, row->uid, &f.why));
        *row = m->rows[--m->count];
    }
}

struct recount {
    uint64_t messages, unseen, octets;
    uint32_t last;
};

static bool
recount_one(void *arg, const struct index_message *m)
{
    struct recount *r = arg;
    ck_assert_uint_gt(m->uid, r->last);
    r->last = m->uid;
    r->messages++;
    r->unseen += (m->flags & STORE_SEEN) == 0;
    r->octets += m->octets;
    return true;
}

static void
check_model(const struct model *m)
{
    struct recount r = {0}, expected = {.messages = m->count};
    struct index_mailbox inbox = fixture_mailbox(&f, "INBOX");
    uint64_t octets, messages;
    for (size_t i = 0; i < m->count; i++) {
        expected.unseen += (m->rows[i].flags & STORE_SEEN) == 0;
        expected.octets += m->rows[i].octets;
    }
    OK(&f, index_message_list(f.ix, f.inbox.id, 0, false, recount_one, &r, &f.why));
    ck_assert_uint_eq(r.messages, expected.messages);
    ck_assert_uint_eq(r.unseen, expected.unseen);
    ck_assert_uint_eq(r.octets, expected.octets);
    ck_assert_uint_eq(inbox.messages, expected.messages);
    ck_assert_uint_eq(inbox.unseen, expected.unseen);
    ck_assert_uint_eq(inbox.octets, expected.octets);
    ck_assert_uint_eq(inbox.uid_next, m->uid_next);
    OK(&f, index_usage(f.ix, &octets, &messages, &f.why));
    ck_assert_uint_eq(messages, expected.messages);
    ck_assert_uint_eq(octets, expected.messages * 1000);
}

START_TEST(counts_are_what_a_recount_gives_after_10000_changes)
{
    struct model *m = calloc(2, sizeof(*m)), *before = m + 1;
    m->uid_next = 1;
    srandom(20261122);
    for (int done = 0; done < 10000;) {
        *before = *m;
        OK(&f, index_begin(f.ix, &f.why));
        for (long n = random() % 40; n >= 0; n--, done++)
            random_change(m);
        if (random() % 5 == 0) {
            index_rollback(f.ix);
            uint64_t modseq = m->modseq;
            *m = *before;
            ck_assert_uint_ge(modseq, m->modseq);
        } else {
            OK(&f, index_commit(f.ix, &f.why));
        }
        if (random() % 20 == 0)
            fixture_reopen(&f);
        if (random() % 20 == 0)
            check_model(m);
    }
    check_model(m);
    OK(&f, index_check(f.ix, true, &f.why));
    free(m);
}
END_TEST

START_TEST(a_recount_mends_counters_that_somebody_changed)
{
    char path[256];
    uint64_t octets, messages;
    const struct db_options options = {.steps = index_steps, .step_count = index_step_count};
    fixture_add(&f, "a", 0, NULL);
    fixture_add(&f, "b", STORE_SEEN, NULL);
    index_close(f.ix);
    snprintf(path, sizeof(path), "%s/index.sqlite", f.folder);
    struct db *db = db_open(path, &options, &f.why);
    struct db_statement *s = db_prepare(
        db, "UPDATE mailboxes SET messages = 9, unseen = 8, octets = 7, stored_octets = 6", &f.why);
    OK(&f, db_run(s, &f.why));
    db_close(db);
    f.ix = index_open(f.folder, false, &f.why);
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").messages, 9);
    OK(&f, index_begin(f.ix, &f.why));
    FAILS(&f, OUTCOME_NOT_FOUND, index_mailbox_recount(f.ix, 99, &f.why));
    OK(&f, index_mailbox_recount(f.ix, f.inbox.id, &f.why));
    OK(&f, index_commit(f.ix, &f.why));
    fixture_reopen(&f);
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").messages, 2);
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").unseen, 1);
    ck_assert_uint_eq(fixture_mailbox(&f, "INBOX").octets, 2050);
    OK(&f, index_usage(f.ix, &octets, &messages, &f.why));
    ck_assert_uint_eq(octets, 2000);
    ck_assert_uint_eq(messages, 2);
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("reconcile");
    TCase *t = tcase_create("changes");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, new_files_get_uids_in_order_of_arrival_then_name);
    tcase_add_test(t, changed_files_are_reflagged_and_gone_ones_expunged);
    tcase_add_test(t, a_listing_that_broke_off_expunges_nothing);
    tcase_add_test(t, an_empty_store_empties_the_mailbox);
    tcase_add_test(t, a_name_that_stands_twice_is_one_message);
    tcase_add_test(t, flags_that_the_store_cannot_carry_stay);
    tcase_add_test(t, keywords_survive_a_reflagging);
    tcase_add_test(t, a_rollback_forgets_the_reconcile);
    tcase_add_test(t, a_recount_mends_counters_that_somebody_changed);
    tcase_add_test(t, counts_are_what_a_recount_gives_after_10000_changes);
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
