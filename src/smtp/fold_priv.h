/* SPDX-License-Identifier: MIT
 *
 * SMTP has one answer for all recipients of a message: which one, is decided here alone.
 */
#ifndef DOORSTEP_SMTP_FOLD_PRIV_H
#define DOORSTEP_SMTP_FOLD_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "doorstep/clock.h"
#include "doorstep/outcome.h"

struct fold_first { /* the answer of its sort with the lowest index */
    uint32_t count;
    uint32_t index;
    struct outcome outcome;
};

struct fold {
    struct fold_first delivered;
    struct fold_first temporary;
    struct fold_first permanent;
    char delivery_id[2 * ID_SIZE]; /* of delivered */
};

void fold_init(struct fold *f);

/* fold_add() - one recipient's answer; in any order of indexes. */
void fold_add(struct fold *f, uint32_t index, const struct outcome *o, const char *delivery_id);

/* fold_result() - after at least one fold_add(): the answer for all, and for which recipient it
 * speaks. Result: the reply code. */
int fold_result(const struct fold *f, struct outcome *out, uint32_t *index);

#endif
