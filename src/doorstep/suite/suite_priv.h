/* SPDX-License-Identifier: MIT
 *
 * The runner of .svtest files: scripts that test scripts, in the language of
 * vnd.dovecot.testsuite. That language is a Sieve extension like any other (language.c, scripts.c,
 * results.c, messages.c hold its rows); what such a script works on lies in memory and ends with
 * the file: mailboxes, metadata, mail that was sent, settings. One file, one struct suite.
 */
#ifndef SUITE_PRIV_H
#define SUITE_PRIV_H

#include <stdio.h>

#include "doorstep/sieve_extension.h"

/* ---- settings.c: names and values, as Dovecot 2.3 and 2.4 spell them ---- */

struct suite_setting {
    struct suite_setting *next;
    const char *name;
    const char *value; /* NULL: unset */
};

/* ---- mailboxes.c ---- */

struct suite_message {
    struct span text;
    struct sieve_strings flags;
};

struct suite_annotation {
    struct suite_annotation *next;
    const char *mailbox; /* "" : the server's */
    const char *name, *value;
};

struct suite_mailbox {
    struct suite_mailbox *next;
    const char *name;
    struct suite_message *messages; /* the heap's */
    uint32_t count, size;
};

/* ---- execute.c ---- */

struct suite_letter { /* one transmission: one recipient */
    const char *from, *to;
    const char *notify, *ret, *by; /* RFC 6009, or "" */
    struct span text;
};

struct suite_program {
    struct suite_program *next;
    struct sieve_program *program; /* owned */
};

struct suite_binary {
    struct suite_binary *next;
    const char *name;
    struct sieve_program *program; /* borrowed */
};

struct suite {
    const char *path;   /* of the file, as given */
    const char *folder; /* that it lies in */
    FILE *out;
    struct arena arena;
    uint32_t *passed, *failed; /* borrowed: they count on while the file runs */

    struct sieve_limits limits;
    struct sieve_compiler compiler;
    struct sieve_envelope envelope;
    struct sieve_user user;
    struct sieve_host host;
    struct sieve_run *run;

    const char *test;   /* name of the test that is running, or NULL */
    bool is_failing;    /* test_fail was met: up to the end of the test nothing runs */
    uint32_t depth;     /* scripts inside the file's own */
    bool is_inner_over; /* test_fail was met in a script inside */

    struct suite_program *programs; /* owned; the one compiled last comes first */
    struct sieve_program *compiled; /* borrowed, or NULL */
    uint32_t compile_count;
    struct suite_binary *binaries;
    const char **errors; /* the heap's: what was noted since the last compile */
    uint32_t error_count, error_size;

    uint32_t executed;   /* actions of the run that were carried out */
    bool is_kept;        /* the implicit keep was */
    bool has_piped;      /* a program took the message */
    bool has_failed_try; /* pipe :try: one did not */
    struct suite_mailbox *mailboxes;
    struct suite_annotation *annotations;
    struct suite_letter *letters; /* the heap's */
    uint32_t letter_count, letter_size, letter_id;
    struct suite_setting *staged, *settings;
};

/* suite_of() - of the run that a function of the language was called in. */
struct suite *suite_of(struct sieve_run *r);

/* suite_keep() - NUL-terminated, as long as the suite; "" without memory. */
const char *suite_keep(struct suite *s, struct span text);

/* suite_read() - a file into out. False: it cannot be read, is too long, or is no regular file. */
bool suite_read(const char *path, struct buf *out);

/* ---- suite.c ---- */

/* suite_run_file() - prints a line a test; counts are added to *passed and *failed. */
void suite_run_file(const char *path, FILE *out, uint32_t *passed, uint32_t *failed);

/* ---- language.c ---- */

extern const struct sieve_extension suite_extension;

/* suite_fail() - the test that is running has failed: what test_fail returns. */
enum sieve_step suite_fail(struct suite *s, struct sieve_run *r, const struct sieve_op *op,
                           const char *reason);

/* suite_pass(), suite_failed() - print a line and count. */
void suite_pass(struct suite *s, const char *name);
void suite_failed(struct suite *s, const char *name, const char *reason);

