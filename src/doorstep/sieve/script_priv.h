/* SPDX-License-Identifier: MIT
 *
 * Sieve without a daemon: a script out of a file, a message from standard input, what would come of
 * them, and why. `sieve check`, `run` and `explain` are made of these.
 */
#ifndef DOORSTEP_SCRIPT_PRIV_H
#define DOORSTEP_SCRIPT_PRIV_H

#include <jansson.h>

#include "../tool_priv.h"
#include "doorstep/sieve.h"

/* ---- script.c ---- */

struct script {
    const char *path;    /* of the file, or the script's name in its account */
    struct tool *tool;   /* to ask the daemon with; NULL: it is a file */
    const char *account; /* borrowed; NULL: it is a file */
    char *name;          /* owned; what path points to when it is an account's */
    const char *global;  /* folder of what `include :global` takes, or NULL: beside a file */
    struct buf text;
    struct sieve_limits limits;
    struct sieve_report *report;   /* owned */
    struct sieve_program *program; /* owned; NULL: refused */
};

/* script_read() - from a file. 0 or an exit code, said on standard error. script_release() in any
 * case. */
int script_read(struct script *s, const char *path);

/* script_of_account() - the active one of an account, from the daemon. Else as script_read(). */
int script_of_account(struct script *s, struct tool *t, const char *account);

/* script_read_file() - all of it appended to out. False: errno says why. */
bool script_read_file(const char *path, struct buf *out);

/* script_compile() - s->text; includes are looked for beside the path, or in the account. False:
 * refused. */
bool script_compile(struct script *s, bool is_administrators);
void script_release(struct script *s);

/* script_print_report() - with what is no text escaped. */
void script_print_report(const struct script *s, FILE *out);

/* script_notes() - the report as an array of objects. New reference. */
json_t *script_notes(const struct sieve_report *r, bool errors_only);
json_t *script_note(const struct sieve_note *n);

/* ---- message.c: what the run is about ---- */

struct message_input {
    struct buf text;
    struct arena arena;
    struct sieve_envelope envelope;
    struct sieve_user user;
};

/* message_read() - from standard input, with the envelope of --from and --to or, where these are
 * missing, of the account (may be NULL) and the header. 0 or an exit code. message_release() in any
 * case. */
int message_read(struct message_input *m, const struct tool *t, const char *account);
void message_release(struct message_input *m);

/* message_take() - the same of a stored message in m->text, whose recipient is the one that it was
 * delivered to. buf_init() and arena_init() are the caller's. */
void message_take(struct message_input *m, const struct tool *t, const char *account);

/* ---- outcome.c: what comes of it ---- */

/* outcome_json() - the actions, without the implicit keep; new reference. */
json_t *outcome_json(const struct sieve_run *r, enum sieve_status status);
void outcome_print(struct sieve_run *r, enum sieve_status status);

/* outcome_line() - one action for people: fileinto "Junk" (flags \Seen). */
bool outcome_line(const struct sieve_action *a, struct buf *out);

/* ---- explain.c: why ---- */

#define EXPLAIN_DEPTH 160 /* of commands and tests inside one another */

struct explain_step { /* a command that is running, and what its test said */
    struct sieve_place at;
    const char *name, *test;
    bool is_true;
};

struct explain {
    const struct script *script;
    FILE *out;
    json_t *json; /* an array: steps go there instead; or NULL */
    struct explain_step steps[EXPLAIN_DEPTH];
};

/* explain_trace() - for struct sieve_input's on_trace, with a struct explain as its argument:
 * prints each command, what its tests compare, and why each action comes about. */
void explain_trace(void *arg, const struct sieve_trace *t);

#endif
