/* SPDX-License-Identifier: MIT
 *
 * The table of rows against doorstep.conf(5), both ways, and against itself.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/settings.h"
#include "nearest_priv.h"
#include "row_priv.h"

#define LINES_MAX 4000
#define LINE_SIZE 256

struct manual {
    char lines[LINES_MAX][LINE_SIZE];
    size_t count;
};

static struct manual *
read_manual(void)
{
    struct manual *m = calloc(1, sizeof(*m));
    FILE *file = fopen(MANUAL, "r");

    ck_assert_ptr_nonnull(m);
    ck_assert_msg(file != NULL, "cannot read %s", MANUAL);
    for (; m->count < LINES_MAX && fgets(m->lines[m->count], LINE_SIZE, file) != NULL; m->count++)
        m->lines[m->count][strcspn(m->lines[m->count], "\n")] = '\0';
    ck_assert(feof(file));
    fclose(file);
    return m;
}

/* The line at which a section's settings begin. */
static size_t
section_line(const struct manual *m, const struct config_section *section)
{
    char heading[LINE_SIZE];

    snprintf(heading, sizeof(heading), ".Ss Section %s", section->name);
    if (section->name[0] == '\0')
        snprintf(heading, sizeof(heading), ".Ss Outside of any section");
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->lines[i], heading) == 0)
            return i + 1;
    ck_abort_msg("%s has no line '%s'", MANUAL, heading);
}

static bool
is_heading(const char *line)
{
    return strncmp(line, ".Ss", 3) == 0 || strncmp(line, ".Sh", 3) == 0;
}

static void
expect_lines(const struct config_row *row, char item[LINE_SIZE], struct buf *facts)
{
    const struct config_kind *kind = row_kind(row);
    bool is_list = (row->flags & ROW_LIST) != 0;

    snprintf(item, LINE_SIZE, ".It Ic %s No = %sAr %s%s", row->name, is_list ? "Brq " : "",
             kind->name, is_list ? " , ..." : "");
    if (row->fallback == NULL)
        buf_append_str(facts, "No fixed default");
    else
        buf_printf(facts, "Default %s", row->fallback[0] != '\0' ? row->fallback : "empty");
    if (row->words != NULL) {
        buf_append_str(facts, "; one of");
        for (size_t i = 0; row->words[i] != NULL; i++)
            buf_printf(facts, "%s %s", i == 0 ? "" : ",", row->words[i]);
    }
    if (row->kind == KIND_COUNT || row->kind == KIND_SIZE || row->kind == KIND_DURATION) {
        buf_append_str(facts, "; from ");
        kind->print(row, &row->min, facts);
        buf_append_str(facts, " to ");
        kind->print(row, &row->max, facts);
        buf_append_str(facts, (row->flags & ROW_NONE) != 0 ? ", or none" : "");
    }
    buf_append_str(facts, ".");
}

START_TEST(manual_has_every_setting)
{
    const struct config_section *section = &config_sections[_i];
    struct manual *m = read_manual();

    for (size_t i = 0; i < section->count; i++) {
        char item[LINE_SIZE];
        struct buf facts;
        size_t line = section_line(m, section);

        buf_init(&facts, 1024);
        expect_lines(&section->rows[i], item, &facts);
        while (line < m->count && strcmp(m->lines[line], item) != 0 && !is_heading(m->lines[line]))
            line++;
        ck_assert_msg(line + 1 < m->count && strcmp(m->lines[line], item) == 0,
                      "the section '%s' lacks the line: %s", section->name, item);
        ck_assert_msg(strcmp(m->lines[line + 1], buf_str(&facts)) == 0,
                      "%s: the manual says '%s', the table '%s'", item, m->lines[line + 1],
                      buf_str(&facts));
        buf_release(&facts);
    }
    free(m);
}
END_TEST

START_TEST(manual_has_no_other_setting)
{
    const struct config_section *section = &config_sections[_i];
    struct manual *m = read_manual();
    size_t found = 0;

    for (size_t line = section_line(m, section); line < m->count && !is_heading(m->lines[line]);
         line++)
        if (strncmp(m->lines[line], ".It Ic ", 7) == 0)
            found++;
    ck_assert_msg(found == section->count,
                  "section '%s': %zu settings in the manual, %zu in the table", section->name,
                  found, section->count);
    free(m);
}
END_TEST

START_TEST(every_row_is_whole)
{
    const struct config_section *section = &config_sections[_i];

    for (size_t i = 0; i < section->count; i++) {
        const struct config_row *row = &section->rows[i];
        bool has_words =
            row->kind == KIND_ENUM || row->kind == KIND_EITHER || row->kind == KIND_WORD;
        bool is_list = (row->flags & ROW_LIST) != 0;

        ck_assert_msg(row->doc != NULL && row->doc[0] != '\0', "%s has no meaning", row->name);
        ck_assert_msg(has_words == (row->words != NULL), "%s: words", row->name);
        ck_assert_msg(is_list == (row->count_offset != 0), "%s: count", row->name);
        ck_assert_msg(row->min <= row->max, "%s: range", row->name);
        for (size_t j = 0; j < i; j++) {
            ck_assert_str_ne(row->name, section->rows[j].name);
            ck_assert_msg(row->offset != section->rows[j].offset, "%s and %s share a field",
                          row->name, section->rows[j].name);
        }
    }
}
END_TEST

