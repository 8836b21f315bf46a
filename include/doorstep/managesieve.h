/* SPDX-License-Identifier: MIT
 *
 * A session of ManageSieve (RFC 5804): octets in, replies out. Pure: log-in, TLS and scripts are
 * the owner's, asked through struct managesieve_calls and answered now or later. One thread.
 *
 *   GREETED --AUTHENTICATE--> IN_AUTH --accepted--> LOGGED_IN --UNAUTHENTICATE--> GREETED
 *      |  ^                      |
 *      |  '-------refused--------'     STARTTLS: only in GREETED, which then begins anew
 *      '--LOGOUT, too many failures, a hopeless literal--> CLOSED (from every state)
 */
#ifndef DOORSTEP_MANAGESIEVE_H
#define DOORSTEP_MANAGESIEVE_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/arena.h"
#include "doorstep/pack.h"
#include "doorstep/sasl.h"
#include "doorstep/span.h"

#define MANAGESIEVE_REPLY_MAX                                                                      \
    (16u << 20) /* octets of one: a list of scripts, a script, a report                            \
                 */

enum managesieve_verb { /* what the owner is asked */
                        MANAGESIEVE_CHECK,
                        MANAGESIEVE_HAVE_SPACE,
                        MANAGESIEVE_PUT,
                        MANAGESIEVE_LIST,
                        MANAGESIEVE_GET,
                        MANAGESIEVE_DELETE,
                        MANAGESIEVE_RENAME,
                        MANAGESIEVE_ACTIVATE,
                        MANAGESIEVE_VERBS
};

struct managesieve_request { /* all borrowed for the call */
    enum managesieve_verb verb;
    struct span name, to; /* to: RENAME. ACTIVATE with an empty name: none */
    struct span text;     /* CHECK, PUT */
    uint64_t octets;      /* HAVE_SPACE */
};

enum managesieve_result {
    MANAGESIEVE_DONE,
    MANAGESIEVE_REFUSED, /* the script has errors: text says which */
    MANAGESIEVE_BAD_NAME,
    MANAGESIEVE_MISSING,      /* NONEXISTENT */
    MANAGESIEVE_EXISTS,       /* ALREADYEXISTS */
    MANAGESIEVE_IS_ACTIVE,    /* ACTIVE */
    MANAGESIEVE_TOO_MANY,     /* QUOTA/MAXSCRIPTS */
    MANAGESIEVE_TOO_LONG,     /* QUOTA/MAXSIZE */
    MANAGESIEVE_OVER_STORAGE, /* QUOTA */
    MANAGESIEVE_FAILED,       /* for now: TRYLATER */
    MANAGESIEVE_RESULTS
};

struct managesieve_script { /* borrowed */
    const char *name;
    bool is_active;
};

struct managesieve_answer { /* all borrowed for the call */
    enum managesieve_result result;
    struct span text; /* REFUSED: the report. DONE with warnings: the same. GET: the script */
    const struct managesieve_script *list; /* LIST */
    uint32_t list_count;
};

/* The bodies of EDGE_SCRIPT_ASK and STORE_SCRIPT (door_frames.h), which may be longer than a frame
 * and travel in pieces. */
#define MANAGESIEVE_NAME_MAX 512   /* octets (1.6) */
#define MANAGESIEVE_NAMES_MAX 4096 /* octets of a packed request beside its text */
#define MANAGESIEVE_LIST_MAX 10000 /* scripts of an account */

void managesieve_request_pack(const struct managesieve_request *r, struct pack *p);
/* managesieve_request_unpack() - r borrows from the octets; text_max: of its text. false: it is
 * none. */
bool managesieve_request_unpack(struct managesieve_request *r, size_t text_max, struct span octets);

void managesieve_answer_pack(const struct managesieve_answer *a, struct pack *p);
/* managesieve_answer_unpack() - a borrows from the octets and from the arena. false: it is none, or
 * there is no memory. */
