/* SPDX-License-Identifier: MIT
 *
 * The actions of a run: collected, merged where they say the same (RFC 5228 2.10.3), refused where
 * they contradict one another (2.10.4, RFC 5429 2.3), counted against the limits; and what becomes
 * of the implicit keep.
 */
#include "run_priv.h"

#include <stdlib.h>
#include <strings.h>

#include "flags_priv.h"

static const char *const names[SIEVE_ACTION_KINDS] = {
    [SIEVE_KEEP] = "keep",         [SIEVE_FILEINTO] = "fileinto", [SIEVE_REDIRECT] = "redirect",
    [SIEVE_DISCARD] = "discard",   [SIEVE_REJECT] = "reject",     [SIEVE_EREJECT] = "ereject",
    [SIEVE_VACATION] = "vacation", [SIEVE_NOTIFY] = "notify",     [SIEVE_REPORT] = "report",
    [SIEVE_PIPE] = "pipe",         [SIEVE_MARK] = "duplicate",
};

const char *
sieve_action_name(enum sieve_action_kind kind)
{
    return names[kind];
}

static bool
is_inbox(const struct sieve_action *a)
{
    return a->kind == SIEVE_KEEP ||
           (a->kind == SIEVE_FILEINTO && strcasecmp(a->storage.mailbox, "INBOX") == 0);
}

static bool
is_refusal(enum sieve_action_kind kind)
{
    return kind == SIEVE_REJECT || kind == SIEVE_EREJECT;
}

static bool
is_storage(enum sieve_action_kind kind)
{
    return kind == SIEVE_KEEP || kind == SIEVE_FILEINTO;
}

/* ------------------------------------------------------------------ equal actions */

static bool
same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
same_storage(const struct sieve_action *a, const struct sieve_action *b)
{
    if (is_inbox(a) && is_inbox(b))
        return true;
    return a->kind == b->kind && strcmp(a->storage.mailbox, b->storage.mailbox) == 0 &&
           same_text(a->storage.special_use, b->storage.special_use) &&
           same_text(a->storage.mailbox_id, b->storage.mailbox_id);
}

/* Domains compare without case, local parts as they are. */
static bool
same_address(const char *a, const char *b)
{
    const char *at = strrchr(a, '@'), *bt = strrchr(b, '@');

    if (at == NULL || bt == NULL)
        return strcmp(a, b) == 0;
    return at - a == bt - b && strncmp(a, b, (size_t)(at - a)) == 0 && strcasecmp(at, bt) == 0;
}

static bool
is_same(const struct sieve_action *a, const struct sieve_action *b)
{
    if (is_storage(a->kind) && is_storage(b->kind))
        return same_storage(a, b);
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case SIEVE_REDIRECT:
        return same_text(a->details.redirect.list, b->details.redirect.list) &&
               same_address(a->details.redirect.address, b->details.redirect.address);
    case SIEVE_DISCARD:
        return true;
    case SIEVE_REPORT:
        return strcasecmp(a->details.report.feedback, b->details.report.feedback) == 0 &&
               same_address(a->details.report.address, b->details.report.address);
    case SIEVE_MARK:
        return strcmp(a->details.mark.key, b->details.mark.key) == 0;
    case SIEVE_KEEP:
    case SIEVE_FILEINTO:
    case SIEVE_REJECT:
    case SIEVE_EREJECT:
    case SIEVE_VACATION:
    case SIEVE_NOTIFY:
    case SIEVE_PIPE:
    case SIEVE_ACTION_KINDS:
        return false;
    }
    return false;
}

/* One of two equal actions is enough, also when the header was edited between them (RFC 5293 7);
 * the later one says the flags when it has any (RFC 5232 3). */
static void
merge(struct sieve_action *old, const struct sieve_action *new)
{
    if (old->kind == SIEVE_MARK)
        old->details.mark = new->details.mark; /* the test that came last (RFC 7352 3.3) */
    if (!is_storage(old->kind))
        return;
    if (new->storage.has_flags) {
        old->storage.has_flags = true;
        old->storage.flags = new->storage.flags;
    }
    if (new->kind == SIEVE_KEEP)
        old->kind = SIEVE_KEEP;
    old->storage.create = old->storage.create || new->storage.create;
    old->copy = old->copy && new->copy;
}

/* ------------------------------------------------------------------ conflicts */

/* What cannot be done together: a message is refused, or something else is done with it. */
static const char *
conflict(const struct sieve_action *a, const struct sieve_action *b)
{
    if (is_refusal(a->kind) && is_refusal(b->kind))
        return "the message is refused twice";
    if (a->kind == SIEVE_VACATION && b->kind == SIEVE_VACATION)
        return "vacation is executed twice";
    if (a->kind == SIEVE_PIPE && b->kind == SIEVE_PIPE &&
        strcmp(a->details.pipe.program, b->details.pipe.program) == 0)
        return "the message goes to the same program twice";
    if (!is_refusal(b->kind))
        return is_refusal(a->kind) ? conflict(b, a) : NULL;
    if (is_storage(a->kind) || a->kind == SIEVE_REDIRECT || a->kind == SIEVE_PIPE)
        return "a message cannot be refused and delivered";
    return a->kind == SIEVE_VACATION ? "a message cannot be refused and answered" : NULL;
}

static bool
over_limit(struct sieve_run *r, const struct sieve_op *op, const struct sieve_action *a)
{
    const struct sieve_limits *l = r->in.limits;

    if (r->action_count >= l->actions_max)
        return !sieve_run_fail(r, op, "more than %u actions", l->actions_max);
    if (a->kind == SIEVE_REDIRECT && r->redirects >= l->redirects_max)
        return !sieve_run_fail(r, op, "more than %u redirects", l->redirects_max);
    if (a->kind == SIEVE_NOTIFY && r->notifies >= l->notifies_max)
        return !sieve_run_fail(r, op, "more than %u notifications", l->notifies_max);
    r->redirects += a->kind == SIEVE_REDIRECT;
    r->notifies += a->kind == SIEVE_NOTIFY;
    return false;
}

