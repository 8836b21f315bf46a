/* SPDX-License-Identifier: MIT
 *
 * Plain values to bytes and back: see pack.h.
 */
#include "doorstep/pack.h"

#include <endian.h>
#include <string.h>

void
pack_init(struct pack *p, struct buf *out)
{
    *p = (struct pack){.out = out};
}

static void
put(struct pack *p, uint64_t v, size_t width)
{
    uint64_t bytes = htole64(v);

    if (p->full || !buf_append(p->out, &bytes, width))
        p->full = true;
}

void
pack_u8(struct pack *p, uint8_t v)
{
    put(p, v, 1);
}

void
pack_u16(struct pack *p, uint16_t v)
{
    put(p, v, 2);
}

void
pack_u32(struct pack *p, uint32_t v)
{
    put(p, v, 4);
}

void
pack_u64(struct pack *p, uint64_t v)
{
    put(p, v, 8);
}

void
pack_span(struct pack *p, struct span s)
{
    if (s.n > UINT32_MAX) {
        p->full = true;
        return;
    }
    pack_u32(p, (uint32_t)s.n);
    if (p->full || !buf_append_span(p->out, s))
        p->full = true;
}

void
pack_str(struct pack *p, const char *s)
{
    pack_span(p, span_of(s));
}

void
unpack_init(struct unpack *u, struct span in)
{
    *u = (struct unpack){.rest = in};
}

static uint64_t
take(struct unpack *u, size_t width)
{
    uint64_t v = 0;

    if (u->broken || u->rest.n < width) {
        u->broken = true;
        return 0;
    }
    memcpy(&v, u->rest.p, width);
    u->rest = span_skip(u->rest, width);
    return le64toh(v);
}

uint8_t
unpack_u8(struct unpack *u)
{
    return (uint8_t)take(u, 1);
}

uint16_t
unpack_u16(struct unpack *u)
{
    return (uint16_t)take(u, 2);
}

uint32_t
unpack_u32(struct unpack *u)
{
    return (uint32_t)take(u, 4);
}

uint64_t
unpack_u64(struct unpack *u)
{
    return take(u, 8);
}

struct span
unpack_span(struct unpack *u, size_t max)
{
    uint32_t n = unpack_u32(u);

    if (u->broken || n > max || n > u->rest.n) {
        u->broken = true;
        return SPAN_NONE;
    }
    struct span s = {u->rest.p, n};
    u->rest = span_skip(u->rest, n);
    return s;
}

void
unpack_str(struct unpack *u, char *out, size_t size)
{
    struct span s = unpack_span(u, size - 1);

    if (s.n > 0 && memchr(s.p, '\0', s.n) != NULL) {
        u->broken = true;
        s = SPAN_NONE;
    }
    if (s.n > 0)
        memcpy(out, s.p, s.n);
    out[s.n] = '\0';
}

bool
unpack_done(const struct unpack *u)
{
    return !u->broken && u->rest.n == 0;
}
