/* SPDX-License-Identifier: MIT
 *
 * Whose is it? An address is looked up in this order; the first that knows it wins:
 *
 *     1. alias of the whole local part        4. alias of what stands before the delimiter
 *     2. account of the whole local part      5. postmaster (RFC 5321 4.5.1: always accepted)
 *     3. account before the delimiter         6. the domain's catch_all
 *
 * Aliases lead to addresses, which are looked up the same way (without 6). That is a list of steps
 * that grows at its end, not recursion: a step that stood in it before is not taken again, so loops
 * end, and depth and length are bounded.
 *
 * Where an MTA asks for expansions (listen socketmap), an alias may lead to addresses of other
 * hosts; the MTA takes mail there. Elsewhere such a target is a mistake, and ignored.
 */
#include <stdlib.h>
#include <string.h>

#include "accounts_priv.h"
#include "doorstep/log.h"

#define DEPTH_MAX 10  /* aliases of aliases */
#define STEPS_MAX 500 /* addresses looked at for one recipient */

struct step { /* one address to look up */
    struct accounts_source *source;
    char local[ACCOUNT_USER_SIZE];
    char detail[ACCOUNT_DETAIL_SIZE]; /* inherited from the address that led here */
    unsigned depth;
    bool is_own; /* an alias that names itself means the account of that name */
};

struct walk {
    struct accounts *a;
    struct step *steps; /* owned */
    size_t count, taken;
    struct account_targets *out;
    size_t disabled;
    struct outcome *why;
    bool failed; /* `why` is filled */
};

static bool
fail(struct walk *w, const char *cause)
{
    w->failed = true;
    return outcome_set(w->why, OUTCOME_SYSTEM, "%s", cause);
}

static bool
copy(char *out, size_t size, struct span s)
{
    if (s.n >= size)
        return false;
    if (s.n > 0)
        memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return true;
}

static bool
is_taken(const struct walk *w, const struct step *step)
{
    for (size_t i = 0; i < w->count; i++) {
        const struct step *other = &w->steps[i];
        if (other->source == step->source && other->is_own == step->is_own &&
            strcmp(other->local, step->local) == 0 && strcmp(other->detail, step->detail) == 0)
            return true;
    }
    return false;
}

