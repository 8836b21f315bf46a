/* SPDX-License-Identifier: MIT
 *
 * A runner's process around runner_run(). It has the uid of its programs already; what one of them
 * may change is taken from it between fork and exec.
 */
#include "role_priv.h"

#include <sysexits.h>

#include "doorstep/runner.h"

int
role_run_runner(int main_fd, const struct settings *(*parse)(int fd))
{
    static const struct runner_hooks hooks = {.confine_program = role_confine_program};
    struct role_start start;

    if (!role_read_start(main_fd, parse, &start))
        return EX_PROTOCOL;
    if (!role_confine_runner(start.settings))
        return EX_OSERR;
    return runner_run(start.store_door, start.main_door, start.settings, &hooks);
}
