/* SPDX-License-Identifier: MIT
 *
 * What the processes use, looked at every few seconds: memory, descriptors, processor time.
 */
#ifndef DOORSTEPD_WATCH_PRIV_H
#define DOORSTEPD_WATCH_PRIV_H

#include "daemon_priv.h"

/* watch_start() - look now, and again and again. Without memory nothing is looked at. */
void watch_start(struct daemon *d);

#endif
