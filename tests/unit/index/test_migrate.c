/* SPDX-License-Identifier: MIT
 *
 * An index that an older program made: every step of the schema is run on a file that ends with the
 * step before it and holds rows.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/db.h"

extern const struct db_step index_steps[]; /* made from schema/index */

static struct fixture f;

static void
setup(void)
{
    char path[256];
    fixture_init(&f);
    index_close(f.ix);
    f.ix = NULL;
    snprintf(path, sizeof(path), "%s/index.sqlite", f.folder);
    ck_assert_int_eq(unlink(path), 0);
    snprintf(path, sizeof(path), "%s/index.sqlite-wal", f.folder);
    ck_assert_int_eq(unlink(path), 0);
}

static void
teardown(void)
{
    fixture_release(&f);
}

static void
run(struct db *db, const char *sql)
{
    struct db_statement *s = db_prepare(db, sql, &f.why);
    ck_assert_msg(s != NULL && db_run(s, &f.why), "%s: %s", sql, f.why.cause);
}

/* make_first() - as version 1 wrote it: a message with facts, one without, an expunged one. */
static void
make_first(void)
{
    const struct db_options options = {
        .steps = index_steps, .step_count = 1, .create = true, .full_sync = true, .cache_kib = 64};
    char path[256];
    snprintf(path, sizeof(path), "%s/index.sqlite", f.folder);
    struct db *db = db_open(path, &options, &f.why);
    ck_assert_msg(db != NULL, "%s", f.why.cause);
    run(db, "INSERT INTO mailboxes VALUES (1, 'INBOX', '', 1000, 4, 7, 2, 1, 2050, 2000, 5)");
    run(db, "INSERT INTO messages VALUES (1, 1, 1, 3, 1, 'work', '2026-11-22T03:36:13.123456789Z', "
            "'one', 1000, 1025, 25, 5, 0, 'd16e57', 'id-1')");
    run(db, "INSERT INTO messages VALUES (2, 1, 3, 6, 0, '', '2026-11-22T03:36:14.000000000Z', "
            "'three', 1000, 1025, 25, 5, 1, '', '')");
    run(db,
        "INSERT INTO facts VALUES (1, 0, 1020, 25, 120, 1, '<1@example.org>', 's', 'S', 'f', '', "
        "'', '', '()', '()', '', x'00000000', x'00000000')");
    run(db, "INSERT INTO expunges VALUES (1, 7, 2)");
    run(db, "INSERT INTO ledger VALUES (x'abcd', 1795318573, 'id-1')");
    db_close(db);
}

START_TEST(an_index_of_version_1_keeps_all_but_its_facts)
{
    char id[ID_SIZE];
    struct arena arena;
    struct index_message m;
    uint64_t octets, messages;
    make_first();
    f.ix = index_open(f.folder, false, &f.why);
    ck_assert_msg(f.ix != NULL, "%s", f.why.cause);
    OK(&f, index_check(f.ix, true, &f.why));
    struct index_mailbox inbox = fixture_mailbox(&f, "INBOX");
    ck_assert_uint_eq(inbox.uid_validity, 1000);
    ck_assert_uint_eq(inbox.uid_next, 4);
    ck_assert_uint_eq(inbox.highest_modseq, 7);
    OK(&f, index_usage(f.ix, &octets, &messages, &f.why));
    ck_assert(octets == 2000 && messages == 2);
    arena_init(&arena, 65536);
    OK(&f, index_message_find(f.ix, inbox.id, 1, &arena, &m, &f.why));
    ck_assert_str_eq(m.keywords, "work");
    ck_assert_str_eq(m.digest, "d16e57");
    ck_assert(!m.facts_known && m.facts == NULL);
    OK(&f, index_message_find_ref(f.ix, inbox.id, "three", &arena, &m, &f.why));
    ck_assert_uint_eq(m.uid, 3);
    OK(&f, index_ledger_find(f.ix, "abcd", 1795318573, id, &f.why));
    ck_assert_str_eq(id, "id-1");
    OK(&f, index_begin(f.ix, &f.why));
    OK(&f, index_set_facts(f.ix, inbox.id, 1, &fixture_facts, 1025, 25, &f.why));
    OK(&f, index_set_facts(f.ix, inbox.id, 1, &fixture_facts, 1025, 25, &f.why)); /* once more */
    OK(&f, index_commit(f.ix, &f.why));
    OK(&f, index_message_find(f.ix, inbox.id, 1, &arena, &m, &f.why));
    ck_assert(m.facts_known);
    ck_assert_str_eq(m.facts->envelope, fixture_facts.envelope);
    arena_release(&arena);
}
END_TEST

static Suite *
suite(void)
{
    Suite *s = suite_create("migrate");
    TCase *t = tcase_create("migrate");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, an_index_of_version_1_keeps_all_but_its_facts);
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
