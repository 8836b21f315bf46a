/* SPDX-License-Identifier: MIT
 *
 * RFC 5232: setflag, addflag, removeflag, hasflag and :flags. Sets of flags are flags.c's; which of
 * them a copy gets, storage.c's. "imapflags" is what scripts asked for before the RFC.
 */
#include "../extensions_priv.h"
#include "../flags_priv.h"

/* ------------------------------------------------------------------ checking */

/* What is no flag is no error: it is ignored (2). One for each string is told. */
static void
warn_of_flags(struct sieve_check *c, const struct sieve_value *list)
{
    struct span rest, flag;

    for (uint32_t i = 0; i < list->count; i++) {
        const struct sieve_text *t = sieve_text_at(list, i);
        if (!sieve_text_constant(t, &rest))
            continue;
        while (flags_next(&rest, &flag) && flag_is_valid(flag))
            ;
        if (flag.n > 0)
            sieve_check_warning(c, sieve_text_place(t),
                                "'%.*s' is no flag that can be set: it is ignored",
                                flag.n < 80 ? (int)flag.n : 80, flag.p);
    }
}

static bool
check_flags_tag(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    if ((op->definition->classes & SIEVE_ON_FCC) != 0 && sieve_op_tag(op, SIEVE_SLOT_FCC) == NULL)
        return sieve_check_error(c, value->at, "':flags' needs ':fcc' here");
    warn_of_flags(c, value);
    return true;
}

/* The names of variables, as numbers in op->data (3: only with "variables"). */
static bool
check_names(struct sieve_check *c, struct sieve_op *op)
{
    const struct sieve_value *names = &op->arguments[0];
    uint32_t *numbers = sieve_check_alloc(c, names->count * sizeof(*numbers));
    bool ok = numbers != NULL;
    struct span name;

    op->data = numbers;
    if (names->count > 0 && !sieve_check_has(c, "variables"))
        return sieve_check_error(c, names->at,
                                 "the name of a variable needs: require \"variables\"");
    for (uint32_t i = 0; ok && i < names->count; i++) {
        const struct sieve_text *t = sieve_text_at(names, i);
        if (!sieve_text_constant(t, &name))
            ok = sieve_check_error(c, sieve_text_place(t),
                                   "the name of a variable must be constant");
        else
            ok = sieve_check_variable(c, sieve_text_place(t), name, &numbers[i]);
    }
    return ok;
}

static bool
check_change(struct sieve_check *c, struct sieve_op *op)
{
    warn_of_flags(c, &op->arguments[1]);
    return check_names(c, op);
}

/* ------------------------------------------------------------------ setflag, addflag, removeflag
 */

static enum sieve_step
change_internal(struct sieve_run *r, enum flags_change how, const struct sieve_value *list)
{
    struct flags *f = flags_internal(r);

    if (f == NULL || !flags_change(r, how, f->set, list, &f->set))
        return SIEVE_BREAKDOWN;
    f->is_said = true;
    return SIEVE_GO;
}

static enum sieve_step
run_change(struct sieve_run *r, const struct sieve_op *op, enum flags_change how)
{
    const uint32_t *number = op->data;
    struct span set;

    if (op->arguments[0].kind == SIEVE_TAKES_NOTHING)
        return change_internal(r, how, &op->arguments[1]);
    if (!flags_change(r, how, sieve_variable_get(r, *number), &op->arguments[1], &set) ||
        !sieve_variable_set(r, op, *number, set))
        return SIEVE_BREAKDOWN;
    return SIEVE_GO;
}

static enum sieve_step
run_setflag(struct sieve_run *r, const struct sieve_op *op)
{
    return run_change(r, op, FLAGS_SET);
}

static enum sieve_step
run_addflag(struct sieve_run *r, const struct sieve_op *op)
{
    return run_change(r, op, FLAGS_ADD);
}

