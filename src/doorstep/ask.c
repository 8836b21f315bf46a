/* SPDX-License-Identifier: MIT
 *
 * One question to the daemon and what becomes of the answer: rows to a verb, a table or a JSON
 * array; bytes to standard output; an error to a sentence with the next step and an exit code.
 */
#include "tool_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "progress_priv.h"
#include "text_priv.h"

static int
exit_code(const struct control_reply *error)
{
    if (error->code >= 400 && error->code < 500)
        return EX_TEMPFAIL;
    if (strcmp(error->enhanced, "5.1.1") == 0)
        return EX_NOUSER;
    if (strcmp(error->enhanced, "5.7.1") == 0)
        return EX_NOPERM;
    return TOOL_FAILED;
}

/* The account that an operation was about, or "". */
static const char *
account_of(json_t *args)
{
    const char *name = json_string_value(json_object_get(args, "account"));

    if (name == NULL)
        name = json_string_value(json_object_get(args, "name"));
    return name == NULL ? "" : name;
}

/* What to do about it: shown behind the error, or "". */
static void
append_advice(struct buf *out, const struct control_reply *error, const char *op, json_t *args)
{
    const char *account = account_of(args);
    const char *mailbox = json_string_value(json_object_get(args, "mailbox"));
    const char *at = strrchr(account, '@');

    if (strcmp(error->enhanced, "5.1.1") == 0 && at != NULL)
        buf_printf(out, "; 'doorstep account list %s' shows those there are", at + 1);
    else if (strcmp(error->enhanced, "5.1.1") == 0)
        buf_printf(out, "; an account is written user@domain");
    else if (strncmp(op, "message.", 8) == 0 && json_object_get(args, "uid") != NULL)
        buf_printf(out, "; 'doorstep message list %s %s' shows those there are", account,
                   mailbox == NULL ? "" : mailbox);
    else if (strncmp(op, "message.", 8) == 0 || strncmp(op, "mailbox.", 8) == 0)
        buf_printf(out, "; 'doorstep mailbox list %s' shows those there are", account);
    else if (error->code >= 400 && error->code < 500)
        buf_printf(out, "; try again, the daemon's log says more");
}

static int
explain(const struct tool *t, const struct control_reply *error, const char *op, json_t *args)
{
    struct buf raw, safe;

    buf_init(&raw, 4096);
    buf_init(&safe, 32768);
    if (strcmp(error->enhanced, "5.1.1") == 0)
        buf_printf(&raw, "no account %s", account_of(args));
    else
        buf_printf(&raw, "%s: %s", t->where != NULL ? t->where : t->verb->name, error->text);
    buf_printf(&raw, " (%d %s)", error->code, error->enhanced);
    append_advice(&raw, error, op, args);
    text_escape(&safe, buf_span(&raw));
    if (error->cause[0] != '\0') {
        buf_append_str(&safe, "\n  cause: ");
        text_escape(&safe, span_of(error->cause));
    }
    int code = tool_error(exit_code(error), "%s", buf_str(&safe));
    buf_release(&raw);
    buf_release(&safe);
    return code;
}

static int
lost(const struct tool *t)
{
    if (errno == EPROTO)
        return tool_error(EX_PROTOCOL, "%s: the daemon sent what is no answer", t->verb->name);
    return tool_error(EX_TEMPFAIL, "%s: the daemon went away (%s); try again", t->verb->name,
                      strerror(errno));
}

/* Replies until the last one, which is left in *reply. */
static int
read_answer(struct tool *t, struct tool_answer *a, struct control_reply *reply)
{
    struct progress progress;
    int code = EX_OK;

    progress_start(&progress);
    for (;;) {
        if (!control_next(t->client, 0, reply)) {
            code = lost(t);
            break;
        }
        if (reply->kind == CONTROL_OK || reply->kind == CONTROL_ERROR)
            break;
        if (reply->kind == CONTROL_PROGRESS)
            progress_show(&progress, reply->done, reply->total);
        if (reply->kind == CONTROL_ROW && a->on_row != NULL) {
            progress_clear(&progress); /* the row may go to the same terminal */
            a->on_row(a->arg, reply->row);
        }
        if (reply->kind == CONTROL_BYTES && a->on_bytes != NULL &&
            !a->on_bytes(a->arg, reply->bytes)) {
            code = tool_error(EX_IOERR, "standard output: %s", strerror(errno));
            break;
        }
    }
    progress_clear(&progress);
    return code;
}

