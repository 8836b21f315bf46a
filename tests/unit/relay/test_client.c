/* SPDX-License-Identifier: MIT
 *
 * The relay's client in whole dialogues, and each of them again with what the server says cut in
 * every way.
 */
#include <check.h>
#include <stdlib.h>

#include "dialogue.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A connection that is ready: EHLO with these lines behind the name. */
#define UP(...) "S: 220 mx.example.net\nC: EHLO mx.example.org\n" __VA_ARGS__ "E: ready\n"
#define PLAIN_EHLO "S: 250 mx.example.net\n"
#define FULL_EHLO                                                                                  \
    "S: 250-mx.example.net\nS: 250-PIPELINING\nS: 250-SIZE 1000\nS: 250-8BITMIME\n"                \
    "S: 250-DSN\nS: 250-ENHANCEDSTATUSCODES\nS: 250 SMTPUTF8\n"
#define PIPELINING_EHLO "S: 250-mx.example.net\nS: 250 PIPELINING\n"
#define CHUNKING_EHLO "S: 250-mx.example.net\nS: 250-PIPELINING\nS: 250 CHUNKING\n"
#define HELLO "M: Subject: hello\nM: \nM: .\n"
#define HELLO_OUT "C: Subject: hello\nC: \nC: ..\nC: .\n"
#define FROM "C: MAIL FROM:<ann@example.org>\n"
#define ONE "J: ann@example.org > bob@example.net\n"
#define ONE_OUT FROM "C: RCPT TO:<bob@example.net>\n"
#define OK "S: 250 2.0.0 ok\n"

static const struct {
    const char *name;
    const char *script;
} dialogues[] = {
    {"a message goes one command at a time where nothing is announced",
     UP(PLAIN_EHLO) HELLO ONE "W: mail\n" FROM OK "W: rcpt\nC: RCPT TO:<bob@example.net>\n" OK
                              "W: data\nC: DATA\nS: 354 go on\n" HELLO_OUT "W: end\n"
                              "S: 250 2.6.0 queued as 4711\nE: done\n"
                              "E: delivered 250 2.6.0 queued as 4711\nE: ready\nW: job\n"
                              "Q:\nC: QUIT\nW: quit\nS: 221 bye\nE: ended\nW: nothing\n"},
    {"a server that knows no EHLO gets HELO",
     "S: 220 mx.example.net\nC: EHLO mx.example.org\nS: 502 what\nC: HELO mx.example.org\n"
     "S: 250 mx.example.net\nE: ready\n" HELLO ONE FROM OK "C: RCPT TO:<bob@example.net>\n" OK
     "C: DATA\nS: 354 go on\n" HELLO_OUT OK "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"commands go in a group with PIPELINING, DATA last", UP(FULL_EHLO) HELLO
     "J: ann@example.org > bob@example.net carl@example.net ret=hdrs envid=a+b=c\n"
     "C: MAIL FROM:<ann@example.org> SIZE=21 RET=HDRS ENVID=a+2Bb+3Dc\n"
     "C: RCPT TO:<bob@example.net>\nC: RCPT TO:<carl@example.net>\nC: DATA\n" OK OK
     "S: 550-5.1.1 no such\nS: 550 5.1.1 user here\nS: 354 go on\n" HELLO_OUT OK
     "E: done dsn\nE: delivered 250 2.0.0 ok\nE: failed 550 5.1.1 no such user here\nE: ready\n"},
};

START_TEST(dialogue)
{
    dialogue_run(dialogues[_i].name, dialogues[_i].script, 0);
}
END_TEST

/* All the pieces that a network may make of what a server says mean the same. */
START_TEST(dialogue_in_pieces)
{
    uint32_t seed = 1 + (uint32_t)_i;

    for (unsigned cuts = 0; cuts < 2000;) {
        seed = seed * 1103515245u + 12345u;
        cuts += 1 + dialogue_run(dialogues[_i].name, dialogues[_i].script, seed | 1u);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("relay_client");
    TCase *tc = tcase_create("dialogues");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, dialogue, 0, COUNT(dialogues));
    tcase_add_loop_test(tc, dialogue_in_pieces, 0, COUNT(dialogues));
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
