/* SPDX-License-Identifier: MIT
 *
 * The growing byte buffer: see buf.h. Grows by doubling, never past its maximum.
 */
#include "doorstep/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_FIRST 256 /* octets: most of what is printed fits without growing */

void
buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void
buf_release(struct buf *b)
{
    free(b->data);
    *b = (struct buf){.max = b->max};
}

void
buf_reset(struct buf *b)
{
    b->len = 0;
    if (b->data != NULL)
        b->data[0] = '\0';
}

bool
buf_reserve(struct buf *b, size_t more)
{
    if (more > b->max || b->len > b->max - more)
        return false;
    size_t need = b->len + more + 1; /* the terminating NUL */
    if (need <= b->size)
        return true;
    size_t size = b->size == 0 ? SIZE_FIRST : b->size;
    while (size < need)
        size = size > SIZE_MAX / 2 ? need : size * 2;
    char *data = realloc(b->data, size);
    if (data == NULL)
        return false;
    b->data = data;
    b->size = size;
    return true;
}

bool
buf_append_u64(struct buf *b, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    return buf_append(b, digits + at, sizeof digits - at);
}

/* Printed where it shall stand when there is room, and only otherwise a second time. */
bool
buf_printf(struct buf *b, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    size_t room = b->size - b->len;
    int n = vsnprintf(room > 0 ? b->data + b->len : NULL, room, format, args);
    bool fits = n >= 0 && (size_t)n < room && (size_t)n <= b->max - b->len;
    bool ok = fits || (n >= 0 && buf_reserve(b, (size_t)n));
    if (ok && !fits)
        vsnprintf(b->data + b->len, (size_t)n + 1, format, again);
    if (ok)
        b->len += (size_t)n;
    else if (room > 0)
        b->data[b->len] = '\0';
    va_end(again);
    va_end(args);
    return ok;
}

void
buf_consume(struct buf *b, size_t n)
{
    if (n >= b->len) {
        buf_reset(b);
        return;
    }
    memmove(b->data, b->data + n, b->len - n + 1);
    b->len -= n;
}

const char *
buf_str(const struct buf *b)
{
    return b->data == NULL ? "" : b->data;
}

struct span
buf_span(const struct buf *b)
{
    return (struct span){b->data, b->len};
}
