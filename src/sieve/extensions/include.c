/* SPDX-License-Identifier: MIT
 *
 * RFC 6609: include, return and global. An included script becomes a unit of the same program when
 * the script that includes it is checked, once for all its places; it is run with variables of its
 * own. What includes itself, or what is missing, is found then, which is when a message is there:
 * who only stores a script does not look for what it includes (SIEVE_UNKNOWN).
 */
#include "../extensions_priv.h"
#include "../run_priv.h"

#include <stdlib.h>

#include "doorstep/charset.h"

#define NAME_MAX_CHARACTERS 128 /* RFC 5804 1.6 */

enum { SLOT_LOCATION = SIEVE_SLOT_OWN, SLOT_ONCE, SLOT_OPTIONAL };

static const struct sieve_tag include_tags[] = {
    {"personal", SIEVE_TAKES_NOTHING, SLOT_LOCATION, 0, SIEVE_PERSONAL, NULL},
    {"global", SIEVE_TAKES_NOTHING, SLOT_LOCATION, 0, SIEVE_GLOBAL, NULL},
    {"once", SIEVE_TAKES_NOTHING, SLOT_ONCE, 0, 0, NULL},
    {"optional", SIEVE_TAKES_NOTHING, SLOT_OPTIONAL, 0, 0, NULL},
    {0},
};

struct include { /* of one command */
    const char *name;
    enum sieve_found found;
    const struct unit *unit; /* NULL unless it was found */
};

/* ------------------------------------------------------------------ names */

/* RFC 5804 1.6, and nothing that could mean more than a name to a store (4): no path, no shell. */
static bool
name_is_valid(struct span s)
{
    size_t characters = 0;

    if (s.n == 0 || s.p[0] == '.' || memmem(s.p, s.n, "$(", 2) != NULL)
        return false;
    for (; s.n > 0; characters++) {
        uint32_t c = utf8_next(&s);
        if (c < 32 || (c >= 127 && c < 160) || c == 0x2028 || c == 0x2029 || c == UTF8_WRONG ||
            c == '/' || c == '\\' || c == '`' || c == '|')
            return false;
    }
    return characters <= NAME_MAX_CHARACTERS;
}

static enum sieve_location
location_of(const struct sieve_op *op)
{
    const struct sieve_tagged *t = sieve_op_tag(op, SLOT_LOCATION);

    return t == NULL ? SIEVE_PERSONAL : (enum sieve_location)t->tag->id;
}

static struct unit *
find_unit(const struct sieve_check *c, enum sieve_location location, struct span name)
{
    for (struct unit *u = c->program->units; u != NULL; u = u->next)
        if (u->location == location && span_equal(span_of(u->name), name))
            return u;
    return NULL;
}

/* ------------------------------------------------------------------ checking */

/* A new unit out of the script's text. False: errors were noted, in its name and here. */
static bool
check_text(struct sieve_check *c, const struct sieve_op *op, struct include *i, struct span text)
{
    struct sieve_check *inner;

    if (text.n > c->limits->script_max)
        return sieve_check_error(c, op->at, "script '%s' is longer than %u octets", i->name,
                                 c->limits->script_max);
    inner = calloc(1, sizeof(*inner));
    if (inner == NULL)
        return sieve_check_error(c, op->at, "script needs too much memory");
    inner->compiler = c->compiler;
    inner->limits = c->limits;
    inner->program = c->program;
    inner->report = c->report;
    inner->include_depth = c->include_depth + 1;
    i->unit = check_unit(inner, i->name, location_of(op), text);
    free(inner);
    return i->unit != NULL || sieve_check_error(c, op->arguments[0].at,
                                                "the included script '%s' has errors", i->name);
}

static bool
within_limits(struct sieve_check *c, const struct sieve_op *op)
{
    if (c->include_depth >= c->limits->include_depth_max)
        return sieve_check_error(c, op->at, "scripts include one another more than %u deep",
                                 c->limits->include_depth_max);
    if (c->program->unit_count > c->limits->includes_max)
        return sieve_check_error(c, op->at, "more than %u scripts are included",
                                 c->limits->includes_max);
    return true;
}

static bool
load_script(struct sieve_check *c, const struct sieve_op *op, struct include *i)
{
    const struct sieve_compiler *from = c->compiler;
    struct buf text;
    bool ok = true;

    if (!within_limits(c, op))
        return false;
    buf_init(&text, c->limits->program_max); /* what is too long is told as that */
    i->found = from->load == NULL ? SIEVE_MISSING
                                  : from->load(from->arg, location_of(op), span_of(i->name), &text);
    if (i->found == SIEVE_FOUND)
        ok = check_text(c, op, i, buf_span(&text));
    else if (i->found == SIEVE_MISSING && sieve_op_tag(op, SLOT_OPTIONAL) == NULL)
        ok = sieve_check_error(c, op->arguments[0].at, "there is no %s script '%s' to include",
                               location_of(op) == SIEVE_GLOBAL ? "global" : "personal", i->name);
    buf_release(&text);
    return ok;
}

/* A script that was met before: at another place, or around this one. */
static bool
use_unit(struct sieve_check *c, const struct sieve_op *op, struct include *i, struct unit *u)
{
    i->unit = u;
    i->found = SIEVE_FOUND;
    if (u->is_open && sieve_op_tag(op, SLOT_ONCE) == NULL)
        return sieve_check_error(c, op->arguments[0].at, "script '%s' includes itself", i->name);
    return !u->is_broken;
}

