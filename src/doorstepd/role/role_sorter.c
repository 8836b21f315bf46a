/* SPDX-License-Identifier: MIT
 *
 * The sorter's process around sort_run(). It ends when its store's door closes; the store in turn
 * ends with main.
 */
#include "role_priv.h"

#include <sysexits.h>

#include "doorstep/sieve_settings.h"
#include "doorstep/sort.h"

#define MESSAGES_MAX 10000 /* then a fresh process takes the slot */

int
role_run_sorter(int main_fd, const struct settings *(*parse)(int fd), struct charsets *charsets)
{
    struct role_start start;

    if (!role_read_start(main_fd, parse, &start))
        return EX_PROTOCOL;
    if (!role_confine_sorter(start.settings) || !role_say_ready(&start))
        return EX_OSERR;

    struct settings_sieve sieve = start.settings->sieve;
    struct sort_options options = {.messages_max = MESSAGES_MAX,
                                   .hostname = start.settings->hostname,
                                   .postmaster = "postmaster",
                                   .setting = sieve_settings_find,
                                   .arg = &sieve,
                                   .has_user_programs = sieve.user_programs};
    sieve_settings_limits(&sieve, &options.sieve);
    return sort_run(charsets, start.store_door, &options);
}
