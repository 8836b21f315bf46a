/* SPDX-License-Identifier: MIT
 *
 * LD_PRELOAD for a disk on which a syncfs(2) does not end: it waits for as long as the file that
 * STALL names exists. Syncs of single files go on.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int
syncfs(int fd)
{
    const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "syncfs");

    while (access(getenv("STALL"), F_OK) == 0)
        nanosleep(&moment, NULL);
    return real(fd);
}
