/* SPDX-License-Identifier: MIT
 *
 * A script out of a file: read, compiled, its report shown.
 */
#include "script_priv.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../text_priv.h"

#define REPORT_MAX ((size_t)4 << 20)

bool
script_read_file(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "re");
    char piece[8192];
    size_t n;

    if (f == NULL)
        return false;
    errno = EFBIG;
    bool ok = true;
    while (ok && (n = fread(piece, 1, sizeof(piece), f)) > 0)
        ok = buf_append(out, piece, n);
    if (ok && ferror(f) != 0) {
        errno = EIO;
        ok = false;
    }
    int error = errno;
    fclose(f);
    errno = error;
    return ok;
}

static int
script_init(struct script *s)
{
    *s = (struct script){.path = "", .report = malloc(sizeof(*s->report))};
    sieve_limits_default(&s->limits);
    buf_init(&s->text, s->limits.script_max);
    if (s->report == NULL)
        return tool_error(EX_OSERR, "no memory");
    sieve_report_init(s->report);
    return EX_OK;
}

int
script_read(struct script *s, const char *path)
{
    int code = script_init(s);

    if (code != EX_OK)
        return code;
    s->path = path;
    if (!script_read_file(path, &s->text))
        return tool_error(EX_NOINPUT, "%s: %s", path,
                          errno == EFBIG ? "longer than a script may be" : strerror(errno));
    return EX_OK;
}

void
script_release(struct script *s)
{
    sieve_program_free(s->program);
    if (s->report != NULL)
        sieve_report_release(s->report);
    free(s->report);
    free(s->name);
    buf_release(&s->text);
}

/* ------------------------------------------------------------------ out of an account */

static void
find_active(void *arg, json_t *row)
{
    struct script *s = arg;
    const char *name = json_string_value(json_object_get(row, "name"));

    if (name == NULL || !json_is_true(json_object_get(row, "active")))
        return;
    free(s->name);
    s->name = strdup(name);
}

static bool
take_bytes(void *arg, struct span bytes)
{
    return buf_append_span(arg, bytes);
}

static int
get_script(struct tool *t, const char *account, const char *name, struct buf *out)
{
    struct tool_answer answer = {.on_bytes = take_bytes, .arg = out};
    int code = tool_ask(t, "sieve.get", json_pack("{s:s, s:s}", "account", account, "name", name),
                        &answer);

    json_decref(answer.ok);
    return code;
}

int
script_of_account(struct script *s, struct tool *t, const char *account)
{
    int code = script_init(s);
    struct tool_answer answer = {.on_row = find_active, .arg = s};

    if (code == EX_OK) {
        code = tool_ask(t, "sieve.list", json_pack("{s:s}", "account", account), &answer);
        json_decref(answer.ok);
    }
    if (code == EX_OK && s->name == NULL)
        code = tool_error(EX_NOINPUT, "%s has no active script", account);
    if (code != EX_OK)
        return code;
    s->path = s->name;
    s->tool = t;
    s->account = account;
    return get_script(t, account, s->name, &s->text);
}

/* ------------------------------------------------------------------ includes */

static bool
read_beside(const struct script *s, struct span name, const char *suffix, struct buf *out)
{
    char path[PATH_MAX];
    const char *slash = strrchr(s->path, '/');
    int folder = slash == NULL ? 0 : (int)(slash - s->path) + 1;
    int n =
        snprintf(path, sizeof(path), "%.*s%.*s%s", folder, s->path, (int)name.n, name.p, suffix);

    return n < (int)sizeof(path) && script_read_file(path, out);
}

static enum sieve_found
load_global(const struct script *s, struct span name, struct buf *out)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/%.*s.sieve", s->global, (int)name.n, name.p);

    if (s->global[0] == '\0' || name.n == 0 || name.n >= PATH_MAX || n >= (int)sizeof(path) ||
        memchr(name.p, '/', name.n) != NULL || memchr(name.p, '\0', name.n) != NULL)
        return SIEVE_MISSING;
    return script_read_file(path, out) ? SIEVE_FOUND : SIEVE_MISSING;
}

static enum sieve_found
load_of_account(const struct script *s, struct span name, struct buf *out)
{
    char text[256];

    if (snprintf(text, sizeof(text), "%.*s", (int)name.n, name.p) >= (int)sizeof(text))
        return SIEVE_MISSING;
    return get_script(s->tool, s->account, text, out) == EX_OK ? SIEVE_FOUND : SIEVE_MISSING;
}

/* Both kinds of a file's lie beside it: NAME.sieve, else NAME. */
static enum sieve_found
load(void *arg, enum sieve_location location, struct span name, struct buf *out)
{
    const struct script *s = arg;

    if (location == SIEVE_GLOBAL && s->global != NULL)
        return load_global(s, name, out);
    if (s->account != NULL)
        return location == SIEVE_GLOBAL ? SIEVE_UNKNOWN : load_of_account(s, name, out);
    if (name.n == 0 || name.n >= PATH_MAX || memchr(name.p, '\0', name.n) != NULL ||
        memchr(name.p, '/', name.n) != NULL)
        return SIEVE_MISSING;
    return read_beside(arg, name, ".sieve", out) || read_beside(arg, name, "", out) ? SIEVE_FOUND
                                                                                    : SIEVE_MISSING;
}

bool
script_compile(struct script *s, bool is_administrators)
{
    const struct sieve_compiler compiler = {
        .limits = &s->limits,
        .is_administrators = is_administrators,
        .load = load,
        .arg = s,
    };

    s->program = sieve_compile(&compiler, s->path, buf_span(&s->text), s->report);
    return s->program != NULL;
}

/* ------------------------------------------------------------------ the report */

void
script_print_report(const struct script *s, FILE *out)
{
    struct buf text, safe;

    buf_init(&text, REPORT_MAX);
    buf_init(&safe, REPORT_MAX);
    sieve_report_print(s->report, &text);
    for (struct span rest = buf_span(&text); rest.n > 0;) {
        struct span line = {rest.p, span_find(rest, '\n')};
        buf_reset(&safe);
        for (struct span piece = line; piece.n > 0;) { /* tabs stay: the caret counts on them */
            size_t n = span_find(piece, '\t');
            text_escape(&safe, (struct span){piece.p, n});
            if (n < piece.n)
                buf_append_char(&safe, '\t');
            piece = span_skip(piece, n + 1);
        }
        fprintf(out, "%s\n", buf_str(&safe));
        rest = span_skip(rest, line.n + 1);
    }
    buf_release(&safe);
    buf_release(&text);
}

/* What is no UTF-8 has no place in JSON: it is escaped. */
static json_t *
json_text(const char *s)
{
    json_t *value = json_string(s);
    struct buf safe;

    if (value != NULL)
        return value;
    buf_init(&safe, REPORT_MAX);
    text_escape(&safe, span_of(s));
    value = json_string(buf_str(&safe));
    buf_release(&safe);
    return value;
}

json_t *
script_note(const struct sieve_note *n)
{
    return json_pack("{s:s, s:o, s:i, s:i, s:o}", "severity",
                     n->severity == SIEVE_ERROR ? "error" : "warning", "script",
                     json_text(n->script), "line", (int)n->at.line, "column", (int)n->at.column,
                     "text", json_text(n->text));
}

json_t *
script_notes(const struct sieve_report *r, bool errors_only)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < r->count; i++)
        if (!errors_only || r->notes[i].severity == SIEVE_ERROR)
            json_array_append_new(list, script_note(&r->notes[i]));
    return list;
}
