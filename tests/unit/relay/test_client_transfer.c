/* SPDX-License-Identifier: MIT
 *
 * Messages that the relay's client sends, by DATA and by BDAT, and what is said behind them; the
 * answers of LMTP.
 */
#include "dialogue.h"

#define DATA_AGREED FROM_OUT OK BOB_OUT OK DATA_OUT GO_ON
#define GROUP_AGREED FROM_OUT BOB_OUT CARL_OUT DATA_OUT OK OK OK GO_ON

/* A message of 100,000 octets, in chunks. */
#define LARGE_WITH(lines) HELLO_WITH(lines CHUNKING "S: 250-8BITMIME\n") "N: 100000\n"
#define ALL_CHUNKS "C: BDAT 49152\nK: 49152\nC: BDAT 49152\nK: 49152\nC: BDAT 1696 LAST\nK: 1696\n"

static const struct dialogue_row rows[] = {
    {"dots are stuffed where a line begins, and nowhere else",
     HELLO_PLAIN "M: .\nM: ..\nM: .a\nM: a.\nM: \nM: a\n" BOB DATA_AGREED
                 "C: ..\nC: ...\nC: ..a\nC: a.\nC: \nC: a\nC: .\n" OK
                 "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"what is given back goes as it is, whatever is announced",
     "O: as-it-is\n" HELLO_PLAIN "M: Subject: j\xc3\xb6rg\nM: \nM: \xe9\n"
     "J: ann@example.org > bob@example.net 8bit\n" DATA_AGREED
     "C: Subject: j\xc3\xb6rg\nC: \nC: \xe9\nC: .\n" OK
     "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"an empty message is one",
     HELLO_PLAIN BOB DATA_AGREED "C: .\n" OK "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"one reply is for all that were accepted",
     HELLO_WITH(PIPELINING) HELLO BOTH GROUP_AGREED HELLO_OUT
     "S: 451 4.3.0 disk\n"
     "E: done\nE: deferred 451 4.3.0 disk\nE: deferred 451 4.3.0 disk\nE: ready\n"},
    {"a connection that is lost before that reply defers",
     HELLO_PLAIN HELLO BOB DATA_AGREED HELLO_OUT
     "L: connection reset\nE: done\n"
     "E: deferred 0 4.4.2 connection reset, while waiting for the reply to the end of data\n"
     "E: ended deferred 0 4.4.2 connection reset, while waiting for the reply to the end of "
     "data\n"},
    {"421 behind the message defers", HELLO_PLAIN HELLO BOB DATA_AGREED HELLO_OUT
     "S: 421 4.3.0 down\n"
     "E: done\nE: deferred 421 4.3.0 down\nE: ended deferred 421 4.3.0 down\n"},
    {"a reply that is neither defers", HELLO_PLAIN HELLO BOB DATA_AGREED HELLO_OUT GO_ON
     "E: done\n"
     "E: deferred 0 4.5.0 the next hop answered 354 to the end of data\n"
     "E: ended deferred 0 4.5.0 the next hop answered 354 to the end of data\n"},
    {"a message goes on when there is room",
     HELLO_PLAIN HELLO "J: ann@example.org > bob@example.net head\n" FROM_OUT OK BOB_OUT OK DATA_OUT
                       "P:\n" GO_ON "C: Received: by mx.example.org\nW: room\nR:\n" HELLO_OUT OK
                       "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"a refusal in the middle of a message is one, and ends the connection", HELLO_PLAIN HELLO
     "J: ann@example.org > bob@example.net head\n" FROM_OUT OK BOB_OUT OK DATA_OUT "P:\n" GO_ON
     "C: Received: by mx.example.org\nS: 552 5.3.4 enough\n"
     "E: done\nE: failed 552 5.3.4 enough\n"
     "E: ended deferred 0 4.5.0 the next hop answered 552 in the middle of a message\n"},
    {"an acceptance there is not believed", HELLO_PLAIN HELLO
     "J: ann@example.org > bob@example.net head\n" FROM_OUT OK BOB_OUT OK DATA_OUT "P:\n" GO_ON
     "C: Received: by mx.example.org\n" OK
     "E: done\nE: deferred 0 4.5.0 the next hop answered 250 in the middle of a message\n"
     "E: ended deferred 0 4.5.0 the next hop answered 250 in the middle of a message\n"},
    {"421 there is one, too",
     HELLO_PLAIN HELLO "J: ann@example.org > bob@example.net head\n" FROM_OUT OK BOB_OUT OK DATA_OUT
                       "P:\n" GO_ON "C: Received: by mx.example.org\nS: 421 4.3.0 down\n"
                       "E: done\nE: deferred 421 4.3.0 down\nE: ended deferred 421 4.3.0 down\n"},
    {"a message that is shorter than it should be is never ended",
     HELLO_WITH("S: 250-8BITMIME\n") HELLO
     "J: ann@example.org > bob@example.net short\n" FROM_OUT OK BOB_OUT OK DATA_OUT GO_ON
     "C: Subject: hello\nC: \nC: ..\n"
     "E: done\nE: deferred 0 4.3.0 the message cannot be read\n"
     "E: ended deferred 0 4.3.0 the message cannot be read\n"},

    {"a message that cannot be read waits",
     HELLO_PLAIN HELLO "J: ann@example.org > bob@example.net short\n"
                       "E: done\nE: deferred 0 4.3.0 the message cannot be read\nE: ready\n"},

    /* conversion */
    {"a message of eight bits is encoded where nothing else can go",
     HELLO_WITH(
         "S: 250-SIZE\n") "M: Subject: \xc3\xa9\nM: MIME-Version: 1.0\nM: Content-Type: "
                          "text/plain; charset=utf-8\n"
                          "M: Content-Transfer-Encoding: 8bit\nM: \nM: .\xc3\xa9\n"
                          "J: ann@example.org > bob@example.net 8bit\n"
                          "C: MAIL FROM:<ann@example.org> SIZE=113\n" OK BOB_OUT OK DATA_OUT GO_ON
                          "C: Subject: =?utf-8?B?w6k=?=\nC: MIME-Version: 1.0\n"
                          "C: Content-Type: text/plain; charset=utf-8\n"
                          "C: Content-Transfer-Encoding: quoted-printable\nC: \nC: ..=C3=A9\nC: "
                          ".\n" OK "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"one that says so and has none is not",
     HELLO_PLAIN HELLO "J: ann@example.org > bob@example.net 8bit\n" DATA_AGREED HELLO_OUT OK
                       "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"one that cannot be is refused", HELLO_PLAIN
     "M: From: \xc3\xa9\nM: \nJ: ann@example.org > bob@example.net 8bit\n"
     "E: done\nE: failed 0 5.6.3 the next hop takes ASCII alone, and a header field cannot be "
     "encoded\nE: ready\n"},
    {"a binary message goes as lines where it is lines", HELLO_WITH("S: 250-8BITMIME\n") HELLO
     "J: ann@example.org > bob@example.net binary\n"
     "C: MAIL FROM:<ann@example.org> BODY=8BITMIME\n" OK BOB_OUT OK DATA_OUT GO_ON HELLO_OUT OK
     "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"and is encoded where it is not",
     HELLO_WITH(
         PIPELINING CHUNKING
         "S: 250-8BITMIME\n") "M: Content-Type: image/png\nM: Content-Transfer-Encoding: "
                              "binary\nM: MIME-Version: 1.0\n"
                              "M: \nM: \x89\rPNG\nJ: ann@example.org > bob@example.net "
                              "binary\n" FROM_OUT BOB_OUT OK OK
                              "C: BDAT 95 LAST\nC: Content-Type: image/png\nC: MIME-Version: 1.0\n"
                              "C: Content-Transfer-Encoding: base64\nC: \nC: iQ1QTkcNCg==\n" OK
                              "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"a header of UTF-8 is refused where SMTPUTF8 is missing",
     HELLO_WITH("S: 250-8BITMIME\n") "M: Subject: \xc3\xa9\nJ: ann@example.org > bob@example.net "
                                     "utf8 8bit\n"
                                     "E: done\nE: failed 0 5.6.9 the message needs SMTPUTF8, which "
                                     "the next hop lacks\n"
                                     "E: ready\n"},
    {"a message that needs none of what was said about it goes without",
     HELLO_PLAIN HELLO "J: ann@example.org > bob@example.net utf8 8bit\n" DATA_AGREED HELLO_OUT OK
                       "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n"},

    /* BDAT */
    {"a message goes as one chunk, without dots that nobody wants",
     HELLO_WITH(CHUNKING) HELLO BOB FROM_OUT OK BOB_OUT OK
     "C: BDAT 21 LAST\nC: Subject: hello\nC: \nC: .\nW: end\n" OK
     "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"with PIPELINING the chunk waits for who takes it",
     HELLO_WITH(PIPELINING CHUNKING) HELLO BOB FROM_OUT BOB_OUT OK
     "S: 550 5.1.1 no\n"
     "E: done\nE: failed 550 5.1.1 no\nE: ready\n" HELLO BOB "C: RSET\n" FROM_OUT BOB_OUT OK OK OK
     "C: BDAT 21 LAST\nC: Subject: hello\nC: \nC: .\nS: 554 5.6.0 no\n"
     "E: done\nE: failed 554 5.6.0 no\nE: ready\n" HELLO BOB FROM_OUT BOB_OUT OK OK
     "C: BDAT 21 LAST\nC: Subject: hello\nC: \nC: .\n" OK
     "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"a binary message goes as it is",
     HELLO_WITH(
         CHUNKING
         "S: 250-BINARYMIME\n") "M: a\rb\nJ: ann@example.org > bob@example.net binary\n"
                                "C: MAIL FROM:<ann@example.org> BODY=BINARYMIME\n" OK BOB_OUT OK
                                "C: BDAT 5 LAST\nC: a\rb\n" OK
                                "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"a chunk that cannot be read is never said", HELLO_WITH(CHUNKING "S: 250-8BITMIME\n") HELLO
     "J: ann@example.org > bob@example.net short\n" FROM_OUT OK BOB_OUT OK
     "E: done\nE: deferred 0 4.3.0 the message cannot be read\n"
     "E: ended deferred 0 4.3.0 the message cannot be read\n"},

    {"chunks are under way together with PIPELINING",
     LARGE_WITH(PIPELINING) BOB FROM_OUT BOB_OUT OK OK ALL_CHUNKS OK
     "W: end\n" OK OK "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"the first that is refused counts, and an envelope is left",
     LARGE_WITH(PIPELINING) BOB FROM_OUT BOB_OUT OK OK ALL_CHUNKS
     "S: 452 4.3.1 full\nS: 503 5.5.1 no\nS: 503 5.5.1 no\n"
     "E: done\nE: deferred 452 4.3.1 full\nE: ready\n" HELLO BOB "C: RSET\n" FROM_OUT BOB_OUT
     "S: 250 ok\nS: 550 no\nS: 550 no\nE: done\nE: failed 550 - no\nE: ready\n"},
    {"no more is sent behind it", LARGE_WITH(PIPELINING) BOB FROM_OUT BOB_OUT OK
     "P:\n" OK
     "C: BDAT 49152\nK: 49152\nW: room\nS: 552 5.3.4 enough\nE: done\nE: failed 552 5.3.4 enough\n"
     "E: ready\n"},
    {"a chunk's reply that nobody asked for ends it",
     "O: whole\n" LARGE_WITH(PIPELINING) BOB FROM_OUT BOB_OUT OK
     "P:\n" OK "C: BDAT 49152\nK: 49152\n" OK OK
     "E: done\nE: deferred 0 4.5.0 the next hop sent a reply that nobody had asked for\n"
     "E: ended deferred 0 4.5.0 the next hop sent a reply that nobody had asked for\n"},
    {"421 between chunks ends it", LARGE_WITH(PIPELINING) BOB FROM_OUT BOB_OUT OK OK ALL_CHUNKS OK
     "S: 421 4.3.2 down\n"
     "E: done\nE: deferred 421 4.3.2 down\nE: ended deferred 421 4.3.2 down\n"},
    {"lines go where chunks would wait for one another",
     LARGE_WITH("") BOB FROM_OUT OK BOB_OUT OK DATA_OUT GO_ON
     "K: 100000\nC: .\n" OK "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"a binary message has no other way",
     HELLO_WITH(
         CHUNKING
         "S: 250-BINARYMIME\n") "N: 100000\nJ: ann@example.org > bob@example.net binary\n"
                                "C: MAIL FROM:<ann@example.org> BODY=BINARYMIME\n" OK BOB_OUT OK
                                "C: BDAT 49152\nK: 49152\nW: chunk\n" OK
                                "C: BDAT 49152\nK: 49152\n" OK
                                "C: BDAT 1696 LAST\nK: 1696\nW: end\n" OK
                                "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n"},

    /* LMTP */
    {"each recipient has an answer of its own", LHLO_WITH(PIPELINING) HELLO
     "J: ann@example.org > bob@example.net carl@example.net dan@example.net\n" FROM_OUT BOB_OUT
         CARL_OUT "C: RCPT TO:<dan@example.net>\n" DATA_OUT OK OK
     "S: 550 5.1.1 no\n" OK GO_ON HELLO_OUT
     "S: 250 2.1.5 bob has it\nW: end\nS: 552 5.2.2 dan is full\n"
     "E: done\nE: delivered 250 2.1.5 bob has it\nE: failed 550 5.1.1 no\n"
     "E: failed 552 5.2.2 dan is full\nE: ready\n"},
    {"the answers that came count, the others wait",
     LHLO_WITH(PIPELINING) HELLO BOTH GROUP_AGREED HELLO_OUT
     "S: 250 2.1.5 bob has it\n"
     "L: connection reset\nE: done\nE: delivered 250 2.1.5 bob has it\n"
     "E: deferred 0 4.4.2 connection reset, while waiting for the reply to the end of data\n"
     "E: ended deferred 0 4.4.2 connection reset, while waiting for the reply to the end of "
     "data\n"},
    {"421 for one ends it for the rest", LHLO_WITH(PIPELINING) HELLO BOTH GROUP_AGREED HELLO_OUT
     "S: 250 2.1.5 bob has it\n"
     "S: 421 4.3.0 down\nE: done\nE: delivered 250 2.1.5 bob has it\n"
     "E: deferred 421 4.3.0 down\nE: ended deferred 421 4.3.0 down\n"},
    {"one answer too many ends it",
     "O: whole\n" LHLO_WITH(PIPELINING) HELLO BOTH GROUP_AGREED HELLO_OUT OK OK OK
     "E: done\nE: delivered 250 2.0.0 ok\nE: delivered 250 2.0.0 ok\n"
     "E: ended deferred 0 4.5.0 the next hop sent a reply that nobody had asked for\n"},
    {"a message for nobody is not sent",
     LHLO_WITH(PIPELINING) HELLO BOB FROM_OUT BOB_OUT DATA_OUT OK
     "S: 550 5.1.1 no\n" GO_ON "E: done\nE: failed 550 5.1.1 no\n"
     "E: ended deferred 0 4.5.0 the next hop wants a message for nobody\n"},
    {"DATA for nobody is refused as it should be",
     LHLO_WITH(PIPELINING) HELLO BOB FROM_OUT BOB_OUT DATA_OUT OK
     "S: 550 5.1.1 no\n"
     "S: 503 5.5.1 nobody\nE: done\nE: failed 550 5.1.1 no\nE: ready\n"},
    {"the last chunk has an answer for each",
     LHLO_WITH(CHUNKING) HELLO BOTH FROM_OUT OK BOB_OUT OK CARL_OUT OK
     "C: BDAT 21 LAST\nC: Subject: hello\nC: \nC: .\nS: 250 2.1.5 bob\nS: 451 4.2.0 carl\n"
     "E: done\nE: delivered 250 2.1.5 bob\nE: deferred 451 4.2.0 carl\nE: ready\n"},
};

int
main(void)
{
    return dialogue_main("relay_client_transfer", rows, sizeof(rows) / sizeof(rows[0]));
}
