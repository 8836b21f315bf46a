/* SPDX-License-Identifier: MIT
 *
 * accounts = "any": every name is an account, made on first delivery and remembered as a row of
 * accounts.sqlite then, so that accounts_max bounds them and the tool can list, limit and disable
 * them. A look-up alone makes nothing.
 */
#include "accounts_priv.h"

#include <string.h>

struct accounts_any {
    struct accounts_source base;
    uint64_t count; /* rows of the domain */
};

static bool
any_open(struct accounts_source *s, struct outcome *why)
{
    struct accounts_any *any = (struct accounts_any *)s;
    return accounts_db_count(s->db, s->domain->name, &any->count, why);
}

static bool
has_room(const struct accounts_any *any, struct outcome *why)
{
    const struct settings_domain *domain = any->base.domain;
    return any->count < domain->accounts_max ||
           outcome_set(why, OUTCOME_OVERLOAD, "domain %s has accounts_max (%llu) accounts",
                       domain->name, (unsigned long long)domain->accounts_max);
}

/* is_postmaster() - whose mail is never refused for want of room among accounts. */
static bool
is_postmaster(const char *user)
{
    return strcmp(user, "postmaster") == 0;
}

/* any_find() - a name with a delimiter in it is a subaddress of somebody, unless it was given to an
 * account of its own. */
static enum accounts_result
any_find(struct accounts_source *s, const char *user, struct account *out, struct outcome *why)
{
    const struct accounts_any *any = (const struct accounts_any *)s;
    enum accounts_result result = accounts_db_find(s->db, s->domain, user, out, why);
    if (result != ACCOUNTS_UNKNOWN)
        return result;
    if (strpbrk(user, s->domain->recipient_delimiter) != NULL)
        return ACCOUNTS_UNKNOWN;
    if (is_postmaster(user) && s->domain->postmaster[0] != '\0')
        return ACCOUNTS_UNKNOWN; /* the setting says who it is */
    if (!is_postmaster(user) && !has_room(any, why))
        return ACCOUNTS_FAILED;
    account_init(out, s->domain, user);
    return ACCOUNTS_FOUND;
}

static bool
any_secret(struct accounts_source *s, struct account_secret *out, struct outcome *why)
{
    return accounts_db_secret(s->db, out, why);
}

static bool
any_list(struct accounts_source *s, account_fn fn, void *arg, struct outcome *why)
{
    return accounts_db_list(s->db, s->domain, fn, arg, why);
}

static bool
any_add(struct accounts_source *s, const char *user, const struct account_change *with,
        struct outcome *why)
{
    struct accounts_any *any = (struct accounts_any *)s;
    if (!is_postmaster(user) && !has_room(any, why))
        return false;
    if (!accounts_db_add(s->db, s->domain->name, user, with, why))
        return false;
    any->count++;
    return true;
}

/* any_set() - also of an account that has had no mail yet: to disable it beforehand, say. */
static bool
any_set(struct accounts_source *s, const char *user, const struct account_change *with,
        struct outcome *why)
{
    struct account known;
    switch (accounts_db_find(s->db, s->domain, user, &known, why)) {
    case ACCOUNTS_FOUND:
        return accounts_db_set(s->db, s->domain->name, user, with, why);
    case ACCOUNTS_UNKNOWN:
        return any_add(s, user, with, why);
    case ACCOUNTS_FAILED:
        break;
    }
    return false;
}

static bool
any_remove(struct accounts_source *s, const char *user, struct outcome *why)
{
    struct accounts_any *any = (struct accounts_any *)s;
    if (!accounts_db_remove(s->db, s->domain->name, user, why))
        return false;
    any->count -= any->count > 0;
    return true;
}

const struct accounts_driver accounts_any = {
    .name = "any",
    .size = sizeof(struct accounts_any),
    .on_first_delivery = true,
    .open = any_open,
    .find = any_find,
    .secret = any_secret,
    .list = any_list,
    .add = any_add,
    .set = any_set,
    .remove = any_remove,
};
