/* SPDX-License-Identifier: MIT
 *
 * What filters make of a message and of its envelope, and where that ends: limits, copies that are
 * thrown away, bodies that are begun anew.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "draft_priv.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define HEADER "From: a\r\nX: 1\r\n\r\n"
#define MESSAGE HEADER "body\r\n"

static struct arena arena;
static struct draft draft;

static enum draft_result
open_text(struct span text)
{
    struct message *m = message_from_memory(text);
    enum draft_result result = draft_open(&draft, m, 4096, &arena);

    message_unref(m); /* the draft has a reference of its own */
    return result;
}

static void
begin(void)
{
    arena_init(&arena, DRAFT_MEMORY);
    ck_assert_int_eq(open_text(SPAN(MESSAGE)), DRAFT_OK);
}

static void
finish(void)
{
    draft_close(&draft);
    arena_release(&arena);
}

/* --- the envelope --- */

static const struct {
    const char *name;
    struct span address;
    const char *kept; /* NULL: refused */
} addresses[] = {
    {"in brackets", SPAN("<a@b.test>"), "a@b.test"},
    {"without", SPAN("a@b.test"), "a@b.test"},
    {"with blanks around", SPAN("  <a@b.test> "), "a@b.test"},
    {"nobody", SPAN("<>"), ""},
    {"one bracket", SPAN("<"), "<"},
};

START_TEST(address_is_kept)
{
    begin();
    ck_assert(draft_add_recipient(&draft, addresses[_i].address));
    ck_assert(draft_delete_recipient(&draft, addresses[_i].address));
    ck_assert(draft_set_sender(&draft, addresses[_i].address) && draft.has_sender);
    ck_assert_str_eq(draft.added[0], addresses[_i].kept);
    ck_assert_str_eq(draft.deleted[0], addresses[_i].kept);
    ck_assert_str_eq(draft.sender, addresses[_i].kept);
    ck_assert(!draft.is_changed); /* the message is the same */
    finish();
}
END_TEST

START_TEST(address_too_long)
{
    char text[ADDRESS_PATH_MAX + 2];
    struct span address = {text, sizeof(text)};

    memset(text, 'a', sizeof(text));
    begin();
    ck_assert(!draft_add_recipient(&draft, address) && !draft_delete_recipient(&draft, address));
    ck_assert(!draft_set_sender(&draft, address) && !draft.has_sender);
    finish();
}
END_TEST

START_TEST(recipients_are_bounded)
{
    begin();
    for (unsigned i = 0; i < FILTER_RECIPIENTS_MAX; i++)
        ck_assert(draft_add_recipient(&draft, SPAN("a@b.test")) &&
                  draft_delete_recipient(&draft, SPAN("a@b.test")));
    ck_assert(!draft_add_recipient(&draft, SPAN("a@b.test")));
    ck_assert(!draft_delete_recipient(&draft, SPAN("a@b.test")));
    finish();
}
END_TEST

START_TEST(a_reason_is_one_short_line)
{
    char text[400];

    memset(text, 'x', sizeof(text));
    memcpy(text, "a\r\nb\033\177", 6);
    begin();
    ck_assert(draft_set_quarantine(&draft, "Junk", (struct span){text, sizeof(text)}));
    ck_assert_str_eq(draft.quarantine, "Junk");
    ck_assert_uint_eq(strlen(draft.reason), 255);
    ck_assert(memcmp(draft.reason, "a  b  x", 7) == 0);
    finish();
}
END_TEST

/* --- the header --- */

static const struct {
    const char *name;
    const char *field; /* repeated */
    unsigned count;
    enum draft_result result;
} headers[] = {
    {"as many fields as are allowed", "A: 1\r\n", 10000, DRAFT_OK},
    {"one more", "A: 1\r\n", 10001, DRAFT_HEADER_TOO_LARGE},
    {"lines that are no fields count too", "nonsense\r\n", 10001, DRAFT_HEADER_TOO_LARGE},
    {"more than a mebibyte",
     "A: 0123456789012345678901234567890123456789012345678901234567890123456789"
     "0123456789012345678901234567890123456789012345678901234567890123456789\r\n",
     9000, DRAFT_HEADER_TOO_LARGE},
};

START_TEST(header_is_bounded)
{
    struct buf text;

    buf_init(&text, 8 << 20);
    for (unsigned i = 0; i < headers[_i].count; i++)
        ck_assert(buf_append_str(&text, headers[_i].field));
    arena_init(&arena, DRAFT_MEMORY);
    ck_assert_msg(open_text(buf_span(&text)) == headers[_i].result, "%s", headers[_i].name);
    if (headers[_i].result == DRAFT_OK)
        draft_close(&draft);
    arena_release(&arena);
    buf_release(&text);
}
END_TEST