int
tool_ask(struct tool *t, const char *op, json_t *args, struct tool_answer *answer)
{
    struct control_reply reply = {0};
    int code = tool_connect(t, TOOL_CONNECT_OR_START);

    answer->ok = NULL;
    if (code == EX_OK && args == NULL)
        code = tool_error(EX_OSERR, "no memory");
    if (code == EX_OK && !control_send(t->client, op, json_incref(args)))
        code = errno == EMSGSIZE ? tool_error(EX_DATAERR, "%s: that is too long", t->verb->name)
                                 : lost(t);
    if (code == EX_OK)
        code = read_answer(t, answer, &reply);
    if (code == EX_OK && reply.kind == CONTROL_ERROR)
        code = explain(t, &reply, op, args);
    if (code == EX_OK)
        answer->ok = json_incref(reply.row);
    json_decref(args);
    return code;
}

void
tool_print_json(const struct tool *t, json_t *value)
{
    size_t flags = JSON_INDENT(2) | JSON_ENCODE_ANY;

    json_dumpf(value, stdout, flags | (t->screen.is_terminal ? JSON_ENSURE_ASCII : 0));
    putchar('\n');
}

int
tool_do(struct tool *t, const char *op, json_t *args, const char *sentence, ...)
{
    struct tool_answer answer = {0};
    struct buf safe;
    va_list list;
    char text[2048];
    int code = tool_ask(t, op, args, &answer);

    if (code == EX_OK && t->json)
        tool_print_json(t, answer.ok);
    else if (code == EX_OK && sentence != NULL) {
        va_start(list, sentence);
        vsnprintf(text, sizeof(text), sentence, list);
        va_end(list);
        buf_init(&safe, 8 * sizeof(text));
        text_escape(&safe, span_of(text));
        puts(buf_str(&safe));
        buf_release(&safe);
    }
    json_decref(answer.ok);
    return code;
}

/* ---- Lists ---- */

struct listing {
    const struct tool *tool;
    struct table *table; /* owned; NULL with --json */
    size_t count;
    bool failed;
};

/* Rows go out as they come, one a line, so that a long array needs no memory. */
static void
print_json_row(struct listing *l, json_t *row)
{
    size_t flags = l->tool->screen.is_terminal ? JSON_ENSURE_ASCII : 0;

    fputs(l->count == 0 ? "[\n  " : ",\n  ", stdout);
    json_dumpf(row, stdout, JSON_COMPACT | flags);
}

static void
list_row(void *arg, json_t *row)
{
    struct listing *l = arg;

    if (l->table == NULL)
        print_json_row(l, row);
    else if (!table_add(l->table, row))
        l->failed = true;
    l->count++;
}

static void
list_end(const struct listing *l, const char *nothing)
{
    if (l->table == NULL)
        puts(l->count == 0 ? "[]" : "\n]");
    else if (l->count == 0 && nothing != NULL)
        puts(nothing);
    else if (l->count > 0)
        table_print(l->table, &l->tool->screen);
}

int
tool_list(struct tool *t, const char *op, json_t *args, const struct table_column *columns,
          const char *nothing, size_t *count, json_t **ok)
{
    struct listing l = {.tool = t, .table = t->json ? NULL : table_new(columns)};
    struct tool_answer answer = {.on_row = list_row, .arg = &l};
    int code = tool_ask(t, op, args, &answer);

    if (l.failed || (!t->json && l.table == NULL))
        code = tool_error(EX_OSERR, "no memory for so many rows; --json needs none");
    else if (code == EX_OK)
        list_end(&l, nothing);
    table_free(l.table);
    if (count != NULL)
        *count = l.count;
    if (ok != NULL)
        *ok = json_incref(answer.ok);
    json_decref(answer.ok);
    return code;
}
