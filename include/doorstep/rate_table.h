/* SPDX-License-Identifier: MIT
 *
 * Rates by name: each name has as many as its table says, and they begin full. Names that do not
 * fit any more are forgotten, the oldest first. In memory: a process that is started anew begins
 * anew. One thread at a time.
 */
#ifndef DOORSTEP_RATE_TABLE_H
#define DOORSTEP_RATE_TABLE_H

#include "doorstep/rate.h"

#define RATE_TABLE_NAMES_MAX 100000

struct rate_table_entry;

struct rate_table { /* in its owner's memory */
    unsigned each;  /* rates of a name */
    struct rate_table_entry *entries;
};

void rate_table_init(struct rate_table *t, unsigned each);
void rate_table_release(struct rate_table *t);

/* rate_table_get() - the rates of that name, valid until the next call. NULL without memory. */
struct rate *rate_table_get(struct rate_table *t, const char *name, uint64_t now_ms);

#endif
