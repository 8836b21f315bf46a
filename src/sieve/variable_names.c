/* SPDX-License-Identifier: MIT
 *
 * Names of variables become numbers while a script is checked (RFC 5229 3; case does not matter).
 */
#include "program_priv.h"

int
names_find(const struct names *n, struct span name)
{
    for (uint32_t i = 0; i < n->count; i++)
        if (span_equal_fold(n->items[i], name))
            return (int)i;
    return -1;
}

static bool
grow(struct names *n, struct arena *arena)
{
    uint32_t size = n->size == 0 ? 16 : n->size * 2;
    struct span *items = arena_alloc(arena, size * sizeof(*items));
    uint32_t *numbers = arena_alloc(arena, size * sizeof(*numbers));
    bool *is_set = arena_alloc(arena, size * sizeof(*is_set));

    if (items == NULL || numbers == NULL || is_set == NULL)
        return false;
    if (n->count > 0) {
        memcpy(items, n->items, n->count * sizeof(*items));
        memcpy(numbers, n->numbers, n->count * sizeof(*numbers));
        memcpy(is_set, n->is_set, n->count * sizeof(*is_set));
    }
    n->items = items;
    n->numbers = numbers;
    n->is_set = is_set;
    n->size = size;
    return true;
}

int
names_add(struct names *n, struct arena *arena, struct span name)
{
    if (n->count == n->size && !grow(n, arena))
        return -1;
    const char *kept = arena_copy(arena, name);
    if (kept == NULL)
        return -1;
    n->items[n->count] = (struct span){kept, name.n};
    return (int)n->count++;
}

bool
variable_name_is_valid(struct span name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = (char)(name.p[i] | 0x20);
        bool is_letter = (c >= 'a' && c <= 'z') || name.p[i] == '_';
        if (!is_letter && !(i > 0 && name.p[i] >= '0' && name.p[i] <= '9'))
            return false;
    }
    return name.n > 0;
}

bool
variable_number(struct sieve_check *c, struct sieve_place at, struct span name, uint32_t *out)
{
    struct names *n = &c->unit->variables;
    int i = names_find(n, name);

    if (i < 0 && n->own >= c->limits->variables_max)
        return sieve_check_error(c, at, "more than %u variables", c->limits->variables_max);
    if (i < 0) {
        i = names_add(n, &c->program->arena, name);
        if (i < 0)
            return sieve_check_error(c, at, "script needs too much memory");
        n->numbers[i] = n->own++;
    }
    *out = n->numbers[i];
    return true;
}

bool
variable_global(struct sieve_check *c, struct sieve_place at, struct span name, uint32_t *out)
{
    struct names *n = &c->program->globals;
    int i = names_find(n, name);

    if (i < 0 && n->own >= c->limits->variables_max)
        return sieve_check_error(c, at, "more than %u global variables", c->limits->variables_max);
    if (i < 0) {
        i = names_add(n, &c->program->arena, name);
        if (i < 0)
            return sieve_check_error(c, at, "script needs too much memory");
        n->own++;
    }
    *out = VARIABLE_GLOBAL | (uint32_t)i;
    return true;
}

/* RFC 6609 3.4.1: not after the script has set one of its own by that name. */
bool
variable_declare(struct sieve_check *c, struct sieve_place at, struct span name)
{
    struct names *n = &c->unit->variables;
    int i = names_find(n, name);
    uint32_t number;

    if (i >= 0 && n->is_set[i] && (n->numbers[i] & VARIABLE_GLOBAL) == 0)
        return sieve_check_error(c, at, "variable '%.*s' was set before it is declared global",
                                 (int)name.n, name.p);
    if (!variable_global(c, at, name, &number))
        return false;
    if (i < 0)
        i = names_add(n, &c->program->arena, name);
    if (i < 0)
        return sieve_check_error(c, at, "script needs too much memory");
    n->numbers[i] = number;
    return true;
}

/* Of a namespace, when that lets its variables be set. */
static bool
space_variable(struct sieve_check *c, struct sieve_place at, struct span name, size_t dot,
               uint32_t *number)
{
    int len = name.n < 80 ? (int)name.n : 80;
    const struct sieve_namespace *space = text_space(c, (struct span){name.p, dot});

    if (space == NULL)
        return sieve_check_error(c, at, "unknown namespace '%.*s' of variables",
                                 dot < 80 ? (int)dot : 80, name.p);
    if (space->number == NULL)
        return sieve_check_error(c, at, "variable '%.*s' cannot be set", len, name.p);
    return space->number(c, at, span_skip(name, dot + 1), number);
}

bool
sieve_check_variable(struct sieve_check *c, struct sieve_place at, struct span name,
                     uint32_t *number)
{
    size_t dot = span_find(name, '.');

    if (dot < name.n && variable_name_is_valid((struct span){name.p, dot}))
        return space_variable(c, at, name, dot, number);
    if (!variable_name_is_valid(name))
        return sieve_check_error(c, at, "'%.*s' is no name of a variable",
                                 name.n < 80 ? (int)name.n : 80, name.p);
    if (name.n > VARIABLE_NAME_MAX)
        return sieve_check_error(c, at, "name of a variable is longer than %d octets",
                                 VARIABLE_NAME_MAX);
    if (!variable_number(c, at, name, number))
        return false;
    c->unit->variables.is_set[names_find(&c->unit->variables, name)] = true;
    return true;
}
