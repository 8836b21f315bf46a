/* SPDX-License-Identifier: MIT
 *
 * What is wrong with a script, for people: collected in one pass, each with its line and a caret.
 */
#include "report_priv.h"

#include <stdio.h>

#define ARENA_MAX (256 * 1024)
#define SOURCE_MAX 200 /* octets of a line that are shown */

void
sieve_report_init(struct sieve_report *r)
{
    memset(r, 0, sizeof(*r));
    arena_init(&r->arena, ARENA_MAX);
}

void
sieve_report_release(struct sieve_report *r)
{
    arena_release(&r->arena);
}

static const char *
keep(struct sieve_report *r, struct span s)
{
    const char *kept = arena_copy(&r->arena, s);

    return kept == NULL ? "" : kept;
}

/* The line that the place lies in, as far as it is shown. */
static struct span
source_line(struct span source, struct sieve_place at)
{
    uint32_t begin = at.offset;

    if (at.line == 0 || at.offset > source.n)
        return SPAN_NONE;
    while (begin > 0 && source.p[begin - 1] != '\n')
        begin--;
    struct span line = span_skip(source, begin);
    line.n = span_find(line, '\n');
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return utf8_cut(line, SOURCE_MAX);
}

void
report_add_list(struct sieve_report *r, enum sieve_severity severity, const char *script,
                struct sieve_place at, struct span source, const char *format, va_list arguments)
{
    char text[512];

    if (severity == SIEVE_ERROR)
        r->errors++;
    else
        r->warnings++;
    if (r->count == SIEVE_NOTES_MAX)
        return;
    vsnprintf(text, sizeof(text), format, arguments);
    struct sieve_note *n = &r->notes[r->count++];
    n->severity = severity;
    n->script = keep(r, span_of(script));
    n->at = at;
    n->text = keep(r, span_of(text));
    n->source = keep(r, source_line(source, at));
}

void
report_add(struct sieve_report *r, enum sieve_severity severity, const char *script,
           struct sieve_place at, struct span source, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    report_add_list(r, severity, script, at, source, format, arguments);
    va_end(arguments);
}

/* Blanks up to the column; tabs stay tabs, so that the caret stands below its character. */
static bool
print_caret(const struct sieve_note *n, struct buf *out)
{
    struct span line = span_of(n->source);
    bool ok = buf_append_str(out, "    ");

    for (uint32_t column = 1; ok && column < n->at.column && line.n > 0; column++)
        ok = buf_append_char(out, utf8_next(&line) == '\t' ? '\t' : ' ');
    return ok && buf_append_str(out, "^\n");
}

static bool
print_note(const struct sieve_note *n, struct buf *out)
{
    const char *severity = n->severity == SIEVE_ERROR ? "error" : "warning";

    if (n->at.line == 0)
        return buf_printf(out, "%s: %s: %s\n", n->script, severity, n->text);
    return buf_printf(out, "%s:%u:%u: %s: %s\n", n->script, n->at.line, n->at.column, severity,
                      n->text) &&
           (n->source[0] == '\0' ||
            (buf_printf(out, "    %s\n", n->source) && print_caret(n, out)));
}

bool
sieve_report_print(const struct sieve_report *r, struct buf *out)
{
    uint32_t total = r->errors + r->warnings;

    for (uint32_t i = 0; i < r->count; i++)
        if (!print_note(&r->notes[i], out))
            return false;
    return total == r->count || buf_printf(out, "... and %u more\n", total - r->count);
}
