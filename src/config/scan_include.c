/* SPDX-License-Identifier: MIT
 *
 * The files of a configuration and their stack: see scan_priv.h. An include() that fails is an
 * error of the line it stands on, and the scan goes on behind it.
 */
#include "scan_priv.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

static bool
add_piece(struct scan *s)
{
    struct source_piece piece = {s->line, scan_place(s)};

    return buf_append(&s->source->pieces, &piece, sizeof(piece)) ||
           scan_fail(s, "the configuration is too large");
}

/* check_octets() - NUL, other control octets and broken UTF-8 end here, before anything counts on C
 * text. */
static bool
check_octets(struct scan *s)
{
    struct scan_frame *f = scan_top(s);
    const uint8_t *p = (const uint8_t *)buf_str(&f->text);
    const uint8_t *bad = u8_check(p, f->text.len);

    for (size_t i = 0; i < f->text.len; i++) {
        if ((p[i] < 0x20 && strchr("\t\r\n", p[i]) == NULL) || p[i] == 0 || p[i] == 0x7f)
            return scan_fail(s, "a control character stands here: this is no configuration file");
        if (p + i == bad)
            return scan_fail(s, "this line is not UTF-8");
        if (p[i] == '\n')
            f->line++;
    }
    f->line = 1;
    return true;
}

bool
scan_push(struct scan *s, const char *name, struct buf *text)
{
    if (s->depth > 0 && !scan_emit(s, SPAN("\n"))) {
        buf_release(text);
        return false;
    }
    s->octets += text->len;
    s->frames[s->depth++] = (struct scan_frame){.name = name, .text = *text, .line = 1};
    if (s->octets > s->max)
        return scan_fail(s, "the configuration is too large");
    return check_octets(s) && add_piece(s);
}

bool
scan_pop(struct scan *s)
{
    struct scan_frame *f = scan_top(s);

    buf_release(&f->text);
    globfree(&f->matches);
    s->depth--;
    return s->depth == 0 || (scan_emit(s, SPAN("\n")) && add_piece(s));
}

bool
scan_push_match(struct scan *s)
{
    struct scan_frame *f = scan_top(s);
    const char *path = f->matches.gl_pathv[f->next_match++];
    const char *name = arena_copy(s->source->arena, span_of(path));
    struct buf text;

    if (s->depth == SOURCE_DEPTH_MAX)
        return scan_fail(s, "files include each other too deeply");
    buf_init(&text, FILE_BUFFER_MAX);
    if (name == NULL || !file_read(path, &text)) {
        source_error(s->errors, scan_place(s), "cannot read %s: %s", path, strerror(errno));
        buf_release(&text);
        return true;
    }
    return scan_push(s, name, &text);
}

/* append_variable() - what libconfuse makes of ${NAME} and ${NAME:-default}. */
static bool
append_variable(struct span inside, struct buf *out)
{
    const char *dash = memmem(inside.p, inside.n, ":-", 2);
    struct span name = {inside.p, dash != NULL ? (size_t)(dash - inside.p) : inside.n};
    struct buf key;
    const char *value;

    buf_init(&key, PATH_MAX);
    value = buf_append_span(&key, name) ? getenv(buf_str(&key)) : NULL;
    buf_release(&key);
    if (value != NULL)
        return buf_append_str(out, value);
    return dash == NULL || buf_append_span(out, span_skip(inside, name.n + 2));
}

/* decode() - what a quoted string means; scan_string() has checked its form. */
static bool
decode(struct span quoted, struct buf *out)
{
    char quote = quoted.p[0];
    struct span s = {quoted.p + 1, quoted.n - 2};
    bool good = true;

    while (s.n > 0 && good) {
        size_t n = 1;

        if (s.p[0] == '\\' && s.n > 1 && (quote == '"' || strchr("\\'", s.p[1]) != NULL)) {
            good = buf_append_char(out, s.p[1]);
            n = 2;
        } else if (quote == '"' && s.p[0] == '$' && s.n > 1 && s.p[1] == '{') {
            n = span_find(s, '}') + 1;
            good = append_variable((struct span){s.p + 2, n - 3}, out);
        } else {
            good = buf_append_char(out, s.p[0]);
        }
        s = span_skip(s, n);
    }
    return good;
}

static bool
find_files(struct scan *s, struct span quoted)
{
    struct scan_frame *f = scan_top(s);
    struct buf pattern;
    const char *path;
    int result;

    buf_init(&pattern, PATH_MAX);
    path = decode(quoted, &pattern) ? file_resolve(s->source->arena, f->name, buf_str(&pattern))
                                    : NULL;
    buf_release(&pattern);
    if (path == NULL)
        return scan_fail(s, "the name in this include() is too long");
    globfree(&f->matches);
    f->matches = (glob_t){0};
    f->next_match = 0;
    /* NOMAGIC: a plain name comes back even when there is no such file, and reading it says so. A
     * pattern may match nothing: conf.d may be empty. */
    result = glob(path, GLOB_NOMAGIC, NULL, &f->matches);
    if (result != 0 && result != GLOB_NOMATCH)
        return scan_fail(s, "the files of this include() cannot be listed");
    return true;
}

/* mark() - one character of include's own, which does not go to the text. */
static bool
mark(struct scan *s, char c)
{
    struct scan_frame *f = scan_top(s);

    if (!scan_space(s))
        return false;
    if (f->pos == f->text.len || f->text.data[f->pos] != c)
        return scan_fail(s, "include is written include(\"FILE\")");
    f->pos++;
    return true;
}

bool
scan_include(struct scan *s)
{
    struct scan_frame *f = scan_top(s);
    size_t length;
    unsigned line;
    struct span quoted;

    if (!mark(s, '(') || !scan_space(s))
        return false;
    if (f->pos == f->text.len || strchr("\"'", f->text.data[f->pos]) == NULL)
        return scan_fail(s, "include is written include(\"FILE\")");
    length = s->source->text.len;
    line = s->line;
    if (!scan_string(s, &quoted))
        return false;
    s->source->text.len = length; /* the string went there, but is no value */
    s->source->text.data[length] = '\0';
    s->line = line;
    return mark(s, ')') && find_files(s, quoted);
}
