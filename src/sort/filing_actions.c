/* SPDX-License-Identifier: MIT
 *
 * What a run wants done, as the store reads it. Keys of scripts go out hashed, so that nobody
 * learns from an index what they were made of.
 */
#include "filing_priv.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct taking {
    struct filer *f;
    struct filing_action *out;
    bool failed;
};

/* The run's own, which lives until the result is packed. */
static const char *
text_of(const char *s)
{
    return s == NULL ? "" : s;
}

static void
add_field(struct taking *t, const char *name, const char *value)
{
    struct filing_action *a = t->out;

    if (value == NULL || value[0] == '\0')
        return;
    if (a->fields == NULL)
        a->fields = arena_alloc(t->f->arena, FILING_FIELDS_MAX * sizeof *a->fields);
    if (a->fields == NULL || a->field_count == FILING_FIELDS_MAX) {
        t->failed = true;
        return;
    }
    a->fields[a->field_count++] = (struct filing_field){name, value};
}

/* ---- storage ---- */

static void
take_storage(struct taking *t, const struct sieve_storage *s)
{
    struct filing_action *a = t->out;

    a->mailbox = text_of(s->mailbox);
    a->special_use = text_of(s->special_use);
    a->mailbox_id = text_of(s->mailbox_id);
    a->create = s->create;
    a->has_flags = s->has_flags;
    a->flag_count = s->flags.count < FILING_FLAGS_MAX ? s->flags.count : FILING_FLAGS_MAX;
    a->flags = arena_alloc(t->f->arena, (a->flag_count + 1) * sizeof *a->flags);
    if (a->flags == NULL) {
        t->failed = true;
        return;
    }
    for (uint32_t i = 0; i < a->flag_count; i++)
        a->flags[i] = s->flags.items[i];
}

/* ---- what leaves ---- */

void
filer_hash_key(struct span key, char out[FILING_KEY_SIZE])
{
    unsigned char hash[32];

    crypto_generichash(hash, sizeof hash, (const unsigned char *)key.p, key.n, NULL, 0);
    sodium_bin2hex(out, FILING_KEY_SIZE, hash, sizeof hash);
}

static void
take_key(struct taking *t, const char *key, uint32_t seconds)
{
    char hex[FILING_KEY_SIZE];

    filer_hash_key(span_of(key), hex);
    t->out->key = arena_copy(t->f->arena, span_of(hex));
    t->out->seconds = seconds;
    t->failed = t->failed || t->out->key == NULL;
}

/* To itself: nothing would come of it but a circle. */
static bool
is_own(const struct filer *f, const char *address)
{
    const char *const *alias = f->user->aliases;

    if (strcasecmp(address, f->user->address) == 0 ||
        strcasecmp(address, f->envelope->recipient) == 0)
        return true;
    while (alias != NULL && *alias != NULL && strcasecmp(address, *alias) != 0)
        alias++;
    return alias != NULL && *alias != NULL;
}

static void
take_redirect(struct taking *t, const struct sieve_redirect *r)
{
    static const struct sieve_storage inbox = {.mailbox = "INBOX"};
    char by[64];

    if (r->address != NULL && r->address[0] != '\0' && is_own(t->f, r->address)) {
        t->out->kind = FILING_FILE;
        take_storage(t, &inbox);
        return;
    }
    add_field(t, "notify", r->notify);
    add_field(t, "ret", r->ret);
    if (!r->has_by)
        return;
    snprintf(by, sizeof by, "%lld;%c%s", (long long)r->by_seconds, r->by_mode,
             r->by_trace ? "T" : "");
    const char *copy = arena_copy(t->f->arena, span_of(by));
    t->failed = t->failed || copy == NULL;
    add_field(t, "by", copy);
}

