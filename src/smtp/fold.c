/* SPDX-License-Identifier: MIT
 *
 * The policy of SMTP's one answer:
 *
 *   all delivered             250, with the first recipient's delivery id
 *   any temporary failure     451: the client keeps the message and tries again; the ledger knows
 *                             who has it, so nobody gets a second copy
 *   all refused for good      the first recipient's code
 *   some refused, others not  250: the store has queued a report of those, and says of them that
 *                             all is done. Where nobody can be told - the null reverse-path, or no
 *                             way out - it delivers what a filter or quota refused late to that
 *                             account's INBOX. What is refused all the same, because it cannot
 *                             write, goes out with how many have the mail: the sender hears of the
 *                             loss. With 250 nobody would.
 */
#include "fold_priv.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void
fold_init(struct fold *f)
{
    memset(f, 0, sizeof(*f));
}

/* True when this is now the first. */
static bool
add_to(struct fold_first *first, uint32_t index, const struct outcome *o)
{
    first->count++;
    if (first->count > 1 && first->index < index)
        return false;
    first->index = index;
    first->outcome = *o;
    return true;
}

void
fold_add(struct fold *f, uint32_t index, const struct outcome *o, const char *delivery_id)
{
    if (outcome_is_temporary(o))
        add_to(&f->temporary, index, o);
    else if (outcome_is_permanent(o))
        add_to(&f->permanent, index, o);
    else if (add_to(&f->delivered, index, o))
        snprintf(f->delivery_id, sizeof(f->delivery_id), "%s", delivery_id);
}

int
fold_result(const struct fold *f, struct outcome *out, uint32_t *index)
{
    const struct fold_first *speaker = &f->delivered;

    assert(f->delivered.count + f->temporary.count + f->permanent.count > 0);
    if (f->temporary.count > 0)
        speaker = &f->temporary;
    else if (f->permanent.count > 0)
        speaker = &f->permanent;
    *out = speaker->outcome;
    *index = speaker->index;
    if (speaker == &f->permanent && f->delivered.count > 0)
        outcome_say(out, "%s (%u of %u recipients have the message)",
                    outcome_text(&speaker->outcome), f->delivered.count,
                    f->delivered.count + f->permanent.count);
    return speaker == &f->temporary ? 451 : outcome_code(out);
}
