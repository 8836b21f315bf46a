/* SPDX-License-Identifier: MIT
 *
 * A program over a message: commands in order, tests, budgets, the error that ends a run. What
 * comes of it is a list of actions (actions.c); nothing is done here.
 */
#include "run_priv.h"

#include <stdarg.h>
#include <stdio.h>

#include "flags_priv.h"

#define QUESTION_WORK 10000 /* octets of the budget that a question to the host counts for */

/* ------------------------------------------------------------------ for extensions */

const struct sieve_input *
sieve_run_input(const struct sieve_run *r)
{
    return &r->in;
}

struct arena *
sieve_run_arena(struct sieve_run *r)
{
    return &r->arena;
}

static void note_error(struct sieve_run *r, enum sieve_status status, const struct sieve_op *op,
                       const char *format, va_list arguments) __attribute__((format(printf, 4, 0)));

static void
note_error(struct sieve_run *r, enum sieve_status status, const struct sieve_op *op,
           const char *format, va_list arguments)
{
    char text[512];

    if (r->status != SIEVE_OK)
        return; /* the first one counts */
    r->status = status;
    vsnprintf(text, sizeof(text), format, arguments);
    const char *kept = arena_copy(&r->arena, span_of(text));
    op = op == NULL ? r->op : op;
    r->error = (struct sieve_note){
        .severity = SIEVE_ERROR,
        .script = op != NULL           ? op->script
                  : r->program != NULL ? sieve_program_name(r->program)
                                       : "",
        .at = op != NULL ? op->at : (struct sieve_place){0},
        .text = kept == NULL ? "out of memory" : kept,
        .source = "",
    };
}

bool
sieve_run_fail(struct sieve_run *r, const struct sieve_op *op, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    note_error(r, SIEVE_FAILED, op, format, arguments);
    va_end(arguments);
    return false;
}

bool
sieve_run_defer(struct sieve_run *r, const struct sieve_op *op, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    note_error(r, SIEVE_DEFERRED, op, format, arguments);
    va_end(arguments);
    return false;
}

enum sieve_truth
sieve_run_answer(struct sieve_run *r, const struct sieve_op *op, enum sieve_answer answer)
{
    if (!sieve_run_work(r, QUESTION_WORK))
        return SIEVE_BROKEN;
    if (answer != SIEVE_TEMPFAIL)
        return answer == SIEVE_YES ? SIEVE_TRUE : SIEVE_FALSE;
    sieve_run_defer(r, op, "'%s' cannot be answered for now", op->definition->name);
    return SIEVE_BROKEN;
}

const struct sieve_note *
sieve_run_error(const struct sieve_run *r)
{
    return &r->error;
}

bool
sieve_run_has_failed(const struct sieve_run *r)
{
    return r->status != SIEVE_OK;
}

bool
sieve_run_work(struct sieve_run *r, uint64_t n)
{
    if (n > r->work_left)
        return sieve_run_fail(r, NULL, "the script compares too much for one message");
    r->work_left -= n;
    return true;
}

/* ------------------------------------------------------------------ explaining */

void
run_trace(struct sieve_run *r, struct sieve_trace t, const struct sieve_op *op)
{
    if (!run_is_traced(r))
        return;
    t.depth = r->depth;
    if (op != NULL) {
        t.script = op->script;
        t.at = op->at;
        t.name = op->definition->name;
        t.is_test = op->definition->is_test;
    }
    r->in.on_trace(r->in.trace_arg, &t);
}

static void
trace_command(struct sieve_run *r, const struct sieve_op *op)
{
    if (run_is_traced(r))
        run_trace(r, (struct sieve_trace){.kind = SIEVE_TRACE_COMMAND}, op);
}

static void
trace_test(struct sieve_run *r, const struct sieve_op *test, bool is_true)
{
    if (run_is_traced(r))
        run_trace(r, (struct sieve_trace){.kind = SIEVE_TRACE_TEST, .is_true = is_true}, test);
}

void
sieve_run_trace_note(struct sieve_run *r, const struct sieve_op *op, struct span text)
{
    run_trace(r, (struct sieve_trace){.kind = SIEVE_TRACE_NOTE, .value = text}, op);
}

/* ------------------------------------------------------------------ commands and tests */

/* RFC 5463 4: what only ihave brings may not be used before that has found it. */
static bool
was_found(struct sieve_run *r, const struct sieve_op *op)
{
    if ((op->needs & ~r->frame->found) == 0)
        return true;
    return sieve_run_fail(r, op, "'%s' is used in a form that no ihave has found",
                          op->definition->name);
}

static bool
spend_step(struct sieve_run *r, const struct sieve_op *op)
{
    if (r->steps >= r->in.limits->steps_max)
        return sieve_run_fail(r, op, "the script takes too many steps for one message");
    r->steps++;
    return true;
}

enum sieve_truth
sieve_run_test(struct sieve_run *r, const struct sieve_op *test)
{
    if (!spend_step(r, test) || !was_found(r, test))
        return SIEVE_BROKEN;
    trace_command(r, test);
    const struct sieve_op *outer = r->op;
    r->op = test;
    r->depth++;
    enum sieve_truth truth = test->definition->test(r, test);
    r->depth--;
    r->op = outer;
    if (r->status != SIEVE_OK)
        truth = SIEVE_BROKEN;
    if (truth != SIEVE_BROKEN)
        trace_test(r, test, truth == SIEVE_TRUE);
    return truth;
}

