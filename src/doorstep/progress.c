/* SPDX-License-Identifier: MIT
 *
 * The progress bar: see progress_priv.h. Drawn over itself in one line.
 */
#include "progress_priv.h"

#include <stdio.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "text_priv.h"

enum { QUIET_MS = 1000, BAR_WIDTH = 30 };

void
progress_start(struct progress *p)
{
    *p = (struct progress){.since = clock_ms(), .is_wanted = isatty(STDERR_FILENO) == 1};
}

void
progress_show(struct progress *p, uint64_t done, uint64_t total)
{
    static const char bar[] = "##############################";
    static const char gap[] = "..............................";
    char done_text[TEXT_NUMBER_SIZE], total_text[TEXT_NUMBER_SIZE];

    if (!p->is_wanted || total == 0 || clock_ms() - p->since < QUIET_MS)
        return;
    double share = done >= total ? 1.0 : (double)done / (double)total;
    int filled = (int)(share * BAR_WIDTH);
    fprintf(stderr, "\r\033[K[%.*s%.*s] %3.0f %%  %s of %s", filled, bar, BAR_WIDTH - filled, gap,
            share * 100, text_count(done_text, done), text_count(total_text, total));
    fflush(stderr);
    p->is_drawn = true;
}

void
progress_clear(struct progress *p)
{
    if (p->is_drawn)
        fputs("\r\033[K", stderr);
    p->is_drawn = false;
}
