/* SPDX-License-Identifier: MIT
 *
 * Whose is it: see directory_priv.h. Answers are kept while the accounts do not change, which is
 * asked once a second: an edited account file is seen at once, and a burst costs one trip to the
 * thread. What the tool changes drops everything kept.
 */
#include "directory_priv.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/clock.h"
#include "doorstep/metrics.h"
#include "doorstep/table.h"

#include "jobs_priv.h"

#define CHECKED_MS 1000 /* after so long nothing kept is believed until the thread has looked */
#define KEPT_MAX 10000  /* entries; all are dropped past it */
#define KEY_MAX 4096    /* octets of an address, or it is asked for each time */
#define ALIASES_OCTETS (16 * 1024) /* of one account */

struct answer {                     /* one address and what was found */
    struct account_targets targets; /* owned */
    struct buf aliases;             /* of an account: directory_aliases() */
    struct outcome why;
    uint64_t until_ms; /* of a refusal: one who was made a moment ago is soon believed to exist */
    UT_hash_handle hh;
    char key[]; /* local@domain; of an account with a LF before it, which no address has */
};

struct directory {
    struct loop *loop;
    struct accounts *accounts; /* guarded by mutex */
    pthread_mutex_t mutex;
    struct job_thread *thread;
    struct answer *kept;          /* loop's thread only */
    uint64_t generation;          /* counts directory_forget(): older answers are not kept */
    uint64_t accounts_generation; /* accounts_generation() that all kept are of, */
    uint64_t checked_ms;          /* as it was then */
    struct buf key;               /* of what is looked for */
};

struct question { /* one look-up on its way to the thread and back */
    struct job job;
    struct directory *d;
    struct arena arena; /* holds address */
    struct address to;
    struct account_targets targets;
    struct account *account; /* owned; its aliases are asked for. NULL: whose is `to`? */
    struct buf aliases;
    struct outcome why;
    uint64_t generation;
    uint64_t accounts_generation; /* before the look-up */
    uint64_t asked_ms;
    directory_fn fn;
    directory_aliases_fn aliases_fn;
    void *arg;
};

static void
answer_free(struct answer *a)
{
    account_targets_release(&a->targets);
    buf_release(&a->aliases);
    free(a);
}

void
directory_forget(struct directory *d)
{
    struct answer *a, *next;

    d->generation++;
    HASH_ITER(hh, d->kept, a, next)
    {
        HASH_DEL(d->kept, a);
        answer_free(a);
    }
}

/* Into d->key. False: there is no room for it. */
static bool
make_key(struct directory *d, const struct address *to, const struct account *account)
{
    struct buf *key = &d->key;

    buf_reset(key);
    if (account != NULL)
        return buf_append_char(key, '\n') && buf_append_str(key, account->user) &&
               buf_append_char(key, '@') && buf_append_str(key, account->domain);
    return buf_append_str(key, to->local) && buf_append_char(key, '@') &&
           buf_append_str(key, to->domain);
}

static struct answer *
find_kept(struct directory *d)
{
    struct answer *a;

    HASH_FIND(hh, d->kept, d->key.data, d->key.len, a);
    if (a == NULL || outcome_is_success(&a->why) || a->until_ms > clock_ms())
        return a;
    HASH_DEL(d->kept, a);
    answer_free(a);
    return NULL;
}

static bool
is_checked(const struct directory *d)
{
    return d->checked_ms + CHECKED_MS > clock_ms();
}

/* Takes q's targets. A temporary failure is not kept: the next RCPT tries again. */
static void
keep(struct directory *d, struct question *q)
{
    if (q->generation != d->generation || outcome_is_temporary(&q->why) ||
        !make_key(d, &q->to, q->account))
        return;
    struct answer *old = find_kept(d);
    if (old != NULL) {
        HASH_DEL(d->kept, old);
        answer_free(old);
    }
    struct answer *a =
        HASH_COUNT(d->kept) >= KEPT_MAX ? NULL : calloc(1, sizeof *a + d->key.len + 1);
    if (a == NULL)
        return;
    memcpy(a->key, d->key.data, d->key.len);
    a->targets = q->targets;
    q->targets = (struct account_targets){0};
    a->aliases = q->aliases;
    buf_init(&q->aliases, 0);
    a->why = q->why;
    a->until_ms = q->asked_ms + CHECKED_MS;
    HASH_ADD_KEYPTR(hh, d->kept, a->key, d->key.len, a);
    if (a->hh.tbl == NULL) /* no memory: not kept */
        answer_free(a);
}

static void
question_free(struct question *q)
{
    account_targets_release(&q->targets);
    buf_release(&q->aliases);
    arena_release(&q->arena);
    free(q->account);
    free(q);
}

/* Questions are answered in order, so what q saw is newer than what all kept are of. */
static void
take_news(struct directory *d, struct question *q)
{
    bool is_current = q->generation == d->generation;

    if (q->accounts_generation != d->accounts_generation) {
        directory_forget(d);
        d->accounts_generation = q->accounts_generation;
        q->generation = is_current ? d->generation : q->generation;
    }
    d->checked_ms = q->asked_ms;
}

