/* SPDX-License-Identifier: MIT
 *
 * Who exists. An address becomes one account or several (aliases), a subaddress detail, or an
 * outcome that RCPT can say. Drivers (accounts_driver.h) know accounts; this module knows
 * domains, delimiters, catch-all, postmaster, aliases and case.
 * One struct accounts is used by one thread at a time.
 */
#ifndef DOORSTEP_ACCOUNTS_H
#define DOORSTEP_ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "doorstep/address.h"
#include "doorstep/buf.h"
#include "doorstep/outcome.h"
#include "doorstep/password.h"
#include "doorstep/settings.h"

#define ACCOUNT_USER_SIZE 257
#define ACCOUNT_DETAIL_SIZE 257
#define ACCOUNT_DOMAIN_SIZE 256
#define ACCOUNT_HOME_SIZE 1024
#define ACCOUNT_ROUTE_SIZE 33
#define ACCOUNT_TARGETS_MAX 100 /* accounts behind one alias */
#define ACCOUNT_TEXT_SIZE (ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE)

struct accounts;

struct account {
    char user[ACCOUNT_USER_SIZE]; /* folded as the domain says; passed account_name_check() */
    char domain[ACCOUNT_DOMAIN_SIZE];
    bool enabled;
    uint64_t quota;          /* octets, UINT64_MAX: none */
    uint64_t quota_messages; /* UINT64_MAX: none */
    bool is_system;          /* passwd: files belong to uid, a hand does the work */
    uid_t uid;
    gid_t gid;
    char home[ACCOUNT_HOME_SIZE];     /* or "" */
    char forward[ACCOUNT_ROUTE_SIZE]; /* route to where it is at home, or "": here. The settings may
                                         have no such route (any more) */
};

struct account_target {
    struct account account;
    char detail[ACCOUNT_DETAIL_SIZE]; /* of user+detail, or "" */
};

struct account_elsewhere { /* an address of another host's, where an alias leads as well */
    char local[ACCOUNT_USER_SIZE];
    char domain[ACCOUNT_DOMAIN_SIZE];
};

struct account_targets { /* owned; free with account_targets_release() */
    struct account_target *list;
    size_t count;
    struct account_elsewhere *elsewhere;
    size_t elsewhere_count;
    bool is_alias; /* an alias led here, not the account's own name, catch-all or postmaster */
};

/* account_print() - "user@domain"; what is longer than an account's can be is cut. */
void account_print(const char *user, const char *domain, char out[ACCOUNT_TEXT_SIZE]);

/* accounts_open() - all drivers that the domains name; state_dir/accounts.sqlite is made when
 * missing. settings are borrowed and must outlive it. Comes before any thread that opens an index:
 * it sets SQLite up for the process (db_setup()). */
struct accounts *accounts_open(const struct settings *settings, struct outcome *why);
void accounts_close(struct accounts *a);

/* accounts_resolve() - whose is it? OK with at least one target; NO_SUCH_USER, NOT_OURS, DISABLED
 * (all targets are), SYSTEM (look-up broken). Quota is not looked at here.
 * An alias that leads elsewhere is SYSTEM too, for we hand nothing on, with `out` filled all the
 * same: what an MTA gets that expands it for us. */
bool accounts_resolve(struct accounts *a, const struct address *to, struct account_targets *out,
                      struct outcome *why);
void account_targets_release(struct account_targets *t);

/* accounts_own_aliases() - the addresses that lead to this account and to nobody else, through any
 * number of aliases: appended to out, each with a NUL behind it, as many as it has room for. An
 * alias of a subaddress is not among them. */
bool accounts_own_aliases(struct accounts *a, const struct account *account, struct buf *out,
                          struct outcome *why);

/* accounts_find() - one account by its own name ("ann", "example.org"); NO_SUCH_USER when there is
 * none. */
bool accounts_find(struct accounts *a, const char *user, const char *domain, struct account *out,
                   struct outcome *why);

