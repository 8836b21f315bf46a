/* SPDX-License-Identifier: MIT
 *
 * A script to a program: its limits, and the memory that holds all of it.
 */
#include "program_priv.h"

#include <stdlib.h>

#include "report_priv.h"

void
sieve_limits_default(struct sieve_limits *l)
{
    *l = (struct sieve_limits){
        .script_max = 1024 * 1024,
        .program_max = 16 * 1024 * 1024,
        .nesting_max = 32,
        .includes_max = 255,
        .include_depth_max = 10,
        .variables_max = 255,
        .variable_max = 4096,
        .steps_max = 1000000,
        .work_max = 256 * 1024 * 1024,
        .memory_max = 64 * 1024 * 1024,
        .actions_max = 32,
        .redirects_max = 4,
        .notifies_max = 10,
        .header_max = 2048,
        .vacation_min_seconds = 86400,
        .vacation_default_seconds = 7 * 86400,
        .vacation_max_seconds = 60 * 86400,
        .duplicate_default_seconds = 12 * 3600,
        .duplicate_max_seconds = 2 * 86400,
    };
}

static struct sieve_program *
program_new(const struct sieve_compiler *c, const char *name)
{
    struct sieve_program *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return NULL;
    arena_init(&p->arena, c->limits->program_max);
    p->name = arena_copy(&p->arena, span_of(name));
    p->is_administrators = c->is_administrators;
    return p;
}

void
sieve_program_free(struct sieve_program *p)
{
    if (p == NULL)
        return;
    arena_release(&p->arena);
    free(p);
}

const char *
sieve_program_name(const struct sieve_program *p)
{
    return p->name == NULL ? "" : p->name;
}

size_t
sieve_program_octets(const struct sieve_program *p)
{
    return sizeof(*p) + p->arena.used;
}

static bool
check_program(const struct sieve_compiler *compiler, struct sieve_program *p, struct span text,
              struct sieve_report *report)
{
    struct sieve_check *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return false;
    c->compiler = compiler;
    c->limits = compiler->limits;
    c->program = p;
    c->report = report;
    bool ok = check_unit(c, p->name, SIEVE_PERSONAL, text) != NULL;
    free(c);
    return ok;
}

struct sieve_program *
sieve_compile(const struct sieve_compiler *c, const char *name, struct span text,
              struct sieve_report *report)
{
    struct sieve_place nowhere = {0};

    if (text.n > c->limits->script_max) {
        report_add(report, SIEVE_ERROR, name, nowhere, text, "script is longer than %u octets",
                   c->limits->script_max);
        return NULL;
    }
    struct sieve_program *p = program_new(c, name);
    if (p != NULL && p->name != NULL && check_program(c, p, text, report))
        return p;
    if (p == NULL)
        report_add(report, SIEVE_ERROR, name, nowhere, text, "no memory");
    sieve_program_free(p);
    return NULL;
}
