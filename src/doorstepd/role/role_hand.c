/* SPDX-License-Identifier: MIT
 *
 * The hand's process around store_hand_run(). It has the account's uid already, and ends after a
 * minute without work or when the store's door closes.
 */
#include "role_priv.h"

#include <sysexits.h>

#include "doorstep/store.h"

#define IDLE_MS 60000

int
role_run_hand(int main_fd, const struct settings *(*parse)(int fd))
{
    struct role_start start;
    int status;

    if (!role_read_start(main_fd, parse, &start))
        return EX_PROTOCOL;
    if (!role_confine_hand(start.settings) || !role_say_ready(&start))
        return EX_OSERR;
    status = store_hand_run(start.store_door, IDLE_MS);
    door_free(start.main_door);
    return status;
}
