/* SPDX-License-Identifier: MIT
 *
 * RFC 5260 6: :index and :last, which fields.c obeys.
 */
#include "../extensions_priv.h"

static bool
check_index(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    (void)op;
    return value->number > 0 || sieve_check_error(c, value->at, "':index' counts from 1");
}

static bool
check_last(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    return sieve_op_tag(op, SIEVE_SLOT_INDEX) != NULL ||
           sieve_check_error(c, value->at, "':last' needs ':index'");
}

static const struct sieve_tag tags[] = {
    {"index", SIEVE_TAKES_NUMBER, SIEVE_SLOT_INDEX, SIEVE_ON_FIELD, 0, check_index},
    {"last", SIEVE_TAKES_NOTHING, SIEVE_SLOT_LAST, SIEVE_ON_FIELD, 0, check_last},
    {0},
};

const struct sieve_extension sieve_index = {.name = "index", .tags = tags};
