/* SPDX-License-Identifier: MIT
 *
 * Cached header fields and MIME part offsets as octets of two columns, and dates as text. Numbers
 * are little-endian and strings carry their length (pack.h): headers: u32 count, then name and
 * value of each parts:   u32 count, then number, header_start, body_start, body_octets, body_lines,
 * lines_before
 */
#include "index_priv.h"

#include <stdio.h>
#include <string.h>

#include "doorstep/pack.h"

#define HEADER_OCTETS_MIN 8                 /* two empty strings */
#define PART_OCTETS_MIN (4 + 5 * 8)         /* an empty number and five u64 */
#define YEAR_10000 ((time_t)253402300800LL) /* first second that four digits do not hold */

bool
index_facts_headers(const struct facts *f, struct buf *out)
{
    struct pack p;
    pack_init(&p, out);
    pack_u32(&p, f->header_count);
    for (uint32_t i = 0; i < f->header_count; i++) {
        pack_str(&p, f->headers[i].name);
        pack_str(&p, f->headers[i].value);
    }
    return !p.full;
}

bool
index_facts_parts(const struct facts *f, struct buf *out)
{
    struct pack p;
    pack_init(&p, out);
    pack_u32(&p, f->part_count);
    for (uint32_t i = 0; i < f->part_count; i++) {
        const struct facts_part *part = &f->parts[i];
        pack_str(&p, part->number);
        pack_u64(&p, part->header_start);
        pack_u64(&p, part->body_start);
        pack_u64(&p, part->body_octets);
        pack_u64(&p, part->body_lines);
        pack_u64(&p, part->lines_before);
    }
    return !p.full;
}

/* read_count() - no larger than what the rest can hold, so that a damaged count allocates nothing.
 */
static uint32_t
read_count(struct unpack *u, size_t octets_min)
{
    uint32_t count = unpack_u32(u);
    if (count > u->rest.n / octets_min)
        u->broken = true;
    return u->broken ? 0 : count;
}

static const char *
read_string(struct unpack *u, struct arena *arena)
{
    struct span s = unpack_span(u, u->rest.n);
    if (u->broken || (s.n > 0 && memchr(s.p, '\0', s.n) != NULL)) {
        u->broken = true;
        return "";
    }
    const char *copy = arena_copy(arena, s);
    if (copy == NULL)
        u->broken = true;
    return copy == NULL ? "" : copy;
}

bool
index_facts_read_headers(struct span in, struct arena *arena, struct facts *f)
{
    struct unpack u;
    unpack_init(&u, in);
    f->header_count = read_count(&u, HEADER_OCTETS_MIN);
    f->headers = arena_alloc(arena, f->header_count * sizeof(*f->headers));
    for (uint32_t i = 0; f->headers != NULL && i < f->header_count && !u.broken; i++) {
        f->headers[i].name = read_string(&u, arena);
        f->headers[i].value = read_string(&u, arena);
    }
    return f->headers != NULL && unpack_done(&u);
}

bool
index_facts_read_parts(struct span in, struct arena *arena, struct facts *f)
{
    struct unpack u;
    unpack_init(&u, in);
    f->part_count = read_count(&u, PART_OCTETS_MIN);
    f->parts = arena_alloc(arena, f->part_count * sizeof(*f->parts));
    for (uint32_t i = 0; f->parts != NULL && i < f->part_count && !u.broken; i++) {
        f->parts[i].number = read_string(&u, arena);
        f->parts[i].header_start = unpack_u64(&u);
        f->parts[i].body_start = unpack_u64(&u);
        f->parts[i].body_octets = unpack_u64(&u);
        f->parts[i].body_lines = unpack_u64(&u);
        f->parts[i].lines_before = unpack_u64(&u);
    }
    return f->parts != NULL && unpack_done(&u);
}

void
internal_date_print(struct timespec t, char out[DATE_SIZE])
{
    struct tm tm;
    if (t.tv_sec < 0 || t.tv_sec >= YEAR_10000 || t.tv_nsec < 0 || t.tv_nsec > 999999999)
        t = (struct timespec){0}; /* a file's time may be nonsense; a row's is not */
    gmtime_r(&t.tv_sec, &tm);
    size_t n = strftime(out, DATE_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, DATE_SIZE - n, ".%09uZ", (unsigned)t.tv_nsec % 1000000000U);
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
