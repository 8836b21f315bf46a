/* SPDX-License-Identifier: MIT
 *
 * Mail that leaves: the messages that Sieve's actions send out, as text. Pure: who sends them, and
 * when, is the caller's. Lines end in CRLF; header fields are ASCII (RFC 2047), bodies are what
 * their Content-Transfer-Encoding says.
 */
#ifndef DOORSTEP_RELAY_H
#define DOORSTEP_RELAY_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "doorstep/buf.h"
#include "doorstep/sieve.h"

struct relay_origin { /* all borrowed: the delivery that an action was taken in */
    const struct sieve_user *user;
    const struct sieve_envelope *envelope;
    /* A setting by its name, or NULL: as in struct sieve_host. */
    const char *(*setting)(void *arg, const char *name);
    void *arg;
    time_t now;
    const char *id; /* the left side of a Message-ID, unique in the world */
};

/* relay_sends() - does this action send mail at all? Not when it is withheld, nor when there is
 * nobody to be answered. */
bool relay_sends(const struct relay_origin *o, const struct sieve_action *a);

/* relay_reverse_path() - of the envelope, without brackets, appended to out; nothing is the null
 * one. False when out is full. */
bool relay_reverse_path(const struct relay_origin *o, const struct sieve_action *a,
                        struct buf *out);

/* relay_recipient() - recipient i of the envelope, NULL past the last. Borrowed. */
const char *relay_recipient(const struct relay_origin *o, const struct sieve_action *a, uint32_t i);

/* relay_print_head() - the fields that a redirect puts in front of the message; nothing for all
 * others. False when out is full. */
bool relay_print_head(const struct relay_origin *o, const struct sieve_action *a, struct buf *out);

/* relay_print() - the message of a redirect, reject, ereject, vacation, notify or report. False
 * when out is full. */
bool relay_print(const struct relay_origin *o, const struct sieve_action *a, struct buf *out);

#endif