/* What is nothing at all when it is 0: none may wait, none is sent, none is kept. */
static const char *const may_be_zero[] = {
    "outgoing",
    "outgoing_size",
    "max_redirects",
    "notify_max_notifications",
    "include_max_includes",
    "include_max_nesting_depth",
    "vacation_min_period",
    "vacation_default_period",
    "ask_accepted",
    "ask_refused",
};

static bool
is_listed(const char *name)
{
    for (size_t i = 0; i < sizeof(may_be_zero) / sizeof(may_be_zero[0]); i++)
        if (strcmp(name, may_be_zero[i]) == 0)
            return true;
    return false;
}

/* A limit that can be off is off by the word "none". */
START_TEST(zero_is_refused_and_switches_no_limit_off)
{
    const struct config_section *section = &config_sections[_i];

    for (size_t i = 0; i < section->count; i++) {
        const struct config_row *row = &section->rows[i];
        uint64_t value = 0;
        struct buf why;

        if (row->kind != KIND_COUNT && row->kind != KIND_SIZE && row->kind != KIND_DURATION)
            continue;
        buf_init(&why, 200);
        bool is_taken =
            row_kind(row)->parse(row, row->kind == KIND_DURATION ? "0s" : "0", NULL, &value, &why);
        ck_assert_msg(is_taken == is_listed(row->name), "%s %s: 0 is %s", section->name, row->name,
                      is_taken ? "taken" : "refused");
        ck_assert(!is_taken || (value == 0 && (row->flags & ROW_NONE) == 0));
        buf_release(&why);
    }
}
END_TEST

/* Large enough, and aligned, for the struct of any section. */
union any_struct {
    struct settings settings;
    struct settings_listen listen;
    struct settings_domain domain;
    struct settings_store store;
    struct settings_milter milter;
    struct settings_program program;
    struct settings_route route;
};

START_TEST(every_default_is_a_value)
{
    const struct config_section *section = &config_sections[_i];
    union any_struct base;
    struct arena arena;

    memset(&base, 0, sizeof(base));
    arena_init(&arena, 65536);
    for (size_t i = 0; i < section->count; i++)
        ck_assert_msg(row_set_default(&section->rows[i], &base, &arena), "%s: '%s'",
                      section->rows[i].name, section->rows[i].fallback);
    arena_release(&arena);
}
END_TEST

static const struct {
    const char *a, *b;
    size_t distance;
} distances[] = {
    {"", "", 0},         {"", "abc", 3},        {"abc", "", 3},          {"port", "port", 0},
    {"prt", "port", 1},  {"porrt", "port", 1},  {"pott", "port", 1},     {"prot", "port", 1},
    {"smpt", "smtp", 1}, {"address", "drs", 4}, {"usr", "user", 1},      {"abcdef", "badcfe", 3},
    {"ca", "abc", 3},    {"lokc", "lock", 1},   {"listne", "listen", 1}, {"a", "b", 1},
};

START_TEST(distance)
{
    ck_assert_msg(nearest_distance(distances[_i].a, distances[_i].b) == distances[_i].distance,
                  "'%s' to '%s' is %zu", distances[_i].a, distances[_i].b,
                  nearest_distance(distances[_i].a, distances[_i].b));
}
END_TEST

START_TEST(nearest_of_none_and_of_long_names)
{
    static const char *const names[] = {"one", "two"};
    char endless[1000];

    memset(endless, 'o', sizeof(endless));
    endless[sizeof(endless) - 1] = '\0';
    ck_assert_ptr_null(nearest_name("x", names, 0));
    ck_assert_str_eq(nearest_name("tow", names, 2), "two");
    ck_assert_ptr_nonnull(nearest_name(endless, names, 2));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("config table");
    TCase *tcase = tcase_create("table");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tcase, manual_has_every_setting, 0, SECTION_COUNT);
    tcase_add_loop_test(tcase, manual_has_no_other_setting, 0, SECTION_COUNT);
    tcase_add_loop_test(tcase, every_row_is_whole, 0, SECTION_COUNT);
    tcase_add_loop_test(tcase, every_default_is_a_value, 0, SECTION_COUNT);
    tcase_add_loop_test(tcase, zero_is_refused_and_switches_no_limit_off, 0, SECTION_COUNT);
    tcase_add_loop_test(tcase, distance, 0, sizeof(distances) / sizeof(distances[0]));
    tcase_add_test(tcase, nearest_of_none_and_of_long_names);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
