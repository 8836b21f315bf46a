/* SPDX-License-Identifier: MIT
 *
 * Lists that scripts may look into (RFC 6134), from files that the configuration names: read once,
 * before the store confines itself, and again with each reload.
 */
#ifndef DELIVER_SIEVE_LISTS_PRIV_H
#define DELIVER_SIEVE_LISTS_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "doorstep/buf.h"

struct settings;
struct sieve_lists;
struct sieve_list;

/* sieve_lists_read() - what cannot be read is logged, and no list. NULL: there are none, or no
 * memory. */
struct sieve_lists *sieve_lists_read(const struct settings *s);
void sieve_lists_free(struct sieve_lists *l); /* NULL is allowed */

/* sieve_lists_find() - by its name as list_name_print() has it; NULL. */
const struct sieve_list *sieve_lists_find(const struct sieve_lists *l, const char *name);

/* sieve_lists_value() - the line of it that is the value, in any case; NULL: there is none. */
const char *sieve_lists_value(const struct sieve_lists *l, const char *name, const char *value);

/* sieve_list_print() - all of it as it was written, a line each. false: out is full. */
bool sieve_list_print(const struct sieve_list *l, struct buf *out);

#endif
