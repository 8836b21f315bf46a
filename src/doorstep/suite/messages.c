/* SPDX-License-Identifier: MIT
 *
 * The message that a suite's tests look at: set by the script, taken out of a mailbox or from what
 * was sent; and the envelope that comes with it.
 */
#include "suite_priv.h"

#include <stdlib.h>

#include "doorstep/addresslist.h"

#define ADDRESS_OCTETS 8192

const char suite_default_message[] = "From: sender@example.com\n"
                                     "To: recipient@example.org\n"
                                     "Subject: Frop!\n"
                                     "\n"
                                     "Friep!\n";

/* ------------------------------------------------------------------ envelope out of a header */

static const char *
first_of(struct suite *s, struct span message, const char *const *names, const char *otherwise)
{
    const char *found = NULL;
    struct buf text;

    buf_init(&text, ADDRESS_OCTETS);
    for (; found == NULL && *names != NULL; names++)
        if (addresslist_first(message, *names, &text))
            found = suite_keep(s, buf_span(&text));
    buf_release(&text);
    return found == NULL ? otherwise : found;
}

void
suite_derive_envelope(struct suite *s, struct span message)
{
    static const char *const to[] = {"envelope-to", "to", NULL};
    static const char *const from[] = {"return-path", "sender", "from", NULL};
    const char *user = getenv("USER");

    s->envelope = (struct sieve_envelope){
        .sender = first_of(s, message, from, "sender@example.com"),
        .recipient = first_of(s, message, to, "recipient@example.com"),
        .login = user == NULL ? "" : user,
        .notify = "",
        .orcpt = "",
        .ret = "",
        .envid = "",
        .deliverby = "",
    };
    s->envelope.original_recipient = s->envelope.recipient;
}

bool
suite_set_message(struct suite *s, struct sieve_run *r, struct span text,
                  const struct sieve_strings *flags)
{
    struct span kept = {suite_keep(s, text), text.n};

    return sieve_run_set_message(r, kept, flags);
}

/* ------------------------------------------------------------------ test_message */

enum { MESSAGE_SMTP, MESSAGE_FOLDER };

const struct sieve_tag message_tags[] = {
    {"smtp", SIEVE_TAKES_NOTHING, SIEVE_SLOT_OWN, 0, MESSAGE_SMTP, NULL},
    {"folder", SIEVE_TAKES_STRING, SIEVE_SLOT_OWN, 0, MESSAGE_FOLDER, NULL},
    {0},
};

bool
check_message(struct sieve_check *c, struct sieve_op *op)
{
    if (sieve_op_tag(op, SIEVE_SLOT_OWN) != NULL)
        return true;
    return sieve_check_error(c, op->at, "'test_message' needs :smtp or :folder");
}

static enum sieve_truth
take_sent(struct suite *s, struct sieve_run *r, uint64_t index)
{
    if (index >= s->letter_count)
        return SIEVE_FALSE;
    const struct suite_letter *l = &s->letters[index];
    if (!suite_set_message(s, r, l->text, NULL))
        return SIEVE_BROKEN;
    s->envelope.sender = l->from;
    s->envelope.recipient = s->envelope.original_recipient = l->to;
    s->envelope.notify = l->notify;
    s->envelope.ret = l->ret;
    s->envelope.deliverby = l->by;
    return SIEVE_TRUE;
}

static enum sieve_truth
take_stored(struct suite *s, struct sieve_run *r, struct span name, uint64_t index)
{
    const struct suite_mailbox *m = suite_mailbox_find(s, name);
    struct span text = {suite_default_message, sizeof(suite_default_message) - 1};
    struct sieve_strings flags = {0};

    if (m != NULL && index >= m->count)
        return SIEVE_FALSE;
    if (m != NULL) {
        text = m->messages[index].text;
        flags = m->messages[index].flags;
    }
    if (!suite_set_message(s, r, text, &flags))
        return SIEVE_BROKEN;
    suite_derive_envelope(s, text);
    return m != NULL ? SIEVE_TRUE : SIEVE_FALSE;
}

/* The message that is found is the one that all later tests look at. */
enum sieve_truth
test_message(struct sieve_run *r, const struct sieve_op *op)
{
    const struct sieve_tagged *from = sieve_op_tag(op, SIEVE_SLOT_OWN);
    uint64_t index = op->arguments[0].number;
    struct span name;

    if (from->tag->id == MESSAGE_SMTP)
        return take_sent(suite_of(r), r, index);
    if (!sieve_value_string(r, &from->value, &name))
        return SIEVE_BROKEN;
    return take_stored(suite_of(r), r, name, index);
}

enum sieve_step
find_message(struct sieve_run *r, const struct sieve_op *op)
{
    switch (test_message(r, op)) {
    case SIEVE_TRUE:
        return SIEVE_GO;
    case SIEVE_FALSE:
        return suite_fail(suite_of(r), r, op, "there is no such message");
    case SIEVE_BROKEN:
        break;
    }
    return SIEVE_BREAKDOWN;
}

enum sieve_step
print_message(struct sieve_run *r, const struct sieve_op *op)
{
    struct span m = sieve_run_input(r)->message;

    (void)op;
    fwrite(m.p, 1, m.n, suite_of(r)->out);
    return SIEVE_GO;
}
