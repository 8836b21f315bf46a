/* SPDX-License-Identifier: MIT
 *
 * Facts through a door: what goes in comes out, and a sorter that a message took over gets
 * nothing past the reader.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/facts.h"

static struct facts_header headers[] = {
    {"Subject", " =?utf-8?q?hello?="},
    {"X-Empty", ""},
};

static struct facts_part parts[] = {
    {"", 0, 120, 1000, 30, 5},
    {"1.2", 300, 350, UINT64_MAX, 7, 12},
};

static struct facts
sample(void)
{
    return (struct facts){
        .flags = FACTS_HAS_ATTACHMENT | FACTS_TRUNCATED,
        .octets = 1120,
        .lines = 35,
        .header_octets = 120,
        .received_count = 3,
        .message_id = "<1@x>",
        .subject = "h\xc3\xb6llo",
        .base_subject = "H\xc3\x96LLO",
        .from = "Ann <ann@example.org>",
        .references = "<0@x>",
        .list_id = "",
        .date = "2025-01-01T00:00:00Z",
        .envelope = "(NIL)",
        .bodystructure = "(\"TEXT\")",
        .preview = "hi",
        .headers = headers,
        .header_count = 2,
        .parts = parts,
        .part_count = 2,
    };
}

static void
packed(const struct facts *f, struct buf *out)
{
    struct pack p;

    pack_init(&p, out);
    facts_pack(f, &p);
    ck_assert(!p.full);
}

static bool
unpacked(struct span in, struct facts *f, struct arena *arena)
{
    struct unpack u;

    unpack_init(&u, in);
    return facts_unpack(f, arena, &u) && unpack_done(&u);
}

START_TEST(round_trip)
{
    struct facts f = sample(), again;
    struct arena arena;
    struct buf out, out_again;

    arena_init(&arena, 65536);
    buf_init(&out, 65536);
    buf_init(&out_again, 65536);
    packed(&f, &out);
    ck_assert(unpacked(buf_span(&out), &again, &arena));
    ck_assert_uint_eq(again.flags, f.flags);
    ck_assert_uint_eq(again.received_count, 3);
    ck_assert_str_eq(again.message_id, "<1@x>");
    ck_assert_str_eq(again.subject, "h\xc3\xb6llo");
    ck_assert_str_eq(again.list_id, "");
    ck_assert_str_eq(again.preview, "hi");
    ck_assert_uint_eq(again.header_count, 2);
    ck_assert_str_eq(again.headers[0].value, " =?utf-8?q?hello?=");
    ck_assert_uint_eq(again.part_count, 2);
    ck_assert_str_eq(again.parts[1].number, "1.2");
    ck_assert(again.parts[1].body_octets == UINT64_MAX);
    ck_assert_uint_eq(again.parts[1].lines_before, 12);
    packed(&again, &out_again);
    ck_assert(span_equal(buf_span(&out), buf_span(&out_again)));
    buf_release(&out);
    buf_release(&out_again);
    arena_release(&arena);
}
END_TEST

START_TEST(every_prefix_is_refused)
{
    struct facts f = sample(), again;
    struct arena arena;
    struct buf out;

    buf_init(&out, 65536);
    packed(&f, &out);
    for (size_t n = 0; n < out.len; n++) {
        arena_init(&arena, 65536);
        ck_assert(!unpacked((struct span){out.data, n}, &again, &arena));
        arena_release(&arena);
    }
    buf_release(&out);
}
END_TEST

START_TEST(unknown_flags_are_refused)
{
    struct facts f = sample(), again;
    struct arena arena;
    struct buf out;

    arena_init(&arena, 65536);
    buf_init(&out, 65536);
    f.flags = FACTS_TLS_OPTIONAL << 1;
    packed(&f, &out);
    ck_assert(!unpacked(buf_span(&out), &again, &arena));
    buf_release(&out);
    arena_release(&arena);
}
END_TEST

START_TEST(a_nul_in_a_string_is_refused)
{
    struct facts f = sample(), again;
    struct arena arena;
    struct buf out;

    arena_init(&arena, 65536);
    buf_init(&out, 65536);
    f.preview = "a marked preview";
    packed(&f, &out);
    char *mark = memmem(out.data, out.len, "marked", 6);
    ck_assert_ptr_nonnull(mark);
    *mark = '\0';
    ck_assert(!unpacked(buf_span(&out), &again, &arena));
    buf_release(&out);
    arena_release(&arena);
}
END_TEST

START_TEST(counts_that_cannot_be_true_allocate_nothing)
{
    struct facts f = sample(), again;
    struct arena arena;
    struct buf out;

    arena_init(&arena, (size_t)1 << 30);
    buf_init(&out, 65536);
    f.header_count = 0;
    f.part_count = 0;
    packed(&f, &out);
    memcpy(out.data + out.len - 4, "\xff\xff\xff\xff", 4); /* parts */
    ck_assert(!unpacked(buf_span(&out), &again, &arena));
    memcpy(out.data + out.len - 8, "\xff\xff\xff\xff\0\0\0\0", 8); /* header fields */
    ck_assert(!unpacked(buf_span(&out), &again, &arena));
    ck_assert_uint_eq(again.header_count, 0);
    ck_assert_uint_lt(arena.used, 4096);
    buf_release(&out);
    arena_release(&arena);
}
END_TEST

START_TEST(without_memory)
{
    struct facts f = sample(), again;
    struct buf out;

    buf_init(&out, 65536);
    packed(&f, &out);
    for (size_t max = 0; max < 256; max += 16) {
        struct arena arena;
        arena_init(&arena, max);
        ck_assert(!unpacked(buf_span(&out), &again, &arena));
        arena_release(&arena);
    }
    buf_release(&out);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("facts");
    TCase *t = tcase_create("facts");

    tcase_add_test(t, round_trip);
    tcase_add_test(t, every_prefix_is_refused);
    tcase_add_test(t, unknown_flags_are_refused);
    tcase_add_test(t, a_nul_in_a_string_is_refused);
    tcase_add_test(t, counts_that_cannot_be_true_allocate_nothing);
    tcase_add_test(t, without_memory);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
