/* SPDX-License-Identifier: MIT
 *
 * vnd.dovecot.pipe, filter and execute: programs that the administrator has named, so that scripts
 * move over. What runs them is the host; a name is never a path.
 */
#include "../extensions_priv.h"

#include <stdio.h>

#define NAME_OCTETS_MAX 512
#define ARGUMENTS_MAX 32
#define ARGUMENT_OCTETS_MAX 4096
#define OUTPUT_MAX (32 * 1024 * 1024)

enum { SLOT_TRY = SIEVE_SLOT_OWN + 8, SLOT_INPUT, SLOT_OUTPUT };
enum { INPUT_STRING, INPUT_MESSAGE };

/* ------------------------------------------------------------------ names (3), arguments (4) */

static bool
name_is_valid(struct span name)
{
    struct span rest = name;

    while (rest.n > 0) {
        uint32_t c = utf8_next(&rest);
        if (c == UTF8_WRONG || c < 0x20 || c == '/' || (c >= 0x7f && c < 0xa0) || c == 0x2028 ||
            c == 0x2029)
            return false;
    }
    return name.n > 0 && name.n <= NAME_OCTETS_MAX && !span_equal(name, SPAN(".")) &&
           !span_equal(name, SPAN(".."));
}

static bool
check_program(struct sieve_check *c, struct sieve_op *op)
{
    struct span name;

    if (!sieve_text_constant(op->arguments[0].strings, &name))
        return sieve_check_error(c, op->arguments[0].at, "the name of a program must be constant");
    if (!name_is_valid(name))
        return sieve_check_error(c, op->arguments[0].at, "'%.*s' is no name of a program",
                                 name.n < 80 ? (int)name.n : 80, name.p);
    if (op->arguments[1].count > ARGUMENTS_MAX)
        return sieve_check_error(c, op->arguments[1].at, "more than %d arguments of a program",
                                 ARGUMENTS_MAX);
    return true;
}

static bool
take_argument(struct sieve_run *r, const struct sieve_op *op, const struct sieve_text *t,
              const char **out)
{
    struct span s;

    if (!sieve_text_get(r, t, &s))
        return false;
    if (s.n > ARGUMENT_OCTETS_MAX || memchr(s.n > 0 ? s.p : "x", '\0', s.n) != NULL ||
        memchr(s.n > 0 ? s.p : "x", '\n', s.n) != NULL ||
        memchr(s.n > 0 ? s.p : "x", '\r', s.n) != NULL)
        return sieve_run_fail(r, op, "an argument of a program is too long or has a line end");
    *out = sieve_run_copy(r, s);
    return *out != NULL;
}

static bool
take_program(struct sieve_run *r, const struct sieve_op *op, struct sieve_pipe *out)
{
    uint32_t count = op->arguments[1].count;
    const char **list = sieve_run_alloc(r, (count + 1) * sizeof(*list));

    if (list == NULL || !sieve_value_cstr(r, &op->arguments[0], &out->program))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!take_argument(r, op, sieve_text_at(&op->arguments[1], i), &list[i]))
            return false;
    out->arguments = (struct sieve_strings){list, count};
    return true;
}

/* ------------------------------------------------------------------ running one now */

static enum sieve_truth
run_program(struct sieve_run *r, const struct sieve_op *op, const char *kind, struct span in,
            struct buf *out)
{
    const struct sieve_host *h = sieve_run_input(r)->host;
    struct sieve_pipe p = {0};

    if (!take_program(r, op, &p))
        return SIEVE_BROKEN;
    if (h == NULL || h->program == NULL) {
        sieve_run_fail(r, op, "no program '%s' is configured", p.program);
        return SIEVE_BROKEN;
    }
    switch (h->program(h->arg, kind, p.program, p.arguments.items, p.arguments.count, in, out)) {
    case SIEVE_YES:
        return SIEVE_TRUE;
    case SIEVE_NO:
        return SIEVE_FALSE;
    case SIEVE_TEMPFAIL:
        break;
    }
    if (op->definition->is_test) /* whoever asks is told no */
        return SIEVE_FALSE;
    sieve_run_fail(r, op, "program '%s' could not be run", p.program);
    return SIEVE_BROKEN;
}

