/* SPDX-License-Identifier: MIT
 *
 * The regex extension: POSIX expressions, what is refused, and what an expression may cost.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "script.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* An expression is written as the script has it: each backslash twice, and C doubles it again. */
static const struct {
    const char *name, *regex, *value, *expected;
} cases[] = {
    {"plain text is found anywhere", "bc", "abcd", "true"},
    {"case is the comparator's", "BC", "abcd", "true"},
    {"an empty expression matches", "", "abcd", "true"},
    {"an empty value", "^$", "", "true"},
    {"a dot is a character", "^.$", "\xc3\xa4", "true"},
    {"a dot is no line end", "a.b", "a\nb", "false"},
    {"the line's beginning", "^b", "a\nb", "true"},
    {"the line's end", "a$", "a\r\nb", "true"},
    {"alternation", "^(cat|dog)s?$", "dogs", "true"},
    {"an empty alternative", "^a(|b)c$", "ac", "true"},
    {"star", "^ab*c$", "ac", "true"},
    {"plus", "^ab+c$", "ac", "false"},
    {"question mark", "^ab?c$", "abc", "true"},
    {"an interval", "^a{2,3}$", "aaa", "true"},
    {"past an interval", "^a{2,3}$", "aaaa", "false"},
    {"an exact interval", "^(ab){2}$", "abab", "true"},
    {"an open interval", "^a{2,}$", "aaaaa", "true"},
    {"an interval from nothing", "^a{,2}$", "", "true"},
    {"a closing brace is itself", "^a}$", "a}", "true"},
    {"special characters are escaped",
     "^\\\\.\\\\*\\\\[\\\\]\\\\(\\\\)\\\\{\\\\}\\\\^\\\\$\\\\|\\\\?\\\\+\\\\\\\\$",
     ".*[](){}^$|?+\\\\", "true"},
    {"escaped punctuation", "^me(\\\\+.*)?@company\\\\.com$", "me+x@company.com", "true"},
    {"a bracket", "^[abc]+$", "cab", "true"},
    {"a range", "^[a-c]+$", "cab", "true"},
    {"a negated bracket", "^[^a-c]+$", "xyz", "true"},
    {"a negated bracket without case", "^[^a-c]+$", "XBZ", "false"},
    {"a closing bracket comes first", "^[]x]+$", "]x", "true"},
    {"a hyphen at the end", "^[a-]+$", "a-", "true"},
    {"a range up to the hyphen", "^[%--]+$", "&-", "true"},
    {"a backslash in brackets is itself", "^[\\\\.]+$", "\\\\.", "true"},
    {"a backslash escapes nothing there", "^[\\\\d]$", "7", "false"},
    {"letters beyond ASCII in brackets", "^[\xc3\xa4\xc3\xb6]+$", "\xc3\xb6\xc3\xa4", "true"},
    {"no half of such a letter", "^[\xc3\xa4]$", "\xc3\xb6", "false"},
    {"a range beyond ASCII", "^[\xce\xb1-\xcf\x89]+$", "\xce\xb2\xce\xb3", "true"},
    {"case beyond ASCII is kept", "\xc3\x84", "\xc3\xa4", "false"},
    {"a class", "^[[:digit:]]+$", "0123", "true"},
    {"two classes", "^[[:alpha:][:space:]_]+$", "a B_", "true"},
    {"a class of ASCII", "[[:alpha:]]", "\xc3\xa4", "false"},
    {"classes of case have both", "^[[:lower:]]$", "A", "true"},
    {"blank", "^[[:blank:]]$", "\t", "true"},
    {"xdigit", "^[[:xdigit:]]+$", "09afAF", "true"},
    {"punct", "^[[:punct:]]+$", "!\x7e", "true"},
    {"a collating element", "^[[.-.]a]+$", "-a", "true"},
    {"a range of elements", "^[[.a.]-[.c.]]+$", "abc", "true"},
    {"an equivalence class", "^[[=a=]b]+$", "ab", "true"},
    {"nothing of PCRE in a literal", "^a#b c$", "a#b c", "true"},
    {"repeated empty groups", "^(a*)*$", "aaa", "true"},
    {"lazy repetition", "^a*?$", "aa", "true"},
    {"a class letter of PCRE", "^\\\\d+\\\\s\\\\w$", "12 x", "true"},
    {"a group that catches nothing", "^(?:ab)+$", "abab", "true"},

    {"no end of a group", "a(b", "",
     "refused 1: wrong regular expression: '(' without ')' at octet 4"},
    {"no begin of a group", "a)b", "",
     "refused 1: wrong regular expression: ')' without '(' at octet 2"},
    {"no end of a bracket", "a[b", "",
     "refused 1: wrong regular expression: '[' without ']' at octet 4"},
    {"an empty bracket has no end", "[]", "",
     "refused 1: wrong regular expression: '[' without ']' at octet 3"},
    {"an unknown class", "[[:foo:]]", "",
     "refused 1: wrong regular expression: no such class of characters at octet 9"},
    {"a class without end", "[[:alpha]", "",
     "refused 1: wrong regular expression: '[:' without ':]' at octet 2"},
    {"an unknown element", "[[.foo.]]", "",
     "refused 1: wrong regular expression: no such collating element at octet 9"},
    {"a range turned round", "[z-a]", "",
     "refused 1: wrong regular expression: a range ends before it begins at octet 5"},
    {"a class as a range's end", "[a-[:digit:]]", "",
     "refused 1: wrong regular expression: a class cannot end a range at octet 4"},
    {"nothing to repeat", "*a", "",
     "refused 1: wrong regular expression: nothing to repeat at octet 1"},
    {"nothing to repeat in a group", "a(+b)", "",
     "refused 1: wrong regular expression: nothing to repeat at octet 3"},
    {"nothing to repeat behind a bar", "a|?", "",
     "refused 1: wrong regular expression: nothing to repeat at octet 3"},
    {"an anchor is not repeated", "^*", "",
     "refused 1: wrong regular expression: nothing to repeat at octet 2"},
    {"verbs of PCRE", "(*UTF)a", "",
     "refused 1: wrong regular expression: nothing to repeat at octet 2"},
    {"possessive repetition", "a*+", "",
     "refused 1: wrong regular expression: two repetitions in a row at octet 3"},
    {"repetition twice", "a**", "",
     "refused 1: wrong regular expression: two repetitions in a row at octet 3"},
    {"an interval turned round", "a{3,2}", "",
     "refused 1: wrong regular expression: a repetition ends before it begins at octet 6"},
    {"a brace that begins nothing", "a{b}", "",
     "refused 1: wrong regular expression: '{' begins no repetition such as {2,5}; '\\{' means the "
     "character at octet 3"},
    {"an interval of nothing", "a{,}", "",
     "refused 1: wrong regular expression: '{' begins no repetition such as {2,5}; '\\{' means the "
     "character at octet 4"},
    {"an interval that is too large", "a{99999}", "",
     "refused 1: wrong regular expression: a repetition of more than 32767 at octet 7"},
    {"a backslash at the end", "a\\\\", "",
     "refused 1: wrong regular expression: '\\' stands at the end at octet 2"},
    {"a reference back", "(a)\\\\1", "",
     "refused 1: wrong regular expression: references back to a group are not supported at octet "
     "4"},
    {"a letter behind a backslash", "\\\\Qa", "",
     "refused 1: wrong regular expression: '\\' stands in front of a letter without special "
     "meaning "
     "at octet 1"},
    {"options of PCRE", "(?i)a", "",
     "refused 1: wrong regular expression: '(?' is not supported at octet 1"},
    {"lookahead", "(?=a)", "",
     "refused 1: wrong regular expression: '(?' is not supported at octet 1"},
    {"repetitions inside one another", "((a{1,30000}){1,30000}){1,30000}", "",
     "refused 1: wrong regular expression: too large at octet 1"},
};