/* push() - an address to look up later; one that is in the list already is not put there again. */
static bool
push(struct walk *w, const struct step *step)
{
    if (is_taken(w, step))
        return true;
    if (w->count == STEPS_MAX)
        return fail(w, "alias leads to too many addresses");
    struct step *grown = realloc(w->steps, (w->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return fail(w, "out of memory: aliases");
    w->steps = grown;
    w->steps[w->count++] = *step;
    return true;
}

/* push_target() - an alias or a setting of step `from` leads to local@domain. */
static bool
push_target(struct walk *w, const struct step *from, const char *detail, const char *domain,
            const char *local)
{
    struct step next = {.source = accounts_source(w->a, domain), .depth = from->depth + 1};
    if (next.source == NULL || next.depth > DEPTH_MAX ||
        !copy(next.local, sizeof(next.local), span_of(local)) ||
        !copy(next.detail, sizeof(next.detail), span_of(detail))) {
        log_event(LOG_LEVEL_WARNING, "alias_target_ignored", "target", local, "domain", domain,
                  "reason", next.depth > DEPTH_MAX ? "too deep" : "no domain of ours", NULL);
        return true;
    }
    next.is_own = next.source == from->source && strcmp(local, from->local) == 0;
    return push(w, &next);
}

/* add_elsewhere() - an address that is none of ours, once. */
static bool
add_elsewhere(struct walk *w, const char *domain, const char *local)
{
    struct account_targets *t = w->out;
    for (size_t i = 0; i < t->elsewhere_count; i++)
        if (strcmp(t->elsewhere[i].local, local) == 0 &&
            strcmp(t->elsewhere[i].domain, domain) == 0)
            return true;
    if (t->elsewhere_count == ACCOUNT_TARGETS_MAX)
        return fail(w, "alias leads to too many addresses elsewhere");
    struct account_elsewhere *grown =
        realloc(t->elsewhere, (t->elsewhere_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return fail(w, "out of memory: aliases");
    t->elsewhere = grown;
    if (!copy(grown[t->elsewhere_count].local, sizeof(grown->local), span_of(local)) ||
        !copy(grown[t->elsewhere_count].domain, sizeof(grown->domain), span_of(domain)))
        return fail(w, "alias leads to an address that is too long");
    t->elsewhere_count++;
    return true;
}

struct expansion {
    struct walk *w;
    struct step from; /* its local part is the alias */
    const char *detail;
    bool found;
};

static bool
on_target(void *arg, const char *domain, const char *local)
{
    struct expansion *x = arg;
    x->found = true;
    x->w->out->is_alias = true;
    if (accounts_are_expanded(x->w->a->settings) && accounts_source(x->w->a, domain) == NULL)
        return add_elsewhere(x->w, domain, local);
    return push_target(x->w, &x->from, x->detail, domain, local);
}

static enum accounts_result
try_alias(struct walk *w, const struct step *step, const char *name, const char *detail)
{
    struct expansion x = {.w = w, .from = *step, .detail = detail};
    copy(x.from.local, sizeof(x.from.local), span_of(name));
    if (!alias_db_targets(&w->a->db, step->source->domain->name, name, on_target, &x, w->why))
        w->failed = true;
    if (w->failed)
        return ACCOUNTS_FAILED;
    return x.found ? ACCOUNTS_FOUND : ACCOUNTS_UNKNOWN;
}

static bool
is_listed(const struct account_targets *t, const struct account_target *target)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->list[i].account.user, target->account.user) == 0 &&
            strcmp(t->list[i].account.domain, target->account.domain) == 0 &&
            strcmp(t->list[i].detail, target->detail) == 0)
            return true;
    return false;
}

static bool
add_account(struct walk *w, const struct account *account, const char *detail)
{
    struct account_targets *t = w->out;
    struct account_target target = {.account = *account};
    copy(target.detail, sizeof(target.detail), span_of(detail));
    if (!account->enabled) {
        w->disabled++;
        return true;
    }
    if (is_listed(t, &target))
        return true;
    if (t->count == ACCOUNT_TARGETS_MAX)
        return fail(w, "alias leads to too many accounts");
    struct account_target *grown = realloc(t->list, (t->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return fail(w, "out of memory: recipients");
    t->list = grown;
    t->list[t->count++] = target;
    return true;
}

static enum accounts_result
try_account(struct walk *w, const struct step *step, const char *name, const char *detail)
{
    struct account account;
    struct accounts_source *s = step->source;
    enum accounts_result result = s->driver->find(s, name, &account, w->why);
    if (result == ACCOUNTS_FOUND && !add_account(w, &account, detail))
        result = ACCOUNTS_FAILED;
    if (result == ACCOUNTS_FAILED)
        w->failed = true;
    return result;
}

static enum accounts_result
try_whole(struct walk *w, const struct step *step)
{
    char name[ACCOUNT_USER_SIZE];
    enum accounts_result result = ACCOUNTS_UNKNOWN;
    if (!accounts_fold(step->source->domain, span_of(step->local), name))
        return ACCOUNTS_UNKNOWN;
    if (!step->is_own)
        result = try_alias(w, step, name, step->detail);
    if (result == ACCOUNTS_UNKNOWN)
        result = try_account(w, step, name, step->detail);
    return result;
}

/* split() - local into name and detail at the first delimiter; false when there is none, or no
 * name. */
static bool
split(const struct step *step, struct span *name, const char **detail)
{
    size_t n = strcspn(step->local, step->source->domain->recipient_delimiter);
    *name = (struct span){step->local, n};
    *detail = step->local[n] == '\0' ? step->detail : step->local + n + 1;
    return n > 0 && step->local[n] != '\0';
}

static enum accounts_result
try_base(struct walk *w, const struct step *step)
{
    char name[ACCOUNT_USER_SIZE];
    struct span base;
    const char *detail;
    if (!split(step, &base, &detail) || !accounts_fold(step->source->domain, base, name))
        return ACCOUNTS_UNKNOWN;
    enum accounts_result result = try_account(w, step, name, detail);
    if (result == ACCOUNTS_UNKNOWN)
        result = try_alias(w, step, name, detail);
    return result;
}

/* push_setting() - catch_all and postmaster hold an account of the domain, or a whole address. */
static bool
push_setting(struct walk *w, const struct step *from, const char *detail, const char *value)
{
    char local[ACCOUNT_USER_SIZE];
    const char *at = strrchr(value, '@');
    if (at == NULL)
        return push_target(w, from, detail, from->source->domain->name, value);
    if (!copy(local, sizeof(local), (struct span){value, (size_t)(at - value)}))
        return fail(w, "catch_all or postmaster is too long");
    return push_target(w, from, detail, at + 1, local);
}

bool
accounts_postmaster(const struct accounts *a, const struct settings_domain *domain,
                    struct account *out)
{
    account_init(out, domain, "postmaster");
    const struct span parts[] = {span_of(a->settings->state_dir), SPAN("/accounts/"),
                                 span_of(out->domain), SPAN("/postmaster")};
    size_t used = 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!copy(out->home + used, sizeof(out->home) - used, parts[i]))
            return false;
        used += parts[i].n;
    }
    return true;
}

static enum accounts_result
make_postmaster(struct walk *w, const struct step *step, const char *detail)
{
    struct account account;
    if (accounts_postmaster(w->a, step->source->domain, &account))
        return add_account(w, &account, detail) ? ACCOUNTS_FOUND : ACCOUNTS_FAILED;
    fail(w, "state_dir is too long");
    return ACCOUNTS_FAILED;
}

static enum accounts_result
try_postmaster(struct walk *w, const struct step *step)
{
    const struct settings_domain *domain = step->source->domain;
    struct span name;
    const char *detail;
    split(step, &name, &detail);
    if (!span_equal_fold(name, SPAN("postmaster")))
        return ACCOUNTS_UNKNOWN;
    if (domain->postmaster[0] == '\0' || step->is_own ||
        span_equal_fold(span_of(domain->postmaster), SPAN("postmaster")))
        return make_postmaster(w, step, detail);
    return push_setting(w, step, detail, domain->postmaster) ? ACCOUNTS_FOUND : ACCOUNTS_FAILED;
}

static enum accounts_result
try_catch_all(struct walk *w, const struct step *step)
{
    const char *name = step->source->domain->catch_all;
    if (step->depth > 0 || name[0] == '\0')
        return ACCOUNTS_UNKNOWN;
    return push_setting(w, step, "", name) ? ACCOUNTS_FOUND : ACCOUNTS_FAILED;
}

static enum accounts_result
take_step(struct walk *w, const struct step *step)
{
    static enum accounts_result (*const tries[])(struct walk *, const struct step *) = {
        try_whole, try_base, try_postmaster, try_catch_all};
    enum accounts_result result = ACCOUNTS_UNKNOWN;
    for (size_t i = 0; result == ACCOUNTS_UNKNOWN && i < sizeof(tries) / sizeof(tries[0]); i++)
        result = tries[i](w, step);
    if (result == ACCOUNTS_UNKNOWN && step->depth > 0)
        log_event(LOG_LEVEL_WARNING, "alias_target_unknown", "target", step->local, "domain",
                  step->source->domain->name, NULL);
    return result;
}

static bool
walk_all(struct walk *w)
{
    while (!w->failed && w->taken < w->count) {
        struct step step = w->steps[w->taken++];
        (void)take_step(w, &step);
    }
    return !w->failed;
}

/* verdict() - nobody was found. An alias that leads nowhere is an operator's mistake, and mail can
 * wait until it is mended. */
static bool
verdict(const struct walk *w, const struct address *to)
{
    if (w->disabled > 0)
        return outcome_set(w->why, OUTCOME_DISABLED, "%s@%s is disabled", to->local, to->domain);
    if (w->count > 1)
        return outcome_set(w->why, OUTCOME_SYSTEM, "alias %s@%s leads to no account", to->local,
                           to->domain);
    return outcome_set(w->why, OUTCOME_NO_SUCH_USER, "no account or alias %s@%s", to->local,
                       to->domain);
}

/* first_step() - <postmaster> without a domain means the first domain's (RFC 5321 4.1.1.3). */
static bool
first_step(struct accounts *a, const struct address *to, struct step *out, struct outcome *why)
{
    const char *domain = to->domain;
    *out = (struct step){0};
    if (domain[0] == '\0' && !to->is_null && a->settings->domain_count > 0)
        domain = a->settings->domains[0].name;
    out->source = accounts_source(a, domain);
    if (out->source == NULL)
        return outcome_set(why, OUTCOME_NOT_OURS, "domain %s is not configured", domain);
    return copy(out->local, sizeof(out->local), span_of(to->local)) ||
           outcome_set(why, OUTCOME_NO_SUCH_USER, "local part is too long");
}

bool
accounts_resolve(struct accounts *a, const struct address *to, struct account_targets *out,
                 struct outcome *why)
{
    struct step first;
    *out = (struct account_targets){0};
    if (!first_step(a, to, &first, why))
        return false;
    struct walk w = {.a = a, .out = out, .why = why};
    bool ok = push(&w, &first) && walk_all(&w);
    if (!ok)
        account_targets_release(out);
    else if (out->elsewhere_count > 0)
        ok = outcome_set(why, OUTCOME_SYSTEM,
                         "alias %s@%s leads to %s@%s, and the MTA did not expand it", to->local,
                         to->domain, out->elsewhere[0].local, out->elsewhere[0].domain);
    else if (out->count == 0)
        ok = verdict(&w, to);
    free(w.steps);
    return ok;
}

void
account_targets_release(struct account_targets *t)
{
    free(t->list);
    free(t->elsewhere);
    *t = (struct account_targets){0};
}

bool
resolve_reaches(struct accounts *a, const char *from_domain, const char *from_local,
                const char *to_domain, const char *to_local, bool *reaches, struct outcome *why)
{
    struct account_targets ignored = {0};
    struct walk w = {.a = a, .out = &ignored, .why = why};
    struct step first = {.source = accounts_source(a, from_domain)};
    const struct accounts_source *to = accounts_source(a, to_domain);
    *reaches = false;
    bool ok =
        first.source == NULL || (copy(first.local, sizeof(first.local), span_of(from_local)) &&
                                 push(&w, &first) && walk_all(&w));
    for (size_t i = 0; i < w.count; i++)
        if (w.steps[i].source == to && strcmp(w.steps[i].local, to_local) == 0)
            *reaches = true;
    free(w.steps);
    account_targets_release(&ignored);
    return ok;
}
