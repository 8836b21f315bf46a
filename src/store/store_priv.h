/* SPDX-License-Identifier: MIT
 *
 * Shared between the files that make a store: path template, plugins, checks of what is asked.
 */
#ifndef STORE_PRIV_H
#define STORE_PRIV_H

#include "doorstep/store_driver.h"

#define STORE_PATH_MAX 4095 /* octets of an account's path */

/* store_path_fill() - the template with %{user}, %{domain} and %{home} put in: st->path, st->root
 * and st->below (owned strings). What is put in is never looked at for % again. */
bool store_path_fill(struct store *st, const char *template, struct outcome *why);

/* store_plugin_find() - the driver of libdoorstep_store_NAME.so in plugin_dir; stays loaded until
 * the process ends. NULL: `why`. */
const struct store_driver *store_plugin_find(const char *plugin_dir, const char *name,
                                             struct outcome *why);

/* store_driver_find() - a built-in driver or a plugin's. */
const struct store_driver *store_driver_find(const char *name, const char *plugin_dir,
                                             struct outcome *why);

/* check.c: what callers may ask; false or NULL with `why`. */
const char *store_check_mailbox(const char *mailbox, struct outcome *why); /* as drivers get it */
bool store_check_name(const char *name, struct outcome *why);              /* of a message */
const char *store_check_message(const char *mailbox, const char *name, struct outcome *why);
bool store_check_mail(const struct store_mail *in, struct store_mail *out, struct outcome *why);
bool store_cannot(struct outcome *why, const struct store *st, const char *what);

#endif
