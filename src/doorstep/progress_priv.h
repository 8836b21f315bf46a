/* SPDX-License-Identifier: MIT
 *
 * A progress bar on standard error, for what takes over a second and is watched on a terminal.
 */
#ifndef DOORSTEP_PROGRESS_PRIV_H
#define DOORSTEP_PROGRESS_PRIV_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    uint64_t since; /* clock_ms() of the start */
    bool is_wanted;
    bool is_drawn;
};

void progress_start(struct progress *p);
void progress_show(struct progress *p, uint64_t done, uint64_t total);

/* progress_clear() - take the bar away; before other output, and at the end. */
void progress_clear(struct progress *p);

#endif
