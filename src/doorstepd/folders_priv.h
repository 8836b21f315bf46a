/* SPDX-License-Identifier: MIT
 *
 * Folders that the daemon needs and makes when they are missing. What exists is never changed.
 */
#ifndef DOORSTEPD_FOLDERS_PRIV_H
#define DOORSTEPD_FOLDERS_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "doorstep/settings.h"

#include "privileges.h"

/* folders_make() - `path` (absolute) and what is missing above it, each new folder with this mode
 * and, when owner is not NULL, this owner. False with a line in the log. */
bool folders_make(const char *path, mode_t mode, const struct identity *owner);

/* folders_make_parent() - the same for the folder that `path` lies in. */
bool folders_make_parent(const char *path, mode_t mode, const struct identity *owner);

/* folders_literal() - the folder of a store's path template that no account name decides: up to the
 * last slash before the first %, or before the last step where there is no %. False: there is none
 * ("%{home}/Maildir"), or it does not fit. */
bool folders_literal(const char *path_template, char *out, size_t size);

/* folders_make_mail() - folders_literal() of every store, for the owner of the mail. */
bool folders_make_mail(const struct settings *s, const struct identity *owner);

/* folders_is_in_use() - whether a domain keeps its mail there. A store without one needs no folder:
 * both built-in ones always exist in the settings. */
bool folders_is_in_use(const struct settings *s, const struct settings_store *store);

#endif
