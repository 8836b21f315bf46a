/* SPDX-License-Identifier: MIT
 *
 * doorstep account import: many accounts from a file, each by the same operation as `account add`.
 * Reads passwd-like lines (Dovecot's passwd-file, htpasswd, shadow) and CSV with a header line (RFC
 * 4180, without line ends inside fields). A line that fails is named, the others go on.
 */
#include "tool_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "progress_priv.h"
#include "text_priv.h"

enum { FIELDS_MAX = 32 };

#define LINE_MAX_OCTETS 65536

struct import {
    struct tool *tool;
    const char *file; /* for messages */
    size_t line;
    bool is_csv;
    char *header;            /* owned: the CSV header line that names points into */
    char *names[FIELDS_MAX]; /* of the CSV columns */
    size_t name_count;
    uint64_t added, failed;
};

static int
import_error(struct import *im, const char *what)
{
    im->failed++;
    return tool_error(EX_OK, "%s:%zu: %s", im->file, im->line, what);
}

/* Split a CSV line in place; false when a quote stays open or there are too many fields. */
static bool
split_csv(char *line, char *fields[FIELDS_MAX], size_t *count)
{
    char *from = line, *to = line;

    for (*count = 0; *count < FIELDS_MAX; to++, from++) {
        bool quoted = *from == '"';
        fields[(*count)++] = to;
        for (from += quoted ? 1 : 0; *from != '\0' && (quoted || *from != ','); from++) {
            if (quoted && *from == '"' && from[1] != '"')
                break;
            from += quoted && *from == '"' ? 1 : 0;
            *to++ = *from;
        }
        if (quoted && *from++ != '"')
            return false;
        char end = *from;
        *to = '\0';
        if (end != ',')
            return end == '\0';
    }
    return false;
}

static bool
set_limit(json_t *args, const char *key, const char *text)
{
    uint64_t n;

    if (strcmp(text, "none") == 0)
        return json_object_set_new(args, key, json_null()) == 0;
    return text_parse_size(text, &n) &&
           json_object_set_new(args, key, json_integer((json_int_t)n)) == 0;
}

static bool
is_yes(const char *s)
{
    return strcasecmp(s, "yes") == 0 || strcasecmp(s, "true") == 0 || strcmp(s, "1") == 0;
}

/* NULL, or what is wrong with the field. Columns of other programs are passed over. */
static const char *
set_field(json_t *args, const char *column, const char *value)
{
    static const char *const texts[] = {"name", "password", "password_hash", "forward"};
    static const char *const limits[] = {"quota", "quota_messages"};

    if (value[0] == '\0')
        return NULL;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcasecmp(column, texts[i]) == 0)
            return json_object_set_new(args, texts[i], json_string(value)) == 0 ? NULL
                                                                                : "not UTF-8";
    }
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        if (strcasecmp(column, limits[i]) == 0)
            return set_limit(args, limits[i], value) ? NULL
                                                     : "a quota is a number like 2G, or none";
    }
    if (strcasecmp(column, "disabled") == 0)
        json_object_set_new(args, "disabled", json_boolean(is_yes(value)));
    return NULL;
}

static const char *
csv_fields(const struct import *im, char *line, json_t *args)
{
    char *fields[FIELDS_MAX];
    size_t count;
    const char *problem = NULL;

    if (!split_csv(line, fields, &count))
        return "this is no CSV line";
    if (count != im->name_count)
        return "it has other columns than the first line";
    for (size_t i = 0; i < count && problem == NULL; i++)
        problem = set_field(args, im->names[i], fields[i]);
    return problem;
}

/* What the second field of passwd says: a word, a hash as it is, or that there is none. */
static void
set_hash(json_t *args, const char *hash)
{
    static const char *const plain[] = {"{PLAIN}", "{CLEAR}", "{CLEARTEXT}"};

    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        if (strncasecmp(hash, plain[i], strlen(plain[i])) == 0) {
            json_object_set_new(args, "password", json_string(hash + strlen(plain[i])));
            return;
        }
    }
    if (hash[0] != '\0' && hash[0] != '!' && hash[0] != '*' && strcmp(hash, "x") != 0)
        json_object_set_new(args, "password_hash", json_string(hash));
}

static const char *
passwd_fields(char *line, json_t *args)
{
    char *rest = line;
    const char *name = strsep(&rest, ":");
    const char *hash = strsep(&rest, ":");

    if (json_object_set_new(args, "name", json_string(name)) != 0)
        return "not UTF-8";
    set_hash(args, hash == NULL ? "" : hash);
    return NULL;
}

