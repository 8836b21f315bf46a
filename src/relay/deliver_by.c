/* SPDX-License-Identifier: MIT
 *
 * DELIVERBY's value: see doorstep/deliver_by.h.
 */
#include "doorstep/deliver_by.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "doorstep/span.h"

/* "N", "R", each with a "T" or without. */
static bool
parse_mode(const char *text, struct deliver_by *out)
{
    out->is_return = strncasecmp(text, "R", 1) == 0;
    out->has_trace = strcasecmp(text + 1, "T") == 0;
    return (out->is_return || strncasecmp(text, "N", 1) == 0) &&
           (out->has_trace || text[1] == '\0');
}

bool
deliver_by_parse(const char *text, struct deliver_by *out)
{
    bool is_negative = text[0] == '-', is_signed = is_negative || text[0] == '+';
    struct span rest = span_of(text + is_signed);
    struct span digits = {rest.p, span_find(rest, ';')};
    struct deliver_by by = {0};
    unsigned long long seconds = 0;

    *out = by;
    if (digits.n > 9 || digits.n == rest.n || rest.p[digits.n + 1] == '\0' ||
        !span_parse_u64(digits, DELIVER_BY_SECONDS_MAX, &seconds) ||
        !parse_mode(rest.p + digits.n + 1, &by))
        return false;
    by.seconds = is_negative ? -(int64_t)seconds : (int64_t)seconds;
    *out = by;
    return true;
}

void
deliver_by_print(const struct deliver_by *by, char out[DELIVER_BY_SIZE])
{
    long long seconds = by->seconds;

    if (seconds > DELIVER_BY_SECONDS_MAX)
        seconds = DELIVER_BY_SECONDS_MAX;
    if (seconds < -DELIVER_BY_SECONDS_MAX)
        seconds = -DELIVER_BY_SECONDS_MAX;
    snprintf(out, DELIVER_BY_SIZE, "%lld;%s%s", seconds, by->is_return ? "R" : "N",
             by->has_trace ? "T" : "");
}
