/* SPDX-License-Identifier: MIT
 *
 * RFC 5429: reject and ereject.
 */
#include "../extensions_priv.h"

#include "reply_priv.h"

static enum sieve_step
run_reject(struct sieve_run *r, const struct sieve_op *op)
{
    bool is_ereject = op->definition->name[0] == 'e';
    struct sieve_action a = {.kind = is_ereject ? SIEVE_EREJECT : SIEVE_REJECT};

    if (!sieve_value_cstr(r, &op->arguments[0], &a.details.reject.text))
        return SIEVE_BREAKDOWN;
    return sieve_run_act(r, op, a) ? SIEVE_GO : SIEVE_BREAKDOWN;
}

static const struct sieve_definition reject[] = {
    {.name = "reject", .arguments = "s", .run = run_reject},
    {0},
};
static const struct sieve_definition ereject[] = {
    {.name = "ereject", .arguments = "s", .run = run_reject},
    {0},
};

const struct sieve_extension sieve_reject = {.name = "reject", .definitions = reject};
const struct sieve_extension sieve_ereject = {.name = "ereject", .definitions = ereject};
