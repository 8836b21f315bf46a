/* SPDX-License-Identifier: MIT
 *
 * Sections of content filters that give messages back, and the lists that name filters of both
 * kinds: these, and external programs.
 */
#include "reader_priv.h"

#include <string.h>

#include "nearest_priv.h"

void
check_filter_addresses(struct reader *r)
{
    for (size_t i = 0; i < r->settings->filter_count; i++) {
        const struct settings_filter *f = &r->settings->filters[i];

        if (f->address.text == NULL)
            source_error(r->errors, r->places[SECTION_FILTER][i], "filter '%s' has no address",
                         f->name);
        if (f->back.text == NULL)
            source_error(r->errors, r->places[SECTION_FILTER][i], "filter '%s' has no return",
                         f->name);
    }
}

static bool
is_same(const struct settings_address *a, const struct settings_address *b)
{
    if (a->is_unix || b->is_unix)
        return a->is_unix && b->is_unix && strcmp(a->path, b->path) == 0;
    return a->ip_length == b->ip_length && memcmp(&a->ip, &b->ip, a->ip_length) == 0;
}

/* Who can read what is sent there could give back another message in its place. */
static void
check_section(struct reader *r, const struct settings_filter *f, struct source_place at)
{
    if (is_same(&f->address, &f->back))
        source_error(r->errors, at, "filter '%s': address and return are the same: it would be us",
                     f->name);
    if (!check_is_local(&f->back))
        source_error(r->errors, at,
                     "filter '%s': return can be a unix socket or a loopback address, nothing that "
                     "others reach",
                     f->name);
    if (settings_find_program(r->settings, f->name) != NULL)
        source_error(r->errors, at, "filter '%s' has the name of a program", f->name);
}

/* ---- lists ---- */

static void
refuse_name(struct reader *r, const char *name, struct source_place at)
{
    const struct settings *s = r->settings;
    const char *names[64];
    size_t count = 0;

    for (size_t i = 0; i < s->filter_count && count < 64; i++)
        names[count++] = s->filters[i].name;
    for (size_t i = 0; i < s->program_count && count < 64; i++)
        names[count++] = s->programs[i].name;
    if (count == 0)
        source_error(r->errors, at, "there is no program or filter '%s'", name);
    else
        source_error(r->errors, at, "there is no program or filter '%s', did you mean '%s'?", name,
                     nearest_name(name, names, count));
}

static void
check_list(struct reader *r, const char **list, size_t count, struct source_place at)
{
    for (size_t i = 0; i < count; i++) {
        const struct settings_program *p = settings_find_program(r->settings, list[i]);

        if (p == NULL && settings_find_filter(r->settings, list[i]) == NULL)
            refuse_name(r, list[i], at);
        else if (p != NULL && p->command_count == 0)
            source_error(r->errors, at, "program '%s' has no command: it cannot be a filter",
                         list[i]);
    }
}

void
check_filters(struct reader *r)
{
    struct settings *s = r->settings;
    struct source_place first = {source_find(r->source, 1).file, 0};

    for (size_t i = 0; i < s->filter_count; i++)
        check_section(r, &s->filters[i], r->places[SECTION_FILTER][i]);
    check_list(r, s->filters_before, s->filters_before_count, first);
    check_list(r, s->filters_after, s->filters_after_count, first);
    for (size_t i = 0; i < s->domain_count; i++) {
        const struct settings_domain *d = &s->domains[i];

        check_list(r, d->filters_before, d->filters_before_count, r->places[SECTION_DOMAIN][i]);
        check_list(r, d->filters_after, d->filters_after_count, r->places[SECTION_DOMAIN][i]);
    }
}
