/* SPDX-License-Identifier: MIT
 *
 * Domains and their drivers. Whose an address is: resolve.c. The tool's verbs: manage.c. A driver
 * sees one domain and folded, checked names; everything else about addresses is decided here.
 */
#include "doorstep/accounts.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts_priv.h"

static const struct accounts_driver *const drivers[] = {
    &accounts_sqlite,
    &accounts_passwd,
    &accounts_file,
    &accounts_any,
};

void
account_print(const char *user, const char *domain, char out[ACCOUNT_TEXT_SIZE])
{
    size_t user_n = strnlen(user, ACCOUNT_USER_SIZE - 1);
    size_t domain_n = strnlen(domain, ACCOUNT_DOMAIN_SIZE - 1);

    memcpy(out, user, user_n);
    out[user_n] = '@';
    memcpy(out + user_n + 1, domain, domain_n);
    out[user_n + 1 + domain_n] = '\0';
}

static const struct accounts_driver *
find_driver(const char *name)
{
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
        if (strcmp(drivers[i]->name, name) == 0)
            return drivers[i];
    return NULL;
}

static struct accounts_source *
source_new(struct accounts *a, const struct settings_domain *domain, struct outcome *why)
{
    const struct accounts_driver *driver = find_driver(domain->accounts);
    if (driver == NULL) {
        outcome_set(why, OUTCOME_BAD_REQUEST, "domain %s: no accounts driver \"%s\"", domain->name,
                    domain->accounts);
        return NULL;
    }
    struct accounts_source *s = calloc(1, driver->size);
    if (s == NULL) {
        outcome_set(why, OUTCOME_SYSTEM, "out of memory: accounts of %s", domain->name);
        return NULL;
    }
    s->driver = driver;
    s->domain = domain;
    s->settings = a->settings;
    s->db = &a->db;
    if (driver->open == NULL || driver->open(s, why))
        return s;
    free(s);
    return NULL;
}

static bool
open_sources(struct accounts *a, struct outcome *why)
{
    size_t count = a->settings->domain_count;
    a->sources = calloc(count == 0 ? 1 : count, sizeof(struct accounts_source *));
    if (a->sources == NULL)
        return outcome_set(why, OUTCOME_SYSTEM, "out of memory: accounts");
    for (size_t i = 0; i < count; i++) {
        a->sources[i] = source_new(a, &a->settings->domains[i], why);
        if (a->sources[i] == NULL)
            return false;
    }
    return true;
}

struct accounts *
accounts_open(const struct settings *settings, struct outcome *why)
{
    struct accounts *a = calloc(1, sizeof(*a));
    if (a == NULL || sodium_init() < 0) {
        outcome_set(why, OUTCOME_SYSTEM, "out of memory or of randomness: accounts");
        free(a);
        return NULL;
    }
    a->settings = settings;
    if (accounts_db_open(&a->db, settings, why) && open_sources(a, why))
        return a;
    accounts_close(a);
    return NULL;
}

void
accounts_close(struct accounts *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; a->sources != NULL && i < a->settings->domain_count; i++) {
        struct accounts_source *s = a->sources[i];
        if (s != NULL && s->driver->close != NULL)
            s->driver->close(s);
        free(s);
    }
    free(a->sources);
    accounts_db_close(&a->db);
    free(a);
}

struct accounts_source *
accounts_source(struct accounts *a, const char *domain)
{
    for (size_t i = 0; i < a->settings->domain_count; i++)
        if (strcmp(a->settings->domains[i].name, domain) == 0)
            return a->sources[i];
    return NULL;
}

bool
accounts_are_expanded(const struct settings *settings)
{
    for (size_t i = 0; i < settings->listen_count; i++)
        if (settings->listens[i].protocol == LISTEN_SOCKETMAP)
            return true;
    return false;
}

void
account_init(struct account *out, const struct settings_domain *domain, const char *user)
{
    *out = (struct account){
        .enabled = true,
        .quota = domain->quota,
        .quota_messages = domain->quota_messages,
    };
    snprintf(out->user, sizeof(out->user), "%s", user);
    snprintf(out->domain, sizeof(out->domain), "%s", domain->name);
    snprintf(out->forward, sizeof(out->forward), "%s", domain->forward);
}

void
account_set_home(struct account *a, const char *route)
{
    snprintf(a->forward, sizeof(a->forward), "%s",
             strcmp(route, SETTINGS_ROUTE_HERE) == 0 ? "" : route);
}

bool
accounts_fold(const struct settings_domain *domain, struct span local, char out[ACCOUNT_USER_SIZE])
{
    return account_name_fold(local, !domain->case_sensitive, out, ACCOUNT_USER_SIZE);
}

bool
accounts_find(struct accounts *a, const char *user, const char *domain, struct account *out,
              struct outcome *why)
{
    char folded[ACCOUNT_USER_SIZE] = "";
    struct accounts_source *s = accounts_source(a, domain);
    enum accounts_result result = ACCOUNTS_UNKNOWN;
    if (s != NULL && accounts_fold(s->domain, span_of(user), folded))
        result = s->driver->find(s, folded, out, why);
    /* Elsewhere its row tells; these drivers have no rows, and its mail must be found all the same.
     */
    if (result == ACCOUNTS_UNKNOWN && s != NULL && s->driver->add == NULL &&
        strcmp(folded, "postmaster") == 0 && accounts_postmaster(a, s->domain, out))
        return true;
    if (result == ACCOUNTS_UNKNOWN)
        return outcome_set(why, OUTCOME_NO_SUCH_USER, "no account %s@%s", user, domain);
    return result == ACCOUNTS_FOUND;
}

bool
accounts_any_claim(struct accounts *a, const char *user, const char *domain, struct outcome *why)
{
    static const struct account_change as_it_is = {0};
    struct account known;
    struct accounts_source *s = accounts_source(a, domain);
    if (s == NULL)
        return outcome_set(why, OUTCOME_NOT_OURS, "no domain %s", domain);
    if (s->driver->add == NULL)
        return true; /* its accounts stand elsewhere */
    switch (accounts_db_find(&a->db, s->domain, user, &known, why)) {
    case ACCOUNTS_FOUND:
        return true;
    case ACCOUNTS_FAILED:
        return false;
    case ACCOUNTS_UNKNOWN:
        break;
    }
    if (!s->driver->on_first_delivery && strcmp(user, "postmaster") != 0)
        return outcome_set(why, OUTCOME_NO_SUCH_USER, "no account %s@%s", user, domain);
    return s->driver->add(s, user, &as_it_is, why);
}

uint64_t
accounts_generation(struct accounts *a)
{
    uint64_t sum = a->db.generation; /* each part only rises, so the sum changes with any */
    for (size_t i = 0; i < a->settings->domain_count; i++) {
        struct accounts_source *s = a->sources[i];
        if (s->driver->generation != NULL)
            sum += s->driver->generation(s);
    }
    return sum;
}
