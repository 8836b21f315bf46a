/* SPDX-License-Identifier: MIT
 *
 * Where a copy goes, out of the tags that extensions add to keep and fileinto.
 */
#include "run_priv.h"

#include "flags_priv.h"

/* RFC 6154 6: a backslash and an atom. Which of them exist is the host's to know. */
bool
sieve_special_use_is_valid(struct span s)
{
    for (size_t i = 1; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 127 ||
            strchr("(){%*\"\\]", s.p[i]) != NULL)
            return false;
    return s.n > 1 && s.p[0] == '\\';
}

/* The string of a tag that stands there, else *out stays NULL. */
static bool
tag_string(struct sieve_run *r, const struct sieve_op *op, unsigned slot, const char **out)
{
    const struct sieve_tagged *t = sieve_op_tag(op, slot);

    return t == NULL || sieve_value_cstr(r, &t->value, out);
}

/* RFC 8579 4: what is no special use fails as what is no mailbox does. */
static bool
take_use(struct sieve_run *r, const struct sieve_op *op, const char **out)
{
    if (!tag_string(r, op, SIEVE_SLOT_SPECIAL_USE, out))
        return false;
    return *out == NULL || sieve_special_use_is_valid(span_of(*out)) ||
           sieve_run_fail(r, op, "'%.80s' is no special use: those begin with a backslash", *out);
}

bool
sieve_run_storage(struct sieve_run *r, const struct sieve_op *op, struct span mailbox,
                  struct sieve_storage *out)
{
    *out = (struct sieve_storage){.create = sieve_op_tag(op, SIEVE_SLOT_CREATE) != NULL};
    if (!sieve_mailbox_is_valid(mailbox))
        return sieve_run_fail(r, op, "'%.*s' is no name of a mailbox",
                              mailbox.n < 80 ? (int)mailbox.n : 80, mailbox.p);
    out->mailbox = span_equal_fold(mailbox, SPAN("INBOX")) ? "INBOX" : sieve_run_copy(r, mailbox);
    return out->mailbox != NULL && flags_storage(r, op, out) &&
           take_use(r, op, &out->special_use) &&
           tag_string(r, op, SIEVE_SLOT_MAILBOX_ID, &out->mailbox_id);
}
