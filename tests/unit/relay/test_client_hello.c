/* SPDX-License-Identifier: MIT
 *
 * How a connection of the relay comes up, and how it does not: greeting, EHLO, STARTTLS, AUTH.
 */
#include "dialogue.h"

#define GREETED "S: 220 mx.example.net\nC: EHLO mx.example.org\n"
#define TLS_DONE "TLSv1.3 TLS_AES_256_GCM_SHA384"
#define STARTTLS "S: 250-mx.example.net\nS: 250-PIPELINING\nS: 250 STARTTLS\n"
#define USER "user=ann password=secret"

static const struct dialogue_row rows[] = {
    {"a greeting of several lines is one", "W: greeting\nS: 220-mx.example.net\nS: 220 hi\n"
                                           "C: EHLO mx.example.org\nW: hello\n"
                                           "S: 250 mx.example.net\nE: ready\nW: job\n"},
    {"a server that has no service ends it, for now",
     "S: 554 5.3.2 no service here\nC: QUIT\n"
     "E: ended deferred 554 4.3.2 no service here\nW: nothing\n"},
    {"a server that is busy ends it", "S: 421 4.3.2 too many connections\n"
                                      "E: ended deferred 421 4.3.2 too many connections\n"},
    {"a greeting that is none ends it", "S: 250 hello\nC: QUIT\nE: ended deferred 250 - hello\n"},
    {"what is no reply at all ends it",
     "S: HTTP/1.1 400 Bad Request\n"
     "E: ended deferred 0 4.5.0 the next hop sent a line that is no reply\n"},
    {"a connection that is lost before the greeting",
     "L: connection reset\nE: ended deferred 0 4.4.2 connection reset, while waiting for the "
     "greeting\nL: again\n"},
    {"no more than one connection is lost behind EHLO",
     GREETED "L: timed out\nE: ended deferred 0 4.4.2 timed out, while waiting for the reply to "
             "EHLO\n"},
    {"a server that knows no EHLO gets HELO, and no extension is used",
     GREETED "S: 502 5.5.1 what\nC: HELO mx.example.org\nS: 250 mx.example.net\nE: ready\n" HELLO
             "J: ann@example.org > bob@example.net ret=full notify=4\n" FROM_OUT OK BOB_OUT OK
                 DATA_OUT GO_ON HELLO_OUT OK "E: done\nE: delivered 250 2.0.0 ok\nE: ready\n"},
    {"a server that knows neither ends it",
     GREETED "S: 500 what\nC: HELO mx.example.org\nS: 500 what\nC: QUIT\n"
             "E: ended deferred 500 - what\n"},
    {"a server that does not want EHLO now ends it",
     GREETED "S: 450 4.7.1 later\nC: QUIT\nE: ended deferred 450 4.7.1 later\n"},
    {"LMTP has no HELO", "O: lmtp unix\nS: 220 mx.example.net\nC: LHLO mx.example.org\n"
                         "S: 500 5.5.1 what\nC: QUIT\nE: ended deferred 500 4.5.1 what\n"},
    {"keywords have no case, and what is not known is passed over", GREETED
     "S: 250-mx.example.net PIPELINING\nS: 250-size 20\nS: 250-XFOO SIZE 1\nS: 250-\n"
     "S: 250-SIZES 3\nS: 250 8bitmime\nE: ready\n" HELLO BOB
     "E: done\nE: failed 0 5.3.4 the message is larger than the next hop takes\nE: ready\n"},
    {"a SIZE without a number is announced all the same",
     HELLO_WITH("S: 250-SIZE x\n") HELLO BOB "C: MAIL FROM:<ann@example.org> SIZE=21\n"
                                             "S: 452 4.3.1 disk full\nE: done\n"
                                             "E: deferred 452 4.3.1 disk full\nE: ready\n"},
    {"a reply that nobody asked for ends an idle connection",
     HELLO_PLAIN "S: 250 more\n"
                 "E: ended deferred 0 4.5.0 the next hop sent a reply that nobody had asked for\n"},
    {"a server that is tired of waiting ends an idle connection",
     HELLO_PLAIN "S: 421 4.4.2 idle for too long\nE: ended deferred 421 4.4.2 idle for too long\n"},
    {"an idle connection is lost", HELLO_PLAIN "L: connection reset\n"
                                               "E: ended deferred 0 4.4.2 connection reset\n"},
    {"QUIT that was asked for early is said as soon as it can be",
     "Q:\n" GREETED "S: 250 mx.example.net\nC: QUIT\nW: quit\nL: connection reset\nE: ended\n"},

    /* STARTTLS */
    {"TLS begins, and what was learned before is forgotten",
     "O: tls=opportunistic\n" GREETED STARTTLS
     "C: STARTTLS\nW: hello\nS: 220 go\nE: tls\nW: handshake\nT: unverified\n"
     "C: EHLO mx.example.org\nS: 250 mx.example.net\nE: ready\n" HELLO BOB FROM_OUT OK BOB_OUT OK
         DATA_OUT GO_ON HELLO_OUT OK "E: done " TLS_DONE "\nE: delivered 250 2.0.0 ok\n"
     "E: ready\n"},
    {"octets behind the reply to STARTTLS are dropped",
     "O: tls=required\n" GREETED STARTTLS
     "C: STARTTLS\nS: 220 go\nS: 250-evil\nS: 250 CHUNKING\nE: tls\nT: verified\n"
     "C: EHLO mx.example.org\nS: 250 mx.example.net\nE: ready\n"},
    {"STARTTLS that is refused goes on in plain where that may be",
     "O: tls=opportunistic\n" GREETED STARTTLS "C: STARTTLS\nS: 454 4.7.0 no TLS now\nE: ready\n"},
    {"and nowhere else",
     "O: tls=required\n" GREETED STARTTLS
     "C: STARTTLS\nS: 454 4.7.0 no TLS now\nC: QUIT\nE: ended deferred 454 4.7.0 no TLS now\n"},
    {"a server without STARTTLS gets nothing where it is required",
     "O: tls=required\n" GREETED "S: 250 mx.example.net\nC: QUIT\n"
     "E: ended deferred 0 4.7.10 the next hop does not announce STARTTLS\n"},
    {"nor one that HELO alone brings up",
     "O: tls=required\n" GREETED
     "S: 500 what\nC: HELO mx.example.org\nS: 250 mx.example.net\nC: QUIT\n"
     "E: ended deferred 0 4.7.10 the next hop does not announce STARTTLS\n"},
    {"a certificate that is not good ends it where one is required",
     "O: tls=required\n" GREETED STARTTLS "C: STARTTLS\nS: 220 go\nE: tls\nT: unverified\nC: QUIT\n"
     "E: ended deferred 0 4.7.5 the next hop's certificate cannot be verified: it has expired\n"},
    {"a handshake that fails",
     "O: tls=opportunistic\n" GREETED STARTTLS "C: STARTTLS\nS: 220 go\nE: tls\nL: TLS failed\n"
     "E: ended deferred 0 4.4.2 TLS failed, while waiting for TLS\n"},
    {"with implicit TLS the greeting comes behind it",
     "O: tls=implicit\nW: handshake\nT: verified\nW: greeting\n" GREETED
     "S: 250 mx.example.net\nE: ready\n"},
    {"with implicit TLS the certificate is good or nothing goes",
     "O: tls=implicit\nT: unverified\nC: QUIT\n"
     "E: ended deferred 0 4.7.5 the next hop's certificate cannot be verified: it has expired\n"},
    {"without TLS to be used, STARTTLS is not said", "O: tls=none\n" GREETED STARTTLS "E: ready\n"},

    /* AUTH */
    {"PLAIN over verified TLS, with the command",
     "O: tls=implicit " USER "\nT: verified\n" GREETED
     "S: 250-mx.example.net\nS: 250 AUTH CRAM-MD5 LOGIN PLAIN\n"
     "C: AUTH PLAIN AGFubgBzZWNyZXQ=\nS: 235 2.7.0 welcome\nE: ready\n"},
    {"LOGIN where there is nothing better",
     "O: unix " USER "\n" GREETED "S: 250-mx.example.net\nS: 250 AUTH LOGIN\nC: AUTH LOGIN\n"
     "S: 334 VXNlcm5hbWU6\nC: YW5u\nS: 334 UGFzc3dvcmQ6\nC: c2VjcmV0\nS: 235 ok\nE: ready\n"},
    {"a password is not shown to who is not verified",
     "O: tls=opportunistic " USER "\n" GREETED STARTTLS
     "C: STARTTLS\nS: 220 go\nE: tls\nT: unverified\nC: EHLO mx.example.org\n"
     "S: 250-mx.example.net\nS: 250 AUTH LOGIN PLAIN\nC: QUIT\n"
     "E: ended deferred 0 4.7.0 AUTH: the next hop announces no mechanism that is safe here\n"},
    {"nor in plain",
     "O: " USER "\n" GREETED "S: 250-mx.example.net\nS: 250 AUTH PLAIN\nC: QUIT\n"
     "E: ended deferred 0 4.7.0 AUTH: the next hop announces no mechanism that is safe here\n"},
    {"who is to log in sends nothing without",
     "O: unix " USER "\n" GREETED "S: 250 mx.example.net\nC: QUIT\n"
     "E: ended deferred 0 4.7.0 AUTH: the next hop announces no mechanism that is safe here\n"},
    {"a wrong password is no reason to refuse mail",
     "O: unix " USER "\n" GREETED "S: 250-mx.example.net\nS: 250 AUTH PLAIN\n"
     "C: AUTH PLAIN AGFubgBzZWNyZXQ=\nS: 535 5.7.8 no\nC: QUIT\n"
     "E: ended deferred 535 4.7.8 no\n"},
    {"a challenge that is no base64 is taken back",
     "O: unix " USER "\n" GREETED "S: 250-mx.example.net\nS: 250 AUTH LOGIN\nC: AUTH LOGIN\n"
     "S: 334 VXNlcm5h!!\nC: *\nS: 501 5.7.0 taken back\nC: QUIT\n"
     "E: ended deferred 0 4.7.0 AUTH: the next hop did not keep to the mechanism\n"},
    {"a server that goes on asking is left",
     "O: unix " USER "\n" GREETED "S: 250-mx.example.net\nS: 250 AUTH LOGIN\nC: AUTH LOGIN\n"
     "S: 334 VXNlcm5hbWU6\nC: YW5u\nS: 334 UGFzc3dvcmQ6\nC: c2VjcmV0\nS: 334 bW9yZQ==\nC: *\n"
     "S: 334 bW9yZQ==\nC: QUIT\n"
     "E: ended deferred 0 4.7.0 AUTH: the next hop did not keep to the mechanism\n"},
    {"a server that says yes to what was taken back is not believed",
     "O: unix " USER "\n" GREETED "S: 250-mx.example.net\nS: 250 AUTH LOGIN\nC: AUTH LOGIN\n"
     "S: 334 =\nC: *\nS: 235 welcome\nC: QUIT\n"
     "E: ended deferred 0 4.7.0 AUTH: the next hop did not keep to the mechanism\n"},
};

int
main(void)
{
    return dialogue_main("relay_client_hello", rows, sizeof(rows) / sizeof(rows[0]));
}
