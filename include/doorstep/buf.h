/* SPDX-License-Identifier: MIT
 *
 * The one growing byte buffer. Its maximum is given at init, so whatever a peer can make
 * longer has a limit. A failed append leaves the content as it was.
 * Not thread-safe: one buffer, one thread at a time.
 */
#ifndef DOORSTEP_BUF_H
#define DOORSTEP_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "doorstep/span.h"

struct buf {
    char *data; /* owned; NUL-terminated behind len once anything was appended */
    size_t len;
    size_t size; /* octets allocated */
    size_t max;  /* len never passes it */
};

void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b);

/* buf_reset() - forget the content, keep the memory. */
void buf_reset(struct buf *b);

/* All of these return false, changing nothing, past the maximum or without memory. */
bool buf_reserve(struct buf *b, size_t more);

/* Inline, as the innermost step of every printer and parser. */
static inline bool
buf_append(struct buf *b, const void *data, size_t n)
{
    if (b->size <= b->len || n > b->size - b->len - 1 || n > b->max - b->len) {
        if (!buf_reserve(b, n))
            return false;
    }
    if (n > 0)
        memcpy(b->data + b->len, data, n);
    b->len += n;
    b->data[b->len] = '\0';
    return true;
}

static inline bool
buf_append_span(struct buf *b, struct span s)
{
    return buf_append(b, s.p, s.n);
}

static inline bool
buf_append_str(struct buf *b, const char *s)
{
    return buf_append(b, s, strlen(s));
}

static inline bool
buf_append_char(struct buf *b, char c)
{
    return buf_append(b, &c, 1);
}

/* buf_append_u64() - in decimal. */
bool buf_append_u64(struct buf *b, uint64_t v);
bool buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* buf_consume() - drop n octets (at most len) from the front. */
void buf_consume(struct buf *b, size_t n);

/* buf_str() - the content as a C string, "" when empty; borrowed until the next change. */
const char *buf_str(const struct buf *b);

/* buf_span() - the content; borrowed until the next change. */
struct span buf_span(const struct buf *b);

#endif
