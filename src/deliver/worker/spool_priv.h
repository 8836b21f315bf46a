/* SPDX-License-Identifier: MIT
 *
 * Messages that are too large to be copied into the journal: written once to state_dir/spool/ID, on
 * stable storage, and named by the records of all workers that deliver them. The file goes with its
 * last user: the transaction, and each segment of a journal that names it. Thread-safe.
 */
#ifndef DELIVER_SPOOL_PRIV_H
#define DELIVER_SPOOL_PRIV_H

#include <stdbool.h>

#include "doorstep/message.h"
#include "doorstep/outcome.h"

struct spool_file;

/* spool_file_new() - one reference; nothing is written yet. state_dir (borrowed) outlives it, id is
 * copied. NULL: no memory. */
struct spool_file *spool_file_new(const char *state_dir, const char *id);

/* spool_file_found() - the same for a file that is there already (after a crash); it is removed at
 * the next start, for other parts of its message may name it too. */
struct spool_file *spool_file_found(const char *state_dir, const char *id);
struct spool_file *spool_file_ref(struct spool_file *f);
void spool_file_unref(struct spool_file *f); /* NULL is allowed; the last one removes the file */

/* spool_file_leave() - as spool_file_unref(), and the file stays: a journal still names it. */
void spool_file_leave(struct spool_file *f);

/* spool_file_keep() - the message lies in it, bytes and name on stable storage. The first caller
 * writes, others wait for it. After a failure the next one tries again. */
bool spool_file_keep(struct spool_file *f, const struct message *msg, struct outcome *why);

/* spool_file_open() - its message, sealed; one reference for the caller. NULL: `why`. */
struct message *spool_file_open(const char *state_dir, const char *id, struct outcome *why);

#endif
