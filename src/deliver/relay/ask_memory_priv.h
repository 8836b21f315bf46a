/* SPDX-License-Identifier: MIT
 *
 * What homes of accounts said of recipients, for a short time: a bounded table; where it is full,
 * the oldest goes. Pure: the caller says what time it is. An answer is about one sender, and about
 * a size: who takes much takes less, and who refuses little refuses more.
 */
#ifndef DELIVER_RELAY_ASK_MEMORY_PRIV_H
#define DELIVER_RELAY_ASK_MEMORY_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/outcome.h"

struct ask_memory;

struct ask_subject { /* all borrowed */
    const char *route;
    const char *from; /* without brackets; "": the null sender */
    const char *to;
    uint64_t size; /* octets, as far as the sender said; 0: unknown */
};

/* ask_memory_new() - of so many answers at most. NULL without memory. */
struct ask_memory *ask_memory_new(unsigned max);
void ask_memory_free(struct ask_memory *m); /* NULL is allowed */

/* ask_memory_find() - false: nothing is known. */
bool ask_memory_find(struct ask_memory *m, const struct ask_subject *s, uint64_t now_ms,
                     struct outcome *out);

/* ask_memory_add() - a yes or a permanent no, until then; it takes the place of what was known.
 * Without memory nothing is remembered. */
void ask_memory_add(struct ask_memory *m, const struct ask_subject *s, const struct outcome *answer,
                    uint64_t until_ms);

/* ask_memory_forget() - whatever is known of it. */
void ask_memory_forget(struct ask_memory *m, const struct ask_subject *s);

unsigned ask_memory_count(const struct ask_memory *m);

#endif
