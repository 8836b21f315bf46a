/* SPDX-License-Identifier: MIT
 *
 * doorstep sieve try: a script run on the mail that an account has. The messages come from the
 * daemon one by one, the script runs here, and nothing is changed.
 */
#include "tool_priv.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "doorstep/charset.h"
#include "doorstep/sieve_settings.h"
#include "sieve/account_facts_priv.h"

#define MESSAGE_MAX ((size_t)256 << 20)
#define LINE_MAX_OCTETS 4096

static const struct table_column columns[] = {
    {"mailbox", "MAILBOX", TABLE_TEXT, true},
    {"uid", "UID", TABLE_TEXT, false},
    {"subject", "SUBJECT", TABLE_TEXT, true},
    {"would", "WOULD", TABLE_TEXT, true},
    {0},
};

struct trying {
    struct tool *tool;
    const char *account;
    struct script script;
    struct layers layers;
    struct account_facts facts;
    struct sieve_limits limits;
    struct message_input message;
    struct charsets *charsets;
    json_t *rows;      /* of the mailbox that is being looked at */
    json_t *elsewhere; /* what is found */
    size_t tried, failed;
};

/* ------------------------------------------------------------------ out of the daemon */

static void
keep_row(void *arg, json_t *row)
{
    struct trying *y = arg;

    json_array_append_new(y->rows,
                          json_pack("{s:O, s:O?, s:O?}", "uid", json_object_get(row, "uid"),
                                    "subject", json_object_get(row, "subject"), "internal_date",
                                    json_object_get(row, "internal_date")));
}

static bool
keep_bytes(void *arg, struct span bytes)
{
    struct trying *y = arg;

    return buf_append_span(&y->message.text, bytes);
}

static int
ask(struct trying *y, const char *op, json_t *args, void (*on_row)(void *, json_t *))
{
    struct tool_answer answer = {.on_row = on_row, .on_bytes = keep_bytes, .arg = y};
    int code = tool_ask(y->tool, op, args, &answer);

    json_decref(answer.ok);
    return code;
}

static int
read_message(struct trying *y, const char *mailbox, json_t *uid)
{
    buf_reset(&y->message.text);
    int code = ask(
        y, "message.cat",
        json_pack("{s:s, s:s, s:O}", "account", y->account, "mailbox", mailbox, "uid", uid), NULL);
    if (code == EX_OK)
        message_take(&y->message, y->tool, y->account);
    return code;
}

/* ------------------------------------------------------------------ one message */

/* When it came; now, where nobody knows. */
static time_t
time_of(json_t *row)
{
    const char *text = json_string_value(json_object_get(row, "internal_date"));
    struct tm tm = {0};

    return text != NULL && strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) != NULL ? timegm(&tm)
                                                                            : time(NULL);
}

static bool
is_same(const char *a, const char *b)
{
    return strcmp(a, b) == 0 || (strcasecmp(a, "INBOX") == 0 && strcasecmp(b, "INBOX") == 0);
}

/* One copy at least, and each where the message lies. */
static bool
stays(const struct account_facts *facts, const struct sieve_action *actions, uint32_t count,
      const char *mailbox)
{
    bool is_here = false;

    for (uint32_t i = 0; i < count; i++) {
        if (actions[i].kind != SIEVE_KEEP && actions[i].kind != SIEVE_FILEINTO)
            continue;
        if (!is_same(account_facts_target(facts, &actions[i].storage), mailbox))
            return false;
        is_here = true;
    }
    return is_here;
}

static json_t *
describe(const struct sieve_run *r, enum sieve_status status, const struct sieve_action *actions,
         uint32_t count)
{
    const struct sieve_note *error = sieve_run_error(r);
    struct buf line;

    buf_init(&line, LINE_MAX_OCTETS);
    if (status != SIEVE_OK)
        buf_printf(&line, "fail: line %u: %s", error->at.line, error->text);
    for (uint32_t i = 0; status == SIEVE_OK && i < count; i++) {
        if (actions[i].kind == SIEVE_MARK)
            continue;
        buf_append_str(&line, line.len > 0 ? "; " : "");
        outcome_line(&actions[i], &line);
    }
    struct span text = utf8_cut(buf_span(&line), line.len);
    json_t *out = json_stringn(text.n > 0 ? text.p : "nothing", text.n > 0 ? text.n : 7);
    buf_release(&line);
    return out;
}

/* Takes what came of it, when that is not what is there. */
static void
compare(struct trying *y, struct sieve_run *r, const char *mailbox, json_t *row)
{
    enum sieve_status status = layers_run(&y->layers, r, NULL);
    json_t *outcome = outcome_json(r, status);
    uint32_t count;
    const struct sieve_action *actions = sieve_run_finish(r, &count);

    y->tried++;
    y->failed += status != SIEVE_OK;
    if (status != SIEVE_OK || !stays(&y->facts, actions, count, mailbox)) {
        json_object_set_new(row, "mailbox", json_string(mailbox));
        json_object_set_new(row, "would", describe(r, status, actions, count));
        json_object_update(row, outcome);
        json_array_append(y->elsewhere, row);
    }
    json_decref(outcome);
}

