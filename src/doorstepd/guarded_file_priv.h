/* SPDX-License-Identifier: MIT
 *
 * Files that main alone reads, since a role that could would know too much, or could be told too
 * much: keys, certificates, passwords, authorities.
 */
#ifndef DOORSTEPD_GUARDED_FILE_PRIV_H
#define DOORSTEPD_GUARDED_FILE_PRIV_H

#include <stdbool.h>

#include "doorstep/buf.h"

#include "privileges.h"

struct file_guard {              /* against whom; borrowed */
    const struct identity *them; /* whom roles run as, or NULL: nobody else */
    const struct identity *store;
};

/* guarded_file_read() - all of a file that nobody but its owner can have changed, and that not
 * everybody can read when it is secret; as much as out takes, in one piece. false: why says it, as
 * the second half of a sentence. */
bool guarded_file_read(const struct file_guard *guard, const char *path, bool is_secret,
                       struct buf *out, struct buf *why);

/* guarded_wipe() - what was read is overwritten and let go. */
void guarded_wipe(struct buf *b);

#endif
