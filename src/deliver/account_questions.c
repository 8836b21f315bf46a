/* SPDX-License-Identifier: MIT
 *
 * Questions of scripts: see account_questions_priv.h.
 */
#include "account_questions_priv.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "doorstep/clock.h"
#include "doorstep/log.h"

#include "account_personal_priv.h"
#include "filing_priv.h"
#include "reconcile_priv.h"
#include "rows_priv.h"
#include "script_store_priv.h"

#define WORDS_SIZE 1100
#define LINES_MAX (FILING_RECIPIENTS_MAX * FILING_NAME_MAX)

struct question {
    struct job job;
    struct deliver *deliver;
    struct sorters_question sorter;
    struct account account;
    enum sort_question what;
    char first[WORDS_SIZE], second[WORDS_SIZE];
    char bundle[PERSONAL_SCRIPT_HASH_SIZE]; /* of the active script */
    enum sort_verdict verdict;
    struct outcome why; /* of SORT_NOT_NOW */
    struct buf text;
};

/* ---- on the account's worker ---- */

static enum sort_verdict
verdict_of(bool found, const struct outcome *why)
{
    if (found)
        return SORT_YES;
    return why->kind == OUTCOME_NOT_FOUND ? SORT_NO : SORT_NOT_NOW;
}

/* One that the index does not know may have been made by another program, or before the index was.
 */
static bool
find_mailbox(struct worker *w, struct open_account *oa, const char *name, struct index_mailbox *box,
             struct outcome *why)
{
    if (index_mailbox_find(oa->index, name, box, why))
        return true;
    return why->kind == OUTCOME_NOT_FOUND && oa->store != NULL && reconcile_folders(w, oa, why) &&
           index_mailbox_find(oa->index, name, box, why);
}

static enum sort_verdict
has_mailbox(struct worker *w, struct open_account *oa, const char *name, struct outcome *why)
{
    struct index_mailbox box;

    if (strcasecmp(name, "INBOX") == 0)
        return SORT_YES;
    if (!store_mailbox_name_check(name))
        return SORT_NO;
    return verdict_of(find_mailbox(w, oa, name, &box, why), why);
}

struct use {
    struct worker *w;
    struct open_account *oa;
    const char *mailbox;
    enum sort_verdict verdict;
    struct outcome *why;
};

/* What is said of a name that is no mailbox counts not. */
static bool
on_use(void *arg, const char *mailbox)
{
    struct use *u = arg;
    struct index_mailbox box;

    if (u->mailbox[0] == '\0' || strcmp(mailbox, u->mailbox) == 0)
        u->verdict = verdict_of(find_mailbox(u->w, u->oa, mailbox, &box, u->why), u->why);
    return u->verdict == SORT_NO;
}

static enum sort_verdict
has_use(struct worker *w, struct open_account *oa, const char *mailbox, const char *use,
        struct outcome *why)
{
    bool is_inbox = strcasecmp(mailbox, "INBOX") == 0;
    struct use u = {w, oa, is_inbox ? "INBOX" : mailbox, SORT_NO, why};
    struct personal *p = account_personal(oa, false, why);

    if (p == NULL)
        return verdict_of(false, why);
    return personal_use_list(p, use, on_use, &u, why) ? u.verdict : SORT_NOT_NOW;
}

/* mailbox "": of the account as a whole. */
static enum sort_verdict
find_annotation(struct worker *w, struct open_account *oa, struct question *q)
{
    struct index_mailbox box = {.name = ""};
    struct outcome *why = &q->why;
    struct personal *p = account_personal(oa, false, why);

    if (p == NULL || (q->first[0] != '\0' && !find_mailbox(w, oa, q->first, &box, why)))
        return verdict_of(false, why);
    return verdict_of(personal_annotation_find(p, box.name, q->second, &q->text, why), why);
}

/* The compiled form will be kept by what the scripts were when the active one was read: when they
 * are others by now, the message has to come again. */
static enum sort_verdict
find_include(struct open_account *oa, struct question *q)
{
    char now[PERSONAL_SCRIPT_HASH_SIZE];
    struct personal_script script;
    struct outcome *why = &q->why;
    struct personal *p = account_personal(oa, false, why);

    if (p == NULL)
        return q->bundle[0] != '\0' ? SORT_NOT_NOW : verdict_of(false, why);
    if (q->bundle[0] != '\0' && !script_bundle(p, now, why))
        return SORT_NOT_NOW;
    if (q->bundle[0] != '\0' && strcmp(now, q->bundle) != 0) {
        outcome_set(why, OUTCOME_BUSY, "the account's scripts are being changed");
        return SORT_NOT_NOW;
    }
    return verdict_of(personal_script_find(p, q->first, &script, &q->text, why), why);
}