/* The message as it is now. */
static bool
current_message(struct sieve_run *r, const struct sieve_op *op, struct buf *out)
{
    if (sieve_edition_print(sieve_run_edition(r), out))
        return true;
    return sieve_run_fail(r, op, "the message is too large for a program");
}

/* ------------------------------------------------------------------ pipe (5) */

/* The program has the message before anything else is done with it: where it fails the script has
 * failed or, with :try, goes on as if it had not been there. */
static enum sieve_truth
pipe_now(struct sieve_run *r, const struct sieve_op *op, const struct sieve_action *a)
{
    const struct sieve_host *h = sieve_run_input(r)->host;
    const struct sieve_pipe *p = &a->details.pipe;
    enum sieve_answer answer = SIEVE_TEMPFAIL;
    struct buf in, out;

    if (!sieve_run_may_act(r, op, a))
        return SIEVE_BROKEN;
    buf_init(&in, OUTPUT_MAX * 2);
    buf_init(&out, OUTPUT_MAX);
    bool is_there = current_message(r, op, &in);
    if (is_there)
        answer = h->program(h->arg, "pipe", p->program, p->arguments.items, p->arguments.count,
                            buf_span(&in), &out);
    buf_release(&in);
    buf_release(&out);
    if (!is_there)
        return SIEVE_BROKEN;
    if (answer == SIEVE_YES)
        return SIEVE_TRUE;
    if (p->is_try)
        return SIEVE_FALSE;
    sieve_run_fail(r, op, "program '%s' has failed", p->program);
    return SIEVE_BROKEN;
}

static enum sieve_step
run_pipe(struct sieve_run *r, const struct sieve_op *op)
{
    const struct sieve_host *h = sieve_run_input(r)->host;
    struct sieve_action a = {.kind = SIEVE_PIPE, .copy = sieve_op_tag(op, SIEVE_SLOT_COPY) != NULL};

    a.details.pipe.is_try = sieve_op_tag(op, SLOT_TRY) != NULL;
    if (!take_program(r, op, &a.details.pipe))
        return SIEVE_BREAKDOWN;
    if (h != NULL && h->program != NULL && h->runs_pipes) {
        enum sieve_truth truth = pipe_now(r, op, &a);
        if (truth != SIEVE_TRUE)
            return truth == SIEVE_FALSE ? SIEVE_GO : SIEVE_BREAKDOWN;
    }
    return sieve_run_act(r, op, a) ? SIEVE_GO : SIEVE_BREAKDOWN;
}

static const struct sieve_tag pipe_tags[] = {
    {"try", SIEVE_TAKES_NOTHING, SLOT_TRY, 0, 0, NULL},
    {0},
};

static const struct sieve_definition pipe_definitions[] = {
    {.name = "pipe",
     .arguments = "sL",
     .tags = pipe_tags,
     .classes = SIEVE_ON_COPY,
     .check = check_program,
     .run = run_pipe},
    {0},
};

const struct sieve_extension sieve_vnd_pipe = {
    .name = "vnd.dovecot.pipe", .definitions = pipe_definitions, .is_administrators = true};

/* ------------------------------------------------------------------ filter (6, 8) */

static enum sieve_truth
filter_message(struct sieve_run *r, const struct sieve_op *op)
{
    struct buf in, out;
    enum sieve_truth truth = SIEVE_BROKEN;

    buf_init(&in, OUTPUT_MAX * 2);
    buf_init(&out, OUTPUT_MAX);
    if (current_message(r, op, &in))
        truth = run_program(r, op, "filter", buf_span(&in), &out);
    if (truth == SIEVE_TRUE && out.len == 0)
        truth = SIEVE_FALSE;
    if (truth == SIEVE_TRUE && !sieve_message_replace(r, buf_span(&out)))
        truth = SIEVE_BROKEN;
    buf_release(&in);
    buf_release(&out);
    return truth;
}

