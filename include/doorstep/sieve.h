/* SPDX-License-Identifier: MIT
 *
 * Sieve (RFC 5228): the text of a script to a program, a program and a message to actions. A pure
 * library: no files, no network, no global state; whatever lies outside is asked through struct
 * sieve_host. Every run has budgets that no script and no message can pass.
 * Who writes an extension reads sieve_extension.h.
 */
#ifndef DOORSTEP_SIEVE_H
#define DOORSTEP_SIEVE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "doorstep/arena.h"
#include "doorstep/buf.h"
#include "doorstep/charset.h"
#include "doorstep/span.h"

/* ------------------------------------------------------------------ places and reports */

struct sieve_place {
    uint32_t line, column;   /* from 1; columns count characters. Line 0: the script as a whole */
    uint32_t offset, length; /* octets of the script's text */
};

enum sieve_severity { SIEVE_ERROR, SIEVE_WARNING };

struct sieve_note {
    enum sieve_severity severity;
    const char *script; /* the name it was compiled under */
    struct sieve_place at;
    const char *text;   /* "unknown command 'filinto'": no place, no final dot */
    const char *source; /* the line of the script, for the caret; "" when there is none */
};

#define SIEVE_NOTES_MAX 100 /* in a report; more are counted, not kept */

struct sieve_report {
    struct arena arena; /* owns all strings */
    struct sieve_note notes[SIEVE_NOTES_MAX];
    uint32_t count;
    uint32_t errors; /* all of them, also those that were not kept */
    uint32_t warnings;
};

void sieve_report_init(struct sieve_report *r);
void sieve_report_release(struct sieve_report *r);

/* sieve_report_print() - "name:line:column: error: text", the line and a caret below it, for each
 * note; lines end in LF. False when out is full. */
bool sieve_report_print(const struct sieve_report *r, struct buf *out);

/* ------------------------------------------------------------------ limits and settings */

struct sieve_limits {
    uint32_t script_max;   /* octets of one script */
    uint32_t program_max;  /* octets that a program may take, includes and all */
    uint32_t nesting_max;  /* blocks and tests inside one another */
    uint32_t includes_max; /* scripts in one program */
    uint32_t include_depth_max;
    uint32_t variables_max; /* in one scope */
    uint32_t variable_max;  /* octets of a variable's value */
    uint64_t steps_max;     /* commands and tests in a run */
    uint64_t work_max;      /* octets looked at by match types in a run */
    uint32_t memory_max;    /* octets in a run */
    uint32_t actions_max;
    uint32_t redirects_max;
    uint32_t notifies_max;
    uint32_t header_max; /* octets of a field that editheader adds */
    uint32_t vacation_min_seconds, vacation_default_seconds, vacation_max_seconds;
    uint32_t duplicate_default_seconds, duplicate_max_seconds;
};

/* sieve_limits_default() - what docs/sieve.md says. */
void sieve_limits_default(struct sieve_limits *l);

/* ------------------------------------------------------------------ compiling */

struct sieve_extension; /* sieve_extension.h */

enum sieve_location { SIEVE_PERSONAL, SIEVE_GLOBAL }; /* RFC 6609 */

enum sieve_found { SIEVE_FOUND, SIEVE_MISSING, SIEVE_UNKNOWN };

struct sieve_compiler { /* all borrowed */
    const struct sieve_limits *limits;
    /* Extensions that may be required, NULL at the end; NULL: all that there are. */
    const struct sieve_extension *const *extensions;
    /* Whose programs run with administrators' rights (vnd.dovecot.pipe and its like). */
    bool is_administrators;
    /* For suites that count errors: as many as Pigeonhole finds, whose parser ends where no command
     * can begin, and says of some mistakes two things. */
    bool counts_errors;
    /* The text of an included script, appended to out. SIEVE_UNKNOWN: it is not looked for, or
     * cannot be had now; that is no error, but a run that needs it ends as SIEVE_DEFERRED. What is
     * SIEVE_MISSING refuses the script that includes it. NULL: there are none. */
    enum sieve_found (*load)(void *arg, enum sieve_location location, struct span name,
                             struct buf *out);
    void *arg;
};

