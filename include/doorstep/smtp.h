/* SPDX-License-Identifier: MIT
 *
 * Receive: SMTP (RFC 5321) and LMTP (RFC 2033) are one engine with two greetings. The session is a
 * pure state machine fed with bytes (tests, fuzzing); edge.c joins it to connections and to the
 * door of the store.
 */
#ifndef DOORSTEP_SMTP_H
#define DOORSTEP_SMTP_H

#include "doorstep/settings.h"

/* edge_run() - the role: reads MAIN_* frames on the door to main (taken), sandboxes itself through
 * `confine` before the first hostile byte, serves until told to end; the exit status. */
int edge_run(int main_door, bool (*confine)(const struct settings *settings));

#endif
