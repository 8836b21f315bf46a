/* SPDX-License-Identifier: MIT
 *
 * A borrowed piece of memory: pointer and length, never owned, not NUL-terminated.
 * Everything that parses speaks in spans, so that nothing is copied to be looked at.
 */
#ifndef DOORSTEP_SPAN_H
#define DOORSTEP_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
    const char *p; /* borrowed; may be NULL when n is 0 */
    size_t n;
};

#define SPAN(literal) ((struct span){"" literal, sizeof(literal) - 1})
#define SPAN_NONE ((struct span){NULL, 0})

/* span_of() - the span of a NUL-terminated string; NULL gives SPAN_NONE. */
static inline struct span
span_of(const char *s)
{
    return s == NULL ? SPAN_NONE : (struct span){s, strlen(s)};
}

static inline bool
span_equal(struct span a, struct span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* span_equal_fold() - equal when ASCII letters are compared without case. */
bool span_equal_fold(struct span a, struct span b);

bool span_has_prefix_fold(struct span s, struct span prefix);

/* span_find() - offset of the first c, or s.n when there is none. */
static inline size_t
span_find(struct span s, char c)
{
    const char *hit = s.n == 0 ? NULL : (const char *)memchr(s.p, c, s.n);

    return hit == NULL ? s.n : (size_t)(hit - s.p);
}

/* span_skip() - s without its first n octets (all of them when n is larger). */
static inline struct span
span_skip(struct span s, size_t n)
{
    if (n > s.n)
        n = s.n;
    return n == 0 ? s : (struct span){s.p + n, s.n - n};
}

/* span_trim() - s without spaces, tabs, CR and LF at both ends. */
struct span span_trim(struct span s);

/* span_parse_u64() - decimal digits only, no sign, no spaces; false when empty or too big. */
bool span_parse_u64(struct span s, unsigned long long max, unsigned long long *out);

#endif
