/* SPDX-License-Identifier: MIT
 *
 * vnd.dovecot.debug: debug_log, for those who write a script. What it says goes to the trace of the
 * run, which only the account's own user and `explain` see.
 */
#include "../extensions_priv.h"

static enum sieve_step
run_debug_log(struct sieve_run *r, const struct sieve_op *op)
{
    struct span text;

    if (!sieve_value_string(r, &op->arguments[0], &text))
        return SIEVE_BREAKDOWN;
    sieve_run_trace_note(r, op, text);
    return SIEVE_GO;
}

static const struct sieve_definition definitions[] = {
    {.name = "debug_log", .arguments = "s", .run = run_debug_log},
    {0},
};

const struct sieve_extension sieve_vnd_debug = {.name = "vnd.dovecot.debug",
                                                .definitions = definitions};