static void
look(struct question *q, struct worker *w, struct open_account *oa)
{
    struct index_mailbox box;
    struct outcome *why = &q->why;

    switch (q->what) {
    case SORT_ASK_INCLUDE:
        q->verdict = find_include(oa, q);
        break;
    case SORT_ASK_MAILBOX:
        q->verdict = has_mailbox(w, oa, q->first, why);
        break;
    case SORT_ASK_SPECIAL_USE:
        q->verdict = has_use(w, oa, q->first, q->second, why);
        break;
    case SORT_ASK_MAILBOX_ID:
        q->verdict = verdict_of(index_mailbox_find_object(oa->index, q->first, &box, why), why);
        break;
    case SORT_ASK_METADATA:
        q->verdict = find_annotation(w, oa, q);
        break;
    case SORT_ASK_DUPLICATE:
        q->verdict =
            rows_flush(w, oa, why)
                ? verdict_of(index_seen_find(oa->index, q->first, clock_wall().tv_sec, why), why)
                : SORT_NOT_NOW;
        break;
    case SORT_ASK_SCRIPT: /* these are answered from memory */
    case SORT_ASK_LIST:
    case SORT_ASK_LIST_KNOWN:
    case SORT_ASK_LIST_LINES:
    case SORT_ASK_PROGRAM:
    case SORT_QUESTIONS:
        q->verdict = SORT_NO;
        break;
    }
}

static enum sort_verdict
tell_annotation(const struct deliver *d, const char *name, struct buf *out)
{
    const char *value = settings_annotation(&d->settings->sieve, name, strlen(name));

    if (value == NULL)
        return SORT_NO;
    return buf_append_str(out, value) ? SORT_YES : SORT_NOT_NOW;
}

static void
tell_lack(const struct question *q)
{
    log_event(LOG_LEVEL_WARNING, "script_not_answered", "user", q->account.user, "domain",
              q->account.domain, "cause", q->why.cause, NULL);
    sorters_tell_lack(&q->sorter, outcome_is_temporary(&q->why) ? q->why.kind : OUTCOME_SYSTEM);
}

static void
on_answered(void *arg)
{
    struct question *q = arg;
    struct deliver *d = q->deliver;

    if (q->what == SORT_ASK_METADATA && q->verdict == SORT_NO && q->first[0] == '\0')
        q->verdict = tell_annotation(d, q->second, &q->text);
    if (q->verdict == SORT_NOT_NOW)
        tell_lack(q);
    else
        sorters_tell(&q->sorter, q->verdict, buf_span(&q->text));
    buf_release(&q->text);
    free(q);
    deliver_done_running(d);
}

static void
run_question(struct job *job, void *worker)
{
    struct question *q = (struct question *)job;
    struct worker *w = worker;
    struct open_account *oa;
    struct store_wait wait;

    q->verdict = SORT_NOT_NOW;
    switch (account_open(w, &q->account, false, &oa, &wait, &q->why)) {
    case ACCOUNT_FAILED:
        if (q->why.kind == OUTCOME_NOT_FOUND) /* no mail yet: there is INBOX alone */
            q->verdict = q->what == SORT_ASK_MAILBOX && strcasecmp(q->first, "INBOX") == 0
                             ? SORT_YES
                             : SORT_NO;
        break;
    case ACCOUNT_LATER:
        if (!oa->loan.is_lent && oa->index != NULL)
            look(q, w, oa);
        else
            outcome_set(&q->why, OUTCOME_BUSY, "the account waits for its hand");
        break;
    case ACCOUNT_OPEN:
        look(q, w, oa);
        break;
    }
    loop_post(w->with.loop, on_answered, q);
}

/* ---- on the loop ---- */

static bool
tell_include(const struct global_scripts *g, const struct sorters_question *q, const char *name)
{
    for (uint32_t i = 0; g != NULL && i < g->include_count; i++)
        if (strcmp(g->includes[i].name, name) == 0) {
            sorters_tell(q, SORT_YES, buf_span(&g->includes[i].text));
            return true;
        }
    return false;
}

