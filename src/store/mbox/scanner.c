/* SPDX-License-Identifier: MIT
 *
 * An mbox file's octets, in pieces of any size, to messages: where each begins and ends, and its
 * unquoted content. A message begins at a line "From " at the start of the file or behind a blank
 * line; that blank line belongs to no message. Whatever the octets are, this neither fails nor
 * keeps more of them than a line's beginning.
 */
#include "mbox_priv.h"

#include <stdio.h>
#include <string.h>

static const char from_[] = "From ";

void
mbox_scanner_init(struct mbox_scanner *s, void *arg)
{
    memset(s, 0, sizeof(*s));
    s->arg = arg;
    s->state = SCAN_START;
}

void
mbox_scanner_inside(struct mbox_scanner *s, uint64_t at)
{
    s->is_open = true;
    s->at = s->start = at;
}

static void
scanner_give(struct mbox_scanner *s, const char *p, size_t n)
{
    if (s->is_open && !s->is_stopped && n > 0 && s->content != NULL)
        s->is_stopped = !s->content(s->arg, p, n);
}

/* The blank line was content after all. */
static void
scanner_release(struct mbox_scanner *s)
{
    if (s->held > 0)
        scanner_give(s, s->held == 2 ? "\r\n" : "\n", s->held);
    s->held = 0;
}

/* after: offset behind the last octet of the message. */
static void
scanner_close(struct mbox_scanner *s, uint64_t after)
{
    if (s->is_open && !s->is_stopped && s->end != NULL)
        s->is_stopped = !s->end(s->arg, s->start, after);
    s->is_open = false;
    s->held = 0;
}

/* "From " stands at the start of a line; s->at is behind it. */
static void
scanner_from(struct mbox_scanner *s)
{
    uint64_t line = s->at - strlen(from_);

    s->matched = 0;
    if (line == 0 || s->held > 0) {
        scanner_close(s, line - s->held);
        s->state = SCAN_FROM_LINE;
        s->from_length = 0;
        return;
    }
    scanner_give(s, from_, strlen(from_));
    s->state = SCAN_LINE;
}

/* What was kept back while a line's beginning looked like more. */
static void
scanner_line(struct mbox_scanner *s)
{
    scanner_release(s);
    if (s->state == SCAN_CR)
        scanner_give(s, "\r", 1);
    if (s->state == SCAN_QUOTE || s->state == SCAN_QUOTED_FROM)
        scanner_give(s, ">", 1);
    scanner_give(s, from_, s->matched);
    s->matched = 0;
    s->state = SCAN_LINE;
}

/* A blank line of n octets, its LF just taken. */
static void
scanner_blank(struct mbox_scanner *s, unsigned n)
{
    scanner_release(s);
    s->held = n;
    s->state = SCAN_START;
}

/* One octet at the beginning of a line; false: it is not one of those, the line goes on with it. */
static bool
scanner_begin_line(struct mbox_scanner *s, char c)
{
    switch (c) {
    case '\n':
        scanner_blank(s, 1);
        return true;
    case '\r':
        s->state = SCAN_CR;
        return true;
    case '>':
        scanner_release(s);
        s->state = SCAN_QUOTE;
        return true;
    case 'F':
        s->state = SCAN_FROM;
        s->matched = 1;
        return true;
    default:
        return false;
    }
}

static bool
scanner_match(struct mbox_scanner *s, char c)
{
    if (c != from_[s->matched])
        return false;
    s->matched++;
    return true;
}

static bool
scanner_in_quote(struct mbox_scanner *s, char c)
{
    if (c == '>') { /* one stays back, the others are content */
        scanner_give(s, ">", 1);
        return true;
    }
    if (c != 'F')
        return false;
    s->state = SCAN_QUOTED_FROM;
    s->matched = 1;
    return true;
}

