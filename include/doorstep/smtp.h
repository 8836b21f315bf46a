/* SPDX-License-Identifier: MIT
 *
 * Receive: SMTP (RFC 5321) and LMTP (RFC 2033) are one engine with two greetings. The session
 * is a pure state machine (smtp_session.h); edge.c joins sessions to connections and to the door
 * of the store.
 */
#ifndef DOORSTEP_SMTP_H
#define DOORSTEP_SMTP_H

#include "doorstep/settings.h"

/* What the edge needs of the program around it. */
struct edge_hooks {
    /* The configuration in the descriptor (borrowed); the result lives as long as the process.
     * NULL: it cannot be read, the edge ends. */
    const struct settings *(*parse_settings)(int fd);
    /* Lock the process in, before the first hostile byte; false: the edge ends. */
    bool (*confine)(const struct settings *settings);
};

/* edge_run() - the role: reads MAIN_* frames on the door to main (taken), calls hooks->confine
 * before it accepts anything, serves until told to end. Result: the exit status. */
int edge_run(int main_door, const struct edge_hooks *hooks);

#endif