/* A text that is known here: the active script's, or an administrator's. */
static bool
tell_script(struct deliver *d, const struct sorters_question *q, const struct active_script *script,
            const char *hash)
{
    const struct global_scripts *g = d->global_scripts;

    if (script != NULL && strcmp(script->hash, hash) == 0) {
        sorters_tell(q, SORT_YES, (struct span){script->text, script->octets});
        return true;
    }
    for (uint32_t i = 0; g != NULL && i < g->count; i++)
        if (strcmp(g->list[i].hash, hash) == 0) {
            sorters_tell(q, SORT_YES, buf_span(&g->list[i].text));
            return true;
        }
    return false;
}

/* One that is too long to be told is none that mail can be sent to. */
static void
tell_lines(const struct sieve_list *l, const struct sorters_question *q)
{
    struct buf lines;

    buf_init(&lines, LINES_MAX);
    bool ok = l != NULL && sieve_list_print(l, &lines);
    sorters_tell(q, ok ? SORT_YES : SORT_NO, ok ? buf_span(&lines) : SPAN_NONE);
    buf_release(&lines);
}

/* What needs no account. */
static bool
tell_from_memory(struct deliver *d, const struct sorters_question *sorter, const struct question *q,
                 const struct active_script *script)
{
    const struct global_scripts *g = d->global_scripts;
    const char *line = NULL;
    bool found;

    switch (q->what) {
    case SORT_ASK_SCRIPT:
        return tell_script(d, sorter, script, q->first);
    case SORT_ASK_INCLUDE:
        return tell_include(g, sorter, q->first);
    case SORT_ASK_LIST:
        line = g == NULL ? NULL : sieve_lists_value(g->lists, q->first, q->second);
        found = line != NULL;
        break;
    case SORT_ASK_LIST_LINES:
        tell_lines(g == NULL ? NULL : sieve_lists_find(g->lists, q->first), sorter);
        return true;
    default:
        found = g != NULL && sieve_lists_find(g->lists, q->first) != NULL;
        break;
    }
    sorters_tell(sorter, found ? SORT_YES : SORT_NO, line == NULL ? SPAN_NONE : span_of(line));
    return true;
}

/* False: no account, mailbox or script is called that. */
static bool
read_words(struct question *q, struct span words, bool *is_global)
{
    bool has_second =
        q->what == SORT_ASK_SPECIAL_USE || q->what == SORT_ASK_METADATA || q->what == SORT_ASK_LIST;
    struct unpack u;

    unpack_init(&u, words);
    *is_global = q->what == SORT_ASK_SCRIPT || q->what == SORT_ASK_LIST ||
                 q->what == SORT_ASK_LIST_KNOWN || q->what == SORT_ASK_LIST_LINES ||
                 (q->what == SORT_ASK_INCLUDE && unpack_u8(&u) != 0);
    unpack_str(&u, q->first, sizeof q->first);
    if (has_second)
        unpack_str(&u, q->second, sizeof q->second);
    return unpack_done(&u);
}

static size_t
answer_max(const struct deliver *d, enum sort_question what)
{
    return what == SORT_ASK_METADATA ? PERSONAL_ANNOTATION_MAX : d->settings->sieve.script_size;
}

void
account_question_ask(struct deliver *d, const struct sorters_question *sorter,
                     const struct account *account, const struct active_script *script,
                     enum sort_question what, struct span words)
{
    struct question *q = calloc(1, sizeof *q);
    bool is_global;

    if (q == NULL) {
        sorters_tell(sorter, SORT_NOT_NOW, SPAN_NONE);
        return;
    }
    *q = (struct question){.job.run = run_question,
                           .deliver = d,
                           .sorter = *sorter,
                           .account = *account,
                           .what = what};
    bool is_read = read_words(q, words, &is_global);
    if (!is_read || is_global) {
        if (!is_read || !tell_from_memory(d, sorter, q, script))
            sorters_tell(sorter, SORT_NO, SPAN_NONE);
        free(q);
        return;
    }
    buf_init(&q->text, answer_max(d, what));
    if (script != NULL)
        memcpy(q->bundle, script->bundle, sizeof q->bundle);
    d->running++;
    workers_post(d->workers, account->user, account->domain, &q->job);
}