/* One octet while it is open what the line is; false: give it to the line. */
static bool
scanner_step(struct mbox_scanner *s, char c)
{
    switch (s->state) {
    case SCAN_START:
        return scanner_begin_line(s, c);
    case SCAN_CR:
        if (c != '\n')
            return false;
        scanner_blank(s, 2);
        return true;
    case SCAN_FROM:
        if (!scanner_match(s, c))
            return false;
        if (s->matched == strlen(from_))
            scanner_from(s);
        return true;
    case SCAN_QUOTE:
        return scanner_in_quote(s, c);
    case SCAN_QUOTED_FROM:
        if (!scanner_match(s, c))
            return false;
        if (s->matched == strlen(from_)) {
            s->matched = 0;
            s->state = SCAN_LINE;
            scanner_give(s, from_, strlen(from_)); /* without the one that stayed back */
        }
        return true;
    case SCAN_LINE:
    case SCAN_FROM_LINE:
        break;
    }
    return false;
}

/* The rest of a line, at most n octets; how many. */
static size_t
scanner_rest(struct mbox_scanner *s, const char *p, size_t n)
{
    const char *lf = memchr(p, '\n', n);
    size_t take = lf != NULL ? (size_t)(lf - p) + 1 : n;

    if (s->state == SCAN_LINE) {
        scanner_give(s, p, take);
    } else {
        size_t keep = take - (lf != NULL);
        size_t room = sizeof(s->from) - 1 - s->from_length;
        keep = keep < room ? keep : room;
        memcpy(s->from + s->from_length, p, keep);
        s->from_length += keep;
    }
    return take;
}

static void
scanner_open(struct mbox_scanner *s)
{
    s->from[s->from_length] = '\0';
    s->is_open = true;
    s->start = s->at;
    if (s->begin != NULL && !s->is_stopped)
        s->begin(s->arg, s->from);
}

bool
mbox_scanner_feed(struct mbox_scanner *s, const char *p, size_t n)
{
    while (n > 0 && !s->is_stopped) {
        size_t take = 1;
        if (s->state == SCAN_LINE || s->state == SCAN_FROM_LINE) {
            take = scanner_rest(s, p, n);
            s->at += take;
            if (p[take - 1] == '\n') {
                if (s->state == SCAN_FROM_LINE)
                    scanner_open(s);
                s->state = SCAN_START;
            }
        } else {
            s->at++;
            if (!scanner_step(s, *p)) {
                s->at--;
                take = 0;
                scanner_line(s);
            }
        }
        p += take;
        n -= take;
    }
    return !s->is_stopped;
}

void
mbox_scanner_end(struct mbox_scanner *s, bool keep_held)
{
    if (s->state == SCAN_FROM_LINE) { /* a From_ line without an end: an empty message */
        scanner_open(s);
    } else if (s->state != SCAN_LINE && s->state != SCAN_START) {
        scanner_line(s);
    }
    if (keep_held)
        scanner_release(s);
    scanner_close(s, s->at - s->held);
}

/* ---- the date of a From_ line ---- */

static int
from_month(const char *name)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int i = 0; i < 12; i++) {
        if (strncmp(months + 3 * i, name, 3) == 0)
            return i;
    }
    return -1;
}

/* "sender Thu Jan  1 00:00:00 1970": from the end, because a sender may hold spaces. Other writers
 * put a time zone before the year, or leave the seconds out; their date is then unknown. */
time_t
mbox_from_time(const char *from)
{
    struct tm tm = {0};
    char month[4];
    size_t n = strlen(from);
    int used = 0;

    if (n < 24)
        return -1;
    if (sscanf(from + n - 24, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d%n", month, &tm.tm_mday,
               &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &tm.tm_year, &used) != 6 ||
        used != 24)
        return -1;
    tm.tm_mon = from_month(month);
    tm.tm_year -= 1900;
    if (tm.tm_mon < 0 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 ||
        tm.tm_sec > 60 || tm.tm_hour < 0 || tm.tm_min < 0 || tm.tm_sec < 0)
        return -1;
    return timegm(&tm);
}
