/* SPDX-License-Identifier: MIT
 *
 * Programs and content filters before Sieve: those of all domains, then those of the account's. One
 * that runs once for a message sees it for all accounts that have it in common; one that runs once
 * for each recipient, or belongs to a domain, divides the transaction into parts, and what it makes
 * of a message is made of that part alone. Each sees what the one before it has made.
 */
#include "hooks_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/log.h"

#include "flags_priv.h"

#define KEYWORDS_MAX 1000

static void next_filter(struct transaction *t);

/* ---- jobs ---- */

static void
fill_recipient(struct transaction *t, const struct parcel *p, struct program_job *job)
{
    const struct envelope_recipient *r = &t->envelope.recipients[p->delivery.recipient];
    const char *semicolon = strchr(r->orcpt, ';');

    job->has_recipient = true;
    job->values[PROGRAM_RECIPIENT] = address_text(&r->address, &t->arena);
    job->values[PROGRAM_ORIGINAL_RECIPIENT] = semicolon != NULL ? semicolon + 1 : "";
    job->values[PROGRAM_USER] = p->delivery.target.account.user;
    job->values[PROGRAM_DOMAIN] = p->delivery.target.account.domain;
    job->values[PROGRAM_DETAIL] = p->delivery.target.detail;
    job->values[PROGRAM_MAILBOX] = p->delivery.into;
}

void
hooks_fill_job(struct transaction *t, const struct parcel *p, struct program_job *job)
{
    static const char *const protocols[] = {
        [PROTOCOL_SMTP] = "SMTP", [PROTOCOL_ESMTP] = "ESMTP", [PROTOCOL_LMTP] = "LMTP"};
    const struct envelope *e = &t->envelope;
    char size[24];

    snprintf(size, sizeof size, "%llu", (unsigned long long)message_traits(t->msg)->octets);
    job->is_binary = e->body == BODY_BINARYMIME;
    job->values[PROGRAM_SENDER] = address_text(&e->reverse_path, &t->arena);
    job->values[PROGRAM_CLIENT_IP] = e->client_ip;
    job->values[PROGRAM_CLIENT_NAME] = e->client_name;
    job->values[PROGRAM_CLIENT_PORT] = e->client_port;
    job->values[PROGRAM_PROTOCOL] =
        e->client_protocol[0] != '\0' ? e->client_protocol : protocols[e->protocol];
    job->values[PROGRAM_CLIENT_SOURCE] = e->client_source;
    job->values[PROGRAM_HELO] = e->helo;
    job->values[PROGRAM_LOGIN] = e->login;
    job->values[PROGRAM_QUEUE_ID] = e->queue_id;
    job->values[PROGRAM_DELIVERY_ID] = t->source.id;
    job->values[PROGRAM_MESSAGE_SIZE] = arena_copy(&t->arena, span_of(size));
    if (p != NULL)
        fill_recipient(t, p, job);
}

/* ---- results ---- */

const char *
hooks_mailbox(const struct transaction *t, const struct filter_result *r)
{
    if (strcasecmp(r->quarantine, "INBOX") == 0)
        return "INBOX";
    if (r->quarantine[0] == '\0' || store_mailbox_name_check(r->quarantine))
        return r->quarantine;
    log_event(LOG_LEVEL_WARNING, "unfiltered", "id", t->source.id, "program", r->reason, "mailbox",
              r->quarantine, "cause", "there cannot be such a mailbox", NULL);
    return NULL;
}

void
hooks_add_flags(struct transaction *t, struct delivery *d, const char *flags)
{
    struct buf keywords;
    char *words = arena_copy(&t->arena, span_of(flags)), *rest = NULL;

    buf_init(&keywords, KEYWORDS_MAX);
    if (d->keywords != NULL)
        buf_append_str(&keywords, d->keywords);
    for (char *w = words == NULL ? NULL : strtok_r(words, " \t", &rest); w != NULL;
         w = strtok_r(NULL, " \t", &rest))
        flags_add(w, &d->flags, &keywords);
    if (keywords.len > 0)
        d->keywords = arena_copy(&t->arena, buf_span(&keywords));
    buf_release(&keywords);
}

void
hooks_log(const struct transaction *t, const struct hook *hook, const struct outcome *why)
{
    char answer[32];

    snprintf(answer, sizeof answer, "%d %s", outcome_code(why), outcome_enhanced(why));
    log_event(LOG_LEVEL_INFO, "filtered", "id", t->source.id, hook->kind, hook->name, "answer",
              answer, "cause", why->cause, NULL);
}

/* ---- parts ---- */

static bool
move(struct parcel *p, struct transaction *to)
{
    struct transaction *from = p->transaction;

    HASH_DEL(from->parcels, p);
    HASH_ADD_KEYPTR(hh, to->parcels, p->key, strlen(p->key), p);
    if (p->hh.tbl == NULL) { /* the table that it was in has room */
        HASH_ADD_KEYPTR(hh, from->parcels, p->key, strlen(p->key), p);
        return false;
    }
    p->transaction = to;
    p->delivery.source = &to->source;
    return true;
}

static bool
same_domain(const struct parcel *a, const struct parcel *b)
{
    return strcmp(a->delivery.target.account.domain, b->delivery.target.account.domain) == 0;
}

