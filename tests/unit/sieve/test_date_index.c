/* SPDX-License-Identifier: MIT
 *
 * RFC 5260: date, currentdate, :index and :last.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "script.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char message[] =
    "Received: from a.example (a.example [192.0.2.1]; helo) by b.example\n"
    "\twith ESMTP; Wed, 30 Dec 2015 10:00:00 +0900 (JST; really)\n"
    "Received: from \"x;y\" by a.example; Tue, 29 Dec 2015 23:59:58 -0130\n"
    "Date: Thu, 31 Dec 2015 23:59:60 +0000\n"
    "From: ann@example.org\n"
    "To: one@example.net\n"
    "Cc: two@example.net, three@example.net\n"
    "To: four@example.net\n"
    "X-None: yesterday\n"
    "X-Wrong: Fri, 32 Jan 2015 00:00:00 +0000\n"
    "X-Leap: Sun, 29 Feb 2015 00:00:00 +0000\n"
    "X-Twice: never\n"
    "X-Twice: Thu, 1 Jan 2015 00:00:00 +0000\n"
    "X-Old: Wed, 17 Nov 1999 06:07:08 +0000\n"
    "X-End: Fri, 31 Dec 9999 23:59:59 +0000\n"
    "Subject: one\n"
    "Subject: two\n"
    "Subject: three\n"
    "\n"
    "body\n";

static const struct {
    const char *name, *test, *expected;
} cases[] = {
    {"year", "date :zone \"+0000\" \"x-old\" \"year\" \"1999\"", "true"},
    {"month", "date :zone \"+0000\" \"x-old\" \"month\" \"11\"", "true"},
    {"day", "date :zone \"+0000\" \"x-old\" \"day\" \"17\"", "true"},
    {"date", "date :zone \"+0000\" \"x-old\" \"date\" \"1999-11-17\"", "true"},
    {"julian", "date :zone \"+0000\" \"x-old\" \"julian\" \"51499\"", "true"},
    {"hour", "date :zone \"+0000\" \"x-old\" \"hour\" \"06\"", "true"},
    {"minute", "date :zone \"+0000\" \"x-old\" \"minute\" \"07\"", "true"},
    {"second", "date :zone \"+0000\" \"x-old\" \"second\" \"08\"", "true"},
    {"time", "date :zone \"+0000\" \"x-old\" \"time\" \"06:07:08\"", "true"},
    {"iso8601 of a zone",
     "date :zone \"+0530\" \"x-old\" \"iso8601\" \"1999-11-17T11:37:08+05:30\"", "true"},
    {"iso8601 of no zone is Z",
     "date :zone \"-0000\" \"x-old\" \"iso8601\" \"1999-11-17T06:07:08Z\"", "true"},
    {"std11", "date :zone \"-0100\" \"x-old\" \"std11\" \"wed, 17 nov 1999 05:07:08 -0100\"",
     "true"},
    {"zone", "date :zone \"-0130\" \"x-old\" \"zone\" \"-0130\"", "true"},
    {"zone zero is positive", "date :zone \"-0000\" \"x-old\" \"zone\" \"+0000\"", "true"},
    {"weekday", "date :zone \"+0000\" \"x-old\" \"weekday\" \"3\"", "true"},
    {"a part in capitals", "date :zone \"+0000\" \"x-old\" \"YEAR\" \"1999\"", "true"},
    {"a shift over midnight", "date :zone \"-0700\" \"x-old\" \"weekday\" \"2\"", "true"},
    {"originalzone", "date :originalzone \"received\" \"hour\" \"10\"", "true"},
    {"originalzone's zone", "date :originalzone \"received\" \"zone\" \"+0900\"", "true"},
    {"the leap second", "date :originalzone \"date\" \"time\" \"23:59:60\"", "true"},
    {"the leap second elsewhere",
     "date :zone \"+0100\" \"date\" \"iso8601\" "
     "\"2016-01-01T00:59:60+01:00\"",
     "true"},
    {"no local zone is the test's", "date \"x-old\" \"zone\" \"+0300\"", "true"},
    {"the local zone moves the hour", "date \"x-old\" \"hour\" \"09\"", "true"},
    {"no date there", "date :matches \"x-none\" \"year\" \"*\"", "false"},
    {"January 32nd", "date :matches \"x-wrong\" \"year\" \"*\"", "false"},
    {"February 29 in a common year", "date :matches \"x-leap\" \"year\" \"*\"", "false"},
    {"no such field", "date :matches \"x-no\" \"year\" \"*\"", "false"},
    {"only the first field counts", "date :matches \"x-twice\" \"year\" \"*\"", "false"},
    {"count of a valid date", "date :count \"eq\" \"date\" \"year\" \"1\"", "true"},
    {"count of an invalid one", "date :count \"eq\" \"x-none\" \"year\" \"0\"", "true"},
    {"count of none", "date :count \"eq\" \"x-no\" \"year\" \"0\"", "true"},
    {"relation", "date :value \"ge\" :originalzone \"received\" \"hour\" \"09\"", "true"},
    {"the default comparator ignores case",
     "date :matches :zone \"+0000\" \"x-old\" \"std11\" \"WED*\"", "true"},
    {"i;octet does not",
     "date :comparator \"i;octet\" :matches :zone \"+0000\" \"x-old\" \"std11\" "
     "\"WED*\"",
     "false"},
    {"beyond the year 9999", "date :zone \"+0100\" :matches \"x-end\" \"year\" \"*\"", "false"},
    {"currentdate", "currentdate :zone \"+0000\" \"iso8601\" \"2026-11-22T13:00:00Z\"", "true"},
    {"currentdate's count", "currentdate :count \"eq\" \"year\" \"1\"", "true"},
    {"currentdate's local zone", "currentdate \"hour\" \"16\"", "true"},

    {"the second field", "date :index 2 :originalzone \"received\" \"time\" \"23:59:58\"", "true"},
    {"the last field", "date :index 1 :last :originalzone \"received\" \"time\" \"23:59:58\"",
     "true"},
    {"a valid one behind", "date :index 2 :originalzone \"x-twice\" \"year\" \"2015\"", "true"},
    {"no third field", "date :index 3 :matches \"received\" \"year\" \"*\"", "false"},
    {"index of header", "header :index 2 \"subject\" \"two\"", "true"},
    {"last of header", "header :last :index 2 \"subject\" \"two\"", "true"},
    {"only that one", "header :index 2 \"subject\" [\"one\", \"three\"]", "false"},
    {"index counts fields, not addresses", "address :index 2 \"cc\" \"three@example.net\"",
     "false"},
    {"all of the field's addresses", "address :index 1 \"cc\" \"three@example.net\"", "true"},
    {"names are counted in their order", "address :index 3 [\"to\", \"cc\"] \"two@example.net\"",
     "true"},
    {"and the other way round", "address :index 2 [\"cc\", \"to\"] \"one@example.net\"", "true"},
    {"last counts back through the names",
     "address :index 1 :last [\"cc\", \"to\"] "
     "\"four@example.net\"",
     "true"},
    {"count with index", "header :index 2 :count \"eq\" \"subject\" \"1\"", "true"},

    {"last alone", "header :last \"subject\" \"two\"", "refused 1: ':last' needs ':index'"},
    {"index 0", "header :index 0 \"subject\" \"two\"", "refused 1: ':index' counts from 1"},
    {"index as a string", "header :index \"1\" \"subject\" \"two\"",
     "refused 1: tag ':index' takes a number"},
    {"a zone that is none", "date :zone \"CET\" \"date\" \"year\" \"2015\"",
     "refused 1: 'CET' is no time zone such as \"+0100\""},
    {"61 minutes", "date :zone \"+0061\" \"date\" \"year\" \"2015\"",
     "refused 1: '+0061' is no time zone such as \"+0100\""},
    {"both zones", "date :zone \"+0000\" :originalzone \"date\" \"year\" \"2015\"",
     "refused 1: tag ':originalzone' cannot stand beside ':zone'"},
    {"currentdate has no originalzone", "currentdate :originalzone \"year\" \"2015\"",
     "refused 1: unknown tag ':originalzone' of test 'currentdate'"},
    {"no such part", "date \"date\" \"century\" \"20\"",
     "refused 1: 'century' is no part of a date"},
    {"no such part of now", "currentdate \"\" \"20\"", "refused 1: '' is no part of a date"},
    {"a list of fields", "date [\"date\", \"received\"] \"year\" \"20\"",
     "refused 1: test 'date' wants a string here"},
    {"keys are missing", "currentdate \"year\"",
     "refused 1: test 'currentdate' needs a string list more"},
    {"no name of a field", "date \"a b\" \"year\" \"2015\"",
     "refused 1: 'a b' is no name of a header field"},
};

START_TEST(says)
{
    struct script_world world = {.now = 1795352400}; /* 2026-11-22T13:00:00Z */
    char *truth = script_truth(&world, "\"date\", \"index\", \"relational\"", cases[_i].test,
                               span_of(message));

    ck_assert_msg(strcmp(truth, cases[_i].expected) == 0, "%s: %s", cases[_i].name, truth);
    free(truth);
}
END_TEST

