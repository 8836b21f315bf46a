/* SPDX-License-Identifier: MIT
 *
 * From the configuration's section `sieve` to what the engine takes.
 */
#ifndef DOORSTEP_SIEVE_SETTINGS_H
#define DOORSTEP_SIEVE_SETTINGS_H

#include "doorstep/settings.h"
#include "doorstep/sieve.h"

void sieve_settings_limits(const struct settings_sieve *s, struct sieve_limits *l);

/* sieve_settings_find() - a setting of an extension, "sieve_vacation_default_subject" or
 * "sieve_spamtest_text_value/5", or NULL. arg: the struct settings_sieve. */
const char *sieve_settings_find(void *arg, const char *name);

#endif
