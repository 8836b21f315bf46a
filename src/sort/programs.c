/* SPDX-License-Identifier: MIT
 *
 * Compiled scripts: see programs_priv.h.
 */
#include "programs_priv.h"

#include <stdlib.h>
#include <string.h>

#include "doorstep/table.h"

struct kept {
    struct sieve_program *program; /* owned */
    size_t octets;
    UT_hash_handle hh; /* the order of the table is the order of use */
    char hash[];
};

struct programs {
    struct kept *table;
    size_t octets, octets_max;
};

struct programs *
programs_new(size_t octets_max)
{
    struct programs *p = calloc(1, sizeof *p);

    if (p != NULL)
        p->octets_max = octets_max;
    return p;
}

static void
drop(struct programs *p, struct kept *k)
{
    HASH_DEL(p->table, k);
    p->octets -= k->octets;
    sieve_program_free(k->program);
    free(k);
}

void
programs_free(struct programs *p)
{
    if (p == NULL)
        return;
    while (p->table != NULL)
        drop(p, p->table);
    free(p);
}

static void
make_latest(struct programs *p, struct kept *k)
{
    if (HASH_COUNT(p->table) == 1)
        return;
    HASH_DEL(p->table, k);
    HASH_ADD_STR(p->table, hash, k);
}

struct sieve_program *
programs_find(struct programs *p, const char *hash)
{
    struct kept *k;

    HASH_FIND_STR(p->table, hash, k);
    if (k == NULL)
        return NULL;
    make_latest(p, k);
    return k->program;
}

bool
programs_keep(struct programs *p, const char *hash, struct sieve_program *program)
{
    size_t n = strlen(hash) + 1;
    struct kept *k = calloc(1, sizeof *k + n);

    if (k == NULL)
        return false;
    memcpy(k->hash, hash, n);
    k->octets = sieve_program_octets(program);
    HASH_ADD_STR(p->table, hash, k);
    if (k->hh.tbl == NULL) {
        free(k);
        return false;
    }
    k->program = program;
    p->octets += k->octets;
    return true;
}

void
programs_trim(struct programs *p)
{
    while (p->octets > p->octets_max && HASH_COUNT(p->table) > 1)
        drop(p, p->table);
}
