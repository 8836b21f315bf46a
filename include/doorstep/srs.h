/* SPDX-License-Identifier: MIT
 *
 * The Sender Rewriting Scheme: mail that is sent on gets a reverse-path of ours, so that the
 * sender's SPF record does not speak against it, and what is reported to that path finds the way
 * back.
 *
 *   bob@example.com                        SRS0=HHHHHHHH=TT=example.com=bob@ours
 *   SRS0=hash=tt=example.com=bob@relay.net SRS1=HHHHHHHH=relay.net==hash=tt=example.com=bob@ours
 *
 * Hashes and days are base32 and are compared without regard to case, as MTAs change that of local
 * parts. Pure.
 */
#ifndef DOORSTEP_SRS_H
#define DOORSTEP_SRS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "doorstep/address.h"
#include "doorstep/arena.h"

#define SRS_KEYS_MAX 8 /* secrets: the one that signs, and older ones that are still believed */
#define SRS_KEY_SIZE 32
#define SRS_DAYS 21 /* that an address is good for */

struct srs {
    const char *domain; /* borrowed; lower case A-labels */
    size_t local_max;   /* octets of a local part that srs_forward() may make */
    uint8_t keys[SRS_KEYS_MAX][SRS_KEY_SIZE];
    uint32_t key_count;
};

/* srs_set_secrets() - from the text of a secret file: one a line, the first signs; blanks around it
 * and empty lines do not count. False: none, or one of less than 16 octets, or too many. */
bool srs_set_secrets(struct srs *s, struct span text);

/* srs_forward() - the reverse-path for what `sender` has sent. false: it cannot have one, for it is
 * null, has no local part, no domain or one with a '=' in it (an address literal), or would be too
 * long; arena's memory ran out counts as that. A sender of our SRS domain stays as it is. */
bool srs_forward(const struct srs *s, const struct address *sender, time_t now, struct arena *arena,
                 struct address *out);

enum srs_result {
    SRS_OK,
    SRS_NONE,   /* no address of this kind */
    SRS_FORGED, /* it looks like one, but no key of ours made it */
    SRS_EXPIRED
};

/* srs_is_one() - does the address claim to be one of ours? */
bool srs_is_one(const struct srs *s, const struct address *a);

/* srs_reverse() - who stands behind an address that srs_forward() made. */
enum srs_result srs_reverse(const struct srs *s, const struct address *a, time_t now,
                            struct arena *arena, struct address *out);

#endif