struct sieve_program; /* immutable, any thread may run it */

/* sieve_compile() - NULL when the report has an error. What the report says is added to what it
 * held. `name` is copied. */
struct sieve_program *sieve_compile(const struct sieve_compiler *c, const char *name,
                                    struct span text, struct sieve_report *report);
void sieve_program_free(struct sieve_program *p); /* NULL is allowed */

const char *sieve_program_name(const struct sieve_program *p);

/* sieve_program_octets() - memory that it takes, for caches. */
size_t sieve_program_octets(const struct sieve_program *p);

/* sieve_extensions() - all that are built in, NULL at the end. */
const struct sieve_extension *const *sieve_extensions(void);

/* sieve_extensions_print() - the names that `require` takes, separated by spaces: the SIEVE
 * capability of RFC 5804 1.7. */
bool sieve_extensions_print(const struct sieve_compiler *c, struct buf *out);

/* ------------------------------------------------------------------ what is outside */

enum sieve_answer { SIEVE_NO, SIEVE_YES, SIEVE_TEMPFAIL };

struct sieve_envelope {             /* all borrowed, "" where nothing is known */
    const char *sender;             /* reverse-path without brackets; "" is the null one */
    const char *recipient;          /* as the MTA gave it to us, with its detail */
    const char *original_recipient; /* ORCPT or what comes near; "" : the recipient */
    const char *login;              /* authenticated sender: envelope "auth" */
    const char *notify;             /* RFC 6009: "SUCCESS,FAILURE", or "" */
    const char *orcpt;              /* RFC 6009: with its type, "rfc822;ann@example.org", decoded */
    const char *ret, *envid;
    const char *deliverby; /* RFC 2852 4: seconds, mode and trace as in "60;RT", or "" */
};

struct sieve_host { /* each may be NULL: then nothing exists and nothing is known */
    /* `mailbox` is UTF-8. RFC 5490 3.1, RFC 8579 4, RFC 9042 4. */
    enum sieve_answer (*mailbox_exists)(void *arg, struct span mailbox);
    enum sieve_answer (*special_use_exists)(void *arg, struct span mailbox, struct span use);
    enum sieve_answer (*mailbox_id_exists)(void *arg, struct span id);
    /* RFC 5464 annotations; mailbox with n 0 is the server. Appended to out; SIEVE_NO: none. */
    enum sieve_answer (*metadata)(void *arg, struct span mailbox, struct span name,
                                  struct buf *out);
    /* RFC 7352: was `key` marked, and is that no older than `seconds`? Asking marks nothing: that
     * is an action (SIEVE_MARK). */
    enum sieve_answer (*duplicate)(void *arg, struct span key, uint32_t seconds);
    /* RFC 6134: is value on the list? As it is written there, appended to found. Names of lists
     * are as list_name_print() has them. */
    enum sieve_answer (*list_has)(void *arg, struct span list, struct span value,
                                  struct buf *found);
    enum sieve_answer (*list_is_known)(void *arg, struct span list);
    /* RFC 5183 items that the engine does not know itself, appended to out. */
    bool (*environment)(void *arg, struct span name, struct buf *out);
    /* A setting of an extension, by the name that docs/sieve.md gives it, or NULL. */
    const char *(*setting)(void *arg, const char *name);
    /* Programs (vnd.dovecot.filter, execute and, with runs_pipes, pipe): octets in, octets out. */
    enum sieve_answer (*program)(void *arg, const char *kind, const char *name,
                                 const char *const *arguments, uint32_t count, struct span in,
                                 struct buf *out);
    /* pipe runs its program when the script comes to it, and is an action when that went well;
     * otherwise it is an action for whoever reads them, undone. */
    bool runs_pipes;
    void *arg;
};

struct sieve_user {             /* borrowed */
    const char *address;        /* the account's own */
    const char *name;           /* login name of the account */
    const char *const *aliases; /* further addresses of the account, NULL at the end, or NULL */
    const char *delimiters;     /* recipient delimiters: "+" */
    const char *postmaster;     /* whose name stands on reports */
    const char *hostname;
};

/* ------------------------------------------------------------------ actions */

