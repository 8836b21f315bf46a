/* SPDX-License-Identifier: MIT
 *
 * The commands of RFC 5228: require, if, elsif, else, stop, keep, discard, redirect; and fileinto.
 */
#include "run_priv.h"

#include "base_priv.h"
#include "extensions_priv.h"
#include "extensions/redirect_priv.h"

/* ------------------------------------------------------------------ control (3) */

static bool
require_named(struct sieve_check *c, struct sieve_place at, struct span name)
{
    if (!sieve_check_require(c, at, name))
        return false;
    c->asked[registry_number(c->compiler, name)] = at;
    return true;
}

/* Two comparators may be named and need not be (RFC 5228 6.1): nobody is told. */
static bool
is_always_there(const struct sieve_extension *e)
{
    return e == &sieve_comparator_octet || e == &sieve_comparator_casemap;
}

void
check_unused(struct sieve_check *c)
{
    const struct sieve_extension *e;

    for (int i = 0; (e = registry_at(c->compiler, i)) != NULL; i++)
        if (c->asked[i].line != 0 && !c->used[i] && !is_always_there(e))
            sieve_check_warning(c, c->asked[i], "extension '%s' is required and not used", e->name);
}

/* Extensions take effect while the script is checked; nothing is left to run. */
static bool
check_require(struct sieve_check *c, struct sieve_op *op)
{
    const struct sieve_value *v = &op->arguments[0];
    struct span name;
    bool ok = true;

    for (uint32_t i = 0; i < v->count; i++) {
        if (!sieve_text_constant(&v->strings[i], &name))
            ok = sieve_check_error(c, sieve_text_place(&v->strings[i]),
                                   "the name of an extension must be constant");
        else
            ok = require_named(c, sieve_text_place(&v->strings[i]), name) && ok;
    }
    return ok;
}

static enum sieve_step
run_nothing(struct sieve_run *r, const struct sieve_op *op)
{
    (void)r, (void)op;
    return SIEVE_GO;
}

static enum sieve_step
run_if(struct sieve_run *r, const struct sieve_op *op)
{
    enum sieve_truth truth = sieve_run_test(r, &op->tests[0]);

    if (truth == SIEVE_BROKEN)
        return SIEVE_BREAKDOWN;
    r->chain_taken = truth == SIEVE_TRUE;
    return truth == SIEVE_TRUE ? sieve_run_block(r, op) : SIEVE_GO;
}

static enum sieve_step
run_elsif(struct sieve_run *r, const struct sieve_op *op)
{
    return r->chain_taken ? SIEVE_GO : run_if(r, op);
}

static enum sieve_step
run_else(struct sieve_run *r, const struct sieve_op *op)
{
    return r->chain_taken ? SIEVE_GO : sieve_run_block(r, op);
}

static bool
check_chain(struct sieve_check *c, struct sieve_op *op)
{
    const struct sieve_op *previous = sieve_check_previous(c);
    const char *name = previous == NULL ? "" : previous->definition->name;

    if (strcmp(name, "if") == 0 || strcmp(name, "elsif") == 0)
        return true;
    return sieve_check_error(c, op->at, "'%s' must follow an if or elsif", op->definition->name);
}

static enum sieve_step
run_stop(struct sieve_run *r, const struct sieve_op *op)
{
    (void)r, (void)op;
    return SIEVE_STOP;
}

/* ------------------------------------------------------------------ actions (4) */

static enum sieve_step
act(struct sieve_run *r, const struct sieve_op *op, struct sieve_action action)
{
    return sieve_run_act(r, op, action) ? SIEVE_GO : SIEVE_BREAKDOWN;
}

static enum sieve_step
run_keep(struct sieve_run *r, const struct sieve_op *op)
{
    struct sieve_action a = {.kind = SIEVE_KEEP};

    if (!sieve_run_storage(r, op, SPAN("INBOX"), &a.storage))
        return SIEVE_BREAKDOWN;
    return act(r, op, a);
}

static enum sieve_step
run_discard(struct sieve_run *r, const struct sieve_op *op)
{
    return act(r, op, (struct sieve_action){.kind = SIEVE_DISCARD});
}