START_TEST(a_filter_adds_until_it_is_enough)
{
    static char value[100000];
    unsigned n = 0;

    memset(value, 'v', sizeof(value));
    begin();
    while (n < 1000 && draft_add(&draft, SPAN("N"), (struct span){value, sizeof(value)}, false))
        n++;
    ck_assert(n > 5 && n < 1000);
    ck_assert_uint_le(draft.header_octets, FILTER_HEADER_MAX * 2);
    ck_assert(draft_change(&draft, 1, SPAN("N"), SPAN(""), false)); /* room again */
    ck_assert(draft_insert(&draft, 0, SPAN("M"), SPAN("1"), true));
    finish();
}
END_TEST

static const struct {
    const char *name;
    struct span field;
    bool has_space;
    const char *value;
} values[] = {
    {"one blank is not the value's", SPAN("A: x\r\n"), false, "x"},
    {"as it stands", SPAN("A:  x\r\n"), true, "  x"},
    {"folded", SPAN("A: x\r\n\ty\n z\r\n"), false, "x\n\ty\n z"},
    {"empty", SPAN("A:\r\n"), false, ""},
    {"without a line end", SPAN("A:x"), false, "x"},
};

START_TEST(value_as_a_filter_sees_it)
{
    const struct draft_field f = {values[_i].field, 1};
    struct buf out;

    buf_init(&out, 64);
    ck_assert(draft_field_value(&f, values[_i].has_space, &out));
    ck_assert_str_eq(buf_str(&out), values[_i].value);
    ck_assert(span_equal(draft_field_name(&f), SPAN("A")));
    buf_release(&out);
    buf_init(&out, 1);
    ck_assert(values[_i].value[0] == '\0' || values[_i].value[1] == '\0' ||
              !draft_field_value(&f, values[_i].has_space, &out)); /* it does not fit */
    buf_release(&out);
}
END_TEST

START_TEST(a_long_field_of_a_filter_is_refused)
{
    static char value[MILTER_FIELD_MAX];

    memset(value, '\n', sizeof(value) - 1);
    value[sizeof(value) - 1] = 'x';
    begin();
    ck_assert(draft_add(&draft, SPAN("N"), (struct span){value, sizeof(value)}, false));
    memset(value, 'x', sizeof(value));
    ck_assert(!draft_add(&draft, SPAN("N"), (struct span){value, sizeof(value)}, false));
    ck_assert(!draft_change(&draft, 1, SPAN("X"), (struct span){value, sizeof(value)}, false));
    finish();
}
END_TEST

/* --- the body --- */

START_TEST(body_is_bounded)
{
    char piece[1024];

    memset(piece, '\n', sizeof(piece)); /* each becomes two octets */
    begin();
    ck_assert(draft_replace_body(&draft, (struct span){piece, sizeof(piece)}));
    ck_assert(draft_replace_body(&draft, (struct span){piece, sizeof(piece)}));
    ck_assert(!draft_replace_body(&draft, (struct span){piece, sizeof(piece)}));
    ck_assert_uint_eq(draft_body_octets(&draft), 4096);
    finish();
}
END_TEST

START_TEST(the_next_filter_begins_a_body_of_its_own)
{
    struct draft second;
    char out[16];

    begin();
    ck_assert(draft_replace_body(&draft, SPAN("first")));
    ck_assert(draft_copy(&draft, &second));
    ck_assert(draft_replace_body(&second, SPAN("2nd")) && draft_replace_body(&second, SPAN("+")));
    ck_assert_int_eq(draft_body_read(&second, 0, out, sizeof(out)), 4);
    ck_assert_int_eq(draft_body_read(&draft, 0, out, sizeof(out)), 5);
    ck_assert(memcmp(out, "first", 5) == 0);
    draft_close(&second);
    finish();
}
END_TEST

START_TEST(original_body_is_read_from_its_place)
{
    char out[16];

    begin();
    ck_assert_uint_eq(draft_body_octets(&draft), 6);
    ck_assert_int_eq(draft_body_read(&draft, 2, out, sizeof(out)), 4);
    ck_assert(memcmp(out, "dy\r\n", 4) == 0);
    finish();
}
END_TEST

START_TEST(a_header_that_does_not_fit_is_not_printed)
{
    begin();
    for (size_t max = 0; max < sizeof(HEADER) - 1; max++) {
        struct buf out;

        buf_init(&out, max);
        ck_assert(!draft_print_header(&draft, &out));
        buf_release(&out);
    }
    finish();
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("draft");
    TCase *t = tcase_create("draft");

    tcase_add_loop_test(t, address_is_kept, 0, COUNT(addresses));
    tcase_add_test(t, address_too_long);
    tcase_add_test(t, recipients_are_bounded);
    tcase_add_test(t, a_reason_is_one_short_line);
    tcase_add_loop_test(t, header_is_bounded, 0, COUNT(headers));
    tcase_add_test(t, a_filter_adds_until_it_is_enough);
    tcase_add_loop_test(t, value_as_a_filter_sees_it, 0, COUNT(values));
    tcase_add_test(t, a_long_field_of_a_filter_is_refused);
    tcase_add_test(t, body_is_bounded);
    tcase_add_test(t, the_next_filter_begins_a_body_of_its_own);
    tcase_add_test(t, original_body_is_read_from_its_place);
    tcase_add_test(t, a_header_that_does_not_fit_is_not_printed);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
