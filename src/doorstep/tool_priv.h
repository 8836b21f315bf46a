/* SPDX-License-Identifier: MIT
 *
 * What the files of the operator's tool share: the table of verbs, the run of one verb, and the
 * ways to ask the daemon and to show its answer. One process, one thread, one verb.
 */
#ifndef DOORSTEP_TOOL_PRIV_H
#define DOORSTEP_TOOL_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sysexits.h>

#include <jansson.h>

#include "doorstep/config.h"
#include "doorstep/control.h"
#include "table_priv.h"

/* Exit codes, as doorstep(1) documents them: 0, this one, and those of sysexits(3). */
enum { TOOL_FAILED = 1 };

/* ---- The table of verbs: dispatch, usage, help and completion read it ---- */

struct tool;

struct verb_option {
    const char *name;  /* "quota" for --quota; NULL ends the table */
    char letter;       /* 'f' for -f, or 0 */
    const char *value; /* what stands behind it in usage texts; NULL: a switch */
    const char *help;
};

struct verb {
    const char *name; /* "account add"; NULL ends the table */
    const char *args; /* usage, without options: "NAME" */
    size_t args_min;
    size_t args_max;
    const char *summary; /* a line, for lists */
    const char *detail;  /* more, for its own help; or "" */
    const struct verb_option *options;
    int (*run)(struct tool *t); /* the exit code */
};

extern const struct verb verbs[];
extern const struct verb_option verb_options_everywhere[];

#define TOOL_ARGS_ANY ((size_t)-1)

/* verb_find() - by one or two words; second may be NULL. NULL when there is none. */
const struct verb *verb_find(const char *first, const char *second);

/* verb_takes_signs() - words that begin with one '-' may be arguments: its usage shows [+-]. */
bool verb_takes_signs(const struct verb *v);

/* verb_is_group() - a first word that asks for a second, like "account". */
bool verb_is_group(const char *first);

/* verb_option_find() - one of the verb's (may be NULL) or of everywhere's; by name or by letter. */
const struct verb_option *verb_option_find(const struct verb *v, struct span name, char letter);

/* ---- The run of a verb ---- */

struct tool_option {
    const struct verb_option *option;
    const char *value; /* "" for a switch */
};

struct tool {
    const struct verb *verb;
    const char *config_path;
    bool json;
    bool help;
    const char **args; /* owned; strings borrowed from argv */
    size_t arg_count;
    struct tool_option *options; /* owned; in the order given */
    size_t option_count;
    struct screen screen;          /* standard output */
    const char *where;             /* in errors, in place of the verb: "file:12"; or NULL */
    struct config *config;         /* owned; NULL until tool_settings() */
    struct control_client *client; /* owned; NULL until tool_connect() */
    pid_t offline;                 /* a doorstepd that this run started, or 0 */
    int offline_log;               /* its standard error, a memfd, or -1 */
};

/* tool_parse() - argv into t, which main zeroed. 0 or EX_USAGE, said on standard error. */
int tool_parse(struct tool *t, int argc, char **argv);

/* tool_option() - the last value given for --name, or NULL. "" for a switch. */
const char *tool_option(const struct tool *t, const char *name);

/* tool_arg() - argument i, or NULL when fewer were given. */
const char *tool_arg(const struct tool *t, size_t i);

/* tool_error() - "doorstep: ..." on standard error; what came from outside is escaped by the
 * caller. Returns code, so that a verb can end with it. */
