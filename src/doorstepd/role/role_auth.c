/* SPDX-License-Identifier: MIT
 *
 * The auth role's process around auth_run(). It ends when its store's door closes; the store in
 * turn ends with main.
 */
#include "role_priv.h"

#include <sysexits.h>

#include "doorstep/auth.h"

int
role_run_auth(int main_fd, const struct settings *(*parse)(int fd), struct auth_library *library)
{
    struct role_start start;

    if (!role_read_start(main_fd, parse, &start))
        return EX_PROTOCOL;
    if (!role_confine_auth(start.settings))
        return EX_OSERR;
    return auth_run(library, start.main_door, start.store_door, &start.settings->auth);
}
