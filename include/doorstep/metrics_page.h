/* SPDX-License-Identifier: MIT
 *
 * Pages of counters. Main makes one for each place of a process, in memory that nobody can resize;
 * the process counts in it, others may only read it. It outlives the process: the next one in that
 * place counts on, so that no counter ever falls.
 */
#ifndef DOORSTEP_METRICS_PAGE_H
#define DOORSTEP_METRICS_PAGE_H

#include <stdbool.h>

struct metrics_page;

/* metrics_page_make() - a descriptor of a new page, all zero; -1 with errno. Owned by the caller.
 */
int metrics_page_make(void);

/* metrics_page_reopen() - another descriptor of it that can only be read; -1 with errno. */
int metrics_page_reopen(int fd);

/* metrics_page_map() - where the page lies; NULL: this is none, or no memory. fd stays open. */
struct metrics_page *metrics_page_map(int fd, bool is_writable);
void metrics_page_unmap(struct metrics_page *page); /* NULL is allowed */

/* metrics_page_use() - from now on this process counts there; before its first thread. fd is taken.
 * false: not a page; it goes on counting for itself. */
bool metrics_page_use(int fd);

/* metrics_page_clear_gauges() - the process is gone: it has nothing open any more. */
void metrics_page_clear_gauges(struct metrics_page *page);

#endif