START_TEST(values_of_variables_are_checked_when_they_are_known)
{
    static const char *const rows[][2] = {
        {"set \"z\" \"east\"; if date :zone \"${z}\" \"date\" \"year\" \"2015\" {discard;}",
         "failed: 'east' is no time zone such as \"+0100\""},
        {"set \"p\" \"era\"; if date \"date\" \"${p}\" \"2015\" {discard;}",
         "failed: 'era' is no part of a date"},
        {"set \"z\" \"+0000\"; if date :zone \"${z}\" \"date\" \"zone\" \"+0000\" {discard;}",
         "discard"},
    };
    char script[256];

    snprintf(script, sizeof(script), "require [\"date\", \"variables\"]; %s", rows[_i][0]);
    char *outcome = script_outcome(NULL, script, span_of(message));
    ck_assert_str_eq(outcome, rows[_i][1]);
    free(outcome);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sieve date and index");
    TCase *t = tcase_create("RFC 5260");
    SRunner *runner = srunner_create(s);

    setenv("TZ", "TEST-03", 1); /* three hours east */
    tcase_add_loop_test(t, says, 0, COUNT(cases));
    tcase_add_loop_test(t, values_of_variables_are_checked_when_they_are_known, 0, 3);
    suite_add_tcase(s, t);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