static char *
matches(const char *tags, const char *regex, const char *value)
{
    char test[1024];

    snprintf(test, sizeof(test), "string :regex %s \"%s\" \"%s\"", tags, value, regex);
    return script_truth(NULL, "\"variables\", \"regex\", \"comparator-i;ascii-numeric\"", test,
                        SPAN(""));
}

START_TEST(says)
{
    char *truth = matches("", cases[_i].regex, cases[_i].value);

    ck_assert_msg(strcmp(truth, cases[_i].expected) == 0, "%s: %s", cases[_i].name, truth);
    free(truth);
}
END_TEST

static const struct {
    const char *name, *tags, *regex, *value, *expected;
} comparators[] = {
    {"octets have case", ":comparator \"i;octet\"", "BC", "abc", "false"},
    {"classes have case", ":comparator \"i;octet\"", "^[^[:lower:]]+$", "AB C", "true"},
    {"a lower letter is one", ":comparator \"i;octet\"", "^[^[:lower:]]+$", "AB c", "false"},
    {"a dot is an octet", ":comparator \"i;octet\"", "^..$", "\xc3\xa4", "true"},
    {"numbers have no parts", ":comparator \"i;ascii-numeric\"", "1", "1",
     "refused 1: comparator 'i;ascii-numeric' can search no part of a string"},
    {"one match type", ":contains", "1", "1",
     "refused 1: tag ':contains' cannot stand beside ':regex'"},
};