static enum sieve_step
run_filter(struct sieve_run *r, const struct sieve_op *op)
{
    return filter_message(r, op) == SIEVE_BROKEN ? SIEVE_BREAKDOWN : SIEVE_GO;
}

static const struct sieve_definition filter_definitions[] = {
    {.name = "filter", .arguments = "sL", .check = check_program, .run = run_filter},
    {.name = "filter",
     .is_test = true,
     .arguments = "sL",
     .check = check_program,
     .test = filter_message},
    {0},
};

const struct sieve_extension sieve_vnd_filter = {
    .name = "vnd.dovecot.filter", .definitions = filter_definitions, .is_administrators = true};

/* ------------------------------------------------------------------ execute (7, 8) */

static bool
check_output(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    struct span name;
    uint32_t *number = sieve_check_alloc(c, sizeof(*number));

    op->data = number;
    if (number == NULL)
        return false;
    if (!sieve_check_has(c, "variables"))
        return sieve_check_error(c, value->at, "':output' needs: require \"variables\"");
    if (!sieve_text_constant(value->strings, &name))
        return sieve_check_error(c, value->at, "the name of a variable must be constant");
    return sieve_check_variable(c, value->at, name, number);
}

static const struct sieve_tag execute_tags[] = {
    {"input", SIEVE_TAKES_STRING, SLOT_INPUT, 0, INPUT_STRING, NULL},
    {"pipe", SIEVE_TAKES_NOTHING, SLOT_INPUT, 0, INPUT_MESSAGE, NULL},
    {"output", SIEVE_TAKES_STRING, SLOT_OUTPUT, 0, 0, check_output},
    {0},
};

static bool
take_input(struct sieve_run *r, const struct sieve_op *op, struct buf *in)
{
    const struct sieve_tagged *t = sieve_op_tag(op, SLOT_INPUT);
    struct span s;

    if (t == NULL)
        return true;
    if (t->tag->id == INPUT_MESSAGE)
        return current_message(r, op, in);
    return sieve_value_string(r, &t->value, &s) &&
           (buf_append_span(in, s) || sieve_run_fail(r, op, "the input is too long"));
}

static enum sieve_truth
execute(struct sieve_run *r, const struct sieve_op *op)
{
    const uint32_t *number = op->data;
    struct buf in, out;
    enum sieve_truth truth = SIEVE_BROKEN;

    buf_init(&in, OUTPUT_MAX * 2);
    buf_init(&out, OUTPUT_MAX);
    if (take_input(r, op, &in))
        truth = run_program(r, op, "execute", buf_span(&in), &out);
    if (truth == SIEVE_TRUE && sieve_op_tag(op, SLOT_OUTPUT) != NULL &&
        !sieve_variable_set(r, op, *number, buf_span(&out)))
        truth = SIEVE_BROKEN;
    buf_release(&in);
    buf_release(&out);
    return truth;
}

static enum sieve_step
run_execute(struct sieve_run *r, const struct sieve_op *op)
{
    return execute(r, op) == SIEVE_BROKEN ? SIEVE_BREAKDOWN : SIEVE_GO;
}

static const struct sieve_definition execute_definitions[] = {
    {.name = "execute",
     .arguments = "sL",
     .tags = execute_tags,
     .check = check_program,
     .run = run_execute},
    {.name = "execute",
     .is_test = true,
     .arguments = "sL",
     .tags = execute_tags,
     .check = check_program,
     .test = execute},
    {0},
};

const struct sieve_extension sieve_vnd_execute = {
    .name = "vnd.dovecot.execute", .definitions = execute_definitions, .is_administrators = true};
