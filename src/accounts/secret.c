/* SPDX-License-Identifier: MIT
 *
 * What log-ins are checked against, and what is learned from them. The password itself is never
 * here.
 */
#include <string.h>

#include "accounts_priv.h"
#include "doorstep/arena.h"

#define NAME_MEMORY 8192

/* The name stands for the only domain where it has none. */
static bool
find_source(struct accounts *a, const char *name, struct accounts_source **source,
            char local[ACCOUNT_USER_SIZE])
{
    struct arena arena;
    struct address address;
    *source = NULL;
    if (strchr(name, '@') == NULL) {
        if (a->settings->domain_count == 1)
            *source = a->sources[0];
        return *source != NULL && accounts_fold((*source)->domain, span_of(name), local);
    }
    arena_init(&arena, NAME_MEMORY);
    if (address_parse_mailbox(span_of(name), ADDRESS_ALLOW_UTF8, &arena, &address) == ADDRESS_OK)
        *source = accounts_source(a, address.domain);
    bool ok = *source != NULL && accounts_fold((*source)->domain, span_of(address.local), local);
    arena_release(&arena);
    return ok;
}

bool
accounts_secret(struct accounts *a, const char *name, struct account_secret *out,
                struct outcome *why)
{
    char local[ACCOUNT_USER_SIZE];
    struct accounts_source *s;
    enum accounts_result found = ACCOUNTS_UNKNOWN;
    *out = (struct account_secret){.hash = ""};
    if (find_source(a, name, &s, local))
        found = s->driver->find(s, local, &out->account, why);
    if (found == ACCOUNTS_UNKNOWN)
        return outcome_set(why, OUTCOME_NO_SUCH_USER, "no such account");
    if (found == ACCOUNTS_FAILED || (s->driver->secret != NULL && !s->driver->secret(s, out, why)))
        return false;
    return out->account.enabled || outcome_set(why, OUTCOME_DISABLED, "account is disabled");
}

bool
accounts_secret_renew(struct accounts *a, const struct account_secret *old, const char *hash,
                      const char *scram, struct outcome *why)
{
    struct accounts_source *s = accounts_source(a, old->account.domain);
    if (s == NULL || s->driver->set == NULL)
        return true;
    return accounts_db_renew(&a->db, old, hash, scram, why);
}

void
accounts_fake_scram(const struct accounts *a, const char *name, char out[PASSWORD_SCRAM_SIZE])
{
    password_scram_fake(a->db.login_key, name, out);
}

bool
accounts_find_uid(struct accounts *a, uid_t uid, struct account *out, struct outcome *why)
{
    for (size_t i = 0; i < a->settings->domain_count; i++) {
        struct accounts_source *s = a->sources[i];
        if (s->driver->find_uid == NULL)
            continue;
        switch (s->driver->find_uid(s, uid, out, why)) {
        case ACCOUNTS_FOUND:
            return true;
        case ACCOUNTS_FAILED:
            return false;
        case ACCOUNTS_UNKNOWN:
            break;
        }
    }
    return outcome_set(why, OUTCOME_NO_SUCH_USER, "no account has this uid");
}