enum sieve_action_kind {
    SIEVE_KEEP,
    SIEVE_FILEINTO,
    SIEVE_REDIRECT,
    SIEVE_DISCARD,
    SIEVE_REJECT,
    SIEVE_EREJECT,
    SIEVE_VACATION,
    SIEVE_NOTIFY,
    SIEVE_REPORT, /* vnd.dovecot.report */
    SIEVE_PIPE,   /* vnd.dovecot.pipe */
    SIEVE_MARK,   /* duplicate: remember details.mark.key */
    SIEVE_ACTION_KINDS
};

/* sieve_action_name() - as the RFCs spell it: "fileinto". */
const char *sieve_action_name(enum sieve_action_kind kind);

struct sieve_strings {
    const char *const *items; /* UTF-8, NUL-terminated */
    uint32_t count;
};

struct sieve_storage {          /* where a copy goes: keep, fileinto, :fcc */
    const char *mailbox;        /* UTF-8; "INBOX" */
    bool has_flags;             /* else none were said: what the store gives a new message */
    struct sieve_strings flags; /* RFC 5232: "\\Seen", "$Junk" */
    bool create;                /* RFC 5490 */
    const char *special_use;    /* RFC 8579, or NULL */
    const char *mailbox_id;     /* RFC 9042, or NULL */
};

struct sieve_redirect {
    const char *address;
    const char *list;         /* RFC 6134: instead of an address; or NULL */
    const char *notify, *ret; /* RFC 6009, or NULL */
    bool has_by;
    int64_t by_seconds;
    char by_mode; /* 'N' or 'R' */
    bool by_trace;
};

struct sieve_reply {      /* a message that the engine made: vacation, notify by mail, report */
    const char *from;     /* the From field, or NULL: the account's address */
    const char *to;       /* address without brackets */
    const char *to_field; /* the same as the sender writes himself, or NULL */
    const char *subject;  /* UTF-8, unencoded */
    const char *text;     /* UTF-8 body, or a MIME entity when is_mime */
    bool is_mime;
    const struct sieve_storage *fcc; /* RFC 8580, or NULL */
};

struct sieve_vacation {
    struct sieve_reply reply;
    const char *key; /* what tells one sender and response from others; hash it before it is kept */
    uint32_t seconds;        /* no second reply within these; 0: each time (RFC 6131) */
    const char *in_reply_to; /* Message-ID, or "" */
    const char *references;
    const char *withheld; /* why no reply is sent (RFC 5230 4.5, 4.6), or NULL */
};

struct sieve_notify {
    struct sieve_reply reply; /* of mailto; to holds the first recipient, others in recipients */
    const char *method;       /* the URI */
    const char *importance;   /* "1" "2" "3" */
    struct sieve_strings options;
    struct sieve_strings recipients, carbon; /* of mailto */
    struct sieve_strings headers;            /* "Name: value" fields of the URI */
    const char *withheld;                    /* why nothing is sent (RFC 5436 2.7), or NULL */
};

struct sieve_pipe {
    const char *program;
    struct sieve_strings arguments;
    bool is_try;
};

struct sieve_edition; /* the message as it was when an action was taken */

struct sieve_action {
    enum sieve_action_kind kind;
    const char *script; /* name of the program, for people */
    struct sieve_place at;
    const struct sieve_edition *edition; /* which message: sieve_edition_print() */
    bool copy;                           /* RFC 3894: the implicit keep stays */
    bool is_explicit;             /* false: the implicit keep, listed by sieve_run_finish() */
    struct sieve_storage storage; /* KEEP, FILEINTO */
    union {
        struct sieve_redirect redirect;
        struct {
            const char *text;
            bool is_mime; /* the text is a MIME entity */
        } reject;         /* REJECT, EREJECT */
        struct sieve_vacation vacation;
        struct sieve_notify notify;
        struct {
            const char *address, *feedback, *text;
            bool headers_only;
        } report;
        struct sieve_pipe pipe;
        struct {
            const char *key;
            uint32_t seconds;
        } mark;
    } details;
};

/* ------------------------------------------------------------------ running */

