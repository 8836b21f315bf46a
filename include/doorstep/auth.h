/* SPDX-License-Identifier: MIT
 *
 * The auth role: checks passwords and the proofs of SASL (libgsasl), and can do nothing else. The
 * store asks it for one attempt at a time and lends it the secret of the one account that the
 * client named; it opens no file and keeps nothing. Below are the bodies of the frames between
 * edge, store and auth role (door_frames.h).
 */
#ifndef DOORSTEP_AUTH_H
#define DOORSTEP_AUTH_H

#include <sys/types.h>

#include "doorstep/clock.h"
#include "doorstep/pack.h"
#include "doorstep/password.h"
#include "doorstep/sasl.h"
#include "doorstep/settings.h"

#define AUTH_BINDING_MAX 64 /* octets of tls-exporter (RFC 9266: 32) */
#define AUTH_ADDRESS_SIZE 64

/* What the edge knows of who wants to log in. */
struct auth_client {
    char session[ID_SIZE];
    char address[AUTH_ADDRESS_SIZE];   /* as in struct envelope, also by XCLIENT; "": unix socket */
    char certificate[SASL_LOGIN_SIZE]; /* the account that a verified certificate names, or "" */
    bool is_unix;
    uint32_t uid;                   /* with is_unix: of the peer */
    char binding[AUTH_BINDING_MAX]; /* tls-exporter */
    uint8_t binding_length;         /* 0: no TLS, or not known */
};

struct auth_begin {
    enum sasl_mechanism mechanism;
    bool has_initial;
    struct span octets; /* borrowed */
};

void auth_client_pack(const struct auth_client *c, struct pack *p);
void auth_client_unpack(struct auth_client *c, struct unpack *u);
void auth_begin_pack(const struct auth_begin *b, struct pack *p);
void auth_begin_unpack(struct auth_begin *b, struct unpack *u);

/* AUTH_SECRET: what the name that the client gave is checked against. */
struct auth_secret {
    bool is_allowed;                 /* there is such an account, it may log in, as that one */
    char hash[PASSWORD_HASH_SIZE];   /* or "" */
    char scram[PASSWORD_SCRAM_SIZE]; /* never "": where there are none, they are made up */
    bool wants_scram;                /* after a right password: make keys for SCRAM */
};

void auth_secret_pack(const struct auth_secret *s, struct pack *p);
void auth_secret_unpack(struct auth_secret *s, struct unpack *u);

/* AUTH_DONE. */
struct auth_done {
    enum sasl_verdict verdict;
    char hash[PASSWORD_HASH_SIZE];   /* with today's costs, or "" */
    char scram[PASSWORD_SCRAM_SIZE]; /* or "" */
};

void auth_done_pack(const struct auth_done *d, struct pack *p);
void auth_done_unpack(struct auth_done *d, struct unpack *u);

/* auth_prepare() - before the role locks itself in: libgsasl's own start. NULL: no memory. */
struct door;
struct auth_library;
struct auth_library *auth_prepare(void);

/* auth_run() - the role: says ROLE_READY, then serves the store's door until it closes, or main's
 * does (both are taken); the exit
 * status. The sandbox is entered before. */
int auth_run(struct auth_library *library, struct door *main_door, int store_door,
             const struct settings_auth *settings);

#endif
