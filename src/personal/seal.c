/* SPDX-License-Identifier: MIT
 *
 * The seal: a hash over all rows. It is compared when the file is opened and written with every
 * change; the rows are few, and changes rarer still.
 */
#include "personal_priv.h"

#include <sodium.h>
#include <string.h>

#define HASH_OCTETS 32

static void
print_hash(const unsigned char hash[HASH_OCTETS], char out[PERSONAL_SCRIPT_HASH_SIZE])
{
    sodium_bin2hex(out, PERSONAL_SCRIPT_HASH_SIZE, hash, HASH_OCTETS);
}

void
personal_text_hash(struct span text, char out[PERSONAL_SCRIPT_HASH_SIZE])
{
    unsigned char hash[HASH_OCTETS];

    crypto_generichash(hash, sizeof hash, (const unsigned char *)text.p, text.n, NULL, 0);
    print_hash(hash, out);
}

/* Each value with its length in front: no two sets of rows are the same octets. */
static void
hash_row(crypto_generichash_state *state, struct db_statement *s, int columns)
{
    for (int i = 0; i < columns; i++) {
        const struct span value = db_blob(s, i);
        const uint64_t n = value.n;
        crypto_generichash_update(state, (const unsigned char *)&n, sizeof n);
        if (n > 0)
            crypto_generichash_update(state, (const unsigned char *)value.p, value.n);
    }
}

static bool
hash_rows(struct personal *p, crypto_generichash_state *state, const char *sql, int columns,
          struct outcome *why)
{
    struct db_statement *s = db_prepare(p->db, sql, why);
    enum db_result result = DB_FAILED;

    while (s != NULL && (result = db_next(s, why)) == DB_ROW)
        hash_row(state, s, columns);
    if (result != DB_FAILED)
        db_finish(s);
    return result != DB_FAILED;
}

static bool
hash_all(struct personal *p, char out[PERSONAL_SCRIPT_HASH_SIZE], struct outcome *why)
{
    unsigned char hash[HASH_OCTETS];
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    bool ok = hash_rows(p, &state,
                        "SELECT 'script', name, text, hash, CAST(is_active AS TEXT), "
                        "CAST(changed AS TEXT) FROM scripts ORDER BY name",
                        6, why) &&
              hash_rows(p, &state, "SELECT 'use', mailbox, special_use FROM uses ORDER BY mailbox",
                        3, why) &&
              hash_rows(p, &state,
                        "SELECT 'annotation', mailbox, name, value FROM annotations "
                        "ORDER BY mailbox, name",
                        4, why);
    crypto_generichash_final(&state, hash, sizeof hash);
    print_hash(hash, out);
    return ok;
}

bool
personal_seal(struct personal *p, struct outcome *why)
{
    char hash[PERSONAL_SCRIPT_HASH_SIZE];

    if (!hash_all(p, hash, why))
        return false;
    struct db_statement *s =
        db_prepare(p->db, "INSERT OR REPLACE INTO seal (id, hash) VALUES (1, ?)", why);
    if (s == NULL)
        return false;
    db_bind_text(s, 1, hash);
    return db_run(s, why);
}

/* Without a seal nothing was written yet. */
static bool
is_empty(struct personal *p, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(p->db,
                   "SELECT (SELECT count(*) FROM scripts) + (SELECT count(*) FROM uses) + "
                   "(SELECT count(*) FROM annotations)",
                   why);
    bool ok = s != NULL && db_next_row(s, why);

    if (ok && db_int(s, 0) > 0)
        ok = outcome_set(why, OUTCOME_CORRUPT, "rows that were never sealed");
    if (s != NULL)
        db_reset(s);
    return ok;
}

bool
personal_is_sealed(struct personal *p, struct outcome *why)
{
    char hash[PERSONAL_SCRIPT_HASH_SIZE];
    struct db_statement *s = db_prepare(p->db, "SELECT hash FROM seal", why);
    enum db_result result = s == NULL ? DB_FAILED : db_next(s, why);

    if (result == DB_FAILED)
        return false;
    if (result == DB_DONE) {
        db_reset(s);
        return is_empty(p, why);
    }
    bool ok = hash_all(p, hash, why) &&
              (strcmp(hash, db_text(s, 0)) == 0 ||
               outcome_set(why, OUTCOME_CORRUPT, "rows are others than were sealed"));
    db_reset(s);
    return ok;
}
