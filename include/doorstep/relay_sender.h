/* SPDX-License-Identifier: MIT
 *
 * The relay role: it takes jobs from the store, connects to next hops, and says what came of each
 * recipient. It alone knows sockets of next hops, and it decides nothing about the queue: when
 * something is tried, and what a failure means, is the store's. See src/relay/sender/.
 */
#ifndef DOORSTEP_RELAY_SENDER_H
#define DOORSTEP_RELAY_SENDER_H

#include "doorstep/door.h"
#include "doorstep/relay_client.h"
#include "doorstep/settings.h"

struct relay_sender_start {
    struct door *main_door;          /* taken */
    int store_door;                  /* taken */
    int secrets;                     /* taken; what relay_secrets.h packs */
    const struct settings *settings; /* borrowed for good */
    struct relay_logins *logins;     /* borrowed for good */
};

/* relay_sender_run() - one thread, behind the sandbox; says ROLE_READY and serves the store until
 * its door closes. Does not return. */
_Noreturn void relay_sender_run(const struct relay_sender_start *start);

#endif
