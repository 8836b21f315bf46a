/* SPDX-License-Identifier: MIT
 *
 * The tool's verbs. Names come as a person types them; what is refused is said in words that tell
 * what to do next.
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "accounts_priv.h"
#include "doorstep/arena.h"

#define NAME_MEMORY 8192

struct name { /* a typed name in our form */
    struct accounts_source *source;
    char local[ACCOUNT_USER_SIZE];
};

static bool
refuse(struct outcome *why, const char *text, const char *name)
{
    outcome_set(why, OUTCOME_BAD_REQUEST, "%s: %s", text, name);
    outcome_say(why, "%s: %s", name, text);
    return false;
}

static bool
parse_name(struct accounts *a, const char *typed, struct name *out, struct outcome *why)
{
    struct arena arena;
    struct address address;
    arena_init(&arena, NAME_MEMORY);
    bool ok =
        address_parse_mailbox(span_of(typed), ADDRESS_ALLOW_UTF8, &arena, &address) == ADDRESS_OK ||
        refuse(why, "write it as user@domain", typed);
    if (ok) {
        out->source = accounts_source(a, address.domain);
        ok = out->source != NULL || refuse(why, "its domain is not in the configuration", typed);
    }
    if (ok)
        ok =
            accounts_fold(out->source->domain, span_of(address.local), out->local) ||
            refuse(why, "no account can have such a name (it becomes the name of a folder)", typed);
    arena_release(&arena);
    return ok;
}

static bool
check_hash(const char *hash, struct outcome *why)
{
    size_t n = strlen(hash);
    bool ok = n > 0 && n < PASSWORD_HASH_SIZE;
    for (size_t i = 0; ok && i < n; i++)
        ok = hash[i] > ' ' && hash[i] < 0x7f && hash[i] != ':';
    return ok || refuse(why, "this is no password hash", "password");
}

static bool
hash_password(const struct accounts_db *db, const char *typed, struct account_hashes *out,
              struct outcome *why)
{
    char password[PASSWORD_SIZE];
    if (!password_prepare(typed, password))
        return refuse(why, "it must have 1 to 1024 octets", "password");
    bool ok =
        password_hash(password, &db->cost, out->hash) && password_scram_make(password, out->scram);
    sodium_memzero(password, sizeof(password));
    return ok || outcome_set(why, OUTCOME_SYSTEM, "out of memory: argon2id");
}

bool
accounts_hash(const struct accounts_db *db, const struct account_change *with,
              struct account_hashes *out, struct outcome *why)
{
    *out = (struct account_hashes){.is_set = with->password != NULL || with->password_hash != NULL};
    if (with->password_hash == NULL)
        return with->password == NULL || hash_password(db, with->password, out, why);
    if (!check_hash(with->password_hash, why))
        return false;
    snprintf(out->hash, sizeof(out->hash), "%s", with->password_hash);
    return true;
}

/* check_change() - a route is one of the settings, or here. */
static bool
check_change(const struct accounts *a, const struct account_change *with, struct outcome *why)
{
    const char *route = with->forward;
    return route == NULL || route[0] == '\0' || strcmp(route, SETTINGS_ROUTE_HERE) == 0 ||
           settings_find_route(a->settings, route) != NULL ||
           refuse(why, "there is no such route in the configuration", route);
}

static bool
read_only(const struct name *name, struct outcome *why)
{
    outcome_set(why, OUTCOME_BAD_REQUEST, "driver %s is read-only", name->source->driver->name);
    outcome_say(why, "accounts of %s come from \"%s\"; change them there",
                name->source->domain->name, name->source->driver->name);
    return false;
}

bool
accounts_add(struct accounts *a, const char *name, const struct account_change *with,
             struct outcome *why)
{
    struct name n;
    if (!parse_name(a, name, &n, why))
        return false;
    if (n.source->driver->add == NULL)
        return read_only(&n, why);
    return check_change(a, with, why) && n.source->driver->add(n.source, n.local, with, why);
}

bool
accounts_set(struct accounts *a, const char *name, const struct account_change *with,
             struct outcome *why)
{
    struct name n;
    if (!parse_name(a, name, &n, why))
        return false;
    if (n.source->driver->set == NULL)
        return read_only(&n, why);
    return check_change(a, with, why) && n.source->driver->set(n.source, n.local, with, why);
}

static bool
keep_first(void *arg, const char *alias, const char *target)
{
    (void)target;
    snprintf(arg, ALIAS_SIZE, "%s", alias);
    return false;
}

/* refuse_aimed_at() - an alias must not be left that leads to nobody: its mail would wait for days.
 */
static bool
refuse_aimed_at(struct accounts *a, const struct name *n, const char *typed, struct outcome *why)
{
    char alias[ALIAS_SIZE] = "";
    if (!alias_db_list_to(&a->db, n->source->domain->name, n->local, keep_first, alias, why))
        return false;
    if (alias[0] == '\0')
        return true;
    outcome_set(why, OUTCOME_BAD_REQUEST, "alias %s leads to %s", alias, typed);
    outcome_say(why, "alias %s leads to %s; delete it first", alias, typed);
    return false;
}

bool
accounts_delete(struct accounts *a, const char *name, struct outcome *why)
{
    struct name n;
    if (!parse_name(a, name, &n, why))
        return false;
    if (n.source->driver->remove == NULL)
        return read_only(&n, why);
    if (!refuse_aimed_at(a, &n, name, why))
        return false;
    return n.source->driver->remove(n.source, n.local, why);
}

struct listing { /* stops all domains' lists, not just one */
    account_fn fn;
    void *arg;
    bool stopped;
};

