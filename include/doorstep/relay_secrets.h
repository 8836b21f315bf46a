/* SPDX-License-Identifier: MIT
 *
 * What the relay role needs of files that it cannot open: passwords for next hops, and authorities
 * to verify them by. Main reads them and hands them over once, in a sealed memfd of their own: the
 * settings go to every role, these to one.
 */
#ifndef DOORSTEP_RELAY_SECRETS_H
#define DOORSTEP_RELAY_SECRETS_H

#include <stdint.h>

#include "doorstep/pack.h"
#include "doorstep/span.h"

#define RELAY_ROUTE_SIZE 33 /* of a name, with its NUL */
#define RELAY_PASSWORD_MAX 1024
#define RELAY_AUTHORITIES_MAX 1048576 /* octets of PEM */
#define RELAY_ROUTES_MAX 1001         /* the smarthost's too */

struct relay_secret {  /* of a route; all borrowed */
    const char *route; /* its name; "" is the smarthost */
    struct span password;
    struct span authorities; /* PEM; SPAN_NONE: those of the system */
};

/* relay_secrets_pack_head(), then relay_secret_pack() for each of `count`. */
void relay_secrets_pack_head(struct span system_authorities, uint32_t count, struct pack *p);
void relay_secret_pack(const struct relay_secret *s, struct pack *p);

/* relay_secrets_unpack_head() - how many follow. Trouble shows in u->broken. */
uint32_t relay_secrets_unpack_head(struct span *system_authorities, struct unpack *u);
/* relay_secret_unpack() - spans lie in the input; route gets the name. */
void relay_secret_unpack(struct relay_secret *s, char route[static RELAY_ROUTE_SIZE],
                         struct unpack *u);

#endif
