/* SPDX-License-Identifier: MIT
 *
 * Active scripts: see active_priv.h.
 */
#include "active_priv.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/table.h"

#include "account_personal_priv.h"
#include "script_store_priv.h"

#define ENTRIES_MAX 100000
#define OCTETS_MAX (64 * 1024 * 1024) /* of all texts that are remembered */
#define AGAIN_MS 5                    /* an index that is lent, or waits for its hand */
#define AGAIN_TIMES 2000

struct entry {
    struct active_script *script; /* a reference, or NULL: none */
    UT_hash_handle hh;
    char key[];
};

struct active {
    struct loop *loop;
    struct workers *workers;
    size_t script_max;
    struct entry *entries; /* the oldest first */
    size_t octets;
};

struct question {
    struct job job;
    struct active *active;
    struct account account;
    active_fn fn;
    void *arg;
    struct loop_timer *again;
    unsigned times;
    bool is_known, is_later;
    struct active_script *script;
};

struct active_script *
active_ref(struct active_script *s)
{
    if (s != NULL)
        s->users++;
    return s;
}

void
active_unref(struct active_script *s)
{
    if (s != NULL && --s->users == 0)
        free(s);
}

static struct entry *
find_entry(struct active *a, const char *user, const char *domain)
{
    char key[ACCOUNT_TEXT_SIZE];
    struct entry *e;

    account_print(user, domain, key);
    HASH_FIND_STR(a->entries, key, e);
    return e;
}

static void
entry_free(struct active *a, struct entry *e)
{
    HASH_DEL(a->entries, e);
    a->octets -= e->script != NULL ? e->script->octets : 0;
    active_unref(e->script);
    free(e);
}

void
active_forget(struct active *a, const char *user, const char *domain)
{
    struct entry *e = find_entry(a, user, domain);

    if (e != NULL)
        entry_free(a, e);
}

static void
remember(struct active *a, const struct account *account, struct active_script *script)
{
    size_t size = strlen(account->user) + strlen(account->domain) + 2;
    struct entry *e;

    active_forget(a, account->user, account->domain);
    while (a->entries != NULL && (HASH_COUNT(a->entries) >= ENTRIES_MAX || a->octets > OCTETS_MAX))
        entry_free(a, a->entries);
    e = calloc(1, sizeof *e + size);
    if (e == NULL)
        return;
    snprintf(e->key, size, "%s@%s", account->user, account->domain);
    HASH_ADD_STR(a->entries, key, e);
    if (e->hh.tbl == NULL) {
        free(e);
        return;
    }
    e->script = active_ref(script);
    a->octets += script != NULL ? script->octets : 0;
}

/* ---- asking its worker ---- */

static struct active_script *
make_script(const struct personal_script *s, struct span text)
{
    struct active_script *out = calloc(1, sizeof *out + text.n + 1);

    if (out == NULL)
        return NULL;
    out->users = 1;
    memcpy(out->name, s->name, sizeof out->name);
    memcpy(out->hash, s->hash, sizeof out->hash);
    out->octets = text.n;
    if (text.n > 0)
        memcpy(out->text, text.p, text.n);
    return out;
}

/* What it includes is a part of what it is known by: whoever keeps the compiled form by its hash
 * keeps all of it. */
static bool
add_bundle(struct active_script *s, struct personal *p, struct outcome *why)
{
    char both[2 * PERSONAL_SCRIPT_HASH_SIZE];
    unsigned char hash[32];

    if (strcasestr(s->text, "include") == NULL)
        return true;
    if (!script_bundle(p, s->bundle, why))
        return false;
    int n = snprintf(both, sizeof both, "%s %s", s->hash, s->bundle);
    crypto_generichash(hash, sizeof hash, (const unsigned char *)both, (size_t)n, NULL, 0);
    sodium_bin2hex(s->hash, sizeof s->hash, hash, sizeof hash);
    return true;
}

static void
look(struct question *q, struct open_account *oa, struct outcome *why)
{
    struct personal_script s;
    struct buf text;

    buf_init(&text, q->active->script_max);
    struct personal *p = account_personal(oa, false, why);
    bool found = p != NULL && personal_script_find(p, NULL, &s, &text, why);
    if (found)
        q->script = make_script(&s, buf_span(&text));
    if (q->script != NULL && !add_bundle(q->script, p, why)) {
        active_unref(q->script);
        q->script = NULL;
    }
    q->is_known = found ? q->script != NULL : why->kind == OUTCOME_NOT_FOUND;
    buf_release(&text);
    account_personal_close(oa); /* what was read is remembered */
}

static void
run_on_worker(struct question *q, struct worker *w)
{
    struct open_account *oa;
    struct store_wait wait;
    struct outcome why = {0};

    q->is_known = q->is_later = false;
    switch (account_open(w, &q->account, false, &oa, &wait, &why)) {
    case ACCOUNT_FAILED:
        q->is_known = why.kind == OUTCOME_NOT_FOUND;
        return;
    case ACCOUNT_LATER: /* its store is not needed: its hand may be away */
        q->is_later = oa->loan.is_lent || oa->index == NULL;
        break;
    case ACCOUNT_OPEN:
        break;
    }
    if (q->is_later)
        return;
    look(q, oa, &why);
    if (!q->is_known && !oa->in_batch && account_recover_index(w, oa, &why))
        look(q, oa, &why);
}

static void
question_end(struct question *q)
{
    loop_timer_free(q->again);
    if (q->is_known)
        remember(q->active, &q->account, q->script);
    q->fn(q->arg, q->is_known, q->script);
    free(q);
}

static void
post(void *arg)
{
    struct question *q = arg;

    workers_post(q->active->workers, q->account.user, q->account.domain, &q->job);
}

static void
on_looked(void *arg)
{
    struct question *q = arg;

    if (!q->is_later || ++q->times > AGAIN_TIMES) {
        question_end(q);
        return;
    }
    if (q->again == NULL)
        q->again = loop_timer_new(q->active->loop, post, q);
    if (q->again == NULL)
        question_end(q);
    else
        loop_timer_start(q->again, AGAIN_MS);
}

static void
run_question(struct job *job, void *worker)
{
    struct question *q = (struct question *)job;
    struct worker *w = worker;

    run_on_worker(q, w);
    loop_post(w->with.loop, on_looked, q);
}

void
active_ask(struct active *a, const struct account *account, active_fn fn, void *arg)
{
    struct entry *e = find_entry(a, account->user, account->domain);

    if (e != NULL) {
        fn(arg, true, active_ref(e->script));
        return;
    }
    struct question *q = calloc(1, sizeof *q);
    if (q == NULL) {
        fn(arg, false, NULL);
        return;
    }
    *q = (struct question){
        .job.run = run_question, .active = a, .account = *account, .fn = fn, .arg = arg};
    post(q);
}

struct active *
active_new(struct loop *loop, struct workers *workers, size_t script_max)
{
    struct active *a = calloc(1, sizeof *a);

    if (a != NULL)
        *a = (struct active){.loop = loop, .workers = workers, .script_max = script_max};
    return a;
}

void
active_free(struct active *a)
{
    if (a == NULL)
        return;
    while (a->entries != NULL)
        entry_free(a, a->entries);
    free(a);
}
