/* SPDX-License-Identifier: MIT
 *
 * All pages together, for whoever reads them: sums by role, and the text of OpenMetrics 1.0. The
 * numbers are what each process says of itself; whoever owns a process can make it lie, no more.
 */
#ifndef DOORSTEP_METRICS_BOOK_H
#define DOORSTEP_METRICS_BOOK_H

#include "doorstep/buf.h"
#include "doorstep/metrics.h"

#define METRICS_CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

#define METRICS_TEXT_MAX ((size_t)8 * 1024 * 1024) /* octets of the text; it is far smaller */

struct metrics_book;

struct metrics_book *metrics_book_new(void); /* NULL without memory */
void metrics_book_free(struct metrics_book *book);

/* metrics_book_add() - one more page, of a process in that role (METRICS_ROLE_*). fd is taken.
 * false: it is no page, or there are too many. */
bool metrics_book_add(struct metrics_book *book, unsigned role, int fd);

/* metrics_book_value() - over all processes in that role; of a histogram, how many values. */
uint64_t metrics_book_value(const struct metrics_book *book, unsigned role, enum metric m,
                            unsigned label);

/* metrics_print() - the text of all of them, from "# TYPE" to "# EOF". false: it does not fit. */
bool metrics_print(const struct metrics_book *book, struct buf *out);

#endif
