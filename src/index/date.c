/* SPDX-License-Identifier: MIT
 *
 * INTERNALDATE as text: RFC 3339, UTC, nanoseconds, so that it sorts as text.
 */
#include "index_priv.h"

#define YEAR_10000 ((time_t)253402300800LL) /* first second that four digits do not hold */

/* put_digits() - of v, `width` of them. */
static char *
put_digits(char *out, unsigned v, int width, char behind)
{
    for (int i = width - 1; i >= 0; i--, v /= 10)
        out[i] = (char)('0' + v % 10);
    out[width] = behind;
    return out + width + 1;
}

void
internal_date_print(struct timespec t, char out[DATE_SIZE])
{
    struct tm tm;
    if (t.tv_sec < 0 || t.tv_sec >= YEAR_10000 || t.tv_nsec < 0 || t.tv_nsec > 999999999)
        t = (struct timespec){0}; /* a file's time may be nonsense; a row's is not */
    gmtime_r(&t.tv_sec, &tm);
    char *p = put_digits(out, (unsigned)tm.tm_year + 1900, 4, '-');
    p = put_digits(p, (unsigned)tm.tm_mon + 1, 2, '-');
    p = put_digits(p, (unsigned)tm.tm_mday, 2, 'T');
    p = put_digits(p, (unsigned)tm.tm_hour, 2, ':');
    p = put_digits(p, (unsigned)tm.tm_min, 2, ':');
    p = put_digits(p, (unsigned)tm.tm_sec, 2, '.');
    p = put_digits(p, (unsigned)t.tv_nsec, 9, 'Z');
    *p = '\0';
}

/* date_digits() - n digits at *p, which moves on; -1 when there are none. */
static int
date_digits(const char **p, int n)
{
    int v = 0;
    for (; n > 0; n--, (*p)++) {
        if (**p < '0' || **p > '9')
            return -1;
        v = v * 10 + (**p - '0');
    }
    return v;
}

bool
internal_date_parse(const char *text, struct timespec *out)
{
    static const char behind[] = "--T::."; /* what follows each number but the last */
    static const int widths[] = {4, 2, 2, 2, 2, 2, 9};
    int v[7];
    for (int i = 0; i < 7; i++) {
        v[i] = date_digits(&text, widths[i]);
        if (v[i] < 0 || *text != (i < 6 ? behind[i] : 'Z'))
            return false;
        text++;
    }
    struct tm tm = {.tm_year = v[0] - 1900,
                    .tm_mon = v[1] - 1,
                    .tm_mday = v[2],
                    .tm_hour = v[3],
                    .tm_min = v[4],
                    .tm_sec = v[5]};
    *out = (struct timespec){.tv_sec = timegm(&tm), .tv_nsec = v[6]};
    return *text == '\0' && v[1] >= 1 && v[1] <= 12 && v[2] >= 1 && v[2] <= 31 && v[3] < 24 &&
           v[4] < 60 && v[5] < 61;
}
