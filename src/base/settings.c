/* SPDX-License-Identifier: MIT
 *
 * Looking things up in the settings: see settings.h.
 */
#include "doorstep/settings.h"

#include <stdio.h>
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

const struct settings_milter *
settings_find_milter(const struct settings *s, const char *name)
{
    for (size_t i = 0; i < s->milter_count; i++)
        if (strcmp(s->milters[i].name, name) == 0)
            return &s->milters[i];
    return NULL;
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
