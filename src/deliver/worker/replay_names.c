/* SPDX-License-Identifier: MIT
 *
 * Asking a plan: accounts and messages by name, mailboxes by what they are called now. See
 * replay_plan_priv.h.
 */
#include "replay_plan_priv.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

/* ---- names ---- */

uint64_t
replay_message_key(const struct replay_plan *p, const char *user, const char *domain,
                   const char *name)
{
    char text[ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE + STORE_REF_SIZE];
    unsigned char hash[crypto_shorthash_BYTES];
    uint64_t key;

    int n = snprintf(text, sizeof text, "%s@%s/%s", user, domain, name);
    crypto_shorthash(hash, (const unsigned char *)text, (unsigned long long)n, p->salt);
    memcpy(&key, hash, sizeof key);
    return key;
}

size_t
replay_account_key(char out[ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE], const char *user,
                   const char *domain)
{
    return (size_t)snprintf(out, ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE, "%s@%s", user, domain);
}

struct replay_account *
replay_plan_account(const struct replay_plan *p, const char *user, const char *domain)
{
    char key[ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE];
    size_t n = replay_account_key(key, user, domain);
    struct replay_account *a;

    HASH_FIND(hh, p->accounts, key, n, a);
    return a;
}

const struct replay_fate *
replay_plan_fate(const struct replay_plan *p, const char *user, const char *domain,
                 const char *name)
{
    uint64_t key = replay_message_key(p, user, domain, name);
    struct replay_fate *f;

    HASH_FIND(hh, p->fates, &key, sizeof key, f);
    return f;
}

/* ---- mailboxes ---- */

/* Is `name` that mailbox, or one below it? The length of what is left of the name. */
static bool
lies_in(const char *name, const char *mailbox, bool with_below)
{
    size_t n = strlen(mailbox);

    return strncmp(name, mailbox, n) == 0 && (name[n] == '\0' || (with_below && name[n] == '/'));
}

bool
replay_plan_mailbox(const struct replay_account *a, size_t number, const char *name,
                    char out[STORE_MAILBOX_SIZE])
{
    const struct replay_rename *r;
    char now[2 * STORE_MAILBOX_SIZE];

    snprintf(out, STORE_MAILBOX_SIZE, "%s", name);
    LL_FOREACH(a->renames, r)
    {
        if (r->number < number || !lies_in(out, r->from, !r->is_removal))
            continue;
        if (r->is_removal)
            return false;
        int n = snprintf(now, sizeof now, "%s%s", r->to, out + strlen(r->from));
        if (n >= STORE_MAILBOX_SIZE)
            return false;
        memcpy(out, now, (size_t)n + 1);
    }
    return true;
}

uint32_t
replay_plan_validity(const struct replay_account *a, const char *name, uint32_t *highest)
{
    const struct replay_mailbox *m;
    char now[STORE_MAILBOX_SIZE];
    uint32_t validity = 0;
    bool is_old = false;

    *highest = 0;
    LL_FOREACH(a->mailboxes, m)
    {
        if (!replay_plan_mailbox(a, 0, m->name, now) || strcmp(now, name) != 0)
            continue;
        is_old = is_old || m->is_ambiguous || m->first < a->renewed ||
                 (validity != 0 && validity != m->uid_validity);
        validity = m->uid_validity;
        *highest = *highest < m->highest ? m->highest : *highest;
    }
    return is_old ? 0 : validity;
}
