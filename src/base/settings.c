/* SPDX-License-Identifier: MIT
 *
 * Looking things up in the settings: see settings.h.
 */
#include "doorstep/settings.h"

#include <string.h>

const struct settings_domain *
settings_find_domain(const struct settings *s, const char *name)
{
    for (size_t i = 0; i < s->domain_count; i++)
        if (strcmp(s->domains[i].name, name) == 0)
            return &s->domains[i];
    return NULL;
}

const struct settings_store *
settings_find_store(const struct settings *s, const char *name)
{
    for (size_t i = 0; i < s->store_count; i++)
        if (strcmp(s->stores[i].name, name) == 0)
            return &s->stores[i];
    return NULL;
}
