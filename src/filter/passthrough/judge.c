/* SPDX-License-Identifier: MIT
 *
 * The verdict about a message that was sent to a filter: see judge_priv.h. A message goes on only
 * where both are there: it came back whole, and the filter has said that it accepts it. Half of
 * that is nothing.
 */
#include "judge_priv.h"

#include <stddef.h>

bool
pass_is_verdict(unsigned reply)
{
    unsigned class = reply / 100;

    if (class == 5)
        return reply / 10 != 50 && reply != 530;
    return class == 2 || (class == 4 && reply != 421);
}

static const char *
lateness(const struct pass_facts *f)
{
    if (f->reply == 0)
        return f->is_returned ? "it gave the message back, and did not answer in time"
                              : "it does not answer in time";
    return f->is_returning ? "what it gives back did not come to its end in time"
                           : "it accepted the message, and did not give it back in time";
}

enum pass_end
pass_judge(const struct pass_facts *f, bool is_silence_discard, const char **why)
{
    *why = f->failure;
    if (f->failure != NULL)
        return PASS_FAILED;
    if (f->reply / 100 == 5)
        return PASS_REFUSED;
    if (f->reply / 100 == 4)
        return PASS_DEFERRED;
    if (f->reply / 100 == 2 && f->is_returned)
        return PASS_RETURNED;
    if (f->reply / 100 == 2 && is_silence_discard && !f->has_begun)
        return PASS_DISCARDED;
    *why = f->is_late ? lateness(f) : NULL;
    return f->is_late ? PASS_FAILED : PASS_GOES_ON;
}