static void
take_details(struct taking *t, const struct sieve_action *a)
{
    struct filing_action *out = t->out;

    switch (a->kind) {
    case SIEVE_KEEP:
    case SIEVE_FILEINTO:
        out->kind = FILING_FILE;
        take_storage(t, &a->storage);
        break;
    case SIEVE_DISCARD:
        out->kind = FILING_DISCARD_IT;
        break;
    case SIEVE_REJECT:
    case SIEVE_EREJECT:
        out->kind = a->kind == SIEVE_REJECT ? FILING_REJECT : FILING_EREJECT;
        out->text = text_of(a->details.reject.text);
        break;
    case SIEVE_MARK:
        out->kind = FILING_MARK;
        take_key(t, a->details.mark.key, a->details.mark.seconds);
        break;
    case SIEVE_REDIRECT:
        out->kind = FILING_REDIRECT;
        take_redirect(t, &a->details.redirect);
        break;
    case SIEVE_VACATION:
        out->kind = FILING_VACATION;
        take_key(t, text_of(a->details.vacation.key), a->details.vacation.seconds);
        add_field(t, "subject", a->details.vacation.reply.subject);
        add_field(t, "withheld", a->details.vacation.withheld);
        break;
    case SIEVE_NOTIFY:
        out->kind = FILING_NOTIFY;
        add_field(t, "subject", a->details.notify.reply.subject);
        add_field(t, "withheld", a->details.notify.withheld);
        break;
    case SIEVE_REPORT:
        out->kind = FILING_REPORT;
        add_field(t, "feedback", a->details.report.feedback);
        break;
    case SIEVE_PIPE:
        out->kind = FILING_PIPE;
        add_field(t, "program", a->details.pipe.program);
        break;
    case SIEVE_ACTION_KINDS:
        t->failed = true;
        break;
    }
}

/* ---- editions ---- */

/* Its number, from 1; 0 for the message as it came. */
static uint32_t
edition_number(struct taking *t, const struct sieve_edition *e)
{
    struct filing_result *r = &t->f->result;

    if (e == NULL || sieve_edition_is_original(e))
        return 0;
    for (uint32_t i = 0; i < r->edition_count; i++)
        if (t->f->editions[i].edition == e)
            return i + 1;
    if (r->edition_count == EDITIONS_MAX) {
        t->failed = true;
        return 0;
    }
    t->f->editions[r->edition_count++].edition = e;
    t->f->rendition_count = r->edition_count;
    return r->edition_count;
}

static void
take_action(struct taking *t, const struct sieve_action *a, uint32_t number)
{
    struct filing_action *out = t->out = &t->f->result.actions[t->f->result.action_count++];

    *out = (struct filing_action){.line = a->at.line, .script = text_of(a->script)};
    take_details(t, a);
    out->edition = edition_number(t, a->edition);
    if (!t->failed && out->kind >= FILING_REDIRECT && !filer_send(t->f, a, number, out))
        t->failed = true;
}

/* RFC 8580: the very message that is sent, once more. */
static void
take_copy(struct taking *t, const struct sieve_action *a, const struct filing_action *sent)
{
    const struct sieve_storage *fcc = filer_fcc(a);

    if (fcc == NULL || sent->recipient_count == 0)
        return;
    t->out = &t->f->result.actions[t->f->result.action_count++];
    *t->out = (struct filing_action){.kind = FILING_FILE,
                                     .line = sent->line,
                                     .script = sent->script,
                                     .edition = sent->edition,
                                     .is_sent = true};
    take_storage(t, fcc);
}

/* Copies of what is sent come last: the first copy stands for the message itself. */
bool
filer_take_actions(struct filer *f, const struct sieve_action *actions, uint32_t count)
{
    struct filing_result *r = &f->result;

    if (count > FILING_ACTIONS_MAX / 2)
        return false;
    r->actions = arena_alloc(f->arena, (2 * count + 1) * sizeof *r->actions);
    struct taking t = {.f = f, .failed = r->actions == NULL};
    for (uint32_t i = 0; !t.failed && i < count; i++)
        take_action(&t, &actions[i], i);
    for (uint32_t i = 0; !t.failed && i < count; i++)
        take_copy(&t, &actions[i], &r->actions[i]);
    return !t.failed;
}