int tool_error(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* tool_usage() - a problem with what was typed, then the verb's usage line. EX_USAGE. */
int tool_usage(const struct tool *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- Configuration and daemon (daemon.c) ---- */

/* tool_settings() - the checked configuration, read once; NULL with the reason printed. */
const struct settings *tool_settings(struct tool *t);

enum tool_connect_mode {
    TOOL_CONNECT_OR_START, /* where no daemon runs, one is started for this verb alone */
    TOOL_CONNECT_OR_SAY,   /* that is an error */
    TOOL_CONNECT_OR_NOT,   /* that is an error not worth a word */
};

/* tool_connect() - to the daemon, if not yet connected. 0 or the exit code, with the reason
 * printed. */
int tool_connect(struct tool *t, enum tool_connect_mode mode);

/* tool_control_path() - STATE_DIR/control.sock into out (PATH_MAX); false when too long. */
bool tool_control_path(const struct settings *s, char *out, size_t size);

/* tool_disconnect() - also ends the daemon that tool_connect() started, and waits for it. */
void tool_disconnect(struct tool *t);

/* pause_ms() - sleep. */
void pause_ms(long ms);

/* ---- Asking (ask.c) ---- */

struct tool_answer {
    void (*on_row)(void *arg, json_t *row);         /* borrowed row; or NULL */
    bool (*on_bytes)(void *arg, struct span bytes); /* false: give up; or NULL */
    void *arg;
    json_t *ok; /* owned by the caller afterwards; NULL unless 0 was returned */
};

/* tool_ask() - connect if need be, run an operation (args stolen), feed its answer out. 0, or the
 * exit code for what went wrong, which is then printed with what to do next. */
int tool_ask(struct tool *t, const char *op, json_t *args, struct tool_answer *answer);

/* tool_do() - an operation without rows: prints `ok` as JSON with --json, else the sentence (NULL:
 * nothing). */
int tool_do(struct tool *t, const char *op, json_t *args, const char *sentence, ...)
    __attribute__((format(printf, 4, 5)));

/* tool_list() - rows as a table (without any, the sentence `nothing`, unless NULL), or as a JSON
 * array. *count may be NULL; *ok as in tool_answer, or NULL. */
int tool_list(struct tool *t, const char *op, json_t *args, const struct table_column *columns,
              const char *nothing, size_t *count, json_t **ok);

/* tool_print_json() - one value and a newline. Escaped to ASCII on a terminal, which must not obey
 * what mail contains. */
void tool_print_json(const struct tool *t, json_t *value);

/* message_args() - account, mailbox and uid of the three arguments; NULL when the last is no UID.
 */
json_t *message_args(const struct tool *t);

/* ---- Verbs: one file each, or one a group ---- */

int cmd_ping(struct tool *t);
int cmd_config_show(struct tool *t);
int cmd_config_check(struct tool *t);
int cmd_account_add(struct tool *t);
int cmd_account_set(struct tool *t);
int cmd_account_delete(struct tool *t);
int cmd_account_list(struct tool *t);
int cmd_account_show(struct tool *t);
int cmd_account_import(struct tool *t);
int cmd_account_passwd(struct tool *t);
int cmd_alias_add(struct tool *t);
int cmd_alias_list(struct tool *t);
int cmd_ban_list(struct tool *t);
int cmd_ban_remove(struct tool *t);
int cmd_ban_add(struct tool *t);
int cmd_alias_delete(struct tool *t);
int cmd_queue_list(struct tool *t);
int cmd_queue_show(struct tool *t);
int cmd_queue_retry(struct tool *t);
int cmd_queue_flush(struct tool *t);
int cmd_queue_hold(struct tool *t);
int cmd_queue_release(struct tool *t);
int cmd_queue_delete(struct tool *t);
int cmd_mailbox_list(struct tool *t);
int cmd_mailbox_create(struct tool *t);
int cmd_mailbox_rename(struct tool *t);
int cmd_mailbox_delete(struct tool *t);
int cmd_mailbox_special_use(struct tool *t);
int cmd_mailbox_metadata(struct tool *t);
int cmd_mailbox_annotate(struct tool *t);
int cmd_message_list(struct tool *t);
int cmd_message_cat(struct tool *t);
int cmd_message_show(struct tool *t);
int cmd_message_flag(struct tool *t);
int cmd_message_move(struct tool *t);
int cmd_message_delete(struct tool *t);
int cmd_deliver(struct tool *t);
int cmd_fsck(struct tool *t);
int cmd_stats(struct tool *t);
int cmd_metrics(struct tool *t);
int cmd_top(struct tool *t);
int cmd_journal_show(struct tool *t);
int cmd_journal_verify(struct tool *t);
int cmd_journal_replay(struct tool *t);
int cmd_sieve_check(struct tool *t);
int cmd_sieve_run(struct tool *t);
int cmd_sieve_explain(struct tool *t);
int cmd_sieve_try(struct tool *t);
int cmd_sieve_suite(struct tool *t);
int cmd_sieve_install(struct tool *t);
int cmd_sieve_list(struct tool *t);
int cmd_sieve_log(struct tool *t);
int cmd_sieve_get(struct tool *t);
int cmd_sieve_delete(struct tool *t);
int cmd_sieve_rename(struct tool *t);
int cmd_sieve_activate(struct tool *t);
int cmd_sieve_deactivate(struct tool *t);
int cmd_trace(struct tool *t);
int cmd_completion(struct tool *t);
int cmd_help(struct tool *t);
int cmd_version(struct tool *t);

/* help_print_verb() - usage, options and details of one verb on standard output. */
void help_print_verb(const struct verb *v);

#endif