/* A name in brackets is for people alone: what goes on the wire is the address. */
static const char *
bare_address(struct sieve_run *r, struct span s)
{
    s = span_trim(s);
    if (s.n > 0 && s.p[s.n - 1] == '>') {
        size_t at = s.n;
        while (at > 0 && s.p[at - 1] != '<')
            at--;
        s = (struct span){s.p + at, s.n - at - 1};
    }
    return sieve_run_copy(r, s);
}

/* An address, or with RFC 6134 a list whose members the host knows. */
static bool
take_target(struct sieve_run *r, const struct sieve_op *op, struct sieve_redirect *out)
{
    struct span s;

    out->address = "";
    if (!sieve_value_string(r, &op->arguments[0], &s))
        return false;
    if (sieve_op_tag(op, SIEVE_SLOT_LIST) != NULL)
        return redirect_list(r, op, s, &out->list);
    if (!sieve_address_is_valid(s))
        return sieve_run_fail(r, op, "'%.*s' is no mail address to redirect to",
                              s.n < 80 ? (int)s.n : 80, s.p);
    out->address = bare_address(r, s);
    return out->address != NULL;
}

static enum sieve_step
run_redirect(struct sieve_run *r, const struct sieve_op *op)
{
    struct sieve_action a = {.kind = SIEVE_REDIRECT,
                             .copy = sieve_op_tag(op, SIEVE_SLOT_COPY) != NULL};

    if (!take_target(r, op, &a.details.redirect) || !redirect_dsn(r, op, &a.details.redirect))
        return SIEVE_BREAKDOWN;
    return act(r, op, a);
}

static bool
check_redirect(struct sieve_check *c, struct sieve_op *op)
{
    return sieve_op_tag(op, SIEVE_SLOT_LIST) != NULL || sieve_check_address(c, &op->arguments[0]);
}

static bool
check_fileinto(struct sieve_check *c, struct sieve_op *op)
{
    return sieve_check_mailbox(c, &op->arguments[0]);
}

static enum sieve_step
run_fileinto(struct sieve_run *r, const struct sieve_op *op)
{
    struct sieve_action a = {.kind = SIEVE_FILEINTO,
                             .copy = sieve_op_tag(op, SIEVE_SLOT_COPY) != NULL};
    struct span mailbox;

    if (!sieve_value_string(r, &op->arguments[0], &mailbox) ||
        !sieve_run_storage(r, op, mailbox, &a.storage))
        return SIEVE_BREAKDOWN;
    return act(r, op, a);
}

/* ------------------------------------------------------------------ rows */

static const struct sieve_definition fileinto[] = {
    {.name = "fileinto",
     .arguments = "s",
     .classes = SIEVE_ON_FILEINTO | SIEVE_ON_KEEP | SIEVE_ON_COPY,
     .check = check_fileinto,
     .run = run_fileinto},
    {0},
};

const struct sieve_extension sieve_fileinto = {.name = "fileinto", .definitions = fileinto};

static const struct sieve_tag copy_tags[] = {
    {"copy", SIEVE_TAKES_NOTHING, SIEVE_SLOT_COPY, SIEVE_ON_COPY, 0, NULL},
    {0},
};

const struct sieve_extension sieve_copy = {.name = "copy", .tags = copy_tags};

const struct sieve_definition base_definitions[] = {
    {.name = "require",
     .arguments = "l",
     .must_come_first = true,
     .check = check_require,
     .run = run_nothing},
    {.name = "if", .tests = SIEVE_ONE_TEST, .has_block = true, .run = run_if},
    {.name = "elsif",
     .tests = SIEVE_ONE_TEST,
     .has_block = true,
     .check = check_chain,
     .run = run_elsif},
    {.name = "else", .has_block = true, .check = check_chain, .run = run_else},
    {.name = "stop", .ends_block = true, .run = run_stop},
    {.name = "keep", .classes = SIEVE_ON_KEEP, .run = run_keep},
    {.name = "discard", .run = run_discard},
    {.name = "redirect",
     .arguments = "s",
     .classes = SIEVE_ON_REDIRECT | SIEVE_ON_COPY,
     .check = check_redirect,
     .run = run_redirect},
    BASE_TESTS{0},
};

const struct sieve_extension sieve_base = {
    .name = "", .definitions = base_definitions, .tags = base_match_tags};
