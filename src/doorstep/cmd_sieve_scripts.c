/* SPDX-License-Identifier: MIT
 *
 * doorstep sieve install|list|get|delete|rename|activate|deactivate: the scripts of an account. The
 * daemon checks a script before it stores it; what it says of it is for the person.
 */
#include "tool_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "doorstep/buf.h"
#include "doorstep/charset.h"
#include "text_priv.h"

static const struct table_column columns[] = {
    {"name", "SCRIPT", TABLE_TEXT, true},
    {"active", "ACTIVE", TABLE_TEXT, false},
    {"octets", "SIZE", TABLE_SIZE, false},
    {"changed", "CHANGED", TABLE_DATE, false},
    {0},
};

static bool
read_all(FILE *f, struct buf *out)
{
    char piece[8192];
    size_t n;

    while ((n = fread(piece, 1, sizeof piece, f)) > 0)
        if (!buf_append(out, piece, n))
            return false;
    return ferror(f) == 0;
}

/* The script's text (the caller's to release), or the exit code. */
static int
read_script(const char *path, struct buf *text)
{
    bool is_input = strcmp(path, "-") == 0;
    FILE *f = is_input ? stdin : fopen(path, "re");

    buf_init(text, CONTROL_REQUEST_MAX);
    if (f == NULL)
        return tool_error(EX_NOINPUT, "%s: %s", path, strerror(errno));
    errno = 0;
    bool ok = read_all(f, text);
    int error = errno;
    if (!is_input)
        fclose(f);
    if (!ok)
        return tool_error(EX_NOINPUT, "%s: %s", path, error != 0 ? strerror(error) : "too long");
    if (!utf8_is_valid(buf_span(text)) || memchr(buf_str(text), '\0', text->len) != NULL)
        return tool_error(EX_DATAERR, "%s: a script is UTF-8 text", path);
    return EX_OK;
}

/* What the file is called without its folder and ".sieve". */
static void
name_of(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    size_t n = strlen(base);

    if (strcmp(path, "-") == 0)
        base = "main", n = strlen(base);
    if (n > 6 && strcmp(base + n - 6, ".sieve") == 0)
        n -= 6;
    snprintf(out, size, "%.*s", (int)n, base);
}

static void
print_report(json_t *ok)
{
    const char *report = json_string_value(json_object_get(ok, "report"));
    struct buf safe;

    buf_init(&safe, (size_t)1 << 20);
    for (struct span rest = span_of(report == NULL ? "" : report); rest.n > 0;) {
        struct span line = {rest.p, span_find(rest, '\n')};
        text_escape(&safe, line);
        buf_append_char(&safe, '\n');
        rest = span_skip(rest, line.n + 1);
    }
    fputs(buf_str(&safe), stderr);
    buf_release(&safe);
}

int
cmd_sieve_install(struct tool *t)
{
    const char *name = tool_option(t, "name");
    bool activate = tool_option(t, "activate") != NULL;
    struct tool_answer answer = {0};
    char from_file[1024];
    struct buf text;

    name_of(t->args[1], from_file, sizeof from_file);
    int code = read_script(t->args[1], &text);
    if (code == EX_OK)
        code = tool_ask(t, "sieve.put",
                        json_pack("{s:s, s:s, s:s%, s:b}", "account", t->args[0], "name",
                                  name != NULL ? name : from_file, "text", buf_str(&text), text.len,
                                  "activate", activate),
                        &answer);
    buf_release(&text);
    if (code != EX_OK)
        return code;
    bool stored = json_is_true(json_object_get(answer.ok, "stored"));
    if (t->json)
        tool_print_json(t, answer.ok);
    else
        print_report(answer.ok);
    if (!stored)
        code = tool_error(EX_DATAERR, "sieve install: the script has errors and was not stored");
    else if (!t->json)
        printf("stored %s%s\n", name != NULL ? name : from_file,
               activate ? ", which is active now" : "");
    json_decref(answer.ok);
    return code;
}

int
cmd_sieve_list(struct tool *t)
{
    return tool_list(t, "sieve.list", json_pack("{s:s}", "account", t->args[0]), columns,
                     "no scripts: all mail goes to INBOX", NULL, NULL);
}

static const struct table_column log_columns[] = {
    {"time", "TIME", TABLE_DATE, false},
    {"kind", "WHAT", TABLE_TEXT, false},
    {"delivery", "DELIVERY", TABLE_TEXT, false},
    {"text", "DETAILS", TABLE_TEXT, true},
    {0},
};

int
cmd_sieve_log(struct tool *t)
{
    return tool_list(t, "sieve.log", json_pack("{s:s}", "account", t->args[0]), log_columns,
                     "nothing failed, and nothing waits to be sent", NULL, NULL);
}

static bool
print_bytes(void *arg, struct span bytes)
{
    (void)arg;
    return fwrite(bytes.p, 1, bytes.n, stdout) == bytes.n;
}

int
cmd_sieve_get(struct tool *t)
{
    struct tool_answer answer = {.on_bytes = print_bytes};
    int code =
        tool_ask(t, "sieve.get", json_pack("{s:s, s:s}", "account", t->args[0], "name", t->args[1]),
                 &answer);

    json_decref(answer.ok);
    return code;
}

int
cmd_sieve_delete(struct tool *t)
{
    return tool_do(t, "sieve.delete",
                   json_pack("{s:s, s:s}", "account", t->args[0], "name", t->args[1]),
                   "deleted %s of %s", t->args[1], t->args[0]);
}

int
cmd_sieve_rename(struct tool *t)
{
    return tool_do(
        t, "sieve.rename",
        json_pack("{s:s, s:s, s:s}", "account", t->args[0], "name", t->args[1], "to", t->args[2]),
        "%s of %s is now %s", t->args[1], t->args[0], t->args[2]);
}

int
cmd_sieve_activate(struct tool *t)
{
    return tool_do(t, "sieve.activate",
                   json_pack("{s:s, s:s}", "account", t->args[0], "name", t->args[1]),
                   "%s is the active script of %s", t->args[1], t->args[0]);
}

int
cmd_sieve_deactivate(struct tool *t)
{
    return tool_do(t, "sieve.activate", json_pack("{s:s}", "account", t->args[0]),
                   "%s has no active script", t->args[0]);
}
