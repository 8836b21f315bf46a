/* SPDX-License-Identifier: MIT
 *
 * Part numbers. A message - the whole one, or one inside a message/rfc822 part - has no number of
 * its own: its row is named after its text, "" or "2.TEXT"; where it is not a multipart, its body
 * is also part 1 of it and has a second row as "1" or "2.1".
 */
#include "part_rows_priv.h"

#include "doorstep/buf.h"

#define NUMBER_MAX ((MIME_DEPTH_MAX + 1) * 6 + 8) /* "10000." a level, and "TEXT" */

static bool
is_message(const struct mime_part *rows, uint32_t i)
{
    return rows[i].parent == MIME_NO_PART || rows[rows[i].parent].kind == MIME_MESSAGE;
}

/* The number of part i, from the innermost level outwards: digits[0] is its last. A message that is
 * a multipart adds nothing: its children count below the part that it is in. */
static size_t
find_number(const struct mime_part *rows, uint32_t i, uint32_t digits[MIME_DEPTH_MAX + 1])
{
    size_t n = 0;

    for (; i != MIME_NO_PART; i = rows[i].parent)
        if (!is_message(rows, i) || rows[i].kind != MIME_MULTIPART)
            digits[n++] = rows[i].number;
    return n;
}

static bool
print_number(const uint32_t *digits, size_t n, const char *end, struct buf *out)
{
    bool fits = true;

    while (n > 0) {
        fits = (out->len == 0 || buf_append_char(out, '.')) && fits;
        fits = buf_append_u64(out, digits[--n]) && fits;
    }
    if (end[0] != '\0' && out->len > 0)
        fits = buf_append_char(out, '.') && buf_append_str(out, end) && fits;
    return fits;
}

/* Add the row of part i; as_message: under the name of the message's text. */
static bool
add_row(const struct mime_part *rows, uint32_t i, bool as_message, struct arena *arena,
        struct facts *out)
{
    uint32_t digits[MIME_DEPTH_MAX + 1];
    uint32_t of = as_message ? rows[i].parent : i;
    struct facts_part *row = &out->parts[out->part_count];
    struct buf number;

    buf_init(&number, NUMBER_MAX);
    bool ok =
        print_number(digits, find_number(rows, of, digits), as_message ? "TEXT" : "", &number);
    *row = (struct facts_part){
        .header_start = rows[i].header_start,
        .body_start = rows[i].body_start,
        .body_octets = rows[i].body_octets,
        .body_lines = rows[i].body_lines,
        .lines_before = rows[i].lines_before,
    };
    row->number = ok ? arena_copy(arena, buf_span(&number)) : NULL;
    buf_release(&number);
    out->part_count += row->number != NULL;
    return row->number != NULL;
}

bool
part_rows_make(const struct mime_part *rows, uint32_t count, struct arena *arena, struct facts *out)
{
    bool ok;

    out->parts = arena_alloc(arena, 2 * (size_t)count * sizeof *out->parts);
    ok = out->parts != NULL;
    for (uint32_t i = 0; i < count && ok; i++) {
        bool in_message = is_message(rows, i);
        if (in_message)
            ok = add_row(rows, i, true, arena, out);
        if (ok && (!in_message || rows[i].kind != MIME_MULTIPART))
            ok = add_row(rows, i, false, arena, out);
    }
    if (!ok)
        out->part_count = 0;
    return ok;
}
