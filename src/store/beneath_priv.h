/* SPDX-License-Identifier: MIT
 *
 * The walk that stands in for openat2(2), for the tests, which run it on kernels that need none.
 */
#ifndef STORE_BENEATH_PRIV_H
#define STORE_BENEATH_PRIV_H

#include <sys/types.h>

/* beneath_walk() - as beneath_open(), one openat(2) per step of the path. */
int beneath_walk(int dir, const char *path, int flags, mode_t mode);

#endif
