/* SPDX-License-Identifier: MIT
 *
 * One attempt to log in: see logins_priv.h. logins.c is the way of frames, attempt.c what they
 * mean.
 */
#ifndef DELIVER_ATTEMPT_PRIV_H
#define DELIVER_ATTEMPT_PRIV_H

#include "doorstep/auth.h"
#include "doorstep/table.h"

#include "logins_priv.h"
#include "role_door_priv.h"

struct logins {
    const struct settings *settings;
    struct loop *loop;
    struct directory *directory;
    logins_replace_fn replace;
    void *arg;
    struct penalties *penalties; /* owned */
    struct loop_timer *save;     /* owned; runs while penalties are newer than their file */
    bool is_saving;
    struct role_door role;    /* auth */
    struct attempt *attempts; /* table, by the edge and its id */
    struct attempt *by_serial;
    uint64_t last_serial;
};

/* Who owes the next step. */
enum attempt_turn {
    TURN_CLIENT,
    TURN_ROLE,
    TURN_ACCOUNTS, /* the look-up of a secret */
    TURN_DELAY     /* the verdict is there, and waits */
};

struct attempt_key { /* no padding: it is hashed as it lies */
    struct edge *edge;
    uint64_t id;
};

struct attempt {
    UT_hash_handle hh;        /* by key */
    UT_hash_handle hh_serial; /* by serial */
    struct attempt_key key;
    uint64_t serial; /* what the auth role and look-ups call it */
    struct logins *logins;
    struct auth_client client;
    enum sasl_mechanism mechanism;
    enum attempt_turn turn;
    struct loop_timer *timer; /* TURN_ROLE: it hangs; TURN_DELAY: say it now */
    uint64_t asked_ms;        /* when the client said its last piece */
    struct penalty_keys keys;
    bool is_kept; /* a success opens a script_session */
    bool has_reserved;
    bool is_allowed; /* the secret that was lent is that of an account that may log in */
    bool has_account;
    struct account_secret secret; /* with has_account */
    char name[SASL_LOGIN_SIZE];   /* as it was given */
    const char *reason;           /* static; why it is refused, for the log */
    enum sasl_verdict verdict;    /* TURN_DELAY */
};

/* --- attempt.c --- */

/* attempt_name() - the auth role read a name: look its secret up. */
void attempt_name(struct attempt *a, const char *name, const char *authorization);

/* attempt_done() - the auth role's verdict. */
void attempt_done(struct attempt *a, const struct auth_done *done);

/* --- logins.c --- */

/* attempt_tell_role() - false: it is away; the attempt has ended. */
bool attempt_tell_role(struct attempt *a, uint16_t type, struct span body);

/* attempt_end() - tell the edge, and free it. */
void attempt_end(struct attempt *a, enum sasl_verdict verdict);

struct attempt *attempt_find_serial(struct logins *l, uint64_t serial);

#endif
