/* SPDX-License-Identifier: MIT
 *
 * Tokens of a configuration file: see scan_priv.h. Each is checked and copied; nothing is
 * interpreted but include. Stops at the first error, since what follows an open string means
 * nothing.
 */
#include "scan_priv.h"

#include <string.h>

#define WORD_END " \t\r\n\"'#{}()=,"

struct scan_frame *
scan_top(struct scan *s)
{
    return &s->frames[s->depth - 1];
}

struct source_place
scan_place(struct scan *s)
{
    return (struct source_place){scan_top(s)->name, scan_top(s)->line};
}

bool
scan_fail(struct scan *s, const char *what)
{
    source_error(s->errors, scan_place(s), "%s", what);
    return false;
}

static struct span
rest(struct scan *s)
{
    return span_skip(buf_span(&scan_top(s)->text), scan_top(s)->pos);
}

bool
scan_emit(struct scan *s, struct span text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\n')
            s->line++;
    return buf_append_span(&s->source->text, text) ||
           scan_fail(s, "the configuration is too large");
}

/* Take n octets of the file, which go to the text as they are. */
static bool
take(struct scan *s, size_t n)
{
    struct span text = {rest(s).p, n};

    scan_top(s)->pos += n;
    for (size_t i = 0; i < n; i++)
        if (text.p[i] == '\n')
            scan_top(s)->line++;
    return scan_emit(s, text);
}

bool
scan_space(struct scan *s)
{
    for (struct span r; (r = rest(s)).n > 0;) {
        if (r.n > 1 && r.p[0] == '\r' && r.p[1] == '\n')
            scan_top(s)->pos++;
        else if (r.p[0] == '\r')
            return scan_fail(s, "a CR stands without LF");
        else if (strchr(" \t\n", r.p[0]) == NULL)
            return true;
        else if (!take(s, 1))
            return false;
    }
    return true;
}

static bool
pass_line_comment(struct scan *s)
{
    scan_top(s)->pos += span_find(rest(s), '\n');
    return true;
}

static bool
pass_block_comment(struct scan *s)
{
    struct span r = rest(s);
    const char *end = memmem(r.p + 2, r.n - 2, "*/", 2);

    if (end == NULL)
        return scan_fail(s, "the comment that begins here has no end");
    while (rest(s).p < end + 2) {
        if (rest(s).p[0] == '\n') {
            if (!take(s, 1))
                return false;
        } else {
            scan_top(s)->pos++;
        }
    }
    return scan_emit(s, SPAN(" "));
}

/* variable_length() - of a ${NAME} or ${NAME:-default} at the start of r; 0 when it is not closed.
 */
static size_t
variable_length(struct span r)
{
    for (size_t i = 2; i < r.n && r.p[i] != '\n' && r.p[i] != '"' && r.p[i] != '{'; i++)
        if (r.p[i] == '}')
            return i > 2 ? i + 1 : 0;
    return 0;
}

static bool
is_variable(struct span r)
{
    return r.n > 1 && r.p[0] == '$' && r.p[1] == '{';
}

/* One step in a string: the octets it takes, 0 for an error (said). */
static size_t
string_step(struct scan *s, struct span r, char quote)
{
    size_t n = 1;

    if (r.p[0] == '\n') {
        scan_fail(s, "the string that begins here is not closed on its line");
        return 0;
    }
    if (r.p[0] == '\\' && r.n > 1) {
        /* Numbers could spell NUL, at which C text ends. */
        if (quote == '"' && strchr("0123456789x", r.p[1]) != NULL) {
            scan_fail(s, "octal and hexadecimal escapes are not known here");
            return 0;
        }
        return 2;
    }
    if (quote == '"' && is_variable(r) && (n = variable_length(r)) == 0)
        scan_fail(s, "${ is not closed; a dollar sign itself is written \\$");
    return n;
}

