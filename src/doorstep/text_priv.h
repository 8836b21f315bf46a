/* SPDX-License-Identifier: MIT
 *
 * Text for people: what a terminal may safely print, how wide it is, and numbers, sizes and
 * times the way they are read and typed.
 */
#ifndef DOORSTEP_TEXT_PRIV_H
#define DOORSTEP_TEXT_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "doorstep/buf.h"

#define TEXT_NUMBER_SIZE 32

/* text_escape() - append s so that it can move no terminal: control octets, bidirectional and other
 * invisible controls, line separators and broken UTF-8 become \x1b or \u{202e}. Others stay as they
 * are. */
bool text_escape(struct buf *out, struct span s);

/* text_width() - columns of a terminal that an escaped text takes. */
size_t text_width(struct span s);

/* text_cut() - shorten b to at most width columns, "…" at its end when something went. */
void text_cut(struct buf *b, size_t width);

/* These print into out (TEXT_NUMBER_SIZE) and return it. */
const char *text_count(char *out, uint64_t n);         /* 12,345 */
const char *text_size(char *out, uint64_t octets);     /* 12.3 MiB */
const char *text_duration(char *out, uint64_t ms);     /* 3 d 4 h, 12.3 s, 45 ms */
const char *text_date(char *out, const char *rfc3339); /* local time; as it is when it is none */

/* text_parse_size() - "2G", "500M", "1234", K to T as powers of 1,024. */
bool text_parse_size(const char *s, uint64_t *octets);

/* text_parse_duration() - "90s", "5min", "2h", "3d", "1w"; a bare number is seconds. */
bool text_parse_duration(const char *s, uint64_t *seconds);

/* text_parse_rfc3339() - false when s is none; fractions are dropped. */
bool text_parse_rfc3339(const char *s, time_t *out);

/* text_print_rfc3339() - UTC, whole seconds; out as above. */
const char *text_print_rfc3339(char *out, time_t when);

#endif
