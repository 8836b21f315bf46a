/* SPDX-License-Identifier: MIT
 *
 * What the files of this folder share: the domains with their drivers, and accounts.sqlite, whose
 * rows the sqlite and any drivers, the aliases and UIDVALIDITY live in.
 */
#ifndef DOORSTEP_ACCOUNTS_PRIV_H
#define DOORSTEP_ACCOUNTS_PRIV_H

#include "doorstep/accounts_driver.h"
#include "doorstep/db.h"

struct accounts_db {
    struct db *db;             /* owned */
    struct password_cost cost; /* of new hashes */
    uint8_t login_key[PASSWORD_KEY_SIZE];
    uint64_t generation; /* rises with every change */
};

struct accounts {
    const struct settings *settings;  /* borrowed */
    struct accounts_db db;            /* owned */
    struct accounts_source **sources; /* owned; as many as domains, in their order */
    uint32_t validity_given;          /* the last UIDVALIDITY of this opening, 0: none yet */
    uint32_t validity_set_aside;      /* the database says that all up to this one were given */
};

/* accounts_source() - of a configured domain; NULL when it is none of ours. */
struct accounts_source *accounts_source(struct accounts *a, const char *domain);

/* accounts_are_expanded() - does an MTA ask what aliases lead to? Only then may one lead elsewhere.
 */
bool accounts_are_expanded(const struct settings *settings);

/* account_init() - what an account of the domain is unless something says otherwise. */
void account_init(struct account *out, const struct settings_domain *domain, const char *user);

/* account_set_home() - a route of its own, or SETTINGS_ROUTE_HERE: then it has none, whatever its
 * domain has. */
void account_set_home(struct account *a, const char *route);

/* accounts_fold() - a local part in the form under which the domain keeps accounts; false when it
 * can be none's name. */
bool accounts_fold(const struct settings_domain *domain, struct span local,
                   char out[ACCOUNT_USER_SIZE]);

struct account_hashes {              /* what a row keeps of a new password */
    bool is_set;                     /* else leave what is there */
    char hash[PASSWORD_HASH_SIZE];   /* argon2id, or the imported one after a check */
    char scram[PASSWORD_SCRAM_SIZE]; /* "" of an imported one */
};

/* accounts_hash() - of the password in `with`, if there is one. */
bool accounts_hash(const struct accounts_db *db, const struct account_change *with,
                   struct account_hashes *out, struct outcome *why);

/* accounts.sqlite: accounts_db.c. Changes are durable when they return true. */
extern const struct db_step accounts_steps[]; /* made from schema/accounts */
extern const unsigned accounts_step_count;
bool accounts_db_open(struct accounts_db *db, const struct settings *settings, struct outcome *why);
void accounts_db_close(struct accounts_db *db);
enum accounts_result accounts_db_find(struct accounts_db *db, const struct settings_domain *domain,
                                      const char *user, struct account *out, struct outcome *why);
bool accounts_db_list(struct accounts_db *db, const struct settings_domain *domain, account_fn fn,
                      void *arg, struct outcome *why);
bool accounts_db_secret(struct accounts_db *db, struct account_secret *out, struct outcome *why);
bool accounts_db_renew(struct accounts_db *db, const struct account_secret *old, const char *hash,
                       const char *scram, struct outcome *why);
bool accounts_db_count(struct accounts_db *db, const char *domain, uint64_t *count,
                       struct outcome *why);
bool accounts_db_add(struct accounts_db *db, const char *domain, const char *user,
                     const struct account_change *with, struct outcome *why);
bool accounts_db_set(struct accounts_db *db, const char *domain, const char *user,
                     const struct account_change *with, struct outcome *why);
bool accounts_db_remove(struct accounts_db *db, const char *domain, const char *user,
                        struct outcome *why);

/* Aliases: alias_db.c. */
typedef bool (*alias_target_fn)(void *arg, const char *domain, const char *local);
bool alias_db_targets(struct accounts_db *db, const char *domain, const char *local,
                      alias_target_fn fn, void *arg, struct outcome *why);
bool alias_db_add(struct accounts_db *db, const char *domain, const char *local,
                  const char *target_domain, const char *target_local, struct outcome *why);
bool alias_db_remove(struct accounts_db *db, const char *domain, const char *local,
                     const char *target_domain, const char *target_local, struct outcome *why);
#define ALIAS_SIZE (ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE) /* local@domain */
bool alias_db_list(struct accounts_db *db, const char *domain, alias_fn fn, void *arg,
                   struct outcome *why);
/* alias_db_list_to() - the aliases that lead to an address. */
bool alias_db_list_to(struct accounts_db *db, const char *target_domain, const char *target_local,
                      alias_fn fn, void *arg, struct outcome *why);

/* accounts_postmaster() - the account that a domain's postmaster has where nobody was named. It has
 * a home even where accounts are system users, because the store's path may ask for one; false when
 * state_dir is too long for it. */
bool accounts_postmaster(const struct accounts *a, const struct settings_domain *domain,
                         struct account *out);

/* resolve_reaches() - does `from` lead to the alias to_local@to_domain, through any number of
 * aliases? */
bool resolve_reaches(struct accounts *a, const char *from_domain, const char *from_local,
                     const char *to_domain, const char *to_local, bool *reaches,
                     struct outcome *why);

#endif
