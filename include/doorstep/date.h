/* SPDX-License-Identifier: MIT
 *
 * The date-time of a Date or Received field (RFC 5322 3.3, obsolete forms 4.3) and its RFC 3339
 * form. The year is kept between 1900 and 9999, so that the text always has the same shape.
 */
#ifndef DOORSTEP_DATE_H
#define DOORSTEP_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/span.h"

struct date {
    int64_t seconds;  /* since 1970-01-01T00:00:00Z, without leap seconds, as POSIX counts */
    int zone_minutes; /* east of Greenwich; 0 where the zone is not known */
    bool is_leap;     /* it was written with second 60; seconds is then the next minute's first */
};

struct date_parts { /* local time, in the date's own zone */
    int year, month, day;
    int hour, minute, second; /* second 60: a leap second */
    int weekday;              /* 0 is Sunday */
    int64_t julian;           /* Modified Julian Day: days since 1858-11-17 */
};

/* date_parse() - white space and comments may stand anywhere between the tokens; the day of the
 * week is not checked against the day. A second of 60 is the first of the next minute. A missing or
 * unknown zone is UTC. False: no date, and *out is unchanged. */
bool date_parse(struct span in, struct date *out);

/* date_split() - by the Gregorian calendar, which also holds before it was made. */
void date_split(const struct date *d, struct date_parts *out);

#define DATE_RFC3339_SIZE 26 /* "2026-11-22T03:36:25+01:00" with its NUL */

#define DATE_RFC5322_SIZE 40 /* "Sun, 22 Nov 2026 03:36:25 +0100" with its NUL */

/* date_print_rfc5322() - as a Date field has it, in the date's zone. */
void date_print_rfc5322(const struct date *d, char out[DATE_RFC5322_SIZE]);

/* date_print_rfc3339() - local time with the zone as a number. */
void date_print_rfc3339(const struct date *d, char out[DATE_RFC3339_SIZE]);

#endif
