/* SPDX-License-Identifier: MIT
 *
 * The tree of a script to operations that can run: each name is looked up, its arguments are
 * check_arguments.c's. One wrong command is one error; its neighbours are checked all the same.
 */
#include "program_priv.h"

#include <stdarg.h>

#include "extensions_priv.h"
#include "report_priv.h"

static bool check_nodes(struct sieve_check *c, const struct node *nodes, uint32_t count,
                        struct sieve_op **out, uint32_t *out_count);
static bool check_node(struct sieve_check *c, const struct node *n, bool is_test,
                       struct sieve_op *op);

/* ------------------------------------------------------------------ for extensions */

void *
sieve_check_alloc(struct sieve_check *c, size_t n)
{
    void *memory = arena_alloc(&c->program->arena, n == 0 ? 1 : n);

    if (memory == NULL)
        sieve_check_error(c, (struct sieve_place){0}, "script needs too much memory");
    return memory;
}

bool
sieve_check_error(struct sieve_check *c, struct sieve_place at, const char *format, ...)
{
    va_list arguments;

    if (c->is_pardoned)
        return false;
    va_start(arguments, format);
    report_add_list(c->report, SIEVE_ERROR, c->unit->name, at, c->source, format, arguments);
    va_end(arguments);
    return false;
}

void
sieve_check_warning(struct sieve_check *c, struct sieve_place at, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    report_add_list(c->report, SIEVE_WARNING, c->unit->name, at, c->source, format, arguments);
    va_end(arguments);
}

void
check_use(struct sieve_check *c, int number)
{
    c->needs |= c->tested & (UINT64_C(1) << number);
    c->used[number] = true;
}

bool
sieve_check_has(struct sieve_check *c, const char *extension)
{
    int i = registry_number(c->compiler, span_of(extension));

    if (i < 0 || !c->required[i])
        return false;
    check_use(c, i);
    return true;
}

const struct sieve_limits *
sieve_check_limits(const struct sieve_check *c)
{
    return c->limits;
}

const struct sieve_compiler *
sieve_check_compiler(const struct sieve_check *c)
{
    return c->compiler;
}

const struct sieve_op *
sieve_check_outer(const struct sieve_check *c, uint32_t n)
{
    return n < c->depth ? c->outer[c->depth - 1 - n] : NULL;
}

const struct sieve_op *
sieve_check_previous(const struct sieve_check *c)
{
    return c->previous;
}

void
sieve_check_pardon(struct sieve_check *c)
{
    c->is_pardoned = true;
    c->is_lenient = !c->compiler->counts_errors; /* there the block alone */
}

bool
check_excuse(struct sieve_check *c)
{
    c->is_excused = c->is_excused || c->is_lenient;
    return c->is_lenient;
}

const struct sieve_extension *
sieve_check_extension(const struct sieve_check *c, struct span name)
{
    int i = registry_number(c->compiler, name);

    return i < 0 ? NULL : registry_at(c->compiler, i);
}

/* "relational" brings nothing along; "spamtestplus" brings "spamtest". */
static bool
require_implied(struct sieve_check *c, struct sieve_place at, const char *list)
{
    struct span rest = span_of(list);

    while (rest.n > 0) {
        struct span name = {rest.p, span_find(rest, ' ')};
        if (!sieve_check_require(c, at, name))
            return false;
        rest = span_skip(rest, name.n + 1);
    }
    return true;
}

bool
sieve_check_require(struct sieve_check *c, struct sieve_place at, struct span extension)
{
    int i = registry_number(c->compiler, extension);

    if (i < 0 || extension.n == 0)
        return sieve_check_error(c, at, "extension '%.*s' is not supported",
                                 extension.n < 80 ? (int)extension.n : 80, extension.p);
    const struct sieve_extension *e = registry_at(c->compiler, i);
    if (c->required[i])
        return true;
    c->required[i] = true;
    return (e->implies == NULL || require_implied(c, at, e->implies)) &&
           (e->require == NULL || e->require(c));
}

/* ------------------------------------------------------------------ what is wrong with a name */

bool
check_was_reported(struct sieve_check *c, struct span name)
{
    if (names_find(&c->reported, name) >= 0)
        return true;
    names_add(&c->reported, &c->program->arena, name);
    return false;
}

