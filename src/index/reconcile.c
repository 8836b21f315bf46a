/* SPDX-License-Identifier: MIT
 *
 * A mailbox compared with what its store lists. All rows' names are read into a hash first, each
 * entry is looked up in it, and what was not seen at the end is gone from the store. What is new
 * gets UIDs only at the end, in order of arrival, because a folder lists its files in no order.
 */
#include "index_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_KIB 4096 /* of pages while many rows change; below it they go to the WAL and back */
#define MEMORY_MAX ((size_t)2 * 1024 * 1024 * 1024) /* some ten million entries */

enum known_state { KNOWN_NOT_SEEN, KNOWN_SEEN, KNOWN_NEW };

struct known {
    const char *name; /* the arena's; key */
    enum known_state state;
    uint32_t uid;
    unsigned flags;
    time_t arrived; /* new ones: these three */
    uint64_t stored_octets;
    uint64_t wire_octets;
    UT_hash_handle hh;
};

struct index_reconcile {
    struct index *ix; /* borrowed */
    int64_t mailbox;
    unsigned flags_mask; /* what the store can carry */
    struct arena arena;
    struct known *known; /* uthash by name; rows first, in order of UIDs */
    size_t new_count;
    struct index_changes changes;
    bool failed;
};

static struct known *
remember(struct index_reconcile *r, struct span name, struct outcome *why)
{
    struct known *k = arena_alloc(&r->arena, sizeof(*k));
    char *copy = arena_copy(&r->arena, name);
    if (k != NULL && copy != NULL) {
        k->name = copy;
        HASH_ADD_KEYPTR(hh, r->known, k->name, name.n, k);
        if (k->hh.tbl != NULL)
            return k;
    }
    outcome_set(why, OUTCOME_SYSTEM, "out of memory: reconcile");
    return NULL;
}

static bool
read_known(struct index_reconcile *r, struct db_statement *s, struct outcome *why)
{
    char name[STORE_REF_SIZE];
    struct row row = {.s = s};
    index_row_copy(&row, 0, name, sizeof(name));
    uint32_t uid = index_row_u32(&row, 1);
    unsigned flags = (unsigned)index_row_max(&row, 2, FLAGS_ALL);
    if (!index_row_ok(&row, why))
        return false;
    struct known *k = remember(r, span_of(name), why);
    if (k == NULL)
        return false;
    k->uid = uid;
    k->flags = flags;
    return true;
}

static bool
read_all(struct index_reconcile *r, struct outcome *why)
{
    enum db_result result;
    struct db_statement *s = db_prepare(
        r->ix->db, "SELECT store_name, uid, flags FROM messages WHERE mailbox = ? ORDER BY uid",
        why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, r->mailbox);
    while ((result = db_next(s, why)) == DB_ROW) {
        if (!read_known(r, s, why)) {
            result = DB_FAILED;
            break;
        }
    }
    db_reset(s);
    return result != DB_FAILED;
}

static void
reconcile_free(struct index_reconcile *r)
{
    struct outcome ignored; /* a larger cache than needed harms nobody */
    (void)db_set_cache(r->ix->db, INDEX_CACHE_KIB, &ignored);
    HASH_CLEAR(hh, r->known);
    arena_release(&r->arena);
    free(r);
}

struct index_reconcile *
index_reconcile_begin(struct index *ix, int64_t mailbox, struct outcome *why)
{
    assert(ix->in_transaction);
    if (mailbox_state_load(ix, mailbox, why) == NULL)
        return NULL;
    struct index_reconcile *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        outcome_set(why, OUTCOME_SYSTEM, "out of memory: reconcile");
        return NULL;
    }
    r->ix = ix;
    r->mailbox = mailbox;
    r->flags_mask = FLAGS_ALL;
    arena_init(&r->arena, MEMORY_MAX);
    if (db_set_cache(ix->db, CACHE_KIB, why) && read_all(r, why))
        return r;
    reconcile_free(r);
    return NULL;
}

void
index_reconcile_trust_flags(struct index_reconcile *r, unsigned mask)
{
    r->flags_mask = mask & FLAGS_ALL;
}

