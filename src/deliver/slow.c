/* SPDX-License-Identifier: MIT
 *
 * Whose deliveries take longest: see slow_priv.h. Two spans of some seconds, each with as many
 * accounts as there is room for; a new account takes the place of the one that is least slow.
 */
#include "slow_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
begin_span(struct slow_span *s, uint64_t now_ms)
{
    s->began_ms = now_ms;
    s->count = 0;
}

/* The span of this moment; what is older than two of them is forgotten. */
static struct slow_span *
turn(struct slow *s, uint64_t now_ms)
{
    uint64_t age_ms = now_ms - s->spans[s->current].began_ms;

    if (age_ms < SLOW_SPAN_MS)
        return &s->spans[s->current];
    s->current = !s->current;
    begin_span(&s->spans[s->current], now_ms);
    if (age_ms >= 2 * SLOW_SPAN_MS)
        s->spans[!s->current].count = 0;
    return &s->spans[s->current];
}

static struct slow_account *
find(struct slow_account *rows, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static struct slow_account *
least(struct slow_account *rows, size_t count)
{
    struct slow_account *found = rows;

    for (size_t i = 1; i < count; i++)
        if (rows[i].longest_us < found->longest_us)
            found = &rows[i];
    return found;
}

/* NULL: all that have a place are slower. */
static struct slow_account *
make_place(struct slow_span *s, const char *name, uint64_t us)
{
    struct slow_account *a;

    if (s->count < SLOW_ACCOUNTS) {
        a = &s->rows[s->count++];
    } else {
        a = least(s->rows, s->count);
        if (a->longest_us >= us)
            return NULL;
    }
    *a = (struct slow_account){0};
    snprintf(a->name, sizeof a->name, "%s", name);
    return a;
}

static void
add(struct slow_account *a, uint64_t deliveries, uint64_t total_us, uint64_t longest_us)
{
    a->deliveries += deliveries;
    a->total_us += total_us;
    if (a->longest_us < longest_us)
        a->longest_us = longest_us;
}

void
slow_note(struct slow *s, const struct account *account, uint64_t us, uint64_t now_ms)
{
    struct slow_span *span = turn(s, now_ms);
    struct slow_account *a;
    char name[SLOW_NAME_SIZE];

    snprintf(name, sizeof name, "%s@%s", account->user, account->domain);
    a = find(span->rows, span->count, name);
    if (a == NULL)
        a = make_place(span, name, us);
    if (a != NULL)
        add(a, 1, us, us);
}

static int
slowest_first(const void *a, const void *b)
{
    uint64_t x = ((const struct slow_account *)a)->longest_us;
    uint64_t y = ((const struct slow_account *)b)->longest_us;

    return (x < y) - (x > y);
}

size_t
slow_list(struct slow *s, uint64_t now_ms, struct slow_account rows[2 * SLOW_ACCOUNTS])
{
    const struct slow_span *span = turn(s, now_ms), *before = &s->spans[!s->current];
    size_t count = span->count;

    memcpy(rows, span->rows, count * sizeof *rows);
    for (size_t i = 0; i < before->count; i++) {
        const struct slow_account *b = &before->rows[i];
        struct slow_account *a = find(rows, count, b->name);

        if (a != NULL)
            add(a, b->deliveries, b->total_us, b->longest_us);
        else
            rows[count++] = *b;
    }
    qsort(rows, count, sizeof *rows, slowest_first);
    return count;
}
