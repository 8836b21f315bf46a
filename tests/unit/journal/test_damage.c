/* SPDX-License-Identifier: MIT
 *
 * Segments that are not as they were written: cut short anywhere, each octet flipped, torn apart at
 * random. Nothing that is not a record is given back, damage costs what it hits and nothing else,
 * and it is told.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "read_priv.h"

#define FIRST "worker-01-00.journal"
#define RECORDS 9
#define MUTATIONS 100000

/* Check notes each of its asserts in a file: too slow for what is done a million times. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("%s, line %d", #condition, __LINE__);                                     \
    } while (0)

static char *bytes; /* of a segment with RECORDS records in three batches */
static size_t size, used;
static struct found original[RECORDS];

static struct segment
scan(size_t length)
{
    struct segment g = {.data = (uint8_t *)bytes, .size = length};

    MUST(format_parse_segment(&g.head, g.data));
    MUST(scan_segment(&g));
    scan_settle(&g, 1);
    return g;
}

static void
setup(void)
{
    static const size_t octets[RECORDS] = {100, 70, 300, 900, 80, 1500, 200, 5000, 90};
    struct journal *j;

    fixture_open();
    j = open_writer(2);
    for (int i = 0; i < RECORDS; i++) {
        add_filled(j, (char)('a' + i), octets[i]);
        if (i % 3 == 2)
            ck_assert(journal_sync(j, &why));
    }
    journal_close(j);
    bytes = read_whole(FIRST, &size);
    struct segment g = scan(size);
    ck_assert_uint_eq(g.found_count, RECORDS);
    memcpy(original, g.found, sizeof original);
    used = original[RECORDS - 1].offset + JOURNAL_RECORD_HEAD + original[RECORDS - 1].octets;
    free(g.found);
}

static void
teardown(void)
{
    free(bytes);
    fixture_close();
}

static bool
is_original(const struct found *f)
{
    for (int i = 0; i < RECORDS; i++)
        if (f->offset == original[i].offset)
            return f->octets == original[i].octets && f->type == original[i].type;
    return false;
}

/* What was found must be records as they were, in order; their number. */
static unsigned
check_found(const struct segment *g, unsigned *holes)
{
    unsigned records = 0;
    uint64_t last = 0;

    *holes = 0;
    for (size_t i = 0; i < g->found_count; i++) {
        const struct found *f = &g->found[i];
        if (f->kind == FOUND_HOLE) {
            ++*holes;
            continue;
        }
        MUST(f->kind == FOUND_RECORD && f->offset > last && is_original(f));
        last = f->offset;
        records++;
    }
    return records;
}

START_TEST(cut_short_anywhere)
{
    for (size_t length = JOURNAL_BLOCK; length <= used + JOURNAL_BLOCK; length++) {
        struct segment g = scan(length);
        unsigned holes, whole = 0, records = check_found(&g, &holes);
        while (whole < RECORDS &&
               original[whole].offset + JOURNAL_RECORD_HEAD + original[whole].octets <= length)
            whole++;
        MUST(records == whole && holes <= 1);
        free(g.found);
    }
}
END_TEST

START_TEST(a_file_cut_short_is_read_as_far_as_it_goes)
{
    write_whole(FIRST, bytes, original[1].offset + 20);
    ck_assert_str_eq(content(), "20:a*100 torn");
    write_whole(FIRST, bytes, original[4].offset + 20);
    ck_assert_str_eq(content(), "20:a*100 20:b*70 20:c*300 20:d*900 torn");
    write_whole(FIRST, bytes, JOURNAL_BLOCK);
    ck_assert_str_eq(content(), "");
    write_whole(FIRST, bytes, JOURNAL_BLOCK - 1);
    ck_assert_str_eq(content(), "unknown");
}
END_TEST

/* Without its length the records behind it in the batch are not found. */
static bool
is_in_a_length(size_t at)
{
    for (int i = 0; i < RECORDS; i++)
        if (at >= original[i].offset && at < original[i].offset + 4)
            return true;
    return false;
}

START_TEST(each_octet_flipped)
{
    for (size_t at = JOURNAL_BLOCK; at < used; at++) {
        unsigned holes, records;
        bytes[at] ^= (char)(1 << at % 8);
        struct segment g = scan(size);
        records = check_found(&g, &holes);
        bytes[at] ^= (char)(1 << at % 8);
        MUST(records >= RECORDS - (is_in_a_length(at) ? 3 : 1));
        MUST(records == RECORDS || holes > 0);
        free(g.found);
    }
}
END_TEST

