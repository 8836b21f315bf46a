/* SPDX-License-Identifier: MIT
 *
 * The relay role's process around relay_sender_run(). What libraries load by a name is loaded
 * before the sandbox: SASL, and the modules of look-ups where a next hop has a name.
 */
#include "role_priv.h"

#include <sysexits.h>

#include "doorstep/loop.h"
#include "doorstep/relay_sender.h"

int
role_run_relay(int main_fd, const struct settings *(*parse)(int fd))
{
    struct relay_logins *logins = relay_logins_new();
    struct role_start start;

    if (logins == NULL)
        return EX_OSERR;
    if (!role_read_start(main_fd, parse, &start) || start.secrets < 0)
        return EX_PROTOCOL;
    if (settings_relay_has_names(start.settings))
        loop_lookup_prepare();
    if (!role_confine_relay(start.settings))
        return EX_OSERR;
    relay_sender_run(&(struct relay_sender_start){
        .main_door = start.main_door,
        .store_door = start.store_door,
        .secrets = start.secrets,
        .settings = start.settings,
        .logins = logins,
    });
}
