/* SPDX-License-Identifier: MIT
 *
 * What homes said of recipients, remembered for a while.
 */
#include <stdio.h>
#include <string.h>

#include "ask_memory_priv.h"
#include "suites.h"

static struct ask_memory *memory;
static struct outcome yes, no, later, found;

static void
setup(void)
{
    memory = ask_memory_new(3);
    ck_assert_ptr_nonnull(memory);
    outcome_set(&yes, OUTCOME_RCPT_OK, NULL);
    outcome_relayed(&no, 550, "5.1.1", "no such user");
    outcome_relayed(&later, 450, "4.2.1", "greylisted");
}

static void
teardown(void)
{
    ask_memory_free(memory);
}

static struct ask_subject
about(const char *to, uint64_t size)
{
    return (struct ask_subject){"node", "bob@example.com", to, size};
}

static void
add(const char *to, uint64_t size, const struct outcome *answer)
{
    const struct ask_subject s = about(to, size);

    ask_memory_add(memory, &s, answer, 1000);
}

static bool
knows(const char *to, uint64_t size, uint64_t now_ms)
{
    const struct ask_subject s = about(to, size);

    return ask_memory_find(memory, &s, now_ms, &found);
}

START_TEST(an_answer_holds_until_its_time)
{
    ck_assert(!knows("ann@example.org", 0, 0));
    add("ann@example.org", 0, &no);
    ck_assert(knows("ann@example.org", 0, 999));
    ck_assert_int_eq(outcome_code(&found), 550);
    ck_assert_str_eq(outcome_enhanced(&found), "5.1.1");
    ck_assert_str_eq(outcome_text(&found), "no such user");
    ck_assert(!knows("ann@example.org", 0, 1000));
    ck_assert_uint_eq(ask_memory_count(memory), 0);
}
END_TEST

static const struct {
    const char *name;
    bool is_yes;
    uint64_t asked, size;
    bool known;
} sizes[] = {
    {"who takes much takes less", true, 100, 99, true},
    {"and as much", true, 100, 100, true},
    {"but perhaps not more", true, 100, 101, false},
    {"who takes what has no size may have no room", true, 0, 1, false},
    {"who refuses little refuses more", false, 100, 101, true},
    {"and as much", false, 100, 100, true},
    {"but perhaps not less", false, 100, 99, false},
    {"who is refused without a size is unknown with one", false, 0, 100, true},
};

START_TEST(an_answer_is_about_a_size)
{
    add("ann@example.org", sizes[_i].asked, sizes[_i].is_yes ? &yes : &no);
    ck_assert_msg(knows("ann@example.org", sizes[_i].size, 0) == sizes[_i].known, "%s",
                  sizes[_i].name);
    ck_assert(!sizes[_i].known || outcome_is_success(&found) == sizes[_i].is_yes);
}
END_TEST

START_TEST(an_answer_is_about_route_sender_and_recipient)
{
    const struct ask_subject others[] = {
        {"nod", "bob@example.com", "ann@example.org", 0},
        {"node", "", "ann@example.org", 0},
        {"node", "bob@example.com", "eve@example.org", 0},
        {"node", "bob@example.com\nann@example.org", "", 0},
    };

    add("ann@example.org", 0, &no);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        ck_assert(!ask_memory_find(memory, &others[i], 0, &found));
}
END_TEST

START_TEST(what_is_refused_for_now_is_not_remembered)
{
    add("ann@example.org", 0, &yes);
    add("ann@example.org", 0, &later);
    ck_assert(!knows("ann@example.org", 0, 0));
    ck_assert_uint_eq(ask_memory_count(memory), 0);
}
END_TEST

START_TEST(the_newest_answer_counts)
{
    add("ann@example.org", 0, &no);
    add("ann@example.org", 0, &yes);
    ck_assert(knows("ann@example.org", 0, 0) && outcome_is_success(&found));
    ck_assert_uint_eq(ask_memory_count(memory), 1);
}
END_TEST

START_TEST(where_it_is_full_the_oldest_goes)
{
    char to[32];

    for (int i = 0; i < 5; i++) {
        snprintf(to, sizeof to, "p%d@example.org", i);
        add(to, 0, &yes);
    }
    ck_assert_uint_eq(ask_memory_count(memory), 3);
    ck_assert(!knows("p1@example.org", 0, 0));
    ck_assert(knows("p2@example.org", 0, 0) && knows("p4@example.org", 0, 0));
}
END_TEST

START_TEST(a_long_reply_is_cut)
{
    char text[900];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    outcome_relayed(&no, 554, "", text);
    add("ann@example.org", 0, &no);
    ck_assert(knows("ann@example.org", 0, 0));
    ck_assert_int_eq(outcome_code(&found), 554);
    ck_assert_uint_lt(strlen(outcome_text(&found)), 300);
}
END_TEST

TCase *
ask_memory_tests(void)
{
    TCase *t = tcase_create("ask memory");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, an_answer_holds_until_its_time);
    tcase_add_loop_test(t, an_answer_is_about_a_size, 0, sizeof sizes / sizeof sizes[0]);
    tcase_add_test(t, an_answer_is_about_route_sender_and_recipient);
    tcase_add_test(t, what_is_refused_for_now_is_not_remembered);
    tcase_add_test(t, the_newest_answer_counts);
    tcase_add_test(t, where_it_is_full_the_oldest_goes);
    tcase_add_test(t, a_long_reply_is_cut);
    return t;
}
