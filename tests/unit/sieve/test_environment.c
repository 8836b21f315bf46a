/* SPDX-License-Identifier: MIT
 *
 * RFC 5183 and vnd.dovecot.environment: what a script can know of where it runs; debug_log.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NEEDS "require [\"environment\", \"relational\", \"comparator-i;ascii-numeric\"]; "
#define IF(test) NEEDS "if " test " { discard; }"
#define VENDOR                                                                                     \
    "require [\"vnd.dovecot.environment\", \"variables\", \"fileinto\", \"vnd.dovecot.debug\"]; "

static const struct account_pair items[] = {
    {"remote-ip", "192.0.2.1"}, {"vnd.example.flavour", "vanilla"}, {0}};
static const struct account_pair settings[] = {
    {"sieve_environment/colour", "blue"}, {"sieve_environment/a_b", "under"}, {0}};

static const struct {
    const char *name;
    const char *script;
    const char *expected;
} table[] = {
    {"host", IF("environment \"host\" \"MX.example.net\""), "discard"},
    {"domain", IF("environment :is \"domain\" \"example.net\""), "discard"},
    {"location", IF("environment \"location\" \"MDA\""), "discard"},
    {"phase", IF("environment \"phase\" \"during\""), "discard"},
    {"name", IF("environment :contains \"name\" \"doorstep\""), "discard"},
    {"version", IF("environment :matches \"version\" \"?*\""), "discard"},
    {"remote-ip is the host's to know", IF("environment \"remote-ip\" \"192.0.2.1\""), "discard"},
    {"remote-host is empty when nobody knows", IF("environment \"remote-host\" \"\""), "discard"},
    {"an item of the host", IF("environment \"vnd.example.flavour\" [\"x\", \"vanilla\"]"),
     "discard"},
    {"a known item contains the empty string", IF("environment :contains \"host\" \"\""),
     "discard"},
    {"an unknown one does not", IF("environment :contains \"item\" \"\""), "(keep)"},
    {":count of something",
     IF("environment :count \"eq\" :comparator \"i;ascii-numeric\" \"host\" \"1\""), "discard"},
    {":count of an empty item",
     IF("environment :count \"eq\" :comparator \"i;ascii-numeric\" \"remote-host\" \"0\""),
     "discard"},
    {"a list of names", IF("environment [\"host\", \"name\"] \"x\""),
     "refused: script:1: test 'environment' wants a string here"},
    {"no key", IF("environment \"host\""),
     "refused: script:1: test 'environment' needs a string list more"},
    {"without require", "if environment \"host\" \"x\" { keep; }",
     "refused: script:1: test 'environment' needs: require \"environment\""},
    {"the vendor's items need the vendor's extension",
     IF("environment :contains \"vnd.dovecot.username\" \"\""), "(keep)"},
    {"with it", VENDOR "if environment \"vnd.dovecot.username\" \"bob\" { discard; }", "discard"},
    {"the default mailbox", VENDOR "fileinto \"${env.vnd.dovecot.default_mailbox}.x\";",
     "fileinto INBOX.x"},
    {"an item as a variable", VENDOR "fileinto \"${env.vnd.dovecot.username} at ${env.host}\";",
     "fileinto bob at mx.example.net"},
    {"'-' is '_' there", VENDOR "fileinto \"${env.remote_ip}\";", "fileinto 192.0.2.1"},
    {"a setting", VENDOR "fileinto \"${env.vnd.dovecot.config.colour}\";", "fileinto blue"},
    {"with a '_' of its own", VENDOR "fileinto \"${env.vnd.dovecot.config.a_b}\";",
     "fileinto under"},
    {"by the test", VENDOR "if environment \"vnd.dovecot.config.colour\" \"blue\" { discard; }",
     "discard"},
    {"no such item is empty", VENDOR "fileinto \"a${env.none}b\";", "fileinto ab"},
    {"items cannot be set", VENDOR "set \"env.host\" \"x\";",
     "refused: script:1: variable 'env.host' cannot be set"},
    {"the namespace needs the extension",
     "require [\"environment\", \"variables\", \"fileinto\"]; fileinto \"${env.host}\";",
     "refused: script:1: unknown namespace 'env' of variables"},
    {"debug_log does nothing to the message", VENDOR "debug_log \"${env.host}\"; keep;", "keep"},
    {"debug_log wants a text", VENDOR "debug_log;",
     "refused: script:1: command 'debug_log' needs a string more"},
};

START_TEST(outcome)
{
    const struct account account = {.environment = items, .settings = settings};
    char *text = account_outcome(&account, table[_i].script, NULL);

    ck_assert_msg(strcmp(text, table[_i].expected) == 0, "%s: %s", table[_i].name, text);
    free(text);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sieve/environment");
    TCase *tc = tcase_create("environment");

    tcase_add_loop_test(tc, outcome, 0, COUNT(table));
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
