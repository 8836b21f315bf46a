/* SPDX-License-Identifier: MIT
 *
 * Which aliases are an account's alone? All that name it are looked at, and all that name these;
 * what leads to somebody else as well is a list, and nobody's own address.
 */
#include <stdio.h>
#include <string.h>

#include "accounts_priv.h"

#define CANDIDATES_OCTETS (64 * 1024)

struct search {
    struct accounts *a;
    const struct account *account;
    struct buf queue; /* NUL-terminated addresses, the account's own first */
    struct buf *out;
    struct outcome *why;
};

static bool
holds(const struct buf *list, const char *address)
{
    for (size_t i = 0; i < list->len; i += strlen(list->data + i) + 1)
        if (strcmp(list->data + i, address) == 0)
            return true;
    return false;
}

/* What is too much is left out. */
static bool
on_candidate(void *arg, const char *alias, const char *target)
{
    struct search *s = arg;

    (void)target;
    return holds(&s->queue, alias) ||
           buf_append_span(&s->queue, (struct span){alias, strlen(alias) + 1});
}

/* As local part and domain, in `text`. */
static bool
split(const char *address, char text[ALIAS_SIZE], struct address *out)
{
    snprintf(text, ALIAS_SIZE, "%s", address);
    char *at = strrchr(text, '@');
    if (at == NULL)
        return false;
    *at = '\0';
    *out = (struct address){.local = text, .domain = at + 1};
    return true;
}

static bool
is_own(const struct search *s, const struct address *alias)
{
    struct account_targets t;
    struct outcome ignored;

    bool own = accounts_resolve(s->a, alias, &t, &ignored) && t.count == 1 &&
               t.elsewhere_count == 0 && strcmp(t.list[0].account.user, s->account->user) == 0 &&
               strcmp(t.list[0].account.domain, s->account->domain) == 0;
    account_targets_release(&t);
    return own;
}

static bool
look_at(struct search *s, const char *alias)
{
    char text[ALIAS_SIZE];
    struct address address;

    if (!split(alias, text, &address) || !is_own(s, &address) ||
        !buf_append_span(s->out, (struct span){alias, strlen(alias) + 1}))
        return true;
    return alias_db_list_to(&s->a->db, address.domain, address.local, on_candidate, s, s->why);
}

bool
accounts_own_aliases(struct accounts *a, const struct account *account, struct buf *out,
                     struct outcome *why)
{
    struct search s = {.a = a, .account = account, .out = out, .why = why};

    buf_init(&s.queue, CANDIDATES_OCTETS);
    bool ok = alias_db_list_to(&a->db, account->domain, account->user, on_candidate, &s, why);
    for (size_t i = 0; ok && i < s.queue.len;) {
        char alias[ALIAS_SIZE];
        i += (size_t)snprintf(alias, sizeof alias, "%s", s.queue.data + i) + 1;
        ok = look_at(&s, alias);
    }
    buf_release(&s.queue);
    return ok;
}