static bool
entry_seen(struct index_reconcile *r, struct known *k, const struct store_entry *e,
           struct outcome *why)
{
    unsigned flags = (k->flags & ~r->flags_mask) | (e->flags & r->flags_mask);
    k->state = KNOWN_SEEN;
    if (flags == k->flags)
        return true;
    k->flags = flags;
    r->changes.reflagged++;
    return index_set_flags(r->ix, r->mailbox, k->uid, flags, NULL, why);
}

static bool
entry_new(struct index_reconcile *r, struct span name, const struct store_entry *e,
          struct outcome *why)
{
    struct known *k = remember(r, name, why);
    if (k == NULL)
        return false;
    k->state = KNOWN_NEW;
    k->flags = e->flags & r->flags_mask;
    k->arrived = e->arrived;
    k->stored_octets = e->stored_octets;
    k->wire_octets = e->wire_octets;
    r->new_count++;
    return true;
}

bool
index_reconcile_entry(struct index_reconcile *r, const struct store_entry *e, struct outcome *why)
{
    struct span name = span_of(e->name);
    struct known *k;
    bool ok = true;
    if (name.n == 0 || name.n >= STORE_REF_SIZE)
        return outcome_set(why, OUTCOME_BAD_REQUEST, "store name of %zu octets", name.n);
    HASH_FIND(hh, r->known, name.p, name.n, k);
    if (k == NULL)
        ok = entry_new(r, name, e, why);
    else if (k->state == KNOWN_NOT_SEEN)
        ok = entry_seen(r, k, e, why);
    /* else: twice in the store (new/ and cur/, say). One message, and the first one's flags. */
    r->failed = r->failed || !ok;
    return ok;
}

static int
by_arrival(const void *a, const void *b)
{
    const struct known *x = *(const struct known *const *)a, *y = *(const struct known *const *)b;
    if (x->arrived != y->arrived)
        return x->arrived < y->arrived ? -1 : 1;
    return strcmp(x->name, y->name);
}

static bool
add_one(struct index_reconcile *r, const struct known *k, struct outcome *why)
{
    struct index_message m = {
        .mailbox = r->mailbox,
        .flags = k->flags,
        .received = {.tv_sec = k->arrived},
        .octets = k->wire_octets == UINT64_MAX ? 0 : k->wire_octets,
        .ref = {.stored_octets = k->stored_octets},
    };
    memcpy(m.ref.name, k->name, strlen(k->name) + 1);
    r->changes.added++;
    return index_take_uid(r->ix, r->mailbox, &m.uid, why) && index_add(r->ix, &m, why);
}

static bool
add_new(struct index_reconcile *r, struct outcome *why)
{
    if (r->new_count == 0)
        return true;
    struct known **list = calloc(r->new_count, sizeof(struct known *));
    bool ok = list != NULL || outcome_set(why, OUTCOME_SYSTEM, "out of memory: reconcile");
    size_t n = 0;
    for (struct known *k = r->known; ok && k != NULL; k = k->hh.next)
        if (k->state == KNOWN_NEW)
            list[n++] = k;
    if (ok)
        qsort(list, n, sizeof(struct known *), by_arrival);
    for (size_t i = 0; ok && i < n; i++)
        ok = add_one(r, list[i], why);
    free(list);
    return ok;
}

static bool
expunge_unseen(struct index_reconcile *r, struct outcome *why)
{
    for (struct known *k = r->known; k != NULL; k = k->hh.next) {
        if (k->state != KNOWN_NOT_SEEN)
            continue;
        r->changes.removed++;
        if (!index_expunge(r->ix, r->mailbox, k->uid, why))
            return false;
    }
    return true;
}

bool
index_reconcile_end(struct index_reconcile *r, bool complete, struct index_changes *changes,
                    struct outcome *why)
{
    bool ok = !r->failed ||
              outcome_set(why, OUTCOME_SYSTEM, "reconcile ended after an entry that failed");
    ok = ok && (!complete || expunge_unseen(r, why)) && add_new(r, why);
    *changes = r->changes;
    reconcile_free(r);
    return ok;
}
