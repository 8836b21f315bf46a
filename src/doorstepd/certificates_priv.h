/* SPDX-License-Identifier: MIT
 *
 * The certificates and keys of all listeners: main alone reads their files, looks at them, and
 * hands them to the edges in a sealed memfd. What is in force outlives a file that was spoiled.
 */
#ifndef DOORSTEPD_CERTIFICATES_PRIV_H
#define DOORSTEPD_CERTIFICATES_PRIV_H

#include <stdbool.h>
#include <time.h>

#include "doorstep/buf.h"
#include "doorstep/settings.h"
#include "doorstep/tls.h"

#include "guarded_file_priv.h"

struct certificate { /* a pair, or a file of authorities: then there is no key */
    struct certificate *next;
    char *path, *key_path; /* owned; key_path "" for authorities */
    struct buf pem, key;   /* owned; wiped */
    time_t not_after;      /* 0 for authorities */
};

struct certificates {
    struct certificate *list; /* owned */
    int fd;                   /* owned; what MAIN_TLS hands over, or -1: there are none */
    struct file_guard guard;
};

void certificates_init(struct certificates *c);

/* certificates_load() - all that the settings name. A pair that cannot be used is taken from
 * `force` (NULL: nothing is in force), when the same files are there, and logged; otherwise false,
 * logged, with the first reason in why. */
bool certificates_load(struct certificates *c, const struct settings *s,
                       const struct certificates *force, struct buf *why);

/* certificates_equal() - the same files with the same content. */
bool certificates_equal(const struct certificates *a, const struct certificates *b);

/* certificates_warn() - log those that end soon; metrics get the first end. */
void certificates_warn(const struct certificates *c);

void certificates_release(struct certificates *c);

/* ticket_keys_rotate() - a new key in front, the last one goes. false: no randomness. */
bool ticket_keys_rotate(struct tls_ticket_keys *keys);

#endif
