/* SPDX-License-Identifier: MIT
 *
 * From files to the one text that libconfuse parses. libconfuse 3.3 stops at its first error inside
 * an included file without closing it (after ten bad reloads no include works any more), writes one
 * octet behind its buffer for some comments, skips characters that it does not know, and looks up
 * names with | or = in them by rules of its own. So this scanner resolves include() itself, drops
 * comments, and refuses what libconfuse would misread. What the words mean is left to libconfuse
 * and reader.c.
 */
#include "source_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "scan_priv.h"

void
source_error(struct source_errors *e, struct source_place at, const char *format, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    e->count++;
    if (at.line == 0)
        buf_printf(e->out, "%s: %s\n", at.file, text);
    else
        buf_printf(e->out, "%s:%u: %s\n", at.file, at.line, text);
}

void
source_init(struct source *s, struct arena *arena)
{
    *s = (struct source){.arena = arena};
    buf_init(&s->text, 2 * SOURCE_TEXT_MAX);
    buf_init(&s->pieces, SOURCE_SIZE_MAX * sizeof(struct source_piece));
    buf_init(&s->sections, SOURCE_SIZE_MAX * sizeof(struct source_section));
}

void
source_release(struct source *s)
{
    buf_release(&s->text);
    buf_release(&s->pieces);
    buf_release(&s->sections);
}

struct source_place
source_find(const struct source *s, unsigned line)
{
    const struct source_piece *pieces = (const struct source_piece *)(const void *)s->pieces.data;
    size_t low = 0, high = s->pieces.len / sizeof(*pieces);

    /* The last piece that begins at or before line; the first begins at line 1. */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (pieces[middle].line <= line)
            low = middle;
        else
            high = middle;
    }
    return (struct source_place){pieces[low].at.file,
                                 pieces[low].at.line + (line - pieces[low].line)};
}

const struct source_section *
source_section(const struct source *s, size_t n)
{
    if (n >= s->sections.len / sizeof(struct source_section))
        return NULL;
    return (const struct source_section *)(const void *)s->sections.data + n;
}

const struct source_section *
source_unclosed(const struct source *s)
{
    return s->is_open ? source_section(s, s->sections.len / sizeof(struct source_section) - 1)
                      : NULL;
}

size_t
source_count(const struct source *s, const char *name)
{
    const struct source_section *section;
    size_t count = 0;

    for (size_t i = 0; (section = source_section(s, i)) != NULL; i++)
        if (strcmp(section->name, name) == 0)
            count++;
    return count;
}

static bool
run(struct scan *s)
{
    while (s->depth > 0) {
        struct scan_frame *f = scan_top(s);
        bool good;

        if (f->next_match < f->matches.gl_pathc)
            good = scan_push_match(s);
        else if (f->pos == f->text.len)
            good = scan_pop(s);
        else
            good = scan_token(s);
        if (!good)
            return false;
    }
    return s->errors->count == 0;
}

/* scan_all() - text is taken. */
static bool
scan_all(struct source *source, const char *name, struct buf *text, size_t max,
         struct source_errors *errors)
{
    struct scan s = {.source = source, .errors = errors, .max = max, .line = 1};
    bool good = scan_push(&s, name, text) && run(&s);

    while (s.depth > 0) {
        buf_release(&scan_top(&s)->text);
        globfree(&scan_top(&s)->matches);
        s.depth--;
    }
    return good;
}

bool
source_load(struct source *s, const char *path, struct source_errors *errors)
{
    struct buf text;

    buf_init(&text, FILE_BUFFER_MAX);
    if (file_read(path, &text))
        return scan_all(s, path, &text, SOURCE_SIZE_MAX, errors);
    source_error(errors, (struct source_place){path, 0}, "%s", strerror(errno));
    buf_release(&text);
    return false;
}

bool
source_scan(struct source *s, struct span text, const char *name, struct source_errors *errors)
{
    struct buf copy;

    buf_init(&copy, SOURCE_TEXT_MAX);
    if (buf_append_span(&copy, text))
        return scan_all(s, name, &copy, SOURCE_TEXT_MAX, errors);
    source_error(errors, (struct source_place){name, 0}, "the configuration is too large");
    buf_release(&copy);
    return false;
}
