/* SPDX-License-Identifier: MIT
 *
 * RFC 5703 3: foreverypart and break. A loop goes over the rows of the message's parts, so that it
 * finds its way when a part was replaced on it.
 */
#include "../run_priv.h"

#include "../extensions_priv.h"

#define LOOPS_MAX 4 /* inside one another; RFC 5703 3 wants two */
#define SLOT_NAME SIEVE_SLOT_OWN

struct loops {                    /* of a run */
    const struct sieve_op *ended; /* the loop that a break ends */
};

static bool
is_loop(const struct sieve_op *op)
{
    return op->definition != NULL && strcmp(op->definition->name, "foreverypart") == 0;
}

static bool
check_name(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    struct span name;

    (void)op;
    return sieve_text_constant(value->strings, &name) ||
           sieve_check_error(c, value->at, "the name of a loop must be constant");
}

static bool
check_loop(struct sieve_check *c, struct sieve_op *op)
{
    const struct sieve_op *outer;
    uint32_t loops = 1;

    for (uint32_t i = 0; (outer = sieve_check_outer(c, i)) != NULL; i++)
        loops += is_loop(outer);
    return loops <= LOOPS_MAX ||
           sieve_check_error(c, op->at, "more than %d loops inside one another", LOOPS_MAX);
}

static bool
has_name(const struct sieve_op *loop, struct span wanted)
{
    const struct sieve_tagged *t = sieve_op_tag(loop, SLOT_NAME);
    struct span name;

    return t != NULL && sieve_text_constant(t->value.strings, &name) && span_equal(name, wanted);
}

/* The loop that a break ends: the nearest, or the nearest of that name. */
static bool
check_break(struct sieve_check *c, struct sieve_op *op)
{
    const struct sieve_tagged *t = sieve_op_tag(op, SLOT_NAME);
    const struct sieve_op *outer;
    struct span name = SPAN_NONE;

    if (t != NULL)
        sieve_text_constant(t->value.strings, &name);
    for (uint32_t i = 0; (outer = sieve_check_outer(c, i)) != NULL; i++) {
        if (!is_loop(outer) || (t != NULL && !has_name(outer, name)))
            continue;
        op->data = (void *)(uintptr_t)outer;
        return true;
    }
    if (t == NULL)
        return sieve_check_error(c, op->at, "'break' stands outside of foreverypart");
    return sieve_check_error(c, t->value.at, "there is no loop around this with the name '%.*s'",
                             name.n < 80 ? (int)name.n : 80, name.p);
}

static enum sieve_step
run_break(struct sieve_run *r, const struct sieve_op *op)
{
    struct loops *loops = sieve_run_state(r, &sieve_foreverypart);

    if (loops == NULL)
        return SIEVE_BREAKDOWN;
    loops->ended = op->data;
    return SIEVE_BREAK;
}

/* What comes behind `part`; into one that was replaced the loop does not go. NULL: none is left in
 * the loop's own part. */
static struct sieve_part *
next_part(struct sieve_run *r, uint32_t root, const struct sieve_part *before)
{
    bool is_replaced = r->replaced != NULL && r->replaced == sieve_run_part(r);
    struct sieve_part *base = sieve_message_part(r, root);
    struct sieve_part *part = sieve_message_part(r, before->row);

    if (base == NULL || part == NULL)
        return NULL;
    return is_replaced ? sieve_part_after(base, part) : sieve_part_next(base, part);
}

/* One part; false: the loop is over, *step says how. */
static bool
run_part(struct sieve_run *r, const struct sieve_op *op, struct sieve_part *part,
         enum sieve_step *step)
{
    struct loops *loops = sieve_run_state(r, &sieve_foreverypart);

    if (loops == NULL || !sieve_run_work(r, 1)) {
        *step = SIEVE_BREAKDOWN;
        return false;
    }
    sieve_run_set_part(r, part);
    r->replaced = NULL;
    *step = sieve_run_block(r, op);
    if (*step == SIEVE_BREAK && loops->ended == op) {
        *step = SIEVE_GO;
        return false;
    }
    return *step == SIEVE_GO && sieve_run_part(r) != NULL;
}

/* All parts of the message, itself first; or in a loop, those within the outer loop's part. The
 * message of a script that was included in a loop is that loop's part. */
static enum sieve_step
run_loop(struct sieve_run *r, const struct sieve_op *op)
{
    struct sieve_part *outer = sieve_run_part(r);
    bool is_outermost = outer == NULL || (r->frame->has_part && r->frame->part_row == outer->row);
    struct sieve_part *part = is_outermost ? sieve_message_root(r) : outer->first_child;
    enum sieve_step step = is_outermost && part == NULL ? SIEVE_BREAKDOWN : SIEVE_GO;

    while (part != NULL && run_part(r, op, part, &step))
        part = next_part(r, outer == NULL ? 0 : outer->row, part);
    bool is_whole_new = outer != NULL && sieve_run_part(r) == NULL;
    sieve_run_set_part(r, outer == NULL || is_whole_new ? NULL : sieve_message_part(r, outer->row));
    return step;
}

static const struct sieve_tag name_tags[] = {
    {"name", SIEVE_TAKES_STRING, SLOT_NAME, 0, 0, check_name},
    {0},
};

static const struct sieve_definition definitions[] = {
    {.name = "foreverypart",
     .tags = name_tags,
     .has_block = true,
     .check = check_loop,
     .run = run_loop},
    {.name = "break", .tags = name_tags, .check = check_break, .run = run_break},
    {0},
};

const struct sieve_extension sieve_foreverypart = {
    .name = "foreverypart", .definitions = definitions, .state = sizeof(struct loops)};