static void
on_answered(void *arg)
{
    struct question *q = arg;

    take_news(q->d, q);
    if (q->account != NULL)
        q->aliases_fn(q->arg, buf_span(&q->aliases));
    else
        q->fn(q->arg, &q->targets, &q->why);
    if (HASH_COUNT(q->d->kept) >= KEPT_MAX)
        directory_forget(q->d);
    keep(q->d, q);
    question_free(q);
}

static void
run_question(struct job *job, void *arg)
{
    struct question *q = (struct question *)job;
    struct directory *d = arg;

    struct accounts *accounts = directory_lock(d);
    q->accounts_generation = accounts_generation(accounts);
    q->asked_ms = clock_ms();
    if (q->account != NULL)
        accounts_own_aliases(accounts, q->account, &q->aliases, &q->why);
    else
        accounts_resolve(accounts, &q->to, &q->targets, &q->why);
    directory_unlock(d);
    if (!loop_post(d->loop, on_answered, q))
        question_free(q);
}

static bool
copy_address(struct question *q, const struct address *to)
{
    q->to = *to;
    q->to.local = arena_copy(&q->arena, span_of(to->local));
    q->to.domain = arena_copy(&q->arena, span_of(to->domain));
    return q->to.local != NULL && q->to.domain != NULL;
}

static void
ask(struct directory *d, const struct address *to, directory_fn fn, void *arg)
{
    struct question *q = calloc(1, sizeof *q);
    struct outcome why;

    if (q != NULL) {
        *q = (struct question){.job.run = run_question, .d = d, .fn = fn, .arg = arg};
        q->generation = d->generation;
        arena_init(&q->arena, 4096);
        buf_init(&q->aliases, 0);
        if (copy_address(q, to)) {
            job_thread_post(d->thread, &q->job);
            return;
        }
        question_free(q);
    }
    outcome_set(&why, OUTCOME_SYSTEM, "no memory for a look-up");
    fn(arg, &(struct account_targets){0}, &why);
}

void
directory_resolve(struct directory *d, const struct address *to, directory_fn fn, void *arg)
{
    struct answer *a = is_checked(d) && make_key(d, to, NULL) ? find_kept(d) : NULL;

    metrics_count(METRIC_RCPT_LOOKUPS, a != NULL ? METRICS_LOOKUP_KEPT : METRICS_LOOKUP_ASKED, 1);
    if (a != NULL)
        fn(arg, &a->targets, &a->why);
    else
        ask(d, to, fn, arg);
}

static void
ask_aliases(struct directory *d, const struct account *account, directory_aliases_fn fn, void *arg)
{
    struct question *q = calloc(1, sizeof *q);
    struct account *copy = q == NULL ? NULL : malloc(sizeof *copy);

    if (copy == NULL) {
        free(q);
        fn(arg, SPAN_NONE);
        return;
    }
    *copy = *account;
    *q = (struct question){.job.run = run_question,
                           .d = d,
                           .account = copy,
                           .generation = d->generation,
                           .aliases_fn = fn,
                           .arg = arg};
    arena_init(&q->arena, 0);
    buf_init(&q->aliases, ALIASES_OCTETS);
    job_thread_post(d->thread, &q->job);
}

void
directory_aliases(struct directory *d, const struct account *account, directory_aliases_fn fn,
                  void *arg)
{
    struct answer *a = is_checked(d) && make_key(d, NULL, account) ? find_kept(d) : NULL;

    if (a != NULL)
        fn(arg, buf_span(&a->aliases));
    else
        ask_aliases(d, account, fn, arg);
}

void
directory_run(struct directory *d, struct job *job)
{
    job_thread_post(d->thread, job);
}

struct accounts *
directory_lock(struct directory *d)
{
    pthread_mutex_lock(&d->mutex);
    return d->accounts;
}

void
directory_unlock(struct directory *d)
{
    pthread_mutex_unlock(&d->mutex);
}

struct directory *
directory_new(const struct settings *settings, struct loop *loop, struct outcome *why)
{
    struct directory *d = calloc(1, sizeof *d);

    if (d == NULL) {
        outcome_set(why, OUTCOME_SYSTEM, "no memory");
        return NULL;
    }
    d->loop = loop;
    buf_init(&d->key, KEY_MAX);
    pthread_mutex_init(&d->mutex, NULL);
    d->accounts = accounts_open(settings, why);
    if (d->accounts != NULL)
        d->thread = job_thread_start("directory", &(struct job_hooks){0}, d);
    if (d->thread == NULL) {
        if (d->accounts != NULL)
            outcome_set(why, OUTCOME_SYSTEM, "no thread for look-ups");
        directory_free(d);
        return NULL;
    }
    return d;
}

void
directory_free(struct directory *d)
{
    if (d == NULL)
        return;
    job_thread_end(d->thread);
    directory_forget(d);
    if (d->accounts != NULL)
        accounts_close(d->accounts);
    pthread_mutex_destroy(&d->mutex);
    buf_release(&d->key);
    free(d);
}
