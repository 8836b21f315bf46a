/* SPDX-License-Identifier: MIT
 *
 * Mailboxes, UIDs, MODSEQs, counters, rows in and out, the ledger.
 */
#include "fixture.h"

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

static Suite *
suite(void)
{
    Suite *s = suite_create("index");
    TCase *t = tcase_create("rows");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_message_is_read_back_as_it_was_added);
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
