/* SPDX-License-Identifier: MIT
 *
 * The table of metrics, and counting by it.
 */
#include <check.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "doorstep/metrics_book.h"
#include "doorstep/metrics_page.h"
#include "doorstep/outcome.h"

#include "metrics_priv.h"

static bool
is_name(const char *text)
{
    if (!islower((unsigned char)text[0]))
        return false;
    for (const char *p = text; *p != '\0'; p++)
        if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '_')
            return false;
    return true;
}

static bool
ends_in(const char *text, const char *end)
{
    return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

START_TEST(row_is_well_formed)
{
    const struct metric_row *row = &metric_rows[_i];

    ck_assert_msg(is_name(row->name), "%s is no name", row->name);
    ck_assert_msg(!ends_in(row->name, "_total") && !ends_in(row->name, "_bytes") &&
                      !ends_in(row->name, "_seconds"),
                  "%s: suffixes come by themselves", row->name);
    ck_assert_msg(row->unit[0] == '\0' || strcmp(row->unit, "seconds") == 0 ||
                      strcmp(row->unit, "bytes") == 0,
                  "%s has the unknown unit %s", row->name, row->unit);
    ck_assert_msg(isupper((unsigned char)row->help[0]) && !ends_in(row->help, "."),
                  "%s: the help is no sentence without its full stop", row->name);
    ck_assert_msg(row->roles != 0, "%s is in no role", row->name);
    for (int i = 0; i < _i; i++)
        ck_assert_msg(strcmp(metric_rows[i].name, row->name) != 0, "%s is twice there", row->name);
    const bool has_values = row->label->values != NULL && row->label->name[0] != '\0';
    for (unsigned i = 0; has_values && i < row->label->count; i++)
        ck_assert_msg(is_name(row->label->values[i]), "%s: %s", row->name, row->label->values[i]);
}
END_TEST

START_TEST(bounds_ascend)
{
    const uint64_t *bounds = metrics_bounds(&metric_rows[_i]);

    for (unsigned i = 1; i < METRICS_BOUNDS; i++)
        ck_assert_uint_gt(bounds[i], bounds[i - 1]);
}
END_TEST

/* Each row and each label value is counted once, more often from one to the next: nothing may land
 * in a neighbour's place. */
START_TEST(each_series_has_a_place_of_its_own)
{
    uint64_t n = 0;

    for (int m = 0; m < METRIC_COUNT; m++) {
        for (unsigned label = 0; label < metric_rows[m].label->count; label++) {
            n++;
            if (metric_rows[m].kind == METRIC_KIND_COUNTER)
                metrics_count((enum metric)m, label, n);
            else if (metric_rows[m].kind == METRIC_KIND_GAUGE)
                metrics_gauge_set((enum metric)m, label, (int64_t)n);
            else
                for (uint64_t i = 0; i < n; i++)
                    metrics_observe((enum metric)m, label, i * 1000);
        }
    }
    n = 0;
    for (int m = 0; m < METRIC_COUNT; m++)
        for (unsigned label = 0; label < metric_rows[m].label->count; label++)
            ck_assert_uint_eq(metrics_value((enum metric)m, label), ++n);
}
END_TEST

START_TEST(gauges_go_up_and_down)
{
    metrics_gauge_set(METRIC_SESSIONS_OPEN, METRICS_SMTP, 3);
    metrics_gauge_add(METRIC_SESSIONS_OPEN, METRICS_SMTP, 2);
    metrics_gauge_add(METRIC_SESSIONS_OPEN, METRICS_SMTP, -4);
    ck_assert_uint_eq(metrics_value(METRIC_SESSIONS_OPEN, METRICS_SMTP), 1);
}
END_TEST

START_TEST(outcomes_are_those_of_the_table)
{
    ck_assert_int_eq((int)METRICS_OUTCOMES_COUNT, (int)OUTCOME_KINDS);
    ck_assert_int_eq((int)METRICS_CORRUPT, (int)OUTCOME_CORRUPT);
    ck_assert_int_eq((int)METRICS_DISCARDED, (int)OUTCOME_DISCARDED);
    ck_assert_int_eq((int)METRICS_OVERLOAD, (int)OUTCOME_OVERLOAD);
}
END_TEST

/* ---- pages ---- */

START_TEST(a_page_cannot_be_resized)
{
    int fd = metrics_page_make();

    ck_assert_int_ge(fd, 0);
    ck_assert_int_ne(ftruncate(fd, 0), 0);
    ck_assert_int_ne(ftruncate(fd, 1 << 20), 0);
    ck_assert_int_ne(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    close(fd);
}
END_TEST

START_TEST(a_reader_cannot_write)
{
    int fd = metrics_page_make(), readable = metrics_page_reopen(fd);

    ck_assert_int_ge(readable, 0);
    ck_assert_ptr_null(metrics_page_map(readable, true));
    ck_assert_ptr_eq(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, readable, 0), MAP_FAILED);
    ck_assert_int_lt((int)write(readable, "x", 1), 0);
    close(readable);
    close(fd);
}
END_TEST

static int
unsealed(void)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    ck_assert_int_eq(ftruncate(fd, sizeof(struct metrics_page)), 0);
    return fd;
}