static enum sieve_step
run_removeflag(struct sieve_run *r, const struct sieve_op *op)
{
    return run_change(r, op, FLAGS_REMOVE);
}

/* ------------------------------------------------------------------ imapflags */

static enum sieve_step
change_flagged(struct sieve_run *r, enum flags_change how)
{
    static const struct sieve_text flagged = {.literal = {"\\Flagged", 8}};
    static const struct sieve_value list = {
        .kind = SIEVE_TAKES_STRING, .strings = &flagged, .count = 1};

    return change_internal(r, how, &list);
}

static enum sieve_step
run_mark(struct sieve_run *r, const struct sieve_op *op)
{
    (void)op;
    return change_flagged(r, FLAGS_ADD);
}

static enum sieve_step
run_unmark(struct sieve_run *r, const struct sieve_op *op)
{
    (void)op;
    return change_flagged(r, FLAGS_REMOVE);
}

/* ------------------------------------------------------------------ hasflag (4) */

/* Each flag of a set once: :count counts distinct ones. */
static enum sieve_truth
match_set(struct sieve_run *r, struct sieve_match *m, struct span set)
{
    static const struct sieve_value nothing = {0};
    enum sieve_truth truth = SIEVE_FALSE;
    struct span flag;

    if (!flags_change(r, FLAGS_ADD, set, &nothing, &set))
        return SIEVE_BROKEN;
    while (truth == SIEVE_FALSE && flags_next(&set, &flag))
        truth = sieve_match_value(m, flag);
    return truth;
}

static enum sieve_truth
match_variables(struct sieve_run *r, const struct sieve_op *op, struct sieve_match *m)
{
    const uint32_t *numbers = op->data;
    enum sieve_truth truth = SIEVE_FALSE;

    for (uint32_t i = 0; truth == SIEVE_FALSE && i < op->arguments[0].count; i++)
        truth = match_set(r, m, sieve_variable_get(r, numbers[i]));
    return truth;
}

static enum sieve_truth
test_hasflag(struct sieve_run *r, const struct sieve_op *op)
{
    struct sieve_match *m = sieve_match_begin(r, op, &op->arguments[1]);

    if (m == NULL || !sieve_match_words(m))
        return SIEVE_BROKEN;
    if (op->arguments[0].kind != SIEVE_TAKES_NOTHING)
        return sieve_match_end(m, match_variables(r, op, m));
    const struct flags *f = flags_internal(r);
    return f == NULL ? SIEVE_BROKEN : sieve_match_end(m, match_set(r, m, f->set));
}

/* ------------------------------------------------------------------ rows */

static const struct sieve_definition definitions[] = {
    {.name = "setflag", .arguments = "s?l", .check = check_change, .run = run_setflag},
    {.name = "addflag", .arguments = "s?l", .check = check_change, .run = run_addflag},
    {.name = "removeflag", .arguments = "s?l", .check = check_change, .run = run_removeflag},
    {.name = "hasflag",
     .is_test = true,
     .arguments = "l?l",
     .classes = SIEVE_ON_COMPARE,
     .check = check_names,
     .test = test_hasflag},
    {0},
};

static const struct sieve_tag tags[] = {
    {"flags", SIEVE_TAKES_LIST, SIEVE_SLOT_FLAGS, SIEVE_ON_KEEP | SIEVE_ON_FCC, 0, check_flags_tag},
    {0},
};

const struct sieve_extension sieve_imap4flags = {
    .name = "imap4flags", .definitions = definitions, .tags = tags, .state = sizeof(struct flags)};

static const struct sieve_definition old_definitions[] = {
    {.name = "mark", .is_obsolete = true, .run = run_mark},
    {.name = "unmark", .is_obsolete = true, .run = run_unmark},
    {0},
};

const struct sieve_extension sieve_imapflags = {
    .name = "imapflags",
    .implies = "imap4flags",
    .definitions = old_definitions,
    .is_hidden = true,
};