static bool
on_account(void *arg, const struct account *account)
{
    struct listing *l = arg;
    l->stopped = !l->fn(l->arg, account);
    return !l->stopped;
}

/* find_domain() - as typed (any spelling); NULL: `why`. */
static struct accounts_source *
find_domain(struct accounts *a, const char *typed, struct outcome *why)
{
    char domain[ACCOUNT_DOMAIN_SIZE];
    struct accounts_source *s = NULL;
    if (domain_normalize(span_of(typed), domain, sizeof(domain)))
        s = accounts_source(a, domain);
    if (s == NULL)
        refuse(why, "this domain is not in the configuration", typed);
    return s;
}

bool
accounts_list(struct accounts *a, const char *domain, account_fn fn, void *arg, struct outcome *why)
{
    struct listing l = {.fn = fn, .arg = arg};
    const struct accounts_source *only = NULL;
    if (domain != NULL && (only = find_domain(a, domain, why)) == NULL)
        return false;
    for (size_t i = 0; !l.stopped && i < a->settings->domain_count; i++) {
        struct accounts_source *s = a->sources[i];
        if ((only == NULL || s == only) && !s->driver->list(s, on_account, &l, why))
            return false;
    }
    return true;
}

struct target { /* what an alias leads to, in our form */
    char domain[ACCOUNT_DOMAIN_SIZE];
    struct name name; /* its source is NULL elsewhere */
};

/* parse_elsewhere() - an address that only an MTA can reach, when there is one that asks. */
static bool
parse_elsewhere(struct accounts *a, const char *typed, struct target *out, struct outcome *why)
{
    struct arena arena;
    struct address address;
    if (!accounts_are_expanded(a->settings))
        return refuse(why,
                      "an alias can lead to addresses of our own domains only, unless an MTA "
                      "expands aliases (listen socketmap)",
                      typed);
    arena_init(&arena, NAME_MEMORY);
    bool ok =
        address_parse_mailbox(span_of(typed), ADDRESS_ALLOW_UTF8, &arena, &address) == ADDRESS_OK;
    if (ok) {
        snprintf(out->domain, sizeof(out->domain), "%s", address.domain);
        snprintf(out->name.local, sizeof(out->name.local), "%s", address.local);
    }
    arena_release(&arena);
    return ok;
}

static bool
parse_target(struct accounts *a, const char *typed, struct target *out, struct outcome *why)
{
    *out = (struct target){0};
    if (parse_name(a, typed, &out->name, why)) {
        snprintf(out->domain, sizeof(out->domain), "%s", out->name.source->domain->name);
        return true;
    }
    return out->name.source == NULL && strchr(typed, '@') != NULL &&
           parse_elsewhere(a, typed, out, why);
}

static bool
refuse_loop(struct accounts *a, const struct name *alias, const struct name *target,
            const char *typed, struct outcome *why)
{
    struct account account;
    bool reaches;
    if (alias->source == target->source && strcmp(alias->local, target->local) == 0) {
        /* "ann" to "ann" and "bob": a copy for bob. It needs an account ann. */
        struct accounts_source *s = alias->source;
        enum accounts_result found = s->driver->find(s, alias->local, &account, why);
        if (found == ACCOUNTS_UNKNOWN)
            refuse(why, "this alias would lead to itself alone", typed);
        return found == ACCOUNTS_FOUND;
    }
    if (!resolve_reaches(a, target->source->domain->name, target->local,
                         alias->source->domain->name, alias->local, &reaches, why))
        return false;
    return !reaches || refuse(why, "this target leads back to the alias", typed);
}

static bool
refuse_unknown(struct accounts *a, const struct name *target, const char *typed,
               struct outcome *why)
{
    struct account_targets targets;
    const struct address address = {.local = target->local, .domain = target->source->domain->name};
    bool ok = accounts_resolve(a, &address, &targets, why) || targets.elsewhere_count > 0;
    account_targets_release(&targets);
    if (ok || why->kind == OUTCOME_DISABLED)
        return true;
    return why->kind == OUTCOME_NO_SUCH_USER ? refuse(why, "no such account; add it first", typed)
                                             : false;
}

bool
accounts_alias_add(struct accounts *a, const char *alias, const char *target, struct outcome *why)
{
    struct name from;
    struct target to;
    if (!parse_name(a, alias, &from, why) || !parse_target(a, target, &to, why))
        return false;
    if (to.name.source != NULL && (!refuse_loop(a, &from, &to.name, target, why) ||
                                   !refuse_unknown(a, &to.name, target, why)))
        return false;
    return alias_db_add(&a->db, from.source->domain->name, from.local, to.domain, to.name.local,
                        why);
}

bool
accounts_alias_delete(struct accounts *a, const char *alias, const char *target,
                      struct outcome *why)
{
    struct name from;
    struct target to;
    if (!parse_name(a, alias, &from, why))
        return false;
    if (target == NULL)
        return alias_db_remove(&a->db, from.source->domain->name, from.local, NULL, NULL, why);
    return parse_target(a, target, &to, why) &&
           alias_db_remove(&a->db, from.source->domain->name, from.local, to.domain, to.name.local,
                           why);
}

bool
accounts_alias_list(struct accounts *a, const char *domain, alias_fn fn, void *arg,
                    struct outcome *why)
{
    const struct accounts_source *s = NULL;
    if (domain != NULL && (s = find_domain(a, domain, why)) == NULL)
        return false;
    return alias_db_list(&a->db, s == NULL ? NULL : s->domain->name, fn, arg, why);
}
