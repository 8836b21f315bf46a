/* SPDX-License-Identifier: MIT
 *
 * accounts = "sqlite": the domain's accounts are rows of accounts.sqlite, managed with the tool.
 */
#include "accounts_priv.h"

static enum accounts_result
sqlite_find(struct accounts_source *s, const char *user, struct account *out, struct outcome *why)
{
    return accounts_db_find(s->db, s->domain, user, out, why);
}

static bool
sqlite_secret(struct accounts_source *s, struct account_secret *out, struct outcome *why)
{
    return accounts_db_secret(s->db, out, why);
}

static bool
sqlite_list(struct accounts_source *s, account_fn fn, void *arg, struct outcome *why)
{
    return accounts_db_list(s->db, s->domain, fn, arg, why);
}

static bool
sqlite_add(struct accounts_source *s, const char *user, const struct account_change *with,
           struct outcome *why)
{
    return accounts_db_add(s->db, s->domain->name, user, with, why);
}

static bool
sqlite_set(struct accounts_source *s, const char *user, const struct account_change *with,
           struct outcome *why)
{
    return accounts_db_set(s->db, s->domain->name, user, with, why);
}

static bool
sqlite_remove(struct accounts_source *s, const char *user, struct outcome *why)
{
    return accounts_db_remove(s->db, s->domain->name, user, why);
}

const struct accounts_driver accounts_sqlite = {
    .name = "sqlite",
    .size = sizeof(struct accounts_source),
    .find = sqlite_find,
    .secret = sqlite_secret,
    .list = sqlite_list,
    .add = sqlite_add,
    .set = sqlite_set,
    .remove = sqlite_remove,
};
