/* SPDX-License-Identifier: MIT
 *
 * How full each account is: see usage_priv.h.
 */
#include "usage_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/clock.h"
#include "doorstep/table.h"

#include "rows_priv.h"

#define ENTRIES_MAX 100000
#define KEPT_MS 60000 /* other programs remove mail too: asked anew after a minute */

struct entry {
    uint64_t octets, messages;
    uint64_t until_ms;
    UT_hash_handle hh;
    char key[];
};

struct usage {
    struct loop *loop;
    struct workers *workers;
    struct entry *entries;
};

struct question {
    struct job job;
    struct usage *usage;
    struct account account;
    usage_fn fn;
    void *arg;
    bool known;
    uint64_t octets, messages;
};

static void
print_key(char *key, size_t size, const char *user, const char *domain)
{
    snprintf(key, size, "%s@%s", user, domain);
}

static void
entry_free(struct usage *u, struct entry *e)
{
    HASH_DEL(u->entries, e);
    free(e);
}

static struct entry *
find_entry(struct usage *u, const char *user, const char *domain)
{
    char key[ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE];
    struct entry *e;

    print_key(key, sizeof key, user, domain);
    HASH_FIND_STR(u->entries, key, e);
    return e;
}

void
usage_forget(struct usage *u, const char *user, const char *domain)
{
    struct entry *e = find_entry(u, user, domain);

    if (e != NULL)
        entry_free(u, e);
}

void
usage_publish(struct usage *u, const struct account *a, uint64_t octets, uint64_t messages)
{
    char key[ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE];

    if (a->quota == UINT64_MAX && a->quota_messages == UINT64_MAX)
        return; /* nobody asks */
    struct entry *e = find_entry(u, a->user, a->domain);
    if (e == NULL && HASH_COUNT(u->entries) >= ENTRIES_MAX)
        entry_free(u, u->entries); /* the oldest */
    if (e == NULL) {
        print_key(key, sizeof key, a->user, a->domain);
        e = calloc(1, sizeof *e + strlen(key) + 1);
        if (e == NULL)
            return;
        memcpy(e->key, key, strlen(key) + 1);
        HASH_ADD_STR(u->entries, key, e);
        if (e->hh.tbl == NULL) {
            free(e);
            return;
        }
    }
    e->octets = octets;
    e->messages = messages;
    e->until_ms = clock_ms() + KEPT_MS;
}

static void
on_known(void *arg)
{
    struct question *q = arg;

    if (q->known)
        usage_publish(q->usage, &q->account, q->octets, q->messages);
    q->fn(q->arg, q->known, q->octets, q->messages);
    free(q);
}

/* Nothing is created at RCPT: an account without an index has no mail. */
static void
run_question(struct job *job, void *worker)
{
    struct question *q = (struct question *)job;
    struct worker *w = worker;
    struct open_account *oa;
    struct store_wait wait;
    struct outcome why = {0};

    if (account_open(w, &q->account, false, &oa, &wait, &why) != ACCOUNT_FAILED)
        q->known = rows_usage(oa, &q->octets, &q->messages, &why);
    else
        q->known = why.kind == OUTCOME_NOT_FOUND;
    if (!loop_post(w->with.loop, on_known, q))
        free(q);
}

void
usage_ask(struct usage *u, const struct account *a, usage_fn fn, void *arg)
{
    struct entry *e = find_entry(u, a->user, a->domain);

    if (e != NULL && e->until_ms >= clock_ms()) {
        fn(arg, true, e->octets, e->messages);
        return;
    }
    struct question *q = calloc(1, sizeof *q);
    if (q == NULL) {
        fn(arg, false, 0, 0);
        return;
    }
    *q =
        (struct question){.job.run = run_question, .usage = u, .account = *a, .fn = fn, .arg = arg};
    workers_post(u->workers, a->user, a->domain, &q->job);
}

struct usage *
usage_new(struct loop *loop, struct workers *workers)
{
    struct usage *u = calloc(1, sizeof *u);

    if (u != NULL)
        *u = (struct usage){.loop = loop, .workers = workers};
    return u;
}

void
usage_free(struct usage *u)
{
    if (u == NULL)
        return;
    while (u->entries != NULL)
        entry_free(u, u->entries);
    free(u);
}
