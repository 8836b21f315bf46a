/* SPDX-License-Identifier: MIT
 *
 * An account's Sieve scripts, as its worker keeps them: quotas, names, and each change durable
 * before it is answered. Nothing here reads what a script says.
 */
#ifndef DELIVER_SCRIPT_STORE_PRIV_H
#define DELIVER_SCRIPT_STORE_PRIV_H

#include <jansson.h>

#include "doorstep/message.h"
#include "doorstep/personal.h"

#include "worker_priv.h"

enum script_verb {
    SCRIPT_CHECK, /* only compile it */
    SCRIPT_HAVE_SPACE,
    SCRIPT_PUT,
    SCRIPT_LIST,
    SCRIPT_GET,
    SCRIPT_DELETE,
    SCRIPT_RENAME,
    SCRIPT_ACTIVATE, /* an empty name: none */
    SCRIPT_LOG       /* what failed, and what waits to leave */
};

enum script_result { /* what RFC 5804 has response codes for */
                     SCRIPT_DONE,
                     SCRIPT_FAILED,       /* for now; `why` */
                     SCRIPT_REFUSED,      /* it has errors: `report` */
                     SCRIPT_BAD_NAME,     /* no name that a script may have */
                     SCRIPT_MISSING,      /* NONEXISTENT */
                     SCRIPT_EXISTS,       /* ALREADYEXISTS */
                     SCRIPT_IS_ACTIVE,    /* ACTIVE */
                     SCRIPT_TOO_MANY,     /* QUOTA/MAXSCRIPTS */
                     SCRIPT_TOO_LONG,     /* QUOTA/MAXSIZE */
                     SCRIPT_OVER_STORAGE, /* QUOTA */
                     SCRIPT_RESULTS
};

struct script_request {
    struct job job; /* scripts_ask()'s */
    struct account account;
    enum script_verb verb;
    char name[PERSONAL_SCRIPT_NAME_SIZE], to[PERSONAL_SCRIPT_NAME_SIZE];
    struct message *text;                   /* owned: CHECK, PUT */
    uint64_t octets;                        /* HAVE_SPACE */
    bool activate;                          /* PUT: it becomes the active one */
    void (*done)(struct script_request *r); /* on the loop's thread, once */
    void *arg;
    struct deliver *deliver;
    struct loop_timer *again; /* owned; scripts.c's */
    unsigned times;
    bool is_ready;

    enum script_result result;
    struct outcome why;
    uint32_t errors, warnings;
    struct buf report;            /* for people, UTF-8; CHECK, PUT */
    struct buf found;             /* GET: the text */
    struct personal_script *list; /* owned: LIST */
    size_t list_count;
    json_t *log; /* owned: LOG, an array */
};

/* scripts_carry_out() - all but CHECK, on the account's worker; the text was checked before.
 * r->result; false: the account is not ready yet (a hand), try again. */
bool scripts_carry_out(struct worker *w, struct script_request *r);

/* script_bundle() - what all scripts of the account are called and hold, as a hash: on its worker.
 * What a script includes has not changed as long as this has not. */
bool script_bundle(struct personal *p, char out[PERSONAL_SCRIPT_HASH_SIZE], struct outcome *why);

#endif
