/* SPDX-License-Identifier: MIT
 *
 * The open boundaries of a message: see mime_priv.h.
 */
#include <string.h>

#include "mime_priv.h"

#define HASH_BEGIN 14695981039346656037u /* FNV-1a, 64 bits */
#define HASH_PRIME 1099511628211u

static uint64_t
hash_step(uint64_t hash, char c)
{
    return (hash ^ (unsigned char)c) * HASH_PRIME;
}

static int16_t *
bucket_of(struct boundaries *b, uint64_t hash)
{
    return &b->bucket[(hash ^ hash >> 32) % BOUNDARY_BUCKETS];
}

void
boundaries_init(struct boundaries *b)
{
    memset(b->bucket, -1, sizeof b->bucket);
    memset(b->of_length, 0, sizeof b->of_length);
    b->length_max = 0;
    b->count = 0;
    b->work = 0;
}

int
boundaries_push(struct boundaries *b, struct span text)
{
    struct boundary *item = &b->item[b->count];

    item->hash = HASH_BEGIN;
    for (size_t i = 0; i < text.n; i++)
        item->hash = hash_step(item->hash, text.p[i]);
    memcpy(item->text, text.p, text.n);
    item->length = (uint16_t)text.n;
    int16_t *bucket = bucket_of(b, item->hash);
    item->next = *bucket;
    *bucket = (int16_t)b->count;
    b->of_length[text.n]++;
    if (text.n > b->length_max)
        b->length_max = text.n;
    return b->count++;
}

void
boundaries_cut(struct boundaries *b, int index)
{
    while (b->count > index) {
        struct boundary *item = &b->item[--b->count];
        *bucket_of(b, item->hash) = item->next; /* the newest is the head of its bucket */
        b->of_length[item->length]--;
    }
    while (b->length_max > 0 && b->of_length[b->length_max] == 0)
        b->length_max--;
}

/* The newest boundary that is the first n octets of line. */
static int
find_exact(struct boundaries *b, uint64_t hash, const char *line, size_t n)
{
    for (int i = *bucket_of(b, hash); i >= 0; i = b->item[i].next) {
        const struct boundary *item = &b->item[i];
        b->work++;
        if (item->hash == hash && item->length == n && memcmp(item->text, line, n) == 0)
            return i;
    }
    return -1;
}

int
boundaries_find(struct boundaries *b, struct span line, bool *is_last)
{
    uint64_t hash = HASH_BEGIN;
    int best = -1;

    for (size_t n = 1; n <= line.n && n <= b->length_max; n++) {
        hash = hash_step(hash, line.p[n - 1]);
        b->work++;
        if (b->of_length[n] == 0)
            continue;
        int found = find_exact(b, hash, line.p, n);
        if (found >= 0)
            best = found;
    }
    if (best >= 0) {
        struct span behind = span_skip(line, b->item[best].length);
        *is_last = behind.n >= 2 && behind.p[0] == '-' && behind.p[1] == '-';
    }
    return best;
}
