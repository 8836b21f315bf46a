/* SPDX-License-Identifier: MIT
 *
 * What a sorter does: bytes of a message in, facts out. No files, no network. sort_scan_* is the
 * pure part (tests, fuzzing); sort_run() is the role that serves it on a door.
 */
#ifndef DOORSTEP_SORT_H
#define DOORSTEP_SORT_H

#include "doorstep/arena.h"
#include "doorstep/charset.h"
#include "doorstep/facts.h"
#include "doorstep/sieve.h"

struct sort_scan;

/* sort_scan_new() - NULL without memory. Charsets are opened as they are met, until
 * sort_scan_use_charsets() lends a set. One scan, one thread at a time. */
struct sort_scan *sort_scan_new(void);
void sort_scan_free(struct sort_scan *s); /* NULL is allowed */

/* sort_scan_use_charsets() - charsets is borrowed and must outlive the scan. */
void sort_scan_use_charsets(struct sort_scan *s, struct charsets *charsets);

/* sort_scan_feed() - the next octets, split anyhow. Linear time, memory bounded by the limits of
 * mime.h (depth 100, 10,000 parts, header block 256 KiB); never fails, past a limit facts are
 * marked FACTS_TRUNCATED. CRLF and LF both end a line, and both count as two octets. */
void sort_scan_feed(struct sort_scan *s, const void *data, size_t n);

/* sort_scan_finish() - the facts; strings live in arena, which needs room for SORT_FACTS_MAX
 * octets. false only without memory. Either way the scan is then ready for another message. */
bool sort_scan_finish(struct sort_scan *s, struct arena *arena, struct facts *out);

/* Packed facts are never longer: first the header fields are left out, then the parts. */
#define SORT_FACTS_MAX (1024 * 1024)

/* sort_prepare() - call before the sandbox closes: opens iconv descriptors for the charsets of the
 * allow-list (glibc loads them from files) and reads the time zone. The set is owned by the caller,
 * who hands it to sort_run(); NULL without memory. */
struct charsets *sort_prepare(void);

struct sort_options {
    unsigned messages_max; /* to be served, then the role ends; 0: no end */
    struct sieve_limits sieve;
    const char *hostname, *postmaster; /* as scripts and their reports name us */
    /* What the administrator has set for extensions, or NULL. May be NULL. */
    const char *(*setting)(void *arg, const char *name);
    void *arg;
    bool has_user_programs; /* accounts' own scripts may call programs */
};

/* sort_run() - the role: serve SORT_MESSAGE and SORT_CHECK on the door (taken) until it closes or
 * enough were served; charsets and options are borrowed. The exit status: 0, or 1 when the other
 * side sent what no frame is or memory ran out. One thread, straight lines. */
int sort_run(struct charsets *charsets, int door_fd, const struct sort_options *options);

#endif
