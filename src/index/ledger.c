/* SPDX-License-Identifier: MIT
 *
 * The ledger: which deliveries were made lately, so that a queueing MTA that lost our answer and
 * sends the same bytes again gets 250 and no second copy. The caller makes the key.
 *
 * Nearly every delivery is a new one. A Bloom filter in memory (Bloom 1970; two bits a key) says so
 * without a look at the database. Keys that were pruned stay in it until the index is next opened,
 * and where there are too many of them it says "perhaps" to all: then the rows decide.
 */
#include "index_priv.h"

#include <assert.h>
#include <string.h>

#define KEY_MAX ((INDEX_LEDGER_KEY_SIZE - 1) / 2)
#define FILTER_KEYS LEDGER_BITS /* with more of them it would say "perhaps" most of the time */

struct filter_places { /* of one key's bits */
    uint32_t first, second;
};

static struct filter_places
filter_places(struct span key)
{
    uint32_t hash = table_hash(key.p, key.n);
    return (struct filter_places){hash % LEDGER_BITS, hash / LEDGER_BITS % LEDGER_BITS};
}

static void
filter_add(struct index *ix, struct span key)
{
    struct filter_places at = filter_places(key);
    ix->ledger_bits[at.first / 8] |= (unsigned char)(1U << at.first % 8);
    ix->ledger_bits[at.second / 8] |= (unsigned char)(1U << at.second % 8);
}

static bool
filter_may_have(const struct index *ix, struct span key)
{
    struct filter_places at = filter_places(key);
    return (ix->ledger_bits[at.first / 8] >> at.first % 8 & 1) != 0 &&
           (ix->ledger_bits[at.second / 8] >> at.second % 8 & 1) != 0;
}

bool
ledger_filter_read(struct index *ix, struct outcome *why)
{
    struct db_statement *s = db_prepare(ix->db, "SELECT key FROM ledger LIMIT ?", why);
    enum db_result result;
    unsigned count = 0;
    if (s == NULL)
        return false;
    db_bind_int(s, 1, FILTER_KEYS);
    while ((result = db_next(s, why)) == DB_ROW) {
        filter_add(ix, db_blob(s, 0));
        count++;
    }
    if (count == FILTER_KEYS)
        memset(ix->ledger_bits, 0xff, sizeof(ix->ledger_bits));
    if (result == DB_DONE)
        db_reset(s);
    return result == DB_DONE;
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/* key_octets() - half as long in the row as in hex. */
static bool
key_octets(const char *key, char out[KEY_MAX], struct span *octets, struct outcome *why)
{
    size_t n = strlen(key);
    bool ok = n > 0 && n % 2 == 0 && n / 2 <= KEY_MAX;
    for (size_t i = 0; ok && i < n; i += 2) {
        int high = hex_value(key[i]), low = hex_value(key[i + 1]);
        ok = high >= 0 && low >= 0;
        out[i / 2] = (char)(high * 16 + low);
    }
    *octets = (struct span){out, n / 2};
    return ok || outcome_set(why, OUTCOME_BAD_REQUEST, "ledger key is not lower case hex");
}

bool
index_ledger_find(struct index *ix, const char *key, time_t since, char delivery_id[ID_SIZE],
                  struct outcome *why)
{
    char octets[KEY_MAX];
    struct span span;
    if (!key_octets(key, octets, &span, why))
        return false;
    if (!filter_may_have(ix, span))
        return outcome_set(why, OUTCOME_NOT_FOUND, NULL);
    struct db_statement *s =
        db_prepare(ix->db, "SELECT delivery_id FROM ledger WHERE key = ? AND delivered >= ?", why);
    if (s == NULL)
        return false;
    db_bind_blob(s, 1, span);
    db_bind_int(s, 2, since);
    enum db_result result = db_next(s, why);
    if (result == DB_FAILED)
        return false;
    struct row row = {.s = s};
    if (result == DB_ROW)
        index_row_copy(&row, 0, delivery_id, ID_SIZE);
    db_reset(s);
    if (result == DB_DONE)
        return outcome_set(why, OUTCOME_NOT_FOUND, NULL);
    return index_row_ok(&row, why);
}

bool
index_ledger_add(struct index *ix, const char *key, const char *delivery_id, time_t when,
                 struct outcome *why)
{
    assert(ix->in_transaction);
    char octets[KEY_MAX];
    struct span span;
    if (!key_octets(key, octets, &span, why))
        return false;
    struct db_statement *s = db_prepare(
        ix->db, "INSERT OR REPLACE INTO ledger (key, delivered, delivery_id) VALUES (?, ?, ?)",
        why);
    if (s == NULL)
        return false;
    db_bind_blob(s, 1, span);
    db_bind_int(s, 2, when);
    db_bind_text(s, 3, delivery_id);
    filter_add(ix, span);
    return db_run(s, why);
}

bool
index_ledger_prune(struct index *ix, time_t before, struct outcome *why)
{
    assert(ix->in_transaction);
    struct db_statement *s = db_prepare(ix->db, "DELETE FROM ledger WHERE delivered < ?", why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, before);
    return db_run(s, why);
}