enum sieve_status {
    SIEVE_OK,       /* the actions say what to do */
    SIEVE_FAILED,   /* the script's fault: keep into INBOX and tell the user sieve_run_error() */
    SIEVE_DEFERRED, /* something outside failed for now: ask again later */
    SIEVE_NO_MEMORY
};

/* What `explain` shows: each test with what it compared, each action with why. */
struct sieve_trace {
    enum {
        SIEVE_TRACE_COMMAND, /* about to run */
        SIEVE_TRACE_VALUE,   /* a value was compared: value, key, is_true */
        SIEVE_TRACE_TEST,    /* a test is over: is_true */
        SIEVE_TRACE_ACTION,  /* an action was taken */
        SIEVE_TRACE_SET,     /* a variable was set: name and value */
        SIEVE_TRACE_NOTE     /* text in value: debug_log and the engine's own remarks */
    } kind;
    const char *script;
    struct sieve_place at;
    const char *name; /* of the command or test */
    bool is_test;
    struct span value, key;
    bool is_true;
    uint32_t depth; /* of tests and blocks, for indenting */
};

struct sieve_input {     /* all borrowed until sieve_run_free() */
    struct span message; /* lines end in CRLF or LF */
    const struct sieve_envelope *envelope;
    const struct sieve_user *user;
    const struct sieve_host *host;
    const struct sieve_limits *limits;
    struct charsets *charsets;
    time_t now;
    struct sieve_strings flags; /* of a message that is already stored */
    void (*on_trace)(void *arg, const struct sieve_trace *t); /* or NULL */
    void *trace_arg;
};

struct sieve_run; /* one message, one thread */

/* sieve_run_new() - NULL without memory. */
struct sieve_run *sieve_run_new(const struct sieve_input *in);
void sieve_run_free(struct sieve_run *r); /* NULL is allowed */

/* For those who run one message after the other. sieve_run_end() - what r gave out is gone, and its
 * memory but for a little; NULL is allowed. sieve_run_again() - behind that: as if r were new;
 * false without memory. */
void sieve_run_end(struct sieve_run *r);
bool sieve_run_again(struct sieve_run *r, const struct sieve_input *in);

/* sieve_run_script() - run p; what it does is added to what the scripts before did, as if it were
 * one (before, personal, after): see sieve_run_goes_on(). After anything but SIEVE_OK the actions
 * of this program are gone, those of earlier ones stay. */
enum sieve_status sieve_run_script(struct sieve_run *r, const struct sieve_program *p);

/* sieve_run_goes_on() - may the next script run: only while keep is in effect, implicit or not. */
bool sieve_run_goes_on(const struct sieve_run *r);

/* sieve_run_finish() - no more scripts: a keep that is in effect becomes an action. Returns the
 * actions in the order in which they were taken; owned by r. */
const struct sieve_action *sieve_run_finish(struct sieve_run *r, uint32_t *count);

/* sieve_run_resume() - after sieve_run_finish(): take the implicit keep back, more scripts come. */
void sieve_run_resume(struct sieve_run *r);

/* sieve_run_actions() - what was taken so far, without the implicit keep. */
const struct sieve_action *sieve_run_actions(const struct sieve_run *r, uint32_t *count);

/* sieve_run_keeps() - is the implicit keep in effect (RFC 5228 2.10.2)? */
bool sieve_run_keeps(const struct sieve_run *r);

/* sieve_run_only_discards() - would the message go nowhere, and nobody hear of it? What a discard
 * script is for. */
bool sieve_run_only_discards(const struct sieve_run *r);

/* sieve_run_error() - after SIEVE_FAILED or SIEVE_DEFERRED, for people: what and where. */
const struct sieve_note *sieve_run_error(const struct sieve_run *r);

/* sieve_run_reset() - forget the actions and errors, keep the message (test_result_reset). */
void sieve_run_reset(struct sieve_run *r);

/* sieve_edition_print() - the whole message of an action. False when out is full. */
bool sieve_edition_print(const struct sieve_edition *e, struct buf *out);

/* sieve_edition_is_original() - nothing was edited: the octets are those that came in. */
bool sieve_edition_is_original(const struct sieve_edition *e);

#endif
