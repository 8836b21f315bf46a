/* SPDX-License-Identifier: MIT
 *
 * Whole dialogues between the relay's client and a server that a script plays, a line each:
 *
 *     O: lmtp unix user=ann password=secret tls=required    how the client is made; first
 *     S: 220 mx.example.net            the server says a line; lines in a row come in one piece
 *     C: EHLO mx.example.org           the client has said that, and no more than the script shows
 *     E: ready                         the client has told its owner that
 *     J: a@b.example > c@d.example e@f.example utf8 8bit ret=hdrs   the owner sends a job
 *     M: Subject: hello                a line of its message, before J
 *     T: verified                      TLS has begun
 *     P: / R:                          the owner cannot write any more / can again
 *     W: end                           what the client waits for
 *     L: connection reset              it is gone
 *     Q:                               relay_client_quit()
 */
#ifndef DOORSTEP_TEST_DIALOGUE_H
#define DOORSTEP_TEST_DIALOGUE_H

#include <stdbool.h>
#include <stdint.h>

/* dialogue_run() - fails the test, with name and line, where something is different. With seed not
 * 0 what the server says comes in random pieces; how many cuts that were. */
unsigned dialogue_run(const char *name, const char *script, uint32_t seed);

#endif
