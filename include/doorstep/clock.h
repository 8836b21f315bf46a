/* SPDX-License-Identifier: MIT
 *
 * The two clocks, and identifiers made from them. Deadlines use the monotonic clock, so a
 * jump of the wall clock moves no timer.
 */
#ifndef DOORSTEP_CLOCK_H
#define DOORSTEP_CLOCK_H

#include <stdint.h>
#include <time.h>

/* clock_ms() - milliseconds of the monotonic clock. */
uint64_t clock_ms(void);

/* clock_us() - microseconds of it, to measure with. */
uint64_t clock_us(void);

/* clock_wall() - the wall clock. */
struct timespec clock_wall(void);

#define ID_SIZE 24 /* with the terminating NUL */

/* id_make() - a new identifier: letters and digits, time first so that it sorts, then random
 * octets; never the same twice, also after a crash or with a frozen clock. */
void id_make(char out[ID_SIZE]);

#endif