START_TEST(each_octet_of_the_head_flipped)
{
    struct segment_head head;

    for (size_t at = 0; at < 72; at++) {
        bytes[at] ^= 1;
        ck_assert_msg(!format_parse_segment(&head, (uint8_t *)bytes), "octet %zu", at);
        bytes[at] ^= 1;
    }
}
END_TEST

static const struct {
    const char *name;
    int record;   /* whose octet is changed */
    size_t octet; /* behind the beginning of its head */
    const char *content;
} damages[] = {
    {"in a record in the middle", 4, 20,
     "20:a*100 20:b*70 20:c*300 20:d*900 damaged 20:f*1500 20:g*200 20:h*5000 20:i*90"},
    {"in a record's length", 0, 0, "damaged 20:d*900 20:e*80 20:f*1500 20:g*200 20:h*5000 20:i*90"},
    {"in the last batch, which nothing follows", 8, 50,
     "20:a*100 20:b*70 20:c*300 20:d*900 20:e*80 20:f*1500 20:g*200 20:h*5000 torn"},
};

START_TEST(damage_is_told_and_reading_goes_on)
{
    bytes[original[damages[_i].record].offset + damages[_i].octet] ^= 64;
    write_whole(FIRST, bytes, size);
    ck_assert_msg(strcmp(content(), damages[_i].content) == 0, "%s: %s", damages[_i].name,
                  content());
}
END_TEST

START_TEST(a_whole_batch_is_missing)
{
    size_t first = original[3].offset / JOURNAL_BLOCK * JOURNAL_BLOCK;

    memset(bytes + first, 0, original[6].offset / JOURNAL_BLOCK * JOURNAL_BLOCK - first);
    write_whole(FIRST, bytes, size);
    ck_assert_str_eq(content(), "20:a*100 20:b*70 20:c*300 damaged 20:g*200 20:h*5000 20:i*90");
}
END_TEST

/* A record or batch of the same file that a drive wrote to another place. */
START_TEST(a_batch_in_the_wrong_place_does_not_count)
{
    size_t from = original[0].offset / JOURNAL_BLOCK * JOURNAL_BLOCK;
    size_t to = size - 2 * JOURNAL_BLOCK;

    memcpy(bytes + to, bytes + from, 2 * JOURNAL_BLOCK);
    struct segment g = scan(size);
    ck_assert_uint_eq(g.found_count, RECORDS);
    free(g.found);
}
END_TEST

static unsigned
next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33);
}

struct range {
    size_t from, to;
};

static void
mutate(struct range *touched, uint64_t *random)
{
    size_t at = JOURNAL_BLOCK + next_random(random) % (used - JOURNAL_BLOCK);
    size_t from = next_random(random) % used, n = next_random(random) % 1000 + 1;

    switch (next_random(random) % 3) {
    case 0:
        n = next_random(random) % 4 + 1;
        for (size_t i = 0; i < n; i++)
            bytes[at + i] = (char)next_random(random);
        break;
    case 1:
        memset(bytes + at, (int)(next_random(random) % 3 * 127), n);
        break;
    default:
        memmove(bytes + at, bytes + from, n);
    }
    touched->from = at < touched->from ? at : touched->from;
    touched->to = at + n > touched->to ? at + n : touched->to;
}

START_TEST(random_mutations)
{
    char *good = malloc(size);
    uint64_t random = 1;
    unsigned holes;

    memcpy(good, bytes, size);
    for (int i = 0; i < MUTATIONS; i++) {
        struct range touched = {size, 0};
        for (unsigned n = next_random(&random) % 4 + 1; n > 0; n--)
            mutate(&touched, &random);
        struct segment g = scan(size);
        check_found(&g, &holes);
        free(g.found);
        memcpy(bytes + touched.from, good + touched.from, touched.to - touched.from);
    }
    free(good);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("journal");
    TCase *t = tcase_create("damage");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, cut_short_anywhere);
    tcase_add_test(t, a_file_cut_short_is_read_as_far_as_it_goes);
    tcase_add_test(t, each_octet_flipped);
    tcase_add_test(t, each_octet_of_the_head_flipped);
    tcase_add_loop_test(t, damage_is_told_and_reading_goes_on, 0,
                        (int)(sizeof damages / sizeof damages[0]));
    tcase_add_test(t, a_whole_batch_is_missing);
    tcase_add_test(t, a_batch_in_the_wrong_place_does_not_count);
    tcase_add_test(t, random_mutations);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