static bool
unknown(struct sieve_check *c, const struct node *n, bool is_test, const char *missing)
{
    const char *kind = is_test ? "test" : "command", *other;
    int len = n->name.n < 80 ? (int)n->name.n : 80;

    if (check_excuse(c) || check_was_reported(c, n->name))
        return false;
    if (missing != NULL)
        return sieve_check_error(c, n->at, "%s '%.*s' needs: require \"%s\"", kind, len, n->name.p,
                                 missing);
    if (find_definition(c, n->name, !is_test, &other) != NULL)
        return sieve_check_error(c, n->at, "'%.*s' is a %s, not a %s", len, n->name.p,
                                 is_test ? "command" : "test", kind);
    return sieve_check_error(c, n->at, "unknown %s '%.*s'", kind, len, n->name.p);
}

/* ------------------------------------------------------------------ tests and blocks */

static bool
check_tests(struct sieve_check *c, const struct node *n, struct sieve_op *op)
{
    enum sieve_shape shape = op->definition->tests;
    const struct node *test = n->tests;
    bool ok = true;

    if (shape == SIEVE_NO_TESTS && n->test_count > 0)
        return sieve_check_error(c, n->tests->at,
                                 "'%s' takes no test; is a ';' missing in front of it?",
                                 op->definition->name);
    if (shape != SIEVE_NO_TESTS && n->test_count == 0)
        return sieve_check_error(c, op->at, "'%s' needs a test", op->definition->name);
    if (shape == SIEVE_ONE_TEST && n->has_test_list)
        return sieve_check_error(c, n->tests->at, "'%s' takes one test, no list",
                                 op->definition->name);
    if (shape == SIEVE_TEST_LIST && !n->has_test_list)
        return sieve_check_error(c, n->tests->at, "'%s' wants its tests in parentheses",
                                 op->definition->name);
    op->tests = sieve_check_alloc(c, n->test_count * sizeof(*op->tests));
    op->test_count = op->tests == NULL ? 0 : n->test_count;
    for (uint32_t i = 0; i < op->test_count; i++, test = test->next)
        ok = check_node(c, test, true, &op->tests[i]) && ok;
    return ok && op->tests != NULL;
}

static bool
check_block(struct sieve_check *c, const struct node *n, struct sieve_op *op)
{
    const struct sieve_op *previous = c->previous;

    if (op->definition->has_block && !n->has_block)
        return sieve_check_error(c, op->at, "'%s' needs a block: { ... }", op->definition->name);
    if (!op->definition->has_block && n->has_block)
        return sieve_check_error(c, op->at, "'%s' takes no block; a ';' is missing",
                                 op->definition->name);
    if (!n->has_block)
        return true;
    bool ok = check_nodes(c, n->block, n->block_count, &op->block, &op->block_count);
    c->previous = previous;
    return ok;
}

/* ------------------------------------------------------------------ one command or test */

static bool
check_order(struct sieve_check *c, const struct sieve_op *op)
{
    const struct sieve_definition *d = op->definition;

    if (d->must_come_first && (c->has_begun || c->depth > 0))
        return sieve_check_error(c, op->at, "'%s' must come before all other commands", d->name);
    c->has_begun = c->has_begun || (!d->must_come_first && !d->is_test);
    if (d->is_obsolete)
        sieve_check_warning(c, op->at, "'%s' is obsolete", d->name);
    return true;
}

static bool
check_inside(struct sieve_check *c, const struct node *n, struct sieve_op *op)
{
    if (c->depth == NESTING_MAX)
        return sieve_check_error(c, op->at, "nested too deep");
    c->outer[c->depth++] = op;
    bool ok = check_tests(c, n, op);
    /* Behind a test that does not belong here the block is that test's: one ';', one error. */
    if (op->definition->tests != SIEVE_NO_TESTS || n->test_count == 0)
        ok = check_block(c, n, op) && ok;
    c->depth--;
    return ok;
}

static bool
check_known(struct sieve_check *c, const struct node *n, struct sieve_op *op)
{
    bool ok = check_order(c, op) && check_arguments(c, n, op) &&
              (op->definition->check == NULL || op->definition->check(c, op));

    ok = check_inside(c, n, op) && ok;
    return ok && (op->definition->check_after == NULL || op->definition->check_after(c, op));
}

static enum sieve_step
run_unavailable(struct sieve_run *r, const struct sieve_op *op)
{
    sieve_run_fail(r, op, "command '%s' is not available in this form", (const char *)op->data);
    return SIEVE_BREAKDOWN;
}