/* Among the parts that lie in front of `before`. */
static struct transaction *
part_of_domain(struct transaction *t, const struct transaction *before, const struct parcel *p)
{
    struct transaction *part = t->whole->parts;

    while (part != before && part->parcels != NULL && !same_domain(part->parcels, p))
        part = part->next_part;
    return part != before ? part : NULL;
}

/* All parcels but those that go with the first one leave: those of one domain together, or each
 * alone. false: no memory for some; parts may be empty. */
static bool
divide(struct transaction *t, bool by_domain)
{
    struct transaction *before = t->whole->parts, *part;
    struct parcel *first = t->parcels, *p, *next;

    HASH_ITER(hh, t->parcels, p, next)
    {
        if (p == first || (by_domain && same_domain(p, first)))
            continue;
        part = by_domain ? part_of_domain(t, before, p) : NULL;
        if (part == NULL)
            part = transaction_new_part(t);
        if (part == NULL || !move(p, part))
            return false;
    }
    return true;
}

/* ---- which filter is next ---- */

static const struct settings_domain *
domain_of(const struct transaction *t)
{
    return settings_find_domain(t->deliver->settings, t->parcels->delivery.target.account.domain);
}

/* false: all have looked at it. */
static bool
next_hook(const struct transaction *t, struct hook *hook)
{
    const struct settings *s = t->deliver->settings;
    const struct settings_domain *d = domain_of(t);

    if (t->filter < s->filters_before_count)
        return hook_find(hook, s, s->filters_before[t->filter]);
    if (d == NULL || t->filter - s->filters_before_count >= d->filters_before_count)
        return false;
    return hook_find(hook, s, d->filters_before[t->filter - s->filters_before_count]);
}

static bool
has_domain_filters(const struct transaction *t)
{
    const struct settings *s = t->deliver->settings;

    for (size_t i = 0; i < s->domain_count; i++)
        if (s->domains[i].filters_before_count > 0)
            return true;
    return false;
}

/* Where the next filter is not for all parcels at once, the others leave. false: no memory. */
static bool
gather(struct transaction *t)
{
    struct hook hook;

    if (t->filter >= t->deliver->settings->filters_before_count && !t->is_of_domain &&
        has_domain_filters(t)) {
        if (!divide(t, true))
            return false;
        t->is_of_domain = true;
    }
    return !next_hook(t, &hook) || hook.once_per == PROGRAM_ONCE_PER_MESSAGE || divide(t, false);
}

/* ---- asking ---- */

static bool
apply(struct transaction *t, const struct filter_result *r, const char *mailbox, int body_fd)
{
    if (mailbox[0] != '\0') {
        t->source.mailbox = mailbox;
        log_event(LOG_LEVEL_INFO, "quarantined", "id", t->source.id, "mailbox", mailbox, "reason",
                  r->reason, NULL);
    }
    if (r->flags[0] != '\0')
        t->flags = r->flags;
    return !r->is_changed || transaction_change(t, r, body_fd);
}

static void
on_answer(void *arg, const struct filter_result *r, int body_fd)
{
    struct transaction *t = arg;
    const char *mailbox = r->verdict == FILTER_PASS ? hooks_mailbox(t, r) : "";
    struct hook hook;

    next_hook(t, &hook);
    t->filter++;
    if (mailbox == NULL && hook.on_failure == PROGRAM_TEMPFAIL)
        outcome_set(&t->why, OUTCOME_FILTER_DEFERRED, "program '%s' wants it in no mailbox",
                    hook.name);
    else if (r->verdict == FILTER_PASS && (mailbox == NULL || apply(t, r, mailbox, body_fd))) {
        next_filter(t);
        return;
    } else if (r->verdict == FILTER_DISCARD)
        outcome_set(&t->why, OUTCOME_DISCARDED, "%s '%s' discards it", hook.kind, hook.name);
    else if (r->verdict != FILTER_PASS)
        t->why = r->why;
    hooks_log(t, &hook, &t->why);
    transaction_refuse_part(t);
}

static void
ask(struct transaction *t, const struct hook *hook)
{
    bool is_alone = hook->once_per == PROGRAM_ONCE_PER_RECIPIENT;
    struct program_job job = {.use = PROGRAM_AS_FILTER, .file = ""};

    hooks_fill_job(t, is_alone ? t->parcels : NULL, &job);
    hook_ask(t->deliver, hook, &job, t->msg, &t->arena, on_answer, t);
}

static void
ask_or_sort(struct transaction *t)
{
    struct hook hook;

    if (next_hook(t, &hook))
        ask(t, &hook);
    else
        transaction_sort(t);
}

/* New parts lie in front of those that were there. */
static void
next_filter(struct transaction *t)
{
    struct transaction *whole = t->whole, *before = whole->parts;
    bool good = gather(t);

    for (struct transaction *part = whole->parts, *next; part != before; part = next) {
        next = part->next_part;
        part->is_of_domain = t->is_of_domain;
        if (good) {
            next_filter(part);
            continue;
        }
        outcome_set(&part->why, OUTCOME_OVERLOAD, "no memory for a part");
        transaction_refuse_part(part);
    }
    if (good) {
        ask_or_sort(t);
        return;
    }
    outcome_set(&t->why, OUTCOME_OVERLOAD, "no memory for a part");
    transaction_refuse_part(t);
}

void
hooks_before(struct transaction *t)
{
    if (t->parcels == NULL)
        transaction_sort(t);
    else
        next_filter(t);
}
