/* SPDX-License-Identifier: MIT
 *
 * Looking things up in the settings: see settings.h.
 */
#include "doorstep/settings.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

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

const struct settings_milter *
settings_find_milter(const struct settings *s, const char *name)
{
    for (size_t i = 0; i < s->milter_count; i++)
        if (strcmp(s->milters[i].name, name) == 0)
            return &s->milters[i];
    return NULL;
}

const struct settings_program *
settings_find_program(const struct settings *s, const char *name)
{
    for (size_t i = 0; i < s->program_count; i++)
        if (strcmp(s->programs[i].name, name) == 0)
            return &s->programs[i];
    return NULL;
}

const struct settings_filter *
settings_find_filter(const struct settings *s, const char *name)
{
    for (size_t i = 0; i < s->filter_count; i++)
        if (strcmp(s->filters[i].name, name) == 0)
            return &s->filters[i];
    return NULL;
}

uint32_t
settings_runner_count(const struct settings *s)
{
    uint32_t count = 0;

    for (size_t i = 0; i < s->program_count; i++)
        if (s->programs[i].runner >= count)
            count = s->programs[i].runner + 1;
    return count;
}

const char *
settings_runner_user(const struct settings *s, uint32_t runner)
{
    for (size_t i = 0; i < s->program_count; i++)
        if (s->programs[i].runner == runner)
            return s->programs[i].user;
    return "";
}

const char *
settings_listen_word(enum listen_protocol protocol)
{
    static const char *const words[] = {[LISTEN_LMTP] = "lmtp",
                                        [LISTEN_SMTP] = "smtp",
                                        [LISTEN_POLICY] = "policy",
                                        [LISTEN_SOCKETMAP] = "socketmap",
                                        [LISTEN_MANAGESIEVE] = "managesieve"};

    return words[protocol];
}

bool
settings_listen_name(const struct settings_listen *listen, char *out, size_t size)
{
    int n = snprintf(out, size, "%s %s", settings_listen_word(listen->protocol),
                     listen->address_count > 0 ? listen->address[0].text : "");

    return n > 0 && (size_t)n < size;
}

bool
settings_listen_has_logins(const struct settings_listen *listen)
{
    return listen->auth || listen->protocol == LISTEN_MANAGESIEVE;
}

bool
settings_listen_takes_mail(const struct settings_listen *listen)
{
    return listen->protocol == LISTEN_LMTP || listen->protocol == LISTEN_SMTP;
}

const struct settings_route *
settings_find_route(const struct settings *s, const char *name)
{
    if (name[0] == '\0')
        return s->relay.smarthost.next_hop.text != NULL ? &s->relay.smarthost : NULL;
    for (size_t i = 0; i < s->route_count; i++)
        if (strcmp(s->routes[i].name, name) == 0)
            return &s->routes[i];
    return NULL;
}

/* "*" is for all, "*.example.org" for what lies below example.org. */
static bool
takes(const char *pattern, const char *domain)
{
    size_t n = strlen(domain), suffix;

    if (pattern[0] != '*')
        return strcmp(pattern, domain) == 0;
    suffix = strlen(pattern + 1);
    return suffix == 0 || (n > suffix && strcmp(domain + n - suffix, pattern + 1) == 0);
}

const struct settings_route *
settings_route_of_domain(const struct settings *s, const char *domain)
{
    for (size_t i = 0; i < s->route_count; i++)
        for (size_t k = 0; k < s->routes[i].domain_count; k++)
            if (takes(s->routes[i].domains[k], domain))
                return &s->routes[i];
    return settings_find_route(s, "");
}

bool
settings_is_here(const struct settings_next_hop *hop)
{
    return hop->is_unix || (hop->is_number &&
                            (strncmp(hop->host, "127.", 4) == 0 || strcmp(hop->host, "::1") == 0));
}

bool
settings_has_relay(const struct settings *s)
{
    return s->relay.smarthost.next_hop.text != NULL || s->route_count > 0;
}

static bool
has_name(const struct settings_next_hop *hop)
{
    return hop->text != NULL && !hop->is_unix && !hop->is_number;
}

bool
settings_relay_has_names(const struct settings *s)
{
    bool any = has_name(&s->relay.smarthost.next_hop);

    for (size_t i = 0; i < s->route_count; i++)
        any = any || has_name(&s->routes[i].next_hop);
    return any;
}

/* "NAME=VALUE" */
const char *
settings_annotation(const struct settings_sieve *s, const char *name, size_t n)
{
    for (size_t i = 0; i < s->metadata_count; i++) {
        const char *whole = s->metadata[i];

        if (strlen(whole) > n && strncasecmp(whole, name, n) == 0 && whole[n] == '=')
            return whole + n + 1;
    }
    return NULL;
}
