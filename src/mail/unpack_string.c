/* SPDX-License-Identifier: MIT
 *
 * Strings out of packed bytes into an arena. The other side of a door may be taken over, so what
 * could end a line or a C string early is refused here, before anybody uses it.
 */
#include "unpack_string_priv.h"

static const char *
unpack_checked(struct unpack *u, struct arena *arena, size_t max, unsigned char lowest)
{
    struct span s = unpack_span(u, max);

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < lowest || (c == 0x7f && lowest > 1))
            u->broken = true;
    }
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
    return unpack_checked(u, arena, max, 1);
}

const char *
unpack_line(struct unpack *u, struct arena *arena, size_t max)
{
    return unpack_checked(u, arena, max, 0x20);
}