/* ---- scripts.c ---- */

void suite_note(struct suite *s, const char *text);
enum sieve_found suite_load(void *arg, enum sieve_location location, struct span name,
                            struct buf *out);
void suite_programs_free(struct suite *s);
enum sieve_truth test_script_compile(struct sieve_run *r, const struct sieve_op *op);
enum sieve_truth test_script_run(struct sieve_run *r, const struct sieve_op *op);
enum sieve_truth test_multiscript(struct sieve_run *r, const struct sieve_op *op);
enum sieve_step test_binary_save(struct sieve_run *r, const struct sieve_op *op);
enum sieve_step test_binary_load(struct sieve_run *r, const struct sieve_op *op);
extern const struct sieve_tag script_run_tags[];

/* ---- results.c ---- */

void suite_result_reset(struct suite *s);
enum sieve_truth test_error(struct sieve_run *r, const struct sieve_op *op);
enum sieve_truth test_result_action(struct sieve_run *r, const struct sieve_op *op);
enum sieve_truth test_result_execute(struct sieve_run *r, const struct sieve_op *op);
enum sieve_step test_result_reset(struct sieve_run *r, const struct sieve_op *op);
enum sieve_step test_result_print(struct sieve_run *r, const struct sieve_op *op);
extern const struct sieve_tag index_tags[];

/* ---- execute.c ---- */

/* suite_execute() - carry out what was not yet carried out, implicit keep and all. False: something
 * failed and is noted. */
bool suite_execute(struct suite *s);

/* ---- messages.c ---- */

bool suite_set_message(struct suite *s, struct sieve_run *r, struct span text,
                       const struct sieve_strings *flags);
void suite_derive_envelope(struct suite *s, struct span message);
enum sieve_truth test_message(struct sieve_run *r, const struct sieve_op *op);
enum sieve_step find_message(struct sieve_run *r, const struct sieve_op *op);
enum sieve_step print_message(struct sieve_run *r, const struct sieve_op *op);
bool check_message(struct sieve_check *c, struct sieve_op *op);
extern const struct sieve_tag message_tags[];
extern const char suite_default_message[];

/* ---- mailboxes.c ---- */

void suite_host_init(struct suite *s);
struct suite_mailbox *suite_mailbox_find(struct suite *s, struct span name);
/* suite_mailbox_with_use() - the preferred one, when it has it (RFC 8579 4); NULL: none has. */
struct suite_mailbox *suite_mailbox_with_use(struct suite *s, struct span use,
                                             struct span preferred);
struct suite_mailbox *suite_mailbox_create(struct suite *s, struct span name);
bool suite_mailbox_add(struct suite *s, struct suite_mailbox *m, struct suite_message message);
void suite_mailboxes_free(struct suite *s);
bool suite_annotate(struct suite *s, struct span mailbox, struct span name, struct span value);

/* ---- programs.c ---- */

/* suite_program() - as struct sieve_host's; kind "pipe" too. TEMPFAIL: it could not be run. */
enum sieve_answer suite_program(void *arg, const char *kind, const char *name,
                                const char *const *arguments, uint32_t count, struct span in,
                                struct buf *out);

/* ---- storages.c ---- */

/* As struct sieve_host's. */
enum sieve_answer suite_list_is_known(void *arg, struct span list);
enum sieve_answer suite_list_has(void *arg, struct span list, struct span value, struct buf *found);

/* suite_storage_read() - a script out of the storages that settings name, appended to out. */
bool suite_storage_read(struct suite *s, enum sieve_location location, struct span name,
                        struct buf *out);

/* ---- settings.c ---- */

/* suite_number() - "16k", "2 days" or "512"; UINT32_MAX when it is none, or larger. */
uint64_t suite_number(const char *value, bool is_time);

void suite_settings_stage(struct suite *s, const char *name, const char *value);
void suite_settings_apply(struct suite *s);

/* suite_offered() - the extensions that scripts of tests may require, as `sieve_extensions` says.
 */
const struct sieve_extension *const *suite_offered(struct suite *s);

const char *suite_setting(void *arg, const char *name);

#endif