static bool
check_include(struct sieve_check *c, struct sieve_op *op)
{
    struct include *i = sieve_check_alloc(c, sizeof(*i));
    struct span name;

    op->data = i;
    if (i == NULL)
        return false;
    if (!sieve_text_constant(op->arguments[0].strings, &name))
        return sieve_check_error(c, op->arguments[0].at, "the name of a script must be constant");
    if (!name_is_valid(name))
        return sieve_check_error(c, op->arguments[0].at, "'%.*s' is no name of a script",
                                 name.n < 80 ? (int)name.n : 80, name.p);
    i->name = arena_copy(&c->program->arena, name);
    if (i->name == NULL)
        return sieve_check_error(c, op->at, "script needs too much memory");
    struct unit *u = find_unit(c, location_of(op), name);
    return u != NULL ? use_unit(c, op, i, u) : load_script(c, op, i);
}

/* ------------------------------------------------------------------ running */

struct included { /* in this run of this program */
    const struct sieve_program *program;
    bool *units;
};

/* NULL: out of memory. */
static bool *
included_units(struct sieve_run *r)
{
    struct included *i = sieve_run_state(r, &sieve_include);

    if (i == NULL)
        return NULL;
    if (i->program != r->program) {
        i->program = r->program;
        i->units = sieve_run_alloc(r, r->program->unit_count * sizeof(bool));
        if (i->units != NULL)
            i->units[0] = true;
    }
    return i->units;
}

/* Each place is fine by itself; a script that is included at several may lie deeper at one. */
static bool
is_too_deep(const struct sieve_run *r)
{
    uint32_t depth = 0;

    for (const struct frame *f = r->frame; f != NULL; f = f->caller)
        depth++;
    return depth > r->in.limits->include_depth_max;
}

static enum sieve_step
run_script(struct sieve_run *r, const struct sieve_op *op, const struct unit *unit)
{
    bool *units = included_units(r);

    if (units == NULL)
        return SIEVE_BREAKDOWN;
    if (units[unit->number] && sieve_op_tag(op, SLOT_ONCE) != NULL)
        return SIEVE_GO;
    units[unit->number] = true;
    if (is_too_deep(r)) {
        sieve_run_fail(r, op, "scripts include one another more than %u deep",
                       r->in.limits->include_depth_max);
        return SIEVE_BREAKDOWN;
    }
    enum sieve_step step = run_unit(r, unit);
    return step == SIEVE_RETURN ? SIEVE_GO : step;
}

static enum sieve_step
run_include(struct sieve_run *r, const struct sieve_op *op)
{
    const struct include *i = op->data;

    switch (i->found) {
    case SIEVE_FOUND:
        return run_script(r, op, i->unit);
    case SIEVE_MISSING: /* and optional */
        return SIEVE_GO;
    case SIEVE_UNKNOWN:
        sieve_run_defer(r, op, "script '%s' cannot be had now", i->name);
        break;
    }
    return SIEVE_BREAKDOWN;
}

static enum sieve_step
run_return(struct sieve_run *r, const struct sieve_op *op)
{
    (void)r, (void)op;
    return SIEVE_RETURN;
}

/* ------------------------------------------------------------------ global (3.4) */

static bool
declare(struct sieve_check *c, const struct sieve_text *t)
{
    struct span name;

    if (!sieve_text_constant(t, &name))
        return sieve_check_error(c, sieve_text_place(t), "the name of a variable must be constant");
    if (!variable_name_is_valid(name) || name.n > VARIABLE_NAME_MAX)
        return sieve_check_error(c, sieve_text_place(t), "'%.*s' is no name of a variable",
                                 name.n < 80 ? (int)name.n : 80, name.p);
    return variable_declare(c, sieve_text_place(t), name);
}

static bool
check_global(struct sieve_check *c, struct sieve_op *op)
{
    bool ok = true;

    if (!sieve_check_has(c, "variables"))
        return sieve_check_error(c, op->at, "command 'global' needs: require \"variables\"");
    for (uint32_t i = 0; i < op->arguments[0].count; i++)
        ok = declare(c, sieve_text_at(&op->arguments[0], i)) && ok;
    return ok;
}

static enum sieve_step
run_global(struct sieve_run *r, const struct sieve_op *op)
{
    (void)r, (void)op;
    return SIEVE_GO;
}

/* ${global.name} is the same variable, declared or not (3.4.2). */
static bool
global_number(struct sieve_check *c, struct sieve_place at, struct span rest, uint32_t *number)
{
    if (!variable_name_is_valid(rest) || rest.n > VARIABLE_NAME_MAX)
        return sieve_check_error(c, at, "'global.%.*s' is no name of a variable",
                                 rest.n < 80 ? (int)rest.n : 80, rest.p);
    return variable_global(c, at, rest, number);
}

static const struct sieve_namespace space = {.name = "global", .number = global_number};

static const struct sieve_definition definitions[] = {
    {.name = "include",
     .arguments = "s",
     .tags = include_tags,
     .check = check_include,
     .run = run_include},
    {.name = "return", .ends_block = true, .run = run_return},
    {.name = "global", .arguments = "l", .check = check_global, .run = run_global},
    /* The names of "global" in drafts of RFC 6609, which old scripts still have. */
    {.name = "import",
     .arguments = "l",
     .is_obsolete = true,
     .check = check_global,
     .run = run_global},
    {.name = "export",
     .arguments = "l",
     .is_obsolete = true,
     .check = check_global,
     .run = run_global},
    {0},
};

const struct sieve_extension sieve_include = {.name = "include",
                                              .definitions = definitions,
                                              .space = &space,
                                              .state = sizeof(struct included)};
