/* SPDX-License-Identifier: MIT
 *
 * The passthrough role's process around passthrough_run(): the sockets on which filters give
 * messages back come from main, and ports of no other than the filters can be connected to.
 */
#include "role_priv.h"

#include <sysexits.h>

#include "doorstep/passthrough.h"

int
role_run_passthrough(int main_fd, const struct settings *(*parse)(int fd))
{
    struct role_start start;

    if (!role_read_start(main_fd, parse, &start))
        return EX_PROTOCOL;
    if (!role_confine_passthrough(start.settings))
        return EX_OSERR;
    return passthrough_run(&(struct passthrough_start){.main_door = start.main_door,
                                                       .store_door = start.store_door,
                                                       .settings = start.settings,
                                                       .returns = start.returns});
}
