/* SPDX-License-Identifier: MIT
 *
 * The milter protocol's replies, whole and cut at every octet, and what they make of a message.
 */
#include <check.h>
#include <stdlib.h>

#include "draft_priv.h"
#include "protocol_priv.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define P(length, data) SPAN("\0\0\0" length data)

static const struct {
    const char *name;
    struct span packet;
    enum milter_parse result;
} packets[] = {
    {"continue", P("\1", "c"), MILTER_PARSE_OK},
    {"continue with data", P("\2", "cx"), MILTER_PARSE_BROKEN},
    {"an unknown letter", P("\1", "Z"), MILTER_PARSE_BROKEN},
    {"a length of nothing", P("\0", ""), MILTER_PARSE_BROKEN},
    {"a length beyond all",
     SPAN("\xff\xff\xff\xff"
          "c"),
     MILTER_PARSE_BROKEN},
    {"a reply", P("\5", "y550\0"), MILTER_PARSE_OK},
    {"a reply without its end", P("\4", "y550"), MILTER_PARSE_BROKEN},
    {"a header field", P("\5", "hA\0b\0"), MILTER_PARSE_OK},
    {"a header field without value", P("\3", "hA\0"), MILTER_PARSE_BROKEN},
    {"a header field and more", P("\6", "hA\0b\0c"), MILTER_PARSE_BROKEN},
    {"an insertion", P("\x09", "i\0\0\0\2A\0b\0"), MILTER_PARSE_OK},
    {"an insertion without a number", P("\3", "i\0\0"), MILTER_PARSE_BROKEN},
    {"a piece of a body", P("\3", "bxy"), MILTER_PARSE_OK},
    {"an empty piece", P("\1", "b"), MILTER_PARSE_OK},
    {"an agreement", P("\x0d", "O\0\0\0\6\0\0\0\0\0\0\0\0"), MILTER_PARSE_OK},
    {"an agreement with macros", P("\x13", "O\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\2i\0"),
     MILTER_PARSE_OK},
    {"macros of no stage", P("\x13", "O\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\7i\0"), MILTER_PARSE_BROKEN},
    {"a short agreement", P("\5", "O\0\0\0\6"), MILTER_PARSE_BROKEN},
    {"a sender with parameters", P("\7", "e<>\0A=\0"), MILTER_PARSE_OK},
};

START_TEST(packet_is_read)
{
    struct span whole = packets[_i].packet;
    struct milter_reply r;
    size_t used;

    ck_assert_msg(milter_parse(whole, &r, &used) == packets[_i].result, "%s", packets[_i].name);
    if (packets[_i].result != MILTER_PARSE_OK)
        return;
    ck_assert_uint_eq(used, whole.n);
    for (size_t n = 0; n < whole.n; n++)
        ck_assert_msg(milter_parse((struct span){whole.p, n}, &r, &used) == MILTER_PARSE_MORE,
                      "%s: %zu octets", packets[_i].name, n);
}
END_TEST

#define MESSAGE "From: a\r\nX: 1\r\nx: 2\r\n\r\nbody\r\n"

static const struct {
    const char *name;
    const char *message;
    struct {
        enum milter_reply_kind kind;
        const char *name, *value;
        uint32_t index;
    } change;
    const char *header; /* NULL: it cannot be done */
} changes[] = {
    {"add", MESSAGE, {MILTER_ADD_HEADER, "N", "v", 0}, "From: a\r\nX: 1\r\nx: 2\r\nN: v\r\n\r\n"},
    {"insert first",
     MESSAGE,
     {MILTER_INSERT_HEADER, "N", "v", 0},
     "N: v\r\nFrom: a\r\nX: 1\r\nx: 2\r\n\r\n"},
    {"insert in between",
     MESSAGE,
     {MILTER_INSERT_HEADER, "N", "v", 2},
     "From: a\r\nX: 1\r\nN: v\r\nx: 2\r\n\r\n"},
    {"insert behind all",
     MESSAGE,
     {MILTER_INSERT_HEADER, "N", "v", UINT32_MAX},
     "From: a\r\nX: 1\r\nx: 2\r\nN: v\r\n\r\n"},
    {"change the second",
     MESSAGE,
     {MILTER_CHANGE_HEADER, "X", "v", 2},
     "From: a\r\nX: 1\r\nX: v\r\n\r\n"},
    {"delete the first", MESSAGE, {MILTER_CHANGE_HEADER, "x", "", 1}, "From: a\r\nx: 2\r\n\r\n"},
    {"change what is not there",
     MESSAGE,
     {MILTER_CHANGE_HEADER, "x", "v", 3},
     "From: a\r\nX: 1\r\nx: 2\r\nx: v\r\n\r\n"},
    {"delete what is not there",
     MESSAGE,
     {MILTER_CHANGE_HEADER, "y", "", 1},
     "From: a\r\nX: 1\r\nx: 2\r\n\r\n"},
    {"a folded value",
     MESSAGE,
     {MILTER_ADD_HEADER, "N", "a\n b\r\n\tc", 0},
     "From: a\r\nX: 1\r\nx: 2\r\nN: a\r\n b\r\n\tc\r\n\r\n"},
    {"a value that would end the header",
     MESSAGE,
     {MILTER_ADD_HEADER, "N", "a\n\nb\r\n\r\nc\rd", 0},
     "From: a\r\nX: 1\r\nx: 2\r\nN: a\r\n\tb\r\n\tc d\r\n\r\n"},
    {"a name that is none", MESSAGE, {MILTER_ADD_HEADER, "N:", "v", 0}, NULL},
    {"an empty name", MESSAGE, {MILTER_ADD_HEADER, "", "v", 0}, NULL},
    {"a name with a line end", MESSAGE, {MILTER_ADD_HEADER, "N\r\nM", "v", 0}, NULL},
    {"a header without an end", "From: a", {MILTER_ADD_HEADER, "N", "v", 0}, "From: a\r\nN: v\r\n"},
    {"no header", "\r\nbody\r\n", {MILTER_ADD_HEADER, "N", "v", 0}, "N: v\r\n\r\n"},
    {"an empty message", "", {MILTER_ADD_HEADER, "N", "v", 0}, "N: v\r\n"},
    {"a line that is no field is kept",
     "From: a\r\nnonsense\r\nX: 1\r\n\r\n",
     {MILTER_INSERT_HEADER, "N", "v", 1},
     "From: a\r\nnonsense\r\nN: v\r\nX: 1\r\n\r\n"},
};

