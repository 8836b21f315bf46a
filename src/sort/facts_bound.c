/* SPDX-License-Identifier: MIT
 *
 * Facts that leave the scan: made to fit, and copied to the caller's memory.
 */
#include "facts_bound_priv.h"

#include <string.h>

#include "doorstep/sort.h"

#define HEADER_PACKED 8 /* octets around a packed header field and part: facts_pack() */
#define PART_PACKED 44
#define FACTS_PACKED 128

static size_t
length_of(const char *s)
{
    return s == NULL ? 0 : strlen(s);
}

/* How long the facts are packed, without header fields and parts. */
static size_t
strings_size(const struct facts *f)
{
    return FACTS_PACKED + length_of(f->message_id) + length_of(f->subject) +
           length_of(f->base_subject) + length_of(f->from) + length_of(f->references) +
           length_of(f->list_id) + length_of(f->date) + length_of(f->envelope) +
           length_of(f->bodystructure) + length_of(f->preview);
}

static size_t
headers_size(const struct facts *f)
{
    size_t n = 0;

    for (uint32_t i = 0; i < f->header_count; i++)
        n += HEADER_PACKED + length_of(f->headers[i].name) + length_of(f->headers[i].value);
    return n;
}

static size_t
parts_size(const struct facts *f)
{
    size_t n = 0;

    for (uint32_t i = 0; i < f->part_count; i++)
        n += PART_PACKED + length_of(f->parts[i].number);
    return n;
}

/* Keep to SORT_FACTS_MAX: header fields can be read again from the message, parts too. */
static void
drop_what_is_too_much(struct facts *f)
{
    size_t strings = strings_size(f), headers = headers_size(f), parts = parts_size(f);

    if (strings + headers + parts <= SORT_FACTS_MAX)
        return;
    f->flags |= FACTS_TRUNCATED;
    f->header_count = 0;
    if (strings + parts > SORT_FACTS_MAX)
        f->part_count = 0;
}

/* Strings that are missing become empty ones. */
static bool
copy_string(const char **s, struct arena *arena)
{
    *s = arena_copy(arena, span_of(*s));
    return *s != NULL;
}

static bool
copy_headers(struct facts *f, struct arena *arena)
{
    struct facts_header *copy = arena_alloc(arena, f->header_count * sizeof *copy);
    bool ok = copy != NULL;

    for (uint32_t i = 0; ok && i < f->header_count; i++) {
        copy[i] = f->headers[i];
        ok = copy_string(&copy[i].name, arena) && copy_string(&copy[i].value, arena);
    }
    f->headers = copy;
    return ok;
}

static bool
copy_parts(struct facts *f, struct arena *arena)
{
    struct facts_part *copy = arena_alloc(arena, f->part_count * sizeof *copy);
    bool ok = copy != NULL;

    for (uint32_t i = 0; ok && i < f->part_count; i++) {
        copy[i] = f->parts[i];
        ok = copy_string(&copy[i].number, arena);
    }
    f->parts = copy;
    return ok;
}

bool
facts_bound_copy(struct facts *f, struct arena *arena)
{
    const char **strings[] = {&f->message_id, &f->subject,      &f->base_subject, &f->from,
                              &f->references, &f->list_id,      &f->date,         &f->envelope,
                              &f->preview,    &f->bodystructure};

    drop_what_is_too_much(f);
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++)
        if (!copy_string(strings[i], arena))
            return false;
    return copy_headers(f, arena) && copy_parts(f, arena);
}