bool managesieve_answer_unpack(struct managesieve_answer *a, struct arena *arena,
                               struct span octets);

struct managesieve_config {        /* borrowed strings, for the session's life */
    const char *implementation;    /* "Doorstep 0.1.0" */
    const char *extensions;        /* SIEVE capability */
    const char *notify;            /* NOTIFY capability; "": there is no enotify */
    const char *lists;             /* EXTLISTS capability (RFC 6134 2.8), or "" */
    uint64_t redirects_max;        /* MAXREDIRECTS */
    uint64_t script_max;           /* octets of one script */
    uint64_t failures_max;         /* log-ins that fail before the end */
    uint64_t errors_max;           /* commands that are none before the end */
    uint64_t strange_commands_max; /* without a log-in before the end */
    bool can_start_tls;            /* STARTTLS is offered */
    bool requires_tls;             /* no log-in before it */
    bool is_private;               /* TLS already, or a unix socket: PLAIN is allowed */
    bool plain_without_tls;        /* PLAIN although anybody could read it */
    bool has_binding;              /* SCRAM-SHA-256-PLUS */
    bool has_outer_name;           /* EXTERNAL */
};

struct managesieve_calls {
    /* false: the client does not read; nothing is carried out until managesieve_writable(). */
    bool (*reply)(void *arg, struct span octets);
    bool (*can_start_tls)(void *arg); /* now */
    /* The octets of the handshake come next: managesieve_tls_started() when it is done. */
    void (*start_tls)(void *arg);
    /* As in smtp_session.h: false: nobody can tell now. */
    bool (*auth_begin)(void *arg, enum sasl_mechanism m, bool has_initial, struct span octets);
    bool (*auth_step)(void *arg, struct span octets);
    void (*auth_abort)(void *arg);
    /* After a log-in; answered by managesieve_answer(). false: nobody can now. */
    bool (*request)(void *arg, const struct managesieve_request *r);
    void (*forget_login)(void *arg); /* UNAUTHENTICATE */
    void (*close)(void *arg, const char *reason);
};

struct managesieve;

/* managesieve_new() - says the greeting, which is the capabilities (1.7). config: copied. NULL
 * without memory. */
struct managesieve *managesieve_new(const struct managesieve_config *config,
                                    const struct managesieve_calls *calls, void *arg);
void managesieve_free(struct managesieve *m); /* NULL is allowed */

/* managesieve_feed() - what came; kept (managesieve_wants_input() is then false) while an answer is
 * owed, at most MANAGESIEVE_PENDING_MAX octets. */
#define MANAGESIEVE_PENDING_MAX 65536
void managesieve_feed(struct managesieve *m, struct span octets);
bool managesieve_wants_input(const struct managesieve *m);
void managesieve_writable(struct managesieve *m);

/* managesieve_is_waiting() - for an answer of the owner's. managesieve_is_idle() - between two
 * commands. managesieve_steps() - commands so far, for deadlines. */
bool managesieve_is_waiting(const struct managesieve *m);
bool managesieve_is_idle(const struct managesieve *m);
bool managesieve_is_closed(const struct managesieve *m);
uint64_t managesieve_steps(const struct managesieve *m);
const char *managesieve_login(const struct managesieve *m); /* or NULL */

void managesieve_tls_started(struct managesieve *m, bool has_binding, bool has_outer_name);
void managesieve_challenge(struct managesieve *m, struct span octets);

/* managesieve_auth_done() - `final` is what the mechanism says with its success, or nothing. */
void managesieve_auth_done(struct managesieve *m, enum sasl_verdict verdict, const char *login,
                           struct span final);
void managesieve_answer(struct managesieve *m, const struct managesieve_answer *answer);

/* managesieve_bye() - the owner ends it: says why, and closes. */
void managesieve_bye(struct managesieve *m, const char *code, const char *text);

#endif
