/* SPDX-License-Identifier: MIT
 *
 * Commands, tests and tags by their names, among the extensions that a script has required; and
 * the name of the one that it forgot.
 */
#include "program_priv.h"

static const struct sieve_definition *
definition_of(const struct sieve_extension *e, struct span name, bool is_test)
{
    for (const struct sieve_definition *d = e->definitions; d != NULL && d->name != NULL; d++)
        if (d->is_test == is_test && span_equal_fold(span_of(d->name), name))
            return d;
    return NULL;
}

const struct sieve_definition *
find_definition(struct sieve_check *c, struct span name, bool is_test, const char **missing)
{
    const struct sieve_extension *e;

    *missing = NULL;
    for (int i = 0; (e = registry_at(c->compiler, i)) != NULL; i++) {
        const struct sieve_definition *d = definition_of(e, name, is_test);
        if (d != NULL && c->required[i]) {
            check_use(c, i);
            return d;
        }
        if (d != NULL && *missing == NULL && registry_number(c->compiler, span_of(e->name)) >= 0)
            *missing = e->name;
    }
    return NULL;
}

static const struct sieve_tag *
tag_of(const struct sieve_tag *tags, unsigned classes, struct span name)
{
    for (const struct sieve_tag *t = tags; t != NULL && t->name != NULL; t++)
        if ((t->on == 0 || (t->on & classes) != 0) && span_equal_fold(span_of(t->name), name))
            return t;
    return NULL;
}

const struct sieve_tag *
find_tag(struct sieve_check *c, const struct sieve_definition *d, struct span name,
         const char **missing)
{
    const struct sieve_extension *e;
    const struct sieve_tag *t = tag_of(d->tags, d->classes, name);

    *missing = NULL;
    for (int i = 0; t == NULL && (e = registry_at(c->compiler, i)) != NULL; i++) {
        const struct sieve_tag *found = tag_of(e->tags, d->classes, name);
        if (found != NULL && c->required[i]) {
            check_use(c, i);
            t = found;
        } else if (found != NULL && *missing == NULL)
            *missing = e->name;
    }
    return t;
}
