/* SPDX-License-Identifier: MIT
 *
 * What the relay's settings name and no role can open: passwords and authorities of routes, for the
 * relay role, and the secrets of SRS, for the store. Main reads the files at start and on SIGHUP.
 */
#ifndef DOORSTEPD_RELAY_FILES_PRIV_H
#define DOORSTEPD_RELAY_FILES_PRIV_H

#include <stdbool.h>

#include "doorstep/buf.h"
#include "doorstep/settings.h"

#include "guarded_file_priv.h"

struct relay_files {
    struct file_guard guard;
    struct buf secrets; /* owned; wiped; what relay_secrets.h packs */
    struct buf srs;     /* owned; wiped; text of srs_secret_file, "" without */
    int fd;             /* owned; secrets in a sealed memfd, or -1: no mail leaves */
};

void relay_files_init(struct relay_files *f);

/* relay_files_load() - false, logged: one cannot be used; why names it. */
bool relay_files_load(struct relay_files *f, const struct settings *s, struct buf *why);

bool relay_files_equal(const struct relay_files *a, const struct relay_files *b);
void relay_files_release(struct relay_files *f);

#endif