bool
scan_string(struct scan *s, struct span *out)
{
    struct span all = rest(s);
    size_t n = 1;

    while (n < all.n && all.p[n] != all.p[0]) {
        size_t step = string_step(s, span_skip(all, n), all.p[0]);

        if (step == 0)
            return false;
        n += step;
    }
    if (n >= all.n)
        return scan_fail(s, "the string that begins here is not closed");
    *out = (struct span){all.p, n + 1};
    return take(s, n + 1);
}

/* A string, or a ${variable} outside of one. */
static bool
saw_value(struct scan *s)
{
    if (s->state == SCAN_NAME)
        return scan_fail(s, "a setting or section was expected, and names are not quoted");
    if (s->state == SCAN_VALUE)
        s->state = SCAN_NAME;
    return true;
}

static bool
token_string(struct scan *s)
{
    struct span ignored;

    return saw_value(s) && scan_string(s, &ignored);
}

static bool
token_variable(struct scan *s)
{
    size_t n = variable_length(rest(s));

    if (n == 0)
        return scan_fail(s, "${ is not closed");
    return saw_value(s) && take(s, n);
}

static bool
open_section(struct scan *s)
{
    s->source->is_open = true;
    return buf_append(&s->source->sections, &s->name, sizeof(s->name)) ||
           scan_fail(s, "the configuration is too large");
}

static bool
token_mark(struct scan *s, size_t n)
{
    char last = rest(s).p[n - 1];

    if (last == '{' && s->state == SCAN_AFTER_NAME && !open_section(s))
        return false;
    if (last == '=' && s->state == SCAN_AFTER_NAME)
        s->state = SCAN_VALUE;
    else if (last == '{' && s->state == SCAN_VALUE)
        s->state = SCAN_LIST;
    else if (last == '{' || last == '}') {
        if (last == '}' && s->state != SCAN_LIST)
            s->source->is_open = false;
        s->state = SCAN_NAME;
    }
    return take(s, n);
}

static bool
check_word(struct scan *s, struct span word)
{
    static const char odd[] = "*|+$;`";

    for (size_t i = 0; i < word.n; i++)
        if (strchr(odd, word.p[i]) != NULL ||
            (word.p[i] == '/' && i + 1 < word.n && word.p[i + 1] == '/'))
            return scan_fail(s, "put this value in quotes");
    return true;
}

static bool
token_word(struct scan *s)
{
    struct span r = rest(s), word = {r.p, 0};

    while (word.n < r.n && strchr(WORD_END, r.p[word.n]) == NULL)
        word.n++;
    if (s->state == SCAN_NAME && span_equal(word, SPAN("include"))) {
        scan_top(s)->pos += word.n;
        return scan_include(s);
    }
    if (!check_word(s, word))
        return false;
    if (s->state == SCAN_NAME) {
        s->name = (struct source_section){arena_copy(s->source->arena, word), scan_place(s)};
        if (s->name.name == NULL)
            return scan_fail(s, "the configuration is too large");
        s->state = SCAN_AFTER_NAME;
    } else if (s->state == SCAN_VALUE) {
        s->state = SCAN_NAME;
    }
    return take(s, word.n);
}

bool
scan_token(struct scan *s)
{
    struct span r = rest(s);
    char next = r.n > 1 ? r.p[1] : '\0';

    if (strchr(" \t\r\n", r.p[0]) != NULL)
        return scan_space(s);
    if (r.p[0] == '#' || (r.p[0] == '/' && next == '/'))
        return pass_line_comment(s);
    if (r.p[0] == '/' && next == '*')
        return pass_block_comment(s);
    if (r.p[0] == '"' || r.p[0] == '\'')
        return token_string(s);
    if (is_variable(r))
        return token_variable(s);
    if (r.p[0] == '+' && next == '=')
        return token_mark(s, 2);
    if (strchr("{}()=,", r.p[0]) != NULL)
        return token_mark(s, 1);
    return token_word(s);
}
