/* SPDX-License-Identifier: MIT
 *
 * The passthrough role: it sends messages of the store to content filters by SMTP or LMTP, and
 * takes back what they give back. See src/filter/passthrough/.
 */
#ifndef DOORSTEP_PASSTHROUGH_H
#define DOORSTEP_PASSTHROUGH_H

#include "doorstep/door.h"
#include "doorstep/settings.h"

struct passthrough_start {
    struct door *main_door;          /* taken */
    int store_door;                  /* taken */
    const struct settings *settings; /* borrowed for good */
    const int *returns;              /* taken: a listening socket for each of settings.filters, or
                                      * -1 where there is none */
};

/* passthrough_run() - one thread, behind the sandbox; says ROLE_READY and serves the store until
 * its door or main's closes. The exit status. */
int passthrough_run(const struct passthrough_start *start);

#endif
