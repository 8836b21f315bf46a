/* SPDX-License-Identifier: MIT
 *
 * One SASL exchange from the server's side: what a mechanism says, step by step. Hashing is left to
 * the pool, and where the secret comes from to the caller: an exchange says what it needs next.
 */
#ifndef DOORSTEP_AUTH_EXCHANGE_PRIV_H
#define DOORSTEP_AUTH_EXCHANGE_PRIV_H

#include <gsasl.h>

#include "doorstep/auth.h"

enum exchange_next {
    EXCHANGE_CHALLENGE,   /* say exchange.challenge to the client, its answer goes to feed() */
    EXCHANGE_WANT_SECRET, /* of exchange.name, to act as exchange.authorization: give secret() */
    EXCHANGE_WANT_HASH,   /* exchange.password against the secret's hash */
    EXCHANGE_DONE         /* exchange.verdict */
};

struct exchange {
    Gsasl *library;         /* borrowed */
    Gsasl_session *session; /* owned; NULL when it is over */
    enum sasl_mechanism mechanism;
    char binding[SASL_TEXT_SIZE(AUTH_BINDING_MAX)]; /* base64, as libgsasl takes it; or "" */
    char name[SASL_LOGIN_SIZE];                     /* as the client wrote it */
    char authorization[SASL_LOGIN_SIZE];            /* or "" */
    char password[PASSWORD_SIZE];                   /* prepared; of PLAIN and LOGIN */
    bool has_asked;                                 /* LOGIN: the first challenge is over */
    bool is_captured;                               /* the mechanism has handed these out */
    bool has_password;                              /* one that can be somebody's */
    struct password_scram keys;                     /* SCRAM: once the secret is there */
    bool has_keys;
    struct buf first; /* SCRAM: the client's first message, said again when the keys are there */
    struct buf challenge; /* owned */
    bool is_proven;       /* SCRAM: all that is missing is the client's empty answer */
    enum sasl_verdict verdict;
};

/* exchange_start() - false without memory. */
bool exchange_start(struct exchange *e, Gsasl *library, enum sasl_mechanism m, struct span binding);

/* exchange_end() - everything is wiped. */
void exchange_end(struct exchange *e);

/* exchange_feed() - what the client said; has_octets: false only at the start, when it said
 * nothing.
 */
enum exchange_next exchange_feed(struct exchange *e, bool has_octets, struct span octets);

/* exchange_secret() - after EXCHANGE_WANT_SECRET. */
enum exchange_next exchange_secret(struct exchange *e, const struct auth_secret *s);

/* exchange_callback() - libgsasl's questions; the hook of its session is the exchange. */
int exchange_callback(Gsasl *library, Gsasl_session *session, Gsasl_property property);

#endif
