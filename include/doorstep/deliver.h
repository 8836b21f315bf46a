/* SPDX-License-Identifier: MIT
 *
 * The store role: the only place where accounts, filters, journal and stores meet.
 */
#ifndef DOORSTEP_DELIVER_H
#define DOORSTEP_DELIVER_H

#include "doorstep/settings.h"

struct deliver_hooks { /* what the role needs from doorstepd, which alone knows configuration and
                          sandbox */
    /* The checked text that main sent, parsed; fd is borrowed. NULL: the role ends. The settings
     * stay for good. */
    const struct settings *(*parse_settings)(int fd);
    /* Called before the first thread and the first hostile byte. false: the role ends. */
    bool (*confine)(const struct settings *settings);
};

/* deliver_run() - the role: reads MAIN_* frames on the door to main (taken), serves edges, sorters
 * and the control socket until told to end; the exit status. */
int deliver_run(int main_door, const struct deliver_hooks *hooks);

#endif
