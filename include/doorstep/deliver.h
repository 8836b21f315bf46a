/* SPDX-License-Identifier: MIT
 *
 * The store role: the only place where accounts, filters, journal and stores meet.
 */
#ifndef DOORSTEP_DELIVER_H
#define DOORSTEP_DELIVER_H

#include "doorstep/settings.h"

/* deliver_run() - the role: reads MAIN_* frames on the door to main (taken), serves edges, sorters and
 * the control socket until told to end; the exit status. */
int deliver_run(int main_door);

#endif