static int
try_message(struct trying *y, const char *mailbox, json_t *row)
{
    int code = read_message(y, mailbox, json_object_get(row, "uid"));

    if (code != EX_OK)
        return code;
    const struct sieve_host host = account_facts_host(&y->facts);
    layers_know(&y->layers, &y->message.user);
    const struct sieve_input input = {
        .message = buf_span(&y->message.text),
        .envelope = &y->message.envelope,
        .user = &y->message.user,
        .host = &host,
        .limits = &y->limits,
        .charsets = y->charsets,
        .now = time_of(row),
    };
    struct sieve_run *r = sieve_run_new(&input);
    if (r == NULL)
        return tool_error(EX_OSERR, "a message cannot be read: too many header fields");
    compare(y, r, mailbox, row);
    sieve_run_free(r);
    return EX_OK;
}

/* ------------------------------------------------------------------ all of them */

static int
try_mailbox(struct trying *y, const char *mailbox)
{
    size_t i;
    json_t *row;

    json_array_clear(y->rows);
    int code = ask(y, "message.list",
                   json_pack("{s:s, s:s}", "account", y->account, "mailbox", mailbox), keep_row);
    json_array_foreach(y->rows, i, row)
    {
        if (code != EX_OK)
            break;
        code = try_message(y, mailbox, row);
    }
    return code;
}

static int
try_all(struct trying *y)
{
    const char *only = tool_option(y->tool, "mailbox");
    int code = EX_OK;
    size_t i;
    json_t *box;

    if (only != NULL)
        return try_mailbox(y, only);
    json_array_foreach(y->facts.mailboxes, i, box)
    {
        if (code != EX_OK)
            break;
        code = try_mailbox(y, json_string_value(json_object_get(box, "name")));
    }
    return code;
}

static void
print_json(struct trying *y)
{
    json_t *o =
        json_pack("{s:O, s:I, s:I, s:I}", "messages", y->elsewhere, "tried", (json_int_t)y->tried,
                  "elsewhere", (json_int_t)(json_array_size(y->elsewhere) - y->failed), "failed",
                  (json_int_t)y->failed);

    tool_print_json(y->tool, o);
    json_decref(o);
}

static void
print_table(struct trying *y)
{
    struct table *table = table_new(columns);
    size_t i, found = json_array_size(y->elsewhere);
    json_t *row;

    json_array_foreach(y->elsewhere, i, row) table_add(table, row);
    if (found > 0)
        table_print(table, &y->tool->screen);
    printf("%zu of %zu messages would have gone elsewhere", found - y->failed, y->tried);
    if (y->failed > 0)
        printf("; the script failed with %zu", y->failed);
    putchar('\n');
    table_free(table);
}

static int
report(struct trying *y)
{
    if (y->tool->json)
        print_json(y);
    else
        print_table(y);
    return y->failed == 0 ? EX_OK : TOOL_FAILED;
}

static int
compile(struct trying *y)
{
    const char *path = y->tool->args[0];
    int code = strcmp(path, "-") == 0 ? script_of_account(&y->script, y->tool, y->account)
                                      : script_read(&y->script, path);

    const struct settings *s = code == EX_OK ? tool_settings(y->tool) : NULL;
    if (s == NULL)
        return code == EX_OK ? EX_CONFIG : code;
    y->script.global = s->sieve.global;
    sieve_settings_limits(&s->sieve, &y->script.limits);
    if (!script_compile(&y->script, false)) {
        script_print_report(&y->script, stderr);
        return EX_DATAERR;
    }
    code = layers_open(&y->layers, y->tool, y->account, &y->script);
    layers_limits(&y->layers, &y->limits);
    return code == EX_OK ? account_facts_open(&y->facts, &y->layers) : code;
}

int
cmd_sieve_try(struct tool *t)
{
    struct trying y = {.tool = t,
                       .account = t->args[1],
                       .charsets = charsets_new(),
                       .rows = json_array(),
                       .elsewhere = json_array()};

    buf_init(&y.message.text, MESSAGE_MAX);
    arena_init(&y.message.arena, 1 << 20);
    int code = compile(&y);
    if (code == EX_OK)
        code = try_all(&y);
    if (code == EX_OK)
        code = report(&y);
    message_release(&y.message);
    account_facts_release(&y.facts);
    layers_release(&y.layers);
    script_release(&y.script);
    charsets_free(y.charsets);
    json_decref(y.rows);
    json_decref(y.elsewhere);
    return code;
}
