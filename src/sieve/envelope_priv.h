/* SPDX-License-Identifier: MIT
 *
 * The parts of an envelope that the envelope test knows.
 */
#ifndef SIEVE_ENVELOPE_PRIV_H
#define SIEVE_ENVELOPE_PRIV_H

#include "doorstep/sieve_extension.h"

enum envelope_part {
    ENVELOPE_NONE,
    ENVELOPE_FROM,
    ENVELOPE_TO,
    ENVELOPE_ORIG_TO,
    ENVELOPE_AUTH,
    ENVELOPE_NOTIFY, /* RFC 6009 from here on: these are no addresses */
    ENVELOPE_ORCPT,
    ENVELOPE_RET,
    ENVELOPE_ENVID,
    ENVELOPE_BY_RELATIVE,
    ENVELOPE_BY_ABSOLUTE,
    ENVELOPE_BY_MODE,
    ENVELOPE_BY_TRACE
};

/* envelope_compare_esmtp() - a part from ENVELOPE_NOTIFY on, with m. FALSE also when the envelope
 * does not have it. */
enum sieve_truth envelope_compare_esmtp(struct sieve_run *r, const struct sieve_op *op,
                                        struct sieve_match *m, enum envelope_part part);

#endif