static enum sieve_step
run_op(struct sieve_run *r, const struct sieve_op *op)
{
    if (!spend_step(r, op) || !was_found(r, op))
        return SIEVE_BREAKDOWN;
    trace_command(r, op);
    const struct sieve_op *outer = r->op;
    r->op = op;
    enum sieve_step step = op->definition->run(r, op);
    r->op = outer;
    return r->status == SIEVE_OK ? step : SIEVE_BREAKDOWN;
}

enum sieve_step
run_ops(struct sieve_run *r, const struct sieve_op *ops, uint32_t count)
{
    bool chain_taken = r->chain_taken;
    enum sieve_step step = SIEVE_GO;

    r->depth++;
    for (uint32_t i = 0; i < count && step == SIEVE_GO; i++)
        step = run_op(r, &ops[i]);
    r->depth--;
    r->chain_taken = chain_taken;
    return step;
}

enum sieve_step
sieve_run_block(struct sieve_run *r, const struct sieve_op *op)
{
    return run_ops(r, op->block, op->block_count);
}

/* ------------------------------------------------------------------ scripts */

enum sieve_step
run_unit(struct sieve_run *r, const struct unit *unit)
{
    struct frame frame = {.caller = r->frame, .unit = unit};

    if (r->part != NULL) {
        frame.has_part = true;
        frame.part_row = r->part->row;
    }
    frame.values = sieve_run_alloc(r, unit->variables.own * sizeof(struct span));
    if (frame.values == NULL)
        return SIEVE_BREAKDOWN;
    r->frame = &frame;
    enum sieve_step step = run_ops(r, unit->ops, unit->op_count);
    r->frame = frame.caller;
    return step;
}

static bool
begin_program(struct sieve_run *r, const struct sieve_program *p)
{
    r->program = p;
    r->status = SIEVE_OK;
    r->steps = 0;
    r->work_left = r->in.limits->work_max;
    r->match_count = 0;
    r->part = NULL;
    r->globals = sieve_run_alloc(r, p->globals.own * sizeof(struct span));
    return r->globals != NULL;
}

/* What a program that fails leaves as it was. */
struct standing {
    uint32_t action_count, redirects, notifies;
    bool is_keep_cancelled, has_explicit_keep;
    struct sieve_edition *edition;
    struct flags flags;
};

static struct standing
standing_of(const struct sieve_run *r, const struct flags *flags)
{
    return (struct standing){
        .action_count = r->action_count,
        .redirects = r->redirects,
        .notifies = r->notifies,
        .is_keep_cancelled = r->is_keep_cancelled,
        .has_explicit_keep = r->has_explicit_keep,
        .edition = r->edition,
        .flags = flags == NULL ? (struct flags){.has_begun = false} : *flags,
    };
}

static void
restore(struct sieve_run *r, const struct standing *before, struct flags *flags)
{
    r->action_count = before->action_count;
    r->redirects = before->redirects;
    r->notifies = before->notifies;
    r->is_keep_cancelled = before->is_keep_cancelled;
    r->has_explicit_keep = before->has_explicit_keep;
    r->edition = before->edition;
    if (flags != NULL)
        *flags = before->flags;
}

static enum sieve_status
run_program(struct sieve_run *r, const struct sieve_program *p)
{
    struct flags *flags = flags_internal(r);
    const struct standing before = standing_of(r, flags);

    r->edition->is_taken = true; /* what fails must leave it as it is (RFC 5293 7) */
    if (begin_program(r, p))
        run_unit(r, p->units);
    r->frame = NULL;
    r->part = NULL;
    if (r->status != SIEVE_OK)
        restore(r, &before, flags);
    return r->status;
}

enum sieve_status
sieve_run_script(struct sieve_run *r, const struct sieve_program *p)
{
    sieve_run_next(r);
    return run_program(r, p);
}

enum sieve_status
sieve_run_inner(struct sieve_run *r, const struct sieve_program *p)
{
    struct sieve_run outer = *r;

    r->frame = NULL;
    r->depth = 0;
    r->chain_taken = false;
    memset(r->states, 0, sizeof(r->states));
    enum sieve_status status = run_program(r, p);
    r->program = outer.program;
    r->frame = outer.frame;
    r->globals = outer.globals;
    memcpy(r->match_values, outer.match_values, sizeof(outer.match_values));
    r->match_count = outer.match_count;
    r->part = outer.part;
    r->chain_taken = outer.chain_taken;
    r->steps = outer.steps;
    r->work_left = outer.work_left;
    r->depth = outer.depth;
    r->status = outer.status;
    return status;
}

bool
sieve_run_set_message(struct sieve_run *r, struct span message, const struct sieve_strings *flags)
{
    struct sieve_edition *e = edition_new(r, message);
    struct flags *internal = flags_internal(r);

    if (e == NULL || internal == NULL)
        return sieve_run_fail(r, NULL, "the message is too large");
    r->in.message = message;
    if (flags != NULL) {
        r->in.flags = *flags;
        internal->has_begun = false;
    }
    r->first = r->edition = e;
    r->part = NULL;
    return true;
}