static int
too_short(void)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    return fd;
}

static int
null_device(void)
{
    return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static int
nothing(void)
{
    return -1;
}

static const struct {
    const char *name;
    int (*open)(void);
} no_pages[] = {
    {"memory that may still shrink", unsealed},
    {"less than a page", too_short},
    {"a device", null_device},
    {"no descriptor", nothing},
};

START_TEST(what_is_no_page_is_not_mapped)
{
    struct metrics_book *book = metrics_book_new();
    int fd = no_pages[_i].open();

    ck_assert_msg(metrics_page_map(fd, false) == NULL, "%s", no_pages[_i].name);
    ck_assert_msg(!metrics_book_add(book, METRICS_ROLE_EDGE, fd), "%s", no_pages[_i].name);
    ck_assert_msg(!metrics_page_use(no_pages[_i].open()), "%s", no_pages[_i].name);
    metrics_book_free(book);
}
END_TEST

/* Two processes of one role, one of another, and what the first does after a restart. */
START_TEST(a_book_sums_by_role_and_counters_never_fall)
{
    int first = metrics_page_make(), second = metrics_page_make(), store = metrics_page_make();
    struct metrics_page *mapped = metrics_page_map(first, true);
    struct metrics_book *book = metrics_book_new();

    ck_assert(metrics_book_add(book, METRICS_ROLE_EDGE, metrics_page_reopen(first)));
    ck_assert(metrics_book_add(book, METRICS_ROLE_EDGE, metrics_page_reopen(second)));
    ck_assert(metrics_book_add(book, METRICS_ROLE_STORE, metrics_page_reopen(store)));
    ck_assert(!metrics_book_add(book, METRICS_ROLES_COUNT, metrics_page_reopen(store)));
    ck_assert(metrics_page_use(dup(first)));
    metrics_count(METRIC_SESSIONS, METRICS_LMTP, 3);
    metrics_gauge_add(METRIC_SESSIONS_OPEN, METRICS_LMTP, 2);
    ck_assert(metrics_page_use(dup(second)));
    metrics_count(METRIC_SESSIONS, METRICS_LMTP, 4);
    metrics_gauge_add(METRIC_SESSIONS_OPEN, METRICS_LMTP, 1);
    ck_assert(metrics_page_use(dup(store)));
    metrics_count(METRIC_LIMITS_HIT, METRICS_LIMIT_MEMORY, 9);
    metrics_page_clear_gauges(mapped); /* it died */
    ck_assert(metrics_page_use(dup(first)));
    metrics_count(METRIC_SESSIONS, METRICS_LMTP, 5);
    ck_assert_uint_eq(metrics_book_value(book, METRICS_ROLE_EDGE, METRIC_SESSIONS, METRICS_LMTP),
                      12);
    ck_assert_uint_eq(
        metrics_book_value(book, METRICS_ROLE_EDGE, METRIC_SESSIONS_OPEN, METRICS_LMTP), 1);
    ck_assert_uint_eq(
        metrics_book_value(book, METRICS_ROLE_STORE, METRIC_LIMITS_HIT, METRICS_LIMIT_MEMORY), 9);
    ck_assert_uint_eq(
        metrics_book_value(book, METRICS_ROLE_EDGE, METRIC_LIMITS_HIT, METRICS_LIMIT_MEMORY), 0);
    metrics_page_unmap(mapped);
    metrics_book_free(book);
    close(first);
    close(second);
    close(store);
}
END_TEST

/* ---- the text ---- */

static const char *const expected_lines[] = {
    "# TYPE doorstep_sessions counter\n# HELP doorstep_sessions Sessions begun\n",
    "\ndoorstep_sessions_total{role=\"edge\",protocol=\"lmtp\"} 18446744073709551615\n",
    "\ndoorstep_sessions_open{role=\"edge\",protocol=\"smtp\"} -5\n",
    "\ndoorstep_scrapes_total{role=\"metrics\"} 0\n",
};

START_TEST(the_text_is_openmetrics)
{
    struct metrics_book *book = metrics_book_new();
    int fd = metrics_page_make();
    struct buf text, little;

    ck_assert(metrics_book_add(book, METRICS_ROLE_EDGE, metrics_page_reopen(fd)));
    ck_assert(metrics_page_use(fd));
    metrics_count(METRIC_SESSIONS, METRICS_LMTP, UINT64_MAX);
    metrics_gauge_add(METRIC_SESSIONS_OPEN, METRICS_SMTP, -5);
    buf_init(&text, 1 << 22);
    ck_assert(metrics_print(book, &text));
    for (size_t i = 0; i < sizeof expected_lines / sizeof expected_lines[0]; i++)
        ck_assert_msg(strstr(buf_str(&text), expected_lines[i]) != NULL, "%s", expected_lines[i]);
    ck_assert(ends_in(buf_str(&text), "\n# EOF\n"));
    buf_init(&little, text.len - 1);
    ck_assert(!metrics_print(book, &little));
    buf_release(&little);
    buf_release(&text);
    metrics_book_free(book);
}
END_TEST

/* ---- names of the configuration ---- */

static char *
printed(const struct metrics_book *book)
{
    struct buf text;
    char *copy;

    buf_init(&text, 1 << 22);
    ck_assert(metrics_print(book, &text));
    copy = strdup(buf_str(&text));
    buf_release(&text);
    return copy;
}

static unsigned
times(const char *text, const char *line)
{
    unsigned n = 0;

    while ((text = strstr(text, line)) != NULL) {
        text += strlen(line);
        n++;
    }
    return n;
}

START_TEST(names_are_summed_up_wherever_they_stand)
{
    static const char *const lines[] = {
        "\ndoorstep_milter_refused_total{role=\"outbound\",milter=\"rspamd\"} 7\n",
        "\ndoorstep_milter_refused_total{role=\"outbound\",milter=\"opendkim\"} 1\n",
        "\ndoorstep_milter_refused_total{role=\"outbound\",milter=\"others\"} 2\n",
    };
    struct metrics_book *book = metrics_book_new();
    int first = metrics_page_make(), second = metrics_page_make();
    unsigned place;
    char *text;

    ck_assert(metrics_book_add(book, METRICS_ROLE_OUTBOUND, metrics_page_reopen(first)));
    ck_assert(metrics_book_add(book, METRICS_ROLE_OUTBOUND, metrics_page_reopen(second)));
    ck_assert(metrics_page_use(dup(first)));
    place = metrics_place(METRICS_NAMES_MILTERS, "rspamd");
    metrics_count(METRIC_MILTER_REFUSED, place, 3);
    ck_assert(metrics_page_use(second));
    metrics_count(METRIC_MILTER_REFUSED, metrics_place(METRICS_NAMES_MILTERS, "opendkim"), 1);
    metrics_count(METRIC_MILTER_REFUSED, metrics_place(METRICS_NAMES_MILTERS, "rspamd"), 4);
    metrics_count(METRIC_MILTER_REFUSED, METRICS_OTHERS, 2);
    ck_assert(metrics_page_use(first)); /* the next process of that place */
    ck_assert_uint_eq(metrics_place(METRICS_NAMES_MILTERS, "opendkim"), place + 1);
    ck_assert_uint_eq(metrics_place(METRICS_NAMES_MILTERS, "rspamd"), place);
    text = printed(book);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        ck_assert_msg(times(text, lines[i]) == 1, "%s", lines[i]);
    free(text);
    metrics_book_free(book);
}
END_TEST

START_TEST(places_for_names_are_bounded)
{
    char name[METRICS_NAME_MAX + 2];

    ck_assert(metrics_page_use(metrics_page_make()));
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ck_assert_uint_eq(metrics_place(METRICS_NAMES_ROUTES, name), METRICS_OTHERS);
    name[METRICS_NAME_MAX] = '\0';
    ck_assert_uint_eq(metrics_place(METRICS_NAMES_ROUTES, name), 0);
    ck_assert_uint_eq(metrics_place(METRICS_NAMES_ROUTES, ""), METRICS_OTHERS);
    for (unsigned i = 1; i < METRICS_PLACES + 3; i++) {
        snprintf(name, sizeof name, "%u", i);
        ck_assert_uint_eq(metrics_place(METRICS_NAMES_ROUTES, name),
                          i < METRICS_PLACES ? i : METRICS_OTHERS);
    }
    ck_assert_uint_eq(metrics_place(METRICS_NAMES_WORKERS, "0"), 0);
}
END_TEST

/* Whoever owns a process may write anything into its page. */
START_TEST(a_hostile_name_is_no_line)
{
    struct metrics_book *book = metrics_book_new();
    int fd = metrics_page_make();
    struct metrics_page *page = metrics_page_map(fd, true);
    struct metrics_name *names = page->names[METRICS_NAMES_MILTERS];
    char *text;

    ck_assert(metrics_book_add(book, METRICS_ROLE_OUTBOUND, metrics_page_reopen(fd)));
    memcpy(names[0].text, "a\nb\"} 1\xff", 8);
    names[0].length = 8;
    memset(names[1].text, 'x', sizeof names[1].text);
    names[1].length = 255; /* longer than its place */
    text = printed(book);
    ck_assert_ptr_nonnull(strstr(text, "milter=\"a?b\\\"} 1?\"} 0\n"));
    ck_assert_ptr_null(strstr(text, "xxx"));
    free(text);
    metrics_page_unmap(page);
    close(fd);
    metrics_book_free(book);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *table = tcase_create("table"), *counting = tcase_create("counting"),
          *pages = tcase_create("pages");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(table, row_is_well_formed, 0, METRIC_COUNT);
    tcase_add_loop_test(table, bounds_ascend, 0, METRIC_COUNT);
    tcase_add_test(table, outcomes_are_those_of_the_table);
    tcase_add_test(counting, each_series_has_a_place_of_its_own);
    tcase_add_test(counting, gauges_go_up_and_down);
    tcase_add_test(pages, a_page_cannot_be_resized);
    tcase_add_test(pages, a_reader_cannot_write);
    tcase_add_loop_test(pages, what_is_no_page_is_not_mapped, 0,
                        sizeof(no_pages) / sizeof(no_pages[0]));
    tcase_add_test(pages, a_book_sums_by_role_and_counters_never_fall);
    tcase_add_test(pages, the_text_is_openmetrics);
    tcase_add_test(pages, names_are_summed_up_wherever_they_stand);
    tcase_add_test(pages, places_for_names_are_bounded);
    tcase_add_test(pages, a_hostile_name_is_no_line);
    suite_add_tcase(suite, pages);
    suite_add_tcase(suite, table);
    suite_add_tcase(suite, counting);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
