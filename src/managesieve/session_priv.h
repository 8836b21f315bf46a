/* SPDX-License-Identifier: MIT
 *
 * Inside a session of ManageSieve: session.c reads octets, carries out commands and says replies;
 * login.c and scripts.c have the commands of their names.
 */
#ifndef MANAGESIEVE_SESSION_PRIV_H
#define MANAGESIEVE_SESSION_PRIV_H

#include "doorstep/managesieve.h"

#include "reply_priv.h"
#include "wire_priv.h"

#define STRANGER_LITERAL_MAX 16384 /* before the log-in: what SASL says */

enum session_state { GREETED, IN_AUTH, LOGGED_IN, IN_TLS, CLOSED };

struct managesieve {
    struct managesieve_config config;
    const struct managesieve_calls *calls;
    void *arg;
    enum session_state state;
    bool is_waiting; /* for the owner */
    bool is_busy;    /* inside of a command: who answers at once does not start the next one */
    bool is_full;    /* the client does not read: no more commands are carried out */
    enum managesieve_verb asked;
    struct wire wire;
    struct buf pending;
    struct buf out;
    char *login; /* owned */
    uint64_t steps, failures, errors;
    uint64_t strange_steps; /* commands before a log-in */
};

/* --- session.c: replies --- */

/* managesieve_flush() - send what stands in `out`; when it is not whole, the session ends. */
void managesieve_flush(struct managesieve *m, bool is_whole);
void managesieve_say(struct managesieve *m, const char *word, const char *code, const char *text);
void managesieve_say_span(struct managesieve *m, const char *word, const char *code,
                          struct span text);
void managesieve_no(struct managesieve *m, const char *code, const char *text);
void managesieve_ok(struct managesieve *m);
void managesieve_say_capabilities(struct managesieve *m);

/* --- login.c --- */

void managesieve_cmd_authenticate(struct managesieve *m);
void managesieve_cmd_unauthenticate(struct managesieve *m);
void managesieve_cmd_starttls(struct managesieve *m);

/* managesieve_auth_response() - what the client says to a challenge. */
void managesieve_auth_response(struct managesieve *m);

/* --- scripts.c --- */

void managesieve_cmd_havespace(struct managesieve *m);
void managesieve_cmd_putscript(struct managesieve *m);
void managesieve_cmd_checkscript(struct managesieve *m);
void managesieve_cmd_listscripts(struct managesieve *m);
void managesieve_cmd_getscript(struct managesieve *m);
void managesieve_cmd_deletescript(struct managesieve *m);
void managesieve_cmd_setactive(struct managesieve *m);
void managesieve_cmd_renamescript(struct managesieve *m);

#endif
