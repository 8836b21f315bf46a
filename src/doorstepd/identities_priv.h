/* SPDX-License-Identifier: MIT
 *
 * Which role runs as whom when the daemon was started by root. Looked up by main: no role asks NSS.
 */
#ifndef DOORSTEPD_IDENTITIES_PRIV_H
#define DOORSTEPD_IDENTITIES_PRIV_H

#include <stdbool.h>

#include "doorstep/settings.h"

#include "privileges.h"

/* identities_sandbox() - of edge and sorters: sandbox_user, never root. False is logged. */
bool identities_sandbox(const struct settings *s, struct identity *out);

/* identities_store() - of the store: user, or where that is unset the owner of state_dir (with a
 * warning when that is root). False is logged. */
bool identities_store(const struct settings *s, struct identity *out);

/* identities_runners() - of all runners, in their order: owned by the caller, never root. False
 * is logged. */
bool identities_runners(const struct settings *s, const struct identity *sandbox,
                        struct identity **out);

/* identities_warn() - without root nobody becomes somebody else: of what the settings ask in vain.
 */
void identities_warn(const struct settings *s);

/* identities_check_file() - a configuration that a role could write would make that role root.
 * False is logged. */
bool identities_check_file(const char *path, const struct identity *sandbox,
                           const struct identity *store);

#endif
