/* SPDX-License-Identifier: MIT
 *
 * What a sorter does: bytes of a message in, facts out. No files, no network. sort_scan_* is the
 * pure part (tests, fuzzing); sort_run() is the role that serves it on a door.
 */
#ifndef DOORSTEP_SORT_H
#define DOORSTEP_SORT_H

#include "doorstep/arena.h"
#include "doorstep/facts.h"

struct sort_scan;

/* sort_scan_new() - NULL without memory. */
struct sort_scan *sort_scan_new(void);
void sort_scan_free(struct sort_scan *s);

/* sort_scan_feed() - the next octets, split anyhow. Linear time, memory bounded by the limits of
 * design (depth 100, 10,000 parts, header block 256 KiB); never fails, past a limit facts are
 * marked FACTS_TRUNCATED. */
void sort_scan_feed(struct sort_scan *s, const void *data, size_t n);

/* sort_scan_finish() - the facts; strings live in arena. false only without memory. */
bool sort_scan_finish(struct sort_scan *s, struct arena *arena, struct facts *out);

/* sort_prepare() - call before the sandbox closes: opens iconv descriptors for the charsets of the
 * allow-list (glibc loads them from files) and reads the time zone. */
void sort_prepare(void);

/* sort_run() - the role: serve SORT_MESSAGE on the door (taken) until it closes or messages_max were
 * served; the exit status. One thread, straight lines. */
int sort_run(int door_fd, unsigned messages_max);

#endif
