/* SPDX-License-Identifier: MIT
 *
 * Envelopes that the relay's client sends: what each reply means for whom, groups of commands,
 * parameters of extensions, and what is refused before a next hop is asked.
 */
#include "dialogue.h"

#define OUT_OF_ORDER                                                                               \
    "E: ended deferred 0 4.5.0 the next hop sent a reply that nobody had asked for\n"
#define FULL                                                                                       \
    PIPELINING "S: 250-SIZE 1000\nS: 250-8BITMIME\nS: 250-DSN\nS: 250-SMTPUTF8\n"                  \
               "S: 250-DELIVERBY 60\n"

static const struct dialogue_row rows[] = {
    {"a message goes one command at a time where nothing is announced", HELLO_PLAIN HELLO BOB
     "W: mail\n" FROM_OUT OK "W: rcpt\n" BOB_OUT OK "W: data\n" DATA_OUT GO_ON HELLO_OUT
     "W: end\nS: 250 2.6.0 queued as 4711\nE: done\n"
     "E: delivered 250 2.6.0 queued as 4711\nE: ready\nW: job\n"
     "Q:\nC: QUIT\nW: quit\nS: 221 bye\nE: ended\nW: nothing\n"},
    {"commands go in a group with PIPELINING, DATA last", HELLO_WITH(FULL) HELLO
     "J: ann@example.org > bob@example.net carl@example.net ret=hdrs envid=a+b=c\n"
     "C: MAIL FROM:<ann@example.org> SIZE=21 RET=HDRS ENVID=a+2Bb+3Dc\n" BOB_OUT CARL_OUT DATA_OUT
         OK OK "S: 550-5.1.1 no such\nS: 550 5.1.1 user here\n" GO_ON HELLO_OUT OK
     "E: done dsn\nE: delivered 250 2.0.0 ok\nE: failed 550 5.1.1 no such user here\nE: ready\n"},
    {"many transactions on one connection, RSET only where an envelope was left",
     HELLO_PLAIN HELLO BOB FROM_OUT OK BOB_OUT
     "S: 450 4.2.1 busy\nE: done\nE: deferred 450 4.2.1 busy\nE: ready\n" HELLO BOB
     "C: RSET\nW: mail\n" OK FROM_OUT OK BOB_OUT OK DATA_OUT GO_ON HELLO_OUT OK
     "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n" HELLO BOB FROM_OUT
     "S: 451 later\nE: done\nE: deferred 451 - later\nE: ready\n" HELLO BOB FROM_OUT OK BOB_OUT OK
         DATA_OUT "S: 452 4.3.1 full\nE: done\nE: deferred 452 4.3.1 full\nE: ready\n" HELLO BOB
     "C: RSET\n" OK FROM_OUT OK BOB_OUT OK DATA_OUT GO_ON HELLO_OUT "S: 554 5.6.0 spam\n"
     "E: done\nE: failed 554 5.6.0 spam\nE: ready\n" HELLO BOB FROM_OUT "S: 550 no\n"
     "E: done\nE: failed 550 - no\nE: ready\n"},
    {"RSET goes first in a group", HELLO_WITH(PIPELINING) HELLO BOB FROM_OUT BOB_OUT DATA_OUT OK
     "S: 550 5.1.1 no\nS: 554 5.5.1 nobody\nE: done\nE: failed 550 5.1.1 no\nE: ready\n" HELLO BOB
     "C: RSET\n" FROM_OUT BOB_OUT DATA_OUT OK OK OK GO_ON HELLO_OUT OK
     "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"RSET that is refused ends the connection", HELLO_PLAIN HELLO BOB FROM_OUT OK BOB_OUT
     "S: 550 5.1.1 no\n"
     "E: done\nE: failed 550 5.1.1 no\nE: ready\n" HELLO BOB "C: RSET\nS: 502 5.5.1 what\nC: QUIT\n"
     "E: done\nE: deferred 502 4.5.1 what\nE: ended deferred 502 4.5.1 what\n"},
    {"a sender that is refused is so for every recipient, whatever RCPT says",
     HELLO_WITH(PIPELINING) HELLO BOTH FROM_OUT BOB_OUT CARL_OUT DATA_OUT
     "S: 550 5.7.1 not you\n" OK "S: 503 mail first\nS: 503 mail first\n"
     "E: done\nE: failed 550 5.7.1 not you\nE: failed 550 5.7.1 not you\nE: ready\n"},
    {"DATA that is accepted for nobody gets a dot, and what is said to that does not count",
     HELLO_WITH(PIPELINING) HELLO BOB FROM_OUT BOB_OUT DATA_OUT OK
     "S: 550 5.1.1 no\n" GO_ON
     "C: .\nS: 250 2.6.0 thanks\nE: done\nE: failed 550 5.1.1 no\nE: ready\n" HELLO BOB FROM_OUT
         BOB_OUT DATA_OUT "S: 550 5.7.1 not you\nS: 550 no\n" GO_ON "C: .\nS: 554 5.6.0 empty\n"
     "E: done\nE: failed 550 5.7.1 not you\nE: ready\n"},
    {"DATA that is refused is so for who was accepted",
     HELLO_WITH(PIPELINING) HELLO BOTH FROM_OUT BOB_OUT CARL_OUT DATA_OUT OK
     "S: 551 5.1.6 moved\n" OK "S: 554 5.3.2 closed\n"
     "E: done\nE: failed 551 5.1.6 moved\nE: failed 554 5.3.2 closed\nE: ready\n"},
    {"a reply to DATA that is neither ends it",
     HELLO_PLAIN HELLO BOB FROM_OUT OK BOB_OUT OK DATA_OUT OK
     "E: done\nE: deferred 0 4.5.0 the next hop answered 250 to DATA\n"
     "E: ended deferred 0 4.5.0 the next hop answered 250 to DATA\n"},

    /* questions */
    {"a question ends with RSET, in the same group",
     HELLO_WITH(PIPELINING "S: 250-SIZE 1000\nS: 250-DSN\n") ASK_BOTH FROM_OUT BOB_OUT CARL_OUT
     "C: RSET\n" OK "S: 250 2.1.5 ok\nS: 550 5.1.1 nobody\n" OK
     "E: done dsn\nE: delivered 250 2.1.5 ok\nE: failed 550 5.1.1 nobody\nE: ready\nW: job\n" HELLO
     "J: ann@example.org > bob@example.net question\nC: MAIL FROM:<ann@example.org> "
     "SIZE=21\n" BOB_OUT "C: RSET\n" OK OK OK "E: done dsn\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"one command at a time, and a message behind it",
     HELLO_PLAIN ASK_BOTH FROM_OUT OK BOB_OUT OK CARL_OUT
     "S: 452 4.2.2 full\n"
     "W: mail\nC: RSET\n" OK "E: done\nE: delivered 250 2.0.0 ok\nE: deferred 452 4.2.2 full\n"
     "E: ready\n" HELLO BOB FROM_OUT OK BOB_OUT OK DATA_OUT GO_ON HELLO_OUT OK
     "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"who is asked for nobody says so to RSET, too", HELLO_PLAIN ASK_BOTH FROM_OUT
     "S: 550 5.7.1 not you\nE: done\nE: failed 550 5.7.1 not you\n"
     "E: failed 550 5.7.1 not you\nE: ready\n" ASK_BOTH FROM_OUT OK BOB_OUT
     "S: 550 5.1.1 a\n" CARL_OUT "S: 550 5.1.1 b\nC: RSET\n" OK
     "E: done\nE: failed 550 5.1.1 a\nE: failed 550 5.1.1 b\nE: ready\n"},
    {"a question in LMTP has no more replies than commands",
     LHLO_WITH(PIPELINING) ASK_BOTH FROM_OUT BOB_OUT CARL_OUT
     "C: RSET\n" OK OK OK OK
     "E: done\nE: delivered 250 2.0.0 ok\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"a question whose end is refused has its answers, and the connection ends",
     HELLO_WITH(PIPELINING) ASK_BOTH FROM_OUT BOB_OUT CARL_OUT
     "C: RSET\n" OK OK "S: 550 5.1.1 no\n"
     "S: 502 5.5.1 what\nC: QUIT\nE: done\nE: delivered 250 2.0.0 ok\nE: failed 550 5.1.1 no\n"
     "E: ended deferred 502 4.5.1 what\n"},
    {"a connection that is lost in a question defers who has no answer",
     HELLO_WITH(PIPELINING) ASK_BOTH FROM_OUT BOB_OUT CARL_OUT
     "C: RSET\n" OK "S: 550 5.1.1 no\n"
     "L: connection reset\nE: done\nE: failed 550 5.1.1 no\n"
     "E: deferred 0 4.4.2 connection reset, while waiting for the reply to RCPT\n"
     "E: ended deferred 0 4.4.2 connection reset, while waiting for the reply to RCPT\n"},

    /* XFORWARD */
    {"who it came from is said where that is announced, as far as it is",
     HELLO_WITH("S: 250-XFORWARD NAME addr HELO SOURCE\n") HELLO
     "J: ann@example.org > bob@example.net name=mx.example.com addr=192.0.2.1 ident=4711\n"
     "C: XFORWARD NAME=mx.example.com ADDR=192.0.2.1\nW: mail\n" OK FROM_OUT OK BOB_OUT OK DATA_OUT
         GO_ON HELLO_OUT OK "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"nothing is said of it where nothing is announced, and nothing where nothing is known",
     HELLO_PLAIN HELLO "J: ann@example.org > bob@example.net name=mx.example.com\n" FROM_OUT
                       "S: 550 no\nE: done\nE: failed 550 - no\nE: ready\n"},
    {"an answer to it does not matter, and it goes in the group, behind RSET",
     HELLO_WITH(PIPELINING "S: 250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\n") HELLO
     "J: ann@example.org > bob@example.net proto=ESMTP helo=a+b=c\n"
     "C: XFORWARD PROTO=ESMTP HELO=a+2Bb+3Dc\n" FROM_OUT BOB_OUT DATA_OUT "S: 501 5.5.4 what\n" OK
     "S: 550 5.1.1 no\nS: 554 5.5.1 nobody\n"
     "E: done\nE: failed 550 5.1.1 no\nE: ready\n" HELLO
     "J: ann@example.org > bob@example.net source=REMOTE\n"
     "C: RSET\nC: XFORWARD SOURCE=REMOTE\n" FROM_OUT BOB_OUT DATA_OUT OK OK OK OK GO_ON HELLO_OUT OK
     "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"421 to it ends the connection", HELLO_WITH("S: 250-XFORWARD NAME\n") HELLO
     "J: ann@example.org > bob@example.net name=x\nC: XFORWARD NAME=x\nS: 421 4.3.2 bye\n"
     "E: done\nE: deferred 421 4.3.2 bye\nE: ended deferred 421 4.3.2 bye\n"},

    /* what codes mean */
    {"552 at RCPT without more is too many recipients, and temporary",
     HELLO_WITH(PIPELINING) HELLO BOTH FROM_OUT BOB_OUT CARL_OUT DATA_OUT OK
     "S: 552 too many\n"
     "S: 552 5.5.3 too many\nS: 503 5.5.1 nobody\n"
     "E: done\nE: deferred 552 - too many\nE: deferred 552 4.5.3 too many\nE: ready\n"},
    {"552 of a full mailbox is for good",
     HELLO_PLAIN HELLO BOB FROM_OUT OK BOB_OUT "S: 552 5.2.2 full\n"
                                               "E: done\nE: failed 552 5.2.2 full\nE: ready\n"},
    {"530 waits for an operator",
     HELLO_PLAIN HELLO BOB FROM_OUT "S: 530 5.7.0 log in first\n"
                                    "E: done\nE: deferred 530 4.7.0 log in first\nE: ready\n"},
    {"a code that means nothing here is temporary",
     HELLO_PLAIN HELLO BOB FROM_OUT OK BOB_OUT "S: 354 go on\n"
                                               "E: done\nE: deferred 354 - go on\nE: ready\n"},
    {"a code of no class breaks the connection", HELLO_PLAIN HELLO BOB FROM_OUT
     "S: 650 what\n"
     "E: done\nE: deferred 0 4.5.0 the next hop sent a line that is no reply\n"
     "E: ended deferred 0 4.5.0 the next hop sent a line that is no reply\n"},
    {"so does one of two codes", HELLO_PLAIN HELLO BOB FROM_OUT
     "S: 250-yes\nS: 550 no\n"
     "E: done\nE: deferred 0 4.5.0 the next hop sent two codes in one reply\n"
     "E: ended deferred 0 4.5.0 the next hop sent two codes in one reply\n"},
    {"an enhanced code of another class is text",
     HELLO_PLAIN HELLO BOB FROM_OUT "S: 550 4.7.1 what now\n"
                                    "E: done\nE: failed 550 - 4.7.1 what now\nE: ready\n"},
    {"text that nobody should print is made fit",
     HELLO_PLAIN HELLO BOB FROM_OUT "S: 550-5.7.1 \x1b[2J a\xff\xc3\xa9\xc2\x85 b\nS: 550\n"
                                    "E: done\nE: failed 550 5.7.1  [2J a?\xc3\xa9  b\nE: ready\n"},

    /* ends of a connection */
    {"421 at any place defers who has no answer",
     HELLO_WITH(PIPELINING) HELLO BOTH FROM_OUT BOB_OUT CARL_OUT DATA_OUT OK
     "S: 550 5.1.1 no\n"
     "S: 421 4.3.2 going down\n"
     "E: done\nE: failed 550 5.1.1 no\nE: deferred 421 4.3.2 going down\n"
     "E: ended deferred 421 4.3.2 going down\n"},
    {"a connection that is lost in the envelope defers who has no answer",
     HELLO_WITH(PIPELINING) HELLO BOTH FROM_OUT BOB_OUT CARL_OUT DATA_OUT OK
     "S: 550 5.1.1 no\n"
     "W: rcpt\nL: connection reset\nE: done\nE: failed 550 5.1.1 no\n"
     "E: deferred 0 4.4.2 connection reset, while waiting for the reply to RCPT\n"
     "E: ended deferred 0 4.4.2 connection reset, while waiting for the reply to RCPT\n"},
    {"one that had gone before it was used again is stale", HELLO_PLAIN HELLO BOB FROM_OUT
     "S: 550 no\nE: done\nE: failed 550 - no\nE: ready\n" HELLO BOB FROM_OUT "S: 421 4.4.2 idle\n"
     "E: done stale\nE: deferred 421 4.4.2 idle\nE: ended deferred 421 4.4.2 idle\n"},
    {"and one that was lost then is, too", HELLO_PLAIN HELLO BOB FROM_OUT
     "S: 550 no\nE: done\nE: failed 550 - no\nE: ready\n" HELLO BOB FROM_OUT
     "L: connection reset\nE: done stale\n"
     "E: deferred 0 4.4.2 connection reset, while waiting for the reply to MAIL\n"
     "E: ended deferred 0 4.4.2 connection reset, while waiting for the reply to MAIL\n"},
    {"the first transaction is never stale", HELLO_PLAIN HELLO BOB FROM_OUT
     "L: connection reset\nE: done\n"
     "E: deferred 0 4.4.2 connection reset, while waiting for the reply to MAIL\n"
     "E: ended deferred 0 4.4.2 connection reset, while waiting for the reply to MAIL\n"},
    {"more replies than commands end it",
     "O: whole\n" HELLO_PLAIN HELLO BOB FROM_OUT OK BOB_OUT "S: 550 5.1.1 no\nS: 250 ok\n"
     "E: done\nE: failed 550 5.1.1 no\n" OUT_OF_ORDER},
    {"QUIT waits for the end of a transaction",
     HELLO_PLAIN HELLO BOB FROM_OUT "Q:\nS: 550 no\nE: done\nE: failed 550 - no\n"
                                    "C: QUIT\nS: 221 bye\nE: ended\n"},
    {"commands wait for room to write", HELLO_WITH(PIPELINING) HELLO
     "P:\n" BOTH FROM_OUT "R: once\n" BOB_OUT "W: mail\nR: \n" CARL_OUT DATA_OUT OK
     "S: 550 no\nS: 550 no\nS: 503 no\n"
     "E: done\nE: failed 550 - no\nE: failed 550 - no\nE: ready\n"},
    {"no more recipients are said once the sender is refused", HELLO_WITH(PIPELINING) HELLO
     "P:\n" BOTH FROM_OUT "R: once\n" BOB_OUT
     "S: 550 not you\nS: 503 no\nE: done\nE: failed 550 - not you\nE: failed 550 - not you\n"
     "E: ready\n"},

    /* parameters */
    {"what NOTIFY and ORCPT say is passed on", HELLO_WITH(FULL) HELLO
     "J: <> > bob@example.net notify=6 orcpt=rfc822;Bob+x@example.com carl@example.net notify=1 "
     "orcpt=utf-8;j\xc3\xb6rg+=\\@example.com ret=full\n"
     "C: MAIL FROM:<> SIZE=21 RET=FULL\n"
     "C: RCPT TO:<bob@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Bob+2Bx@example.com\n"
     "C: RCPT TO:<carl@example.net> NOTIFY=NEVER "
     "ORCPT=utf-8;j\\x{F6}rg\\x{2B}\\x{3D}\\x{5C}@example.com\n" DATA_OUT
     "S: 550 no\nS: 503 no\nS: 503 no\nS: 503 no\n"
     "E: done dsn\nE: failed 550 - no\nE: failed 550 - no\nE: ready\n"},
    {"an ORCPT that cannot be said is left out", HELLO_WITH(FULL) HELLO
     "J: <> > bob@example.net orcpt=rfc822;j\xc3\xb6rg@example.com carl@example.net "
     "orcpt=rfc+822;x dan@example.net orcpt=nothing envid=\xc3\xb6\n"
     "C: MAIL FROM:<> SIZE=21\n" BOB_OUT CARL_OUT "C: RCPT TO:<dan@example.net>\n" DATA_OUT
     "S: 550 no\nS: 503 no\nS: 503 no\nS: 503 no\nS: 503 no\n"
     "E: done dsn\nE: failed 550 - no\nE: failed 550 - no\nE: failed 550 - no\nE: ready\n"},
    {"the head counts, and goes first",
     HELLO_WITH(FULL) HELLO "J: ann@example.org > bob@example.net head\n"
                            "C: MAIL FROM:<ann@example.org> SIZE=50\n" BOB_OUT DATA_OUT OK OK GO_ON
                            "C: Received: by mx.example.org\n" HELLO_OUT OK
                            "E: done dsn\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"BODY is said where the message has eight bits",
     HELLO_WITH(
         FULL) "M: \xc3\xa9\nJ: ann@example.org > bob@example.net 8bit\n"
               "C: MAIL FROM:<ann@example.org> SIZE=4 BODY=8BITMIME\n" BOB_OUT DATA_OUT OK OK GO_ON
               "C: \xc3\xa9\nC: .\n" OK "E: done dsn\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"DELIVERBY is passed on", HELLO_WITH(FULL) HELLO
     "J: ann@example.org > bob@example.net by=120;R\n"
     "C: MAIL FROM:<ann@example.org> SIZE=21 BY=120;R\n" BOB_OUT DATA_OUT
     "S: 550 no\nS: 503 no\nS: 503 no\nE: done dsn\nE: failed 550 - no\nE: ready\n"},
    {"a BY that is none is not said", HELLO_WITH(FULL) HELLO
     "J: ann@example.org > bob@example.net by=1;R;SIZE=0\n"
     "C: MAIL FROM:<ann@example.org> SIZE=21\n" BOB_OUT DATA_OUT
     "S: 550 no\nS: 503 no\nS: 503 no\nE: done dsn\nE: failed 550 - no\nE: ready\n"},
    {"who asked for a return in time is not handed to who does not count it", HELLO_PLAIN HELLO
     "J: ann@example.org > bob@example.net by=120;R\n"
     "E: done\nE: failed 0 5.3.3 DELIVERBY: the next hop does not support it\nE: ready\n"},
    {"nor when the time is over", HELLO_WITH(FULL) HELLO
     "J: ann@example.org > bob@example.net by=0;R\n"
     "E: done dsn\nE: failed 0 5.4.7 DELIVERBY: the time for its delivery is over\nE: ready\n"},
    {"nor to who needs more time",
     HELLO_WITH(PIPELINING "S: 250-DSN\nS: 250-DELIVERBY 121,more\n") HELLO
     "J: ann@example.org > bob@example.net by=120;R\n"
     "E: done dsn\nE: failed 0 5.3.3 DELIVERBY: the next hop needs more time\nE: ready\n"},
    {"time enough is enough", HELLO_WITH(PIPELINING "S: 250-DSN\nS: 250-DELIVERBY 120\n") HELLO
     "J: ann@example.org > bob@example.net by=120;R\n"
     "C: MAIL FROM:<ann@example.org> BY=120;R\n" BOB_OUT DATA_OUT
     "S: 550 no\nS: 503 no\nS: 503 no\nE: done dsn\nE: failed 550 - no\nE: ready\n"},
    {"a time to be told by is never too short, nor over",
     HELLO_WITH(PIPELINING "S: 250-DSN\nS: 250-DELIVERBY 120\n") HELLO
     "J: ann@example.org > bob@example.net by=-7;N\n"
     "C: MAIL FROM:<ann@example.org> BY=-7;N\n" BOB_OUT DATA_OUT
     "S: 550 no\nS: 503 no\nS: 503 no\nE: done dsn\nE: failed 550 - no\nE: ready\n"},
    {"who does not count tells of delays",
     HELLO_WITH("S: 250-DSN\n") HELLO "J: ann@example.org > bob@example.net by=120;N\n" FROM_OUT OK
                                      "C: RCPT TO:<bob@example.net> NOTIFY=FAILURE,DELAY\n"
                                      "S: 550 no\nE: done dsn\nE: failed 550 - no\nE: ready\n"},
    {"but not to who wants to hear nothing", HELLO_WITH("S: 250-DSN\n") HELLO
     "J: ann@example.org > bob@example.net notify=1 by=120;N\n" FROM_OUT OK
     "C: RCPT TO:<bob@example.net> NOTIFY=NEVER\n"
     "S: 550 no\nE: done dsn\nE: failed 550 - no\nE: ready\n"},
    {"nor where it is told already", HELLO_WITH("S: 250-DSN\n") HELLO
     "J: ann@example.org > bob@example.net by=0;N\n" FROM_OUT OK "C: RCPT TO:<bob@example.net>\n"
     "S: 550 no\nE: done dsn\nE: failed 550 - no\nE: ready\n"},
    {"who only wants to know is",
     HELLO_PLAIN HELLO "J: ann@example.org > bob@example.net by=120;N\n" FROM_OUT
                       "S: 550 no\nE: done\nE: failed 550 - no\nE: ready\n"},

    /* SMTPUTF8 */
    {"addresses of UTF-8 are said with SMTPUTF8", HELLO_WITH(FULL) HELLO
     "J: j\xc3\xb6rg@b\xc3\xbc"
     "cher.example > bob@example.net\n"
     "C: MAIL FROM:<j\xc3\xb6rg@xn--bcher-kva.example> SIZE=21 SMTPUTF8\n" BOB_OUT DATA_OUT
     "S: 550 no\nS: 503 no\nS: 503 no\nE: done dsn\nE: failed 550 - no\nE: ready\n"},
    {"a domain of UTF-8 alone needs none", HELLO_PLAIN HELLO
     "J: ann@b\xc3\xbc"
     "cher.example > bob@b\xc3\xbc"
     "cher.example\n"
     "C: MAIL FROM:<ann@xn--bcher-kva.example>\n" OK "C: RCPT TO:<bob@xn--bcher-kva.example>\n"
     "S: 550 no\nE: done\nE: failed 550 - no\nE: ready\n"},
    {"a sender that cannot be said refuses all", HELLO_PLAIN HELLO
     "J: j\xc3\xb6rg@example.org > bob@example.net carl@example.net\n"
     "E: done\n"
     "E: failed 0 5.6.7 the sender's address needs SMTPUTF8, which the next hop lacks\n"
     "E: failed 0 5.6.7 the sender's address needs SMTPUTF8, which the next hop lacks\n"
     "E: ready\n"},
    {"a recipient that cannot be said is refused alone", HELLO_PLAIN HELLO
     "J: ann@example.org > j\xc3\xb6rg@example.net bob@example.net\n" FROM_OUT OK BOB_OUT OK
         DATA_OUT GO_ON HELLO_OUT OK "E: done\n"
     "E: failed 0 5.6.7 the recipient's address needs SMTPUTF8, which the next hop lacks\n"
     "E: delivered 250 2.0.0 ok\nE: ready\n"},
    {"what is no address is refused before it is said", HELLO_PLAIN HELLO
     "J: ann@example.org > bob>@example.net @ bob\n"
     "E: done\n"
     "E: failed 0 5.1.3 the recipient's address cannot be said to the next hop\n"
     "E: failed 0 5.1.3 the recipient's address cannot be said to the next hop\n"
     "E: failed 0 5.1.3 the recipient's address cannot be said to the next hop\nE: ready\n"},
    {"so is a sender", HELLO_PLAIN HELLO
     "J: a<b@example.org > bob@example.net\n"
     "E: done\nE: failed 0 5.1.7 the sender's address cannot be said to the next hop\nE: ready\n"},
    {"local parts are quoted where they must be", HELLO_PLAIN HELLO
     "J: \"a..b\"@example.org > \"a,b\"@example.net postmaster\n"
     "C: MAIL FROM:<\"a..b\"@example.org>\n" OK "C: RCPT TO:<\"a,b\"@example.net>\n"
     "S: 550 no\nC: RCPT TO:<postmaster>\nS: 550 no\n"
     "E: done\nE: failed 550 - no\nE: failed 550 - no\nE: ready\n"},

    /* REQUIRETLS */
    {"REQUIRETLS without TLS refuses", HELLO_WITH("S: 250-REQUIRETLS\n") HELLO
     "J: ann@example.org > bob@example.net requiretls\n"
     "E: done\nE: failed 0 5.7.10 REQUIRETLS: there is no verified TLS to the next hop\n"
     "E: ready\n"},
    {"REQUIRETLS over TLS that is not verified refuses",
     "O: tls=opportunistic\nS: 220 mx\nC: EHLO mx.example.org\nS: 250-mx\nS: 250 STARTTLS\n"
     "C: STARTTLS\nS: 220 go\nE: tls\nT: unverified\nC: EHLO mx.example.org\nS: 250-mx\n"
     "S: 250 REQUIRETLS\nE: ready\n" HELLO "J: ann@example.org > bob@example.net requiretls\n"
     "E: done TLSv1.3 TLS_AES_256_GCM_SHA384\n"
     "E: failed 0 5.7.10 REQUIRETLS: there is no verified TLS to the next hop\nE: ready\n"},
    {"REQUIRETLS to who does not know it refuses",
     "O: tls=implicit\nT: verified\n" HELLO_PLAIN HELLO
     "J: ann@example.org > bob@example.net requiretls\n"
     "E: done TLSv1.3 TLS_AES_256_GCM_SHA384\n"
     "E: failed 0 5.7.30 REQUIRETLS: the next hop does not support it\nE: ready\n"},
    {"REQUIRETLS is passed on",
     "O: tls=implicit\nT: verified\n" HELLO_WITH("S: 250-REQUIRETLS\n") HELLO
     "J: ann@example.org > bob@example.net requiretls\n"
     "C: MAIL FROM:<ann@example.org> REQUIRETLS\nS: 550 no\n"
     "E: done TLSv1.3 TLS_AES_256_GCM_SHA384\nE: failed 550 - no\nE: ready\n"},
    {"a report goes without where it must",
     HELLO_PLAIN HELLO "J: <> > bob@example.net requiretls\nC: MAIL FROM:<>\nS: 550 no\n"
                       "E: done\nE: failed 550 - no\nE: ready\n"},
};

int
main(void)
{
    return dialogue_main("relay_client_transaction", rows, sizeof(rows) / sizeof(rows[0]));
}
