/* SPDX-License-Identifier: MIT
 *
 * Penalties of failed log-ins in a file, so that a reload or a restart forgives nobody. The file is
 * a convenience: one that is missing or broken means that nobody has failed yet.
 */
#ifndef DELIVER_PENALTY_FILE_PRIV_H
#define DELIVER_PENALTY_FILE_PRIV_H

#include "doorstep/buf.h"
#include "doorstep/span.h"

#include "penalties_priv.h"

#define PENALTY_FILE_ENTRIES 5000 /* of each kind, those touched last */
#define PENALTY_FILE_MAX (8u << 20)

/* penalty_file_pack() - wall_ms: what the clock on the wall says at now_ms. */
void penalty_file_pack(const struct penalties *p, uint64_t now_ms, uint64_t wall_ms,
                       struct buf *out);

/* penalty_file_unpack() - all of them, or none: false when the bytes are not such a file. The time
 * since it was written counts: scores have decayed, bans have ended. */
bool penalty_file_unpack(struct penalties *p, struct span in, uint64_t now_ms, uint64_t wall_ms);

/* penalty_file_write() / penalty_file_read() - "penalties" in state_dir. What goes wrong is logged.
 */
void penalty_file_write(const struct penalties *p, const char *state_dir);
void penalty_file_read(struct penalties *p, const char *state_dir);

#endif