/* The name with its domain, which --domain may give. */
static const char *
complete_name(const struct import *im, json_t *args)
{
    const char *name = json_string_value(json_object_get(args, "name"));
    const char *domain = tool_option(im->tool, "domain");

    if (name == NULL || name[0] == '\0')
        return "it names no account";
    if (strchr(name, '@') != NULL)
        return NULL;
    if (domain == NULL)
        return "the name has no domain; --domain gives one";
    json_object_set_new(args, "name", json_sprintf("%s@%s", name, domain));
    return NULL;
}

static int
import_one(struct import *im, char *line)
{
    json_t *args = json_object();
    struct tool_answer answer = {0};
    char where[512];
    const char *problem = im->is_csv ? csv_fields(im, line, args) : passwd_fields(line, args);

    if (problem == NULL)
        problem = complete_name(im, args);
    if (problem != NULL) {
        json_decref(args);
        return import_error(im, problem);
    }
    snprintf(where, sizeof(where), "%s:%zu", im->file, im->line);
    im->tool->where = where;
    int code = tool_ask(im->tool, "account.add", args, &answer);
    im->tool->where = NULL;
    json_decref(answer.ok);
    im->added += code == EX_OK ? 1 : 0;
    im->failed += code == EX_OK ? 0 : 1;
    return code == TOOL_FAILED || code == EX_NOUSER ? EX_OK : code; /* the next line may be good */
}

/* The first line that counts decides what the file is: a ',' before any ':', and a column "name".
 */
static bool
take_csv_header(struct import *im, const char *line)
{
    if (line[strcspn(line, ",:")] == ':' || (im->header = strdup(line)) == NULL)
        return false;
    if (split_csv(im->header, im->names, &im->name_count)) {
        for (size_t i = 0; i < im->name_count && !im->is_csv; i++)
            im->is_csv = strcasecmp(im->names[i], "name") == 0;
    }
    return im->is_csv;
}

static int
import_line(struct import *im, char *line, bool *seen_any)
{
    line[strcspn(line, "\r\n")] = '\0';
    if (line[0] == '\0' || line[0] == '#')
        return EX_OK;
    bool first = !*seen_any;
    *seen_any = true;
    if (first && take_csv_header(im, line))
        return EX_OK;
    return import_one(im, line);
}

static int
import_file(struct import *im, FILE *in)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    bool seen_any = false;
    struct stat st;
    struct progress progress;
    int code = EX_OK;
    uint64_t done = 0, total = fstat(fileno(in), &st) == 0 ? (uint64_t)st.st_size : 0;

    progress_start(&progress);
    while (code == EX_OK && (n = getline(&line, &room, in)) >= 0) {
        im->line++;
        done += (uint64_t)n;
        progress_show(&progress, done, total);
        if ((size_t)n > LINE_MAX_OCTETS || strlen(line) != (size_t)n)
            import_error(im, "this is no line of text");
        else
            code = import_line(im, line, &seen_any);
    }
    progress_clear(&progress);
    if (line != NULL)
        explicit_bzero(line, room); /* passwords */
    free(line);
    return code;
}

static void
print_result(const struct import *im)
{
    char added[TEXT_NUMBER_SIZE], failed[TEXT_NUMBER_SIZE];
    json_t *result;

    if (!im->tool->json) {
        printf("%s accounts added, %s lines failed\n", text_count(added, im->added),
               text_count(failed, im->failed));
        return;
    }
    result =
        json_pack("{s:I, s:I}", "added", (json_int_t)im->added, "failed", (json_int_t)im->failed);
    tool_print_json(im->tool, result);
    json_decref(result);
}

int
cmd_account_import(struct tool *t)
{
    bool is_stdin = strcmp(t->args[0], "-") == 0;
    struct import im = {.tool = t, .file = is_stdin ? "standard input" : t->args[0]};
    FILE *in = is_stdin ? stdin : fopen(t->args[0], "re");

    if (in == NULL)
        return tool_error(EX_NOINPUT, "%s: %s", t->args[0], strerror(errno));
    int code = import_file(&im, in);
    if (ferror(in))
        code = tool_error(EX_IOERR, "%s: %s", im.file, strerror(errno));
    if (!is_stdin)
        fclose(in);
    free(im.header);
    print_result(&im);
    return code != EX_OK ? code : im.failed > 0 ? TOOL_FAILED : EX_OK;
}
