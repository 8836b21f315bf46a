/* SPDX-License-Identifier: MIT
 *
 * Whole dialogues between the relay's client and a server that a script plays, a line each:
 *
 *     O: lmtp unix user=ann password=secret tls=required    how the client is made; first
 *     O: whole                         what comes in one piece matters: it is never cut
 *     S: 220 mx.example.net            the server says a line; lines in a row come in one piece
 *     C: EHLO mx.example.org           the client has said that, and no more than the script shows
 *     E: ready                         the client has told its owner that
 *     J: a@b.example > c@d.example e@f.example utf8 8bit ret=hdrs   the owner sends a job
 *     J: a@b.example > c@d.example question            the same of a question, without a message
 *     M: Subject: hello                a line of its message, before J
 *     J: a@b.example > c@d.example name=mx.example.com addr=192.0.2.1    and who it came from
 *     N: 100000                        a message of so many octets
 *     K: 49152                         the client has sent so many octets of it
 *     T: verified                      TLS has begun
 *     P: / R:                          the owner cannot write any more / can again
 *     W: end                           what the client waits for
 *     L: connection reset              it is gone
 *     Q:                               relay_client_quit()
 */
#ifndef DOORSTEP_TEST_DIALOGUE_H
#define DOORSTEP_TEST_DIALOGUE_H

#include <stddef.h>

struct dialogue_row {
    const char *name; /* a sentence */
    const char *script;
};

/* dialogue_main() - runs each one as it is, and then with what the server says cut in every way:
 * all the pieces that a network may make of it mean the same. The exit status. */
int dialogue_main(const char *suite, const struct dialogue_row *rows, size_t count);

/* Beginnings of scripts: a connection that is ready, with what EHLO was answered with. */
#define HELLO_PLAIN                                                                                \
    "S: 220 mx.example.net\nC: EHLO mx.example.org\nS: 250 mx.example.net\nE: ready\n"
#define HELLO_WITH(lines)                                                                          \
    "S: 220 mx.example.net\nC: EHLO mx.example.org\nS: 250-mx.example.net\n" lines                 \
    "S: 250 HELP\nE: ready\n"
#define LHLO_WITH(lines)                                                                           \
    "O: lmtp\nS: 220 mx.example.net\nC: LHLO mx.example.org\nS: 250-mx.example.net\n" lines        \
    "S: 250 HELP\nE: ready\n"
#define PIPELINING "S: 250-PIPELINING\n"
#define CHUNKING "S: 250-CHUNKING\n"

/* A message of 21 octets, and how it goes by DATA. */
#define HELLO "M: Subject: hello\nM: \nM: .\n"
#define HELLO_OUT "C: Subject: hello\nC: \nC: ..\nC: .\n"

#define FROM_OUT "C: MAIL FROM:<ann@example.org>\n"
#define BOB "J: ann@example.org > bob@example.net\n"
#define BOB_OUT "C: RCPT TO:<bob@example.net>\n"
#define CARL_OUT "C: RCPT TO:<carl@example.net>\n"
#define BOTH "J: ann@example.org > bob@example.net carl@example.net\n"
#define ASK_BOTH "J: ann@example.org > bob@example.net carl@example.net question\n"
#define DATA_OUT "C: DATA\n"
#define OK "S: 250 2.0.0 ok\n"
#define GO_ON "S: 354 go on\n"

#endif