/* ------------------------------------------------------------------ taking one */

static bool
make_room(struct sieve_run *r)
{
    if (r->action_count < r->action_size)
        return true;
    uint32_t size = r->action_size == 0 ? 8 : r->action_size * 2;
    struct sieve_action *more = realloc(r->actions, size * sizeof(*more));
    if (more == NULL)
        return sieve_run_fail(r, NULL, "out of memory");
    r->actions = more;
    r->action_size = size;
    return true;
}

/* keep and fileinto INBOX are one; everything that puts the message somewhere, and what says that
 * it shall be nowhere, cancels the implicit keep. */
static bool
cancels_keep(const struct sieve_action *a)
{
    switch (a->kind) {
    case SIEVE_FILEINTO:
    case SIEVE_REDIRECT:
    case SIEVE_PIPE:
        return !a->copy;
    case SIEVE_KEEP:
    case SIEVE_DISCARD:
    case SIEVE_REJECT:
    case SIEVE_EREJECT:
        return true;
    case SIEVE_VACATION:
    case SIEVE_NOTIFY:
    case SIEVE_REPORT:
    case SIEVE_MARK:
    case SIEVE_ACTION_KINDS:
        return false;
    }
    return false;
}

static bool
append(struct sieve_run *r, const struct sieve_op *op, const struct sieve_action *a)
{
    if (over_limit(r, op, a) || !make_room(r))
        return false;
    r->actions[r->action_count++] = *a;
    r->edition->is_taken = true;
    return true;
}

bool
sieve_run_may_act(struct sieve_run *r, const struct sieve_op *op, const struct sieve_action *action)
{
    for (uint32_t i = r->script_begin; i < r->action_count; i++) {
        const char *why = conflict(&r->actions[i], action);

        if (why != NULL && !is_same(&r->actions[i], action))
            return sieve_run_fail(r, op, "%s", why);
    }
    return r->action_count < r->in.limits->actions_max ||
           sieve_run_fail(r, op, "more than %u actions", r->in.limits->actions_max);
}

bool
sieve_run_act(struct sieve_run *r, const struct sieve_op *op, struct sieve_action action)
{
    action.script = op == NULL ? "" : op->script;
    action.at = op == NULL ? (struct sieve_place){0} : op->at;
    bool is_redirect = action.kind == SIEVE_REDIRECT;
    action.edition =
        is_redirect && r->edition->enclosed != NULL ? r->edition->enclosed : r->edition;
    action.is_explicit = true;
    struct sieve_action *same = NULL;
    for (uint32_t i = 0; i < r->action_count && same == NULL; i++) {
        bool is_ours = i >= r->script_begin; /* scripts do not contradict one another */
        const char *why = is_ours ? conflict(&r->actions[i], &action) : NULL;
        if (is_same(&r->actions[i], &action))
            same = &r->actions[i];
        else if (why != NULL)
            return sieve_run_fail(r, op, "%s", why);
    }
    if (same != NULL)
        merge(same, &action);
    else if (!append(r, op, &action))
        return false;
    if (cancels_keep(&action))
        r->is_keep_cancelled = true;
    if (action.kind == SIEVE_KEEP)
        r->has_explicit_keep = true;
    run_trace(
        r, (struct sieve_trace){.kind = SIEVE_TRACE_ACTION, .value = span_of(names[action.kind])},
        op);
    return true;
}

void
sieve_run_cancel_keep(struct sieve_run *r)
{
    r->is_keep_cancelled = true;
}

/* ------------------------------------------------------------------ the next script */

/* "For every script but the last, keep means: process this message with the next script"
 * (draft-degener-sieve-multiscript 3). */
void
sieve_run_next(struct sieve_run *r)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < r->action_count; i++)
        if (r->actions[i].kind != SIEVE_KEEP)
            r->actions[kept++] = r->actions[i];
    if (r->has_explicit_keep)
        r->is_keep_cancelled = false;
    r->has_explicit_keep = false;
    r->action_count = r->script_begin = kept;
}

/* ------------------------------------------------------------------ the end */

bool
sieve_run_keeps(const struct sieve_run *r)
{
    return !r->is_keep_cancelled;
}

bool
sieve_run_goes_on(const struct sieve_run *r)
{
    return !r->is_keep_cancelled || r->has_explicit_keep;
}

bool
sieve_run_only_discards(const struct sieve_run *r)
{
    if (sieve_run_keeps(r))
        return false;
    for (uint32_t i = 0; i < r->action_count; i++)
        if (r->actions[i].kind != SIEVE_DISCARD)
            return false;
    return true;
}

const struct sieve_action *
sieve_run_actions(const struct sieve_run *r, uint32_t *count)
{
    *count = r->action_count;
    return r->actions;
}

const struct sieve_action *
sieve_run_finish(struct sieve_run *r, uint32_t *count)
{
    if (!r->is_finished && !r->is_keep_cancelled && make_room(r)) {
        r->actions[r->action_count++] = (struct sieve_action){
            .kind = SIEVE_KEEP,
            .script = "",
            .edition = r->edition,
            .storage = {.mailbox = "INBOX"},
        };
        flags_storage(r, NULL, &r->actions[r->action_count - 1].storage);
    }
    r->is_finished = true;
    return sieve_run_actions(r, count);
}

void
sieve_run_resume(struct sieve_run *r)
{
    if (r->is_finished && r->action_count > 0 && !r->actions[r->action_count - 1].is_explicit)
        r->action_count--;
    r->is_finished = false;
}