static enum sieve_truth
test_unavailable(struct sieve_run *r, const struct sieve_op *op)
{
    sieve_run_fail(r, op, "test '%s' is not available in this form", (const char *)op->data);
    return SIEVE_BROKEN;
}

/* RFC 5463 4: what ihave said to be missing is no error until it is reached. */
static const struct sieve_definition unavailable_command = {.name = "?", .run = run_unavailable};
static const struct sieve_definition unavailable_test = {
    .name = "?", .is_test = true, .test = test_unavailable};

static bool
make_unavailable(struct sieve_check *c, const struct node *n, bool is_test, struct sieve_op *op)
{
    *op = (struct sieve_op){.definition = is_test ? &unavailable_test : &unavailable_command,
                            .at = n->at,
                            .script = c->unit->name};
    op->data = arena_copy(&c->program->arena, n->name);
    return op->data != NULL;
}

static bool
check_node(struct sieve_check *c, const struct node *n, bool is_test, struct sieve_op *op)
{
    const char *missing;
    uint64_t outer_needs = c->needs;
    bool outer_is_excused = c->is_excused;

    c->needs = 0;
    c->is_excused = false;
    const struct sieve_definition *d = find_definition(c, n->name, is_test, &missing);
    *op = (struct sieve_op){.definition = d, .at = n->at, .script = c->unit->name};
    bool ok = d != NULL ? check_known(c, n, op) : unknown(c, n, is_test, missing);
    bool is_excused = !ok && (c->is_pardoned || c->is_excused);
    op->needs = c->needs;
    c->needs = outer_needs;
    c->is_excused = outer_is_excused;
    return is_excused ? make_unavailable(c, n, is_test, op) : ok;
}

static bool
goes_with_previous(const struct node *n)
{
    return span_equal_fold(n->name, SPAN("elsif")) || span_equal_fold(n->name, SPAN("else"));
}

static bool
check_nodes(struct sieve_check *c, const struct node *nodes, uint32_t count, struct sieve_op **out,
            uint32_t *out_count)
{
    struct sieve_op *ops = sieve_check_alloc(c, count * sizeof(*ops));
    bool was_pardoned = c->is_pardoned, ok = ops != NULL, is_over = false;

    c->previous = NULL;
    for (uint32_t i = 0; ops != NULL && i < count; i++, nodes = nodes->next) {
        if (!goes_with_previous(nodes))
            c->is_pardoned = was_pardoned;
        if (is_over)
            sieve_check_warning(c, nodes->at, "this is never reached");
        is_over = false;
        ok = check_node(c, nodes, false, &ops[i]) && ok;
        is_over = ops[i].definition != NULL && ops[i].definition->ends_block;
        c->previous = ops[i].definition == NULL ? NULL : &ops[i];
    }
    c->is_pardoned = was_pardoned;
    *out = ops;
    *out_count = ops == NULL ? 0 : count;
    return ok;
}

/* ------------------------------------------------------------------ a script */

static struct unit *
unit_new(struct sieve_check *c, const char *name, enum sieve_location location)
{
    struct unit *u = sieve_check_alloc(c, sizeof(*u)), **end = &c->program->units;

    if (u == NULL)
        return NULL;
    u->name = arena_copy(&c->program->arena, span_of(name));
    u->location = location;
    while (*end != NULL)
        end = &(*end)->next;
    *end = u;
    u->number = c->program->unit_count++;
    return u->name == NULL ? NULL : u;
}

struct unit *
check_unit(struct sieve_check *c, const char *name, enum sieve_location location, struct span text)
{
    uint32_t errors = c->report->errors, count = 0;
    struct arena tree;

    c->source = text;
    c->required[0] = true;
    c->unit = unit_new(c, name, location);
    if (c->unit == NULL)
        return NULL;
    c->unit->is_open = true;
    arena_init(&tree, (size_t)c->limits->program_max);
    struct node *nodes = parse_script(c->unit->name, text, c->compiler, &tree, c->report, &count);
    if (c->report->errors == errors)
        check_nodes(c, nodes, count, &c->unit->ops, &c->unit->op_count);
    if (c->report->errors == errors)
        check_unused(c);
    arena_release(&tree);
    c->unit->is_open = false;
    c->unit->is_broken = c->report->errors != errors;
    return c->unit->is_broken ? NULL : c->unit;
}
