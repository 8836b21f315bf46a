/* SPDX-License-Identifier: MIT
 *
 * Strings out of packed bytes into an arena. The other side of a door may be taken over, so what
 * could end a line or a C string early is refused here, before anybody uses it.
 */
#include "doorstep/unpack_string.h"

static bool
has_nul(struct span s)
{
    return span_find(s, '\0') < s.n;
}

static bool
has_control(struct span s)
{
    unsigned found = 0;

    for (size_t i = 0; i < s.n; i++) { /* without a branch: compilers make vectors of it */
        unsigned char c = (unsigned char)s.p[i];
        found |= (unsigned)(c < 0x20) | (unsigned)(c == 0x7f);
    }
    return found != 0;
}

static const char *
copy_checked(struct unpack *u, struct arena *arena, struct span s, bool is_refused)
{
    u->broken = u->broken || is_refused;
    if (u->broken || s.n == 0)
        return "";
    const char *copy = arena_copy(arena, s);
    if (copy == NULL)
        u->broken = true;
    return copy != NULL ? copy : "";
}

const char *
unpack_string(struct unpack *u, struct arena *arena, size_t max)
{
    struct span s = unpack_span(u, max);

    return copy_checked(u, arena, s, has_nul(s));
}

const char *
unpack_line(struct unpack *u, struct arena *arena, size_t max)
{
    struct span s = unpack_span(u, max);

    return copy_checked(u, arena, s, has_control(s));
}
