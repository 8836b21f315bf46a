/* SPDX-License-Identifier: MIT
 *
 * Text for people. Mail is full of what strangers wrote; nothing of it may reach a terminal as
 * a command, nor turn the reading order of the line around it (CVE-2021-42574).
 */
#include "text_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unictype.h>
#include <unistr.h>
#include <uniwidth.h>

#include "doorstep/span.h"

#define ELLIPSIS "\xe2\x80\xa6"

/* C0, DEL and C1 (Cc), bidirectional and other invisible controls (Cf), line separators (Zl, Zp).
 */
static bool
is_printable(ucs4_t c)
{
    const uint32_t controls = UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf | UC_CATEGORY_MASK_Cs |
                              UC_CATEGORY_MASK_Zl | UC_CATEGORY_MASK_Zp;
    bool is_joiner = c == 0x200C || c == 0x200D; /* emoji and Persian need them */

    return is_joiner || !uc_is_general_category_withtable(c, controls);
}

bool
text_escape(struct buf *out, struct span s)
{
    while (s.n > 0) {
        ucs4_t c;
        int n = u8_mbtoucr(&c, (const uint8_t *)s.p, s.n);
        bool good = true;

        if (n < 0) {
            n = 1;
            good = buf_printf(out, "\\x%02x", (unsigned char)s.p[0]);
        } else if (is_printable(c)) {
            good = buf_append(out, s.p, (size_t)n);
        } else if (c < 0x80) {
            good = buf_printf(out, "\\x%02x", (unsigned)c);
        } else {
            good = buf_printf(out, "\\u{%x}", (unsigned)c);
        }
        if (!good)
            return false;
        s = span_skip(s, (size_t)n);
    }
    return true;
}

size_t
text_width(struct span s)
{
    int width = s.n == 0 ? 0 : u8_width((const uint8_t *)s.p, s.n, "UTF-8");
    return width < 0 ? 0 : (size_t)width;
}

/* Octets of s that fit in width columns, cut between characters. */
static size_t
fitting(struct span s, size_t width)
{
    size_t at = 0, used = 0;

    while (at < s.n) {
        ucs4_t c;
        int n = u8_mbtoucr(&c, (const uint8_t *)s.p + at, s.n - at);
        size_t octets = n < 1 ? 1 : (size_t)n;
        size_t columns = text_width((struct span){s.p + at, octets});
        if (used + columns > width)
            break;
        used += columns;
        at += octets;
    }
    return at;
}

void
text_cut(struct buf *b, size_t width)
{
    if (b->len <= width ||
        text_width(buf_span(b)) <= width) /* no character is wider than its octets */
        return;
    b->len = fitting(buf_span(b), width > 0 ? width - 1 : 0);
    if (width > 0)
        buf_append_str(b, ELLIPSIS);
    else
        buf_reset(b);
}

const char *
text_count(char *out, uint64_t n)
{
    char digits[TEXT_NUMBER_SIZE];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
    char *to = out;

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}

const char *
text_size(char *out, uint64_t octets)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)octets;
    size_t unit = 0;

    while (value >= 1023.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1024;
        unit++;
    }
    snprintf(out, TEXT_NUMBER_SIZE, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return out;
}

const char *
text_duration(char *out, uint64_t ms)
{
    unsigned long long s = ms / 1000;

    if (ms < 1000)
        snprintf(out, TEXT_NUMBER_SIZE, "%llu ms", (unsigned long long)ms);
    else if (s < 60)
        snprintf(out, TEXT_NUMBER_SIZE, "%.1f s", (double)ms / 1000);
    else if (s < 3600)
        snprintf(out, TEXT_NUMBER_SIZE, "%llu min %llu s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(out, TEXT_NUMBER_SIZE, "%llu h %llu min", s / 3600, s / 60 % 60);
    else
        snprintf(out, TEXT_NUMBER_SIZE, "%llu d %llu h", s / 86400, s / 3600 % 24);
    return out;
}

bool
text_parse_rfc3339(const char *s, time_t *out)
{
    struct tm tm = {0};
    const char *rest = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
    int hours = 0, minutes = 0;
    char sign[2] = "+";

    if (rest == NULL)
        return false;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    if (strcmp(rest, "Z") != 0 &&
        (sscanf(rest, "%1[+-]%2d:%2d", sign, &hours, &minutes) != 3 || strlen(rest) != 6))
        return false;
    time_t offset = (time_t)hours * 3600 + (time_t)minutes * 60;
    *out = timegm(&tm) - (sign[0] == '-' ? -offset : offset);
    return true;
}

const char *
text_print_rfc3339(char *out, time_t when)
{
    struct tm tm;

    if (gmtime_r(&when, &tm) == NULL || strftime(out, TEXT_NUMBER_SIZE, "%FT%TZ", &tm) == 0)
        out[0] = '\0';
    return out;
}

const char *
text_date(char *out, const char *rfc3339)
{
    time_t when;
    struct tm tm;

    if (!text_parse_rfc3339(rfc3339, &when) || localtime_r(&when, &tm) == NULL ||
        strftime(out, TEXT_NUMBER_SIZE, "%F %T", &tm) == 0)
        snprintf(out, TEXT_NUMBER_SIZE, "%s", rfc3339);
    return out;
}

struct unit {
    const char *name;
    uint64_t factor;
};

static bool
parse_with_unit(const char *s, const struct unit *units, uint64_t *out)
{
    size_t digits = strspn(s, "0123456789");
    unsigned long long n;

    if (!span_parse_u64((struct span){s, digits}, UINT64_MAX, &n))
        return false;
    for (; units->name != NULL; units++) {
        if (strcasecmp(s + digits, units->name) != 0)
            continue;
        *out = n * units->factor;
        return n <= (uint64_t)INT64_MAX / units->factor;
    }
    return false;
}

bool
text_parse_size(const char *s, uint64_t *octets)
{
    static const struct unit units[] = {
        {"", 1},          {"B", 1},       {"K", 1 << 10},   {"KiB", 1 << 10},  {"M", 1 << 20},
        {"MiB", 1 << 20}, {"G", 1 << 30}, {"GiB", 1 << 30}, {"T", 1ull << 40}, {"TiB", 1ull << 40},
        {NULL, 0},
    };
    return parse_with_unit(s, units, octets);
}

bool
text_parse_duration(const char *s, uint64_t *seconds)
{
    static const struct unit units[] = {
        {"", 1},      {"s", 1},      {"sec", 1},     {"m", 60},       {"min", 60}, {"h", 3600},
        {"d", 86400}, {"w", 604800}, {"day", 86400}, {"days", 86400}, {NULL, 0},
    };
    return parse_with_unit(s, units, seconds);
}
