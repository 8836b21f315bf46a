/* SPDX-License-Identifier: MIT
 *
 * A folder of its own for each test, and a journal's content as one line of text, so that a test
 * says what it expects in one string: records as "TYPE:TEXT", findings as "torn", "damaged",
 * "unknown", one space between them.
 */
#ifndef DOORSTEP_TEST_JOURNAL_FIXTURE_H
#define DOORSTEP_TEST_JOURNAL_FIXTURE_H

#include <stddef.h>

#include "doorstep/journal.h"

extern char folder[64]; /* of the running test */
extern struct outcome why;

void fixture_open(void);
void fixture_close(void);
void fixture_remove(const char *name); /* a folder with its files */

/* open_writer() - number 1, `segments` of 64 KiB. */
struct journal *open_writer(unsigned segments);

/* add() - a record of type 20; its segment. */
uint64_t add(struct journal *j, const char *text);
uint64_t add_filled(struct journal *j, char fill, size_t octets);

/* content() - of the folder; borrowed until the next call. Long records are shown as their first
 * octet and their length. */
const char *content(void);

void clear_all(void);

/* path() - of a file in the folder; one of four buffers. */
const char *path(const char *name);
char *read_whole(const char *name, size_t *n); /* owned by the caller */
void write_whole(const char *name, const char *data, size_t n);

#endif