static bool
make(struct draft *d, int i)
{
    struct span name = span_of(changes[i].change.name), value = span_of(changes[i].change.value);
    uint32_t index = changes[i].change.index;

    if (changes[i].change.kind == MILTER_ADD_HEADER)
        return draft_add(d, name, value, false);
    if (changes[i].change.kind == MILTER_INSERT_HEADER)
        return draft_insert(d, index, name, value, false);
    return draft_change(d, index, name, value, false);
}

START_TEST(header_changes)
{
    struct message *m = message_from_memory(span_of(changes[_i].message));
    struct draft d, copy;
    struct arena arena;
    struct buf out;

    arena_init(&arena, DRAFT_MEMORY);
    buf_init(&out, 65536);
    ck_assert_int_eq(draft_open(&d, m, 65536, &arena), DRAFT_OK);
    ck_assert(draft_copy(&d, &copy));
    ck_assert_msg(make(&copy, _i) == (changes[_i].header != NULL), "%s", changes[_i].name);
    if (changes[_i].header != NULL) {
        ck_assert(draft_print_header(&copy, &out));
        ck_assert_msg(strcmp(buf_str(&out), changes[_i].header) == 0, "%s: '%s'", changes[_i].name,
                      buf_str(&out));
    }
    buf_reset(&out); /* the draft itself is as it came */
    ck_assert(!d.is_changed && draft_print_header(&d, &out));
    ck_assert(strncmp(buf_str(&out), changes[_i].message, out.len) == 0);
    draft_close(&copy);
    draft_close(&d);
    buf_release(&out);
    arena_release(&arena);
    message_unref(m);
}
END_TEST

START_TEST(body_in_any_pieces)
{
    static const char body[] = "a\nb\r\nc\r\n\nd\r";
    static const char expected[] = "a\r\nb\r\nc\r\n\r\nd\r";
    struct message *m = message_from_memory(SPAN(MESSAGE));
    struct arena arena;
    struct draft d;
    char out[64];

    arena_init(&arena, DRAFT_MEMORY);
    ck_assert_int_eq(draft_open(&d, m, 65536, &arena), DRAFT_OK);
    for (size_t i = 0; i < sizeof(body) - 1; i += (size_t)_i)
        ck_assert(draft_replace_body(&d, (struct span){body + i, strnlen(body + i, (size_t)_i)}));
    ck_assert_uint_eq(draft_body_octets(&d), sizeof(expected) - 1);
    ck_assert_int_eq(draft_body_read(&d, 0, out, sizeof(out)), (ssize_t)sizeof(expected) - 1);
    ck_assert_mem_eq(out, expected, sizeof(expected) - 1);
    draft_close(&d);
    arena_release(&arena);
    message_unref(m);
}
END_TEST

static const struct {
    const char *field;
    bool is_ours;
} results[] = {
    {"Authentication-Results: mx.test; dkim=pass\r\n", true},
    {"authentication-results:MX.TEST\r\n", true},
    {"Authentication-Results: (c (d)) \"mx.test\" 1; x\r\n", true},
    {"Authentication-Results:\r\n mx.test(x);\r\n y\r\n", true},
    {"Authentication-Results : mx.test.; none\r\n", true},
    {"Authentication-Results: other.test; mx.test\r\n", false},
    {"Authentication-Results: mx.test.evil; x\r\n", false},
    {"Authentication-Results:\r\n", false},
    {"ARC-Authentication-Results: i=1; mx.test; x\r\n", false},
};

START_TEST(forged_results)
{
    struct message *m = message_from_memory(span_of(results[_i].field));
    struct arena arena;
    struct draft d;

    arena_init(&arena, DRAFT_MEMORY);
    ck_assert_int_eq(draft_open(&d, m, 65536, &arena), DRAFT_OK);
    draft_remove_results(&d, "mx.test");
    ck_assert_msg((d.count == 0) == results[_i].is_ours, "%s", results[_i].field);
    draft_close(&d);
    arena_release(&arena);
    message_unref(m);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("milter");
    TCase *t = tcase_create("milter");

    tcase_add_loop_test(t, packet_is_read, 0, COUNT(packets));
    tcase_add_loop_test(t, header_changes, 0, COUNT(changes));
    tcase_add_loop_test(t, body_in_any_pieces, 1, 14);
    tcase_add_loop_test(t, forged_results, 0, COUNT(results));
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
