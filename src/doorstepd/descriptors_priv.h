/* SPDX-License-Identifier: MIT
 *
 * Enough descriptors for the connections that the configuration allows.
 */
#ifndef DOORSTEPD_DESCRIPTORS_PRIV_H
#define DOORSTEPD_DESCRIPTORS_PRIV_H

#include <stdint.h>

#include "doorstep/settings.h"

/* descriptors_raise() - RLIMIT_NOFILE of this process, which roles inherit; a warning when it stays
 * too low. */
void descriptors_raise(const struct settings *s);

/* descriptors_connections() - how many of the wanted connections this process can hold. */
uint64_t descriptors_connections(uint64_t wanted);

#endif
