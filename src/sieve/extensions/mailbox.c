/* SPDX-License-Identifier: MIT
 *
 * Mailboxes, asked from the host: mailboxexists and :create (RFC 5490 3), specialuse_exists and
 * :specialuse (RFC 8579), mailboxidexists and :mailboxid (RFC 9042). Which mailbox a copy goes to
 * in the end, the host decides: by id, else by use, else by name.
 */
#include "../extensions_priv.h"

static bool
check_needs_fcc(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    if ((op->definition->classes & SIEVE_ON_FCC) == 0 || sieve_op_tag(op, SIEVE_SLOT_FCC) != NULL)
        return true;
    return sieve_check_error(c, value->at, "where a copy goes needs ':fcc' here");
}

/* A test that asks for several things is true when all of them are there. */
typedef enum sieve_truth (*ask_fn)(struct sieve_run *r, const struct sieve_op *op, struct span s);

static enum sieve_truth
ask_all(struct sieve_run *r, const struct sieve_op *op, const struct sieve_value *list, ask_fn ask)
{
    enum sieve_truth truth = SIEVE_TRUE;
    struct span s;

    for (uint32_t i = 0; truth == SIEVE_TRUE && i < list->count; i++)
        truth = sieve_text_get(r, sieve_text_at(list, i), &s) ? ask(r, op, s) : SIEVE_BROKEN;
    return truth;
}

/* ------------------------------------------------------------------ mailbox */

static bool
check_mailboxes(struct sieve_check *c, struct sieve_op *op)
{
    struct span name;

    for (uint32_t i = 0; i < op->arguments[0].count; i++) {
        const struct sieve_text *t = sieve_text_at(&op->arguments[0], i);
        if (sieve_text_constant(t, &name) && !sieve_mailbox_is_valid(name))
            sieve_check_warning(c, sieve_text_place(t), "'%.*s' can be no mailbox",
                                name.n < 80 ? (int)name.n : 80, name.p);
    }
    return true;
}

static enum sieve_truth
ask_mailbox(struct sieve_run *r, const struct sieve_op *op, struct span name)
{
    const struct sieve_host *h = sieve_run_input(r)->host;

    if (h == NULL || h->mailbox_exists == NULL || !sieve_mailbox_is_valid(name))
        return SIEVE_FALSE;
    return sieve_run_answer(r, op, h->mailbox_exists(h->arg, name));
}

static enum sieve_truth
test_mailboxexists(struct sieve_run *r, const struct sieve_op *op)
{
    return ask_all(r, op, &op->arguments[0], ask_mailbox);
}

static const struct sieve_definition mailbox_definitions[] = {
    {.name = "mailboxexists",
     .is_test = true,
     .arguments = "l",
     .check = check_mailboxes,
     .test = test_mailboxexists},
    {0},
};

static const struct sieve_tag mailbox_tags[] = {
    {"create", SIEVE_TAKES_NOTHING, SIEVE_SLOT_CREATE, SIEVE_ON_FILEINTO | SIEVE_ON_FCC, 0,
     check_needs_fcc},
    {0},
};

const struct sieve_extension sieve_mailbox = {
    .name = "mailbox", .definitions = mailbox_definitions, .tags = mailbox_tags};

/* ------------------------------------------------------------------ special-use */

static bool
check_uses(struct sieve_check *c, const struct sieve_value *list)
{
    bool ok = true;
    struct span use;

    for (uint32_t i = 0; i < list->count; i++) {
        const struct sieve_text *t = sieve_text_at(list, i);
        if (sieve_text_constant(t, &use) && !sieve_special_use_is_valid(use))
            ok = sieve_check_error(c, sieve_text_place(t),
                                   "'%.*s' is no special use: those begin with a backslash",
                                   use.n < 80 ? (int)use.n : 80, use.p);
    }
    return ok;
}

static bool
check_specialuse(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    return check_needs_fcc(c, op, value) && check_uses(c, value);
}

static bool
check_specialuse_exists(struct sieve_check *c, struct sieve_op *op)
{
    return check_uses(c, &op->arguments[1]);
}

/* mailbox with n 0: in any. */
static enum sieve_truth
ask_use(struct sieve_run *r, const struct sieve_op *op, struct span mailbox, struct span use)
{
    const struct sieve_host *h = sieve_run_input(r)->host;

    if (h == NULL || h->special_use_exists == NULL || !sieve_special_use_is_valid(use))
        return SIEVE_FALSE;
    return sieve_run_answer(r, op, h->special_use_exists(h->arg, mailbox, use));
}

/* Every use must be there (4); with a mailbox, that one must have them all. */
static enum sieve_truth
test_specialuse_exists(struct sieve_run *r, const struct sieve_op *op)
{
    const struct sieve_value *uses = &op->arguments[1];
    enum sieve_truth truth = SIEVE_TRUE;
    struct span mailbox, use;

    if (!sieve_value_string(r, &op->arguments[0], &mailbox))
        return SIEVE_BROKEN;
    if (op->arguments[0].kind != SIEVE_TAKES_NOTHING && !sieve_mailbox_is_valid(mailbox))
        return SIEVE_FALSE;
    for (uint32_t i = 0; truth == SIEVE_TRUE && i < uses->count; i++)
        truth = sieve_text_get(r, sieve_text_at(uses, i), &use) ? ask_use(r, op, mailbox, use)
                                                                : SIEVE_BROKEN;
    return truth;
}

static const struct sieve_definition use_definitions[] = {
    {.name = "specialuse_exists",
     .is_test = true,
     .arguments = "s?l",
     .check = check_specialuse_exists,
     .test = test_specialuse_exists},
    {0},
};

static const struct sieve_tag use_tags[] = {
    {"specialuse", SIEVE_TAKES_STRING, SIEVE_SLOT_SPECIAL_USE, SIEVE_ON_FILEINTO | SIEVE_ON_FCC, 0,
     check_specialuse},
    {0},
};

const struct sieve_extension sieve_special_use = {
    .name = "special-use", .definitions = use_definitions, .tags = use_tags};

/* ------------------------------------------------------------------ mailboxid */

/* RFC 9042 4.2: not together with :specialuse. */
static bool
check_mailboxid(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    if (sieve_op_tag(op, SIEVE_SLOT_SPECIAL_USE) != NULL)
        return sieve_check_error(c, value->at, "':mailboxid' cannot stand beside ':specialuse'");
    return check_needs_fcc(c, op, value);
}

static enum sieve_truth
ask_id(struct sieve_run *r, const struct sieve_op *op, struct span id)
{
    const struct sieve_host *h = sieve_run_input(r)->host;

    if (h == NULL || h->mailbox_id_exists == NULL || id.n == 0)
        return SIEVE_FALSE;
    return sieve_run_answer(r, op, h->mailbox_id_exists(h->arg, id));
}

static enum sieve_truth
test_mailboxidexists(struct sieve_run *r, const struct sieve_op *op)
{
    return ask_all(r, op, &op->arguments[0], ask_id);
}

static const struct sieve_definition id_definitions[] = {
    {.name = "mailboxidexists", .is_test = true, .arguments = "l", .test = test_mailboxidexists},
    {0},
};

static const struct sieve_tag id_tags[] = {
    {"mailboxid", SIEVE_TAKES_STRING, SIEVE_SLOT_MAILBOX_ID, SIEVE_ON_FILEINTO | SIEVE_ON_FCC, 0,
     check_mailboxid},
    {0},
};

const struct sieve_extension sieve_mailboxid = {
    .name = "mailboxid", .definitions = id_definitions, .tags = id_tags};