START_TEST(comparators_decide_about_case)
{
    char *truth = matches(comparators[_i].tags, comparators[_i].regex, comparators[_i].value);

    ck_assert_msg(strcmp(truth, comparators[_i].expected) == 0, "%s: %s", comparators[_i].name,
                  truth);
    free(truth);
}
END_TEST

/* What a script files into, when its variables are right. */
static const struct {
    const char *name, *script, *expected;
} scripts[] = {
    {"groups are match variables",
     "if header :regex \"subject\" \"\\\\[(.*)\\\\] (.*)$\" {fileinto \"${1}/${2}/${0}/${3}\";}",
     "fileinto Acme/Mail/[Acme] Mail/"},
    {"a group that took no part is empty",
     "if header :regex \"subject\" \"(x)?(Acme)\" {fileinto \"<${1}${2}>\";}", "fileinto <Acme>"},
    {"what fails leaves them alone",
     "if header :matches \"subject\" \"*Acme*\" {}"
     "if header :regex \"subject\" \"(nothing)\" {} fileinto \"${1}\";",
     "fileinto list: ["},
    {"an expression with variables",
     "set \"x\" \"ac.e\"; if header :regex \"subject\" \"(${x})\" "
     "{fileinto \"${1}\";}",
     "fileinto Acme"},
    {"a wrong one fails the run",
     "set \"x\" \"(\"; if header :regex \"subject\" \"${x}\" {discard;}",
     "failed: wrong regular expression: '(' without ')' at octet 2"},
    {"quoteregex", "set :quoteregex \"x\" \"a.b*[c](d)|e^f$g{h}i?j+\\\\\"; fileinto \"${x}\";",
     "fileinto a\\.b\\*\\[c\\]\\(d\\)\\|e\\^f\\$g\\{h\\}i\\?j\\+\\\\"},
    {"what is quoted matches itself",
     "set :quoteregex \"x\" \"[Acme]\"; if header :regex \"subject\" \"${x}\" {discard;}",
     "discard"},
    {"quoteregex and quotewildcard are one", "set :quoteregex :quotewildcard \"x\" \"a\";",
     "refused 1: tag ':quotewildcard' cannot stand beside ':quoteregex'"},
    {"33 groups give 32 variables",
     "if header :regex \"subject\" "
     "\"(l)(i)(s)(t)(:)()()()()()()()()()()()()()()()()()()()()()()()()()()()()() "
     "\" {fileinto \"${1}${5}${32}\";}",
     "fileinto l:"},
};

START_TEST(match_variables)
{
    char script[1024];

    snprintf(script, sizeof(script), "require [\"variables\", \"regex\", \"fileinto\"]; %s",
             scripts[_i].script);
    char *outcome = script_outcome(NULL, script, SPAN("Subject: list: [Acme] Mail\n\n"));
    ck_assert_msg(strcmp(outcome, scripts[_i].expected) == 0, "%s: %s", scripts[_i].name, outcome);
    free(outcome);
}
END_TEST

/* Each of these would take years; the budget ends them. */
static const struct {
    const char *name, *regex;
} costly[] = {
    {"nested repetitions", "^(a+)+$"},         {"nested alternatives", "^(a|a)*$"},
    {"overlapping alternatives", "^(a|aa)+$"}, {"a search from every place", "a*[bc]"},
    {"several stars", ".*.*.*.*.*.*.*.*[bc]"}, {"repeated groups of stars", "(a*)*[bc]"},
};

START_TEST(costs_are_bounded)
{
    struct sieve_limits limits;
    size_t n = 200000;
    char *message = malloc(n + 16), script[256];

    sieve_limits_default(&limits);
    struct script_world world = {.limits = &limits};
    memcpy(message, "Subject: ", 9);
    memset(message + 9, 'a', n);
    memcpy(message + 9 + n, "!\n\n", 4);
    snprintf(script, sizeof(script), "require \"regex\"; if header :regex \"subject\" \"%s\" {}",
             costly[_i].regex);
    char *outcome = script_outcome(&world, script, span_of(message));
    ck_assert_msg(strncmp(outcome, "failed: ", 8) == 0, "%s: %s", costly[_i].name, outcome);
    free(outcome);
    free(message);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sieve regex");
    TCase *t = tcase_create("draft-murchison-sieve-regex");
    SRunner *runner = srunner_create(s);

    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, says, 0, COUNT(cases));
    tcase_add_loop_test(t, comparators_decide_about_case, 0, COUNT(comparators));
    tcase_add_loop_test(t, match_variables, 0, COUNT(scripts));
    tcase_add_loop_test(t, costs_are_bounded, 0, COUNT(costly));
    suite_add_tcase(s, t);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
