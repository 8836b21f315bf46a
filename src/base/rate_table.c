/* SPDX-License-Identifier: MIT
 *
 * Rates by name: see rate_table.h.
 */
#include "doorstep/rate_table.h"

#include <stdlib.h>
#include <string.h>

#include "doorstep/table.h"

struct rate_table_entry {
    UT_hash_handle hh;   /* in the order in which they came */
    char *name;          /* behind the rates */
    struct rate rates[]; /* table->each */
};

static void
forget(struct rate_table *t, struct rate_table_entry *e)
{
    HASH_DEL(t->entries, e);
    free(e);
}

static struct rate_table_entry *
entry_new(const struct rate_table *t, const char *name, uint64_t now_ms)
{
    size_t rates = t->each * sizeof(struct rate), size = strlen(name) + 1;
    struct rate_table_entry *e = calloc(1, sizeof *e + rates + size);

    if (e == NULL)
        return NULL;
    for (unsigned i = 0; i < t->each; i++)
        rate_init(&e->rates[i], now_ms);
    e->name = memcpy((char *)e->rates + rates, name, size);
    return e;
}

struct rate *
rate_table_get(struct rate_table *t, const char *name, uint64_t now_ms)
{
    struct rate_table_entry *e;

    HASH_FIND_STR(t->entries, name, e);
    if (e != NULL)
        return e->rates;
    if (HASH_COUNT(t->entries) >= RATE_TABLE_NAMES_MAX)
        forget(t, t->entries);
    e = entry_new(t, name, now_ms);
    if (e == NULL)
        return NULL;
    HASH_ADD_KEYPTR(hh, t->entries, e->name, strlen(e->name), e);
    if (e->hh.tbl != NULL)
        return e->rates;
    free(e);
    return NULL;
}

void
rate_table_init(struct rate_table *t, unsigned each)
{
    *t = (struct rate_table){.each = each};
}

void
rate_table_release(struct rate_table *t)
{
    while (t->entries != NULL)
        forget(t, t->entries);
}
