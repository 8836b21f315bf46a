/* SPDX-License-Identifier: MIT
 *
 * What the files of this folder share. Every failure passes personal_fail(), so that damage is
 * noted and never told as CORRUPT.
 */
#ifndef DOORSTEP_PERSONAL_PRIV_H
#define DOORSTEP_PERSONAL_PRIV_H

#include "doorstep/db.h"
#include "doorstep/personal.h"

#define PERSONAL_NAME "personal.sqlite"

extern const struct db_step personal_steps[]; /* made from schema/personal */
extern const unsigned personal_step_count;

struct personal {
    struct db *db; /* owned */
    bool in_transaction;
    bool is_damaged;
};

/* personal_open_file() - CORRUPT is told: SQLite finds something, or the seal is not that of the
 * rows. personal_open_damaged() - as it is, for a rescue. */
struct personal *personal_open_file(const char *path, bool create, struct outcome *why);
struct personal *personal_open_damaged(const char *path, struct outcome *why);

/* personal_carry_over() - the file holds all, and its WAL nothing. */
bool personal_carry_over(struct personal *p, struct outcome *why);

/* personal_prepare() - db_prepare(); personal_next() - db_next(); personal_run() - db_run(). */
struct db_statement *personal_prepare(struct personal *p, const char *sql, struct outcome *why);
enum db_result personal_next(struct personal *p, struct db_statement *s, struct outcome *why);
bool personal_run(struct personal *p, struct db_statement *s, struct outcome *why);

/* personal_fail() - false; CORRUPT becomes SYSTEM, and p is damaged. */
bool personal_fail(struct personal *p, struct outcome *why);
bool personal_damage(struct personal *p, struct outcome *why); /* a row that nobody wrote */

/* personal_text_hash() - BLAKE2b-256 in hex. */
void personal_text_hash(struct span text, char out[PERSONAL_SCRIPT_HASH_SIZE]);

/* personal_seal() - of the rows as they are, inside a transaction. personal_is_sealed() - false:
 * CORRUPT, they are others than were sealed. */
bool personal_seal(struct personal *p, struct outcome *why);
bool personal_is_sealed(struct personal *p, struct outcome *why);

/* personal_make() - a new one. personal_rescue() - the damaged file of that folder is set aside,
 * and a whole one has its name. */
bool personal_make(const char *folder, struct outcome *why);
bool personal_rescue(const char *folder, struct personal_rescued *out, struct outcome *why);

/* personal_rescue_rows() - those that can be read, inside a transaction of `into`. false: that
 * cannot be written. */
bool personal_rescue_rows(struct personal *from, struct personal *into,
                          struct personal_rescued *out, struct outcome *why);

#endif