/* What a log-in is checked against: accounts_secret(). */
struct account_secret {
    struct account account;
    char hash[PASSWORD_HASH_SIZE];   /* "": nobody can log in with a password */
    char scram[PASSWORD_SCRAM_SIZE]; /* "": the password was not seen in plain yet */
};

/* accounts_secret() - of a name as a client writes it: user@domain, or user where there is one
 * domain only. NO_SUCH_USER, DISABLED (out->account is filled); SYSTEM: cannot tell. */
bool accounts_secret(struct accounts *a, const char *name, struct account_secret *out,
                     struct outcome *why);

/* accounts_secret_renew() - after a log-in: a hash with today's costs, and keys for SCRAM ("":
 * leave), of the password that `old` has. Nothing happens when another one was set meanwhile, or
 * where the accounts stand elsewhere. */
bool accounts_secret_renew(struct accounts *a, const struct account_secret *old, const char *hash,
                           const char *scram, struct outcome *why);

/* accounts_fake_scram() - keys for a name without an account: password_scram_fake(). */
void accounts_fake_scram(const struct accounts *a, const char *name, char out[PASSWORD_SCRAM_SIZE]);

/* accounts_find_uid() - the system account with this uid, in the first domain of system accounts;
 * NO_SUCH_USER. */
bool accounts_find_uid(struct accounts *a, uid_t uid, struct account *out, struct outcome *why);

/* accounts_any_claim() - remember an account that accounts_resolve() found and that mail is about
 * to be kept for; user and domain as in struct account. Needed where accounts are made on first
 * delivery (driver "any", postmaster), true at once elsewhere; durable when it returns true.
 * OVERLOAD above accounts_max. */
bool accounts_any_claim(struct accounts *a, const char *user, const char *domain,
                        struct outcome *why);

/* accounts_generation() - changes whenever an answer given before may have changed (a file edited,
 * an account set): caches drop what they hold. Cheap (a stat at most once a second). */
uint64_t accounts_generation(struct accounts *a);

/* accounts_uid_validity() - a value larger than every one given before and than `at_least`,
 * remembered durably before it is returned. */
bool accounts_uid_validity(struct accounts *a, uint32_t at_least, uint32_t *out,
                           struct outcome *why);

/* Management: the tool's verbs. BAD_REQUEST where the domain's driver cannot (passwd, file). Names
 * are as a person types them ("Ann@Example.org"). */
struct account_change { /* what is to be set; only the fields whose flag stands */
    bool set_enabled, enabled;
    bool set_quota;
    uint64_t quota;
    bool set_quota_messages;
    uint64_t quota_messages;
    const char *forward;  /* NULL: leave; a route of the settings or SETTINGS_ROUTE_HERE; "": as
                           * the domain says */
    const char *password; /* NULL: leave; plain text, hashed here: argon2id, SCRAM keys */
    const char *password_hash; /* NULL: leave; taken as it is (import) */
};
bool accounts_add(struct accounts *a, const char *name, const struct account_change *with,
                  struct outcome *why);
bool accounts_set(struct accounts *a, const char *name, const struct account_change *with,
                  struct outcome *why);
bool accounts_delete(struct accounts *a, const char *name, struct outcome *why);
typedef bool (*account_fn)(void *arg, const struct account *account);
bool accounts_list(struct accounts *a, const char *domain, account_fn fn, void *arg,
                   struct outcome *why); /* domain NULL: all */

bool accounts_alias_add(struct accounts *a, const char *alias, const char *target,
                        struct outcome *why); /* one more target */
bool accounts_alias_delete(struct accounts *a, const char *alias, const char *target,
                           struct outcome *why); /* target NULL: the whole alias */
typedef bool (*alias_fn)(void *arg, const char *alias, const char *target);
bool accounts_alias_list(struct accounts *a, const char *domain, alias_fn fn, void *arg,
                         struct outcome *why);

#endif
