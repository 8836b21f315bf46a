/* SPDX-License-Identifier: MIT
 *
 * What a run wants done, as the store reads it. Keys of scripts go out hashed, so that nobody
 * learns from an index what they were made of.
 */
#include "filing_priv.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

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
        a->fields = arena_alloc(&t->f->arena, FILING_FIELDS_MAX * sizeof *a->fields);
    if (a->fields == NULL || a->field_count == FILING_FIELDS_MAX) {
        t->failed = true;
        return;
    }
    a->fields[a->field_count++] = (struct filing_field){name, value};
}

static void
add_list(struct taking *t, const char *name, const struct sieve_strings *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        add_field(t, name, list->items[i]);
}

static void
add_number(struct taking *t, const char *name, int64_t value)
{
    char text[32];

    snprintf(text, sizeof text, "%lld", (long long)value);
    const char *copy = arena_copy(&t->f->arena, span_of(text));
    t->failed = t->failed || copy == NULL;
    add_field(t, name, copy);
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
    a->flags = arena_alloc(&t->f->arena, (a->flag_count + 1) * sizeof *a->flags);
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
    t->out->key = arena_copy(&t->f->arena, span_of(hex));
    t->out->seconds = seconds;
    t->failed = t->failed || t->out->key == NULL;
}

/* RFC 8580: where the copy of what leaves goes, for whoever sends it. */
static void
add_fcc(struct taking *t, const struct sieve_storage *s)
{
    add_field(t, "fcc", s->mailbox);
    add_field(t, "fcc-special-use", s->special_use);
    add_field(t, "fcc-mailbox-id", s->mailbox_id);
    add_field(t, "fcc-create", s->create ? "yes" : "");
    if (s->has_flags)
        add_list(t, "fcc-flag", &s->flags);
}

static void
take_reply(struct taking *t, const struct sieve_reply *r)
{
    add_field(t, "from", r->from);
    add_field(t, "to", r->to);
    add_field(t, "to-field", r->to_field);
    add_field(t, "subject", r->subject);
    add_field(t, r->is_mime ? "mime" : "text", r->text);
    if (r->fcc != NULL)
        add_fcc(t, r->fcc);
}

static void
take_vacation(struct taking *t, const struct sieve_vacation *v)
{
    take_key(t, v->key == NULL ? "" : v->key, v->seconds);
    take_reply(t, &v->reply);
    add_field(t, "in-reply-to", v->in_reply_to);
    add_field(t, "references", v->references);
    add_field(t, "withheld", v->withheld);
}

static void
take_notify(struct taking *t, const struct sieve_notify *n)
{
    take_reply(t, &n->reply);
    add_field(t, "method", n->method);
    add_field(t, "importance", n->importance);
    add_list(t, "option", &n->options);
    add_list(t, "recipient", &n->recipients);
    add_list(t, "carbon", &n->carbon);
    add_list(t, "header", &n->headers);
    add_field(t, "withheld", n->withheld);
}

static void
take_redirect(struct taking *t, const struct sieve_redirect *r)
{
    const char mode[] = {r->by_mode, '\0'};

    add_field(t, "to", r->address);
    add_field(t, "list", r->list);
    add_field(t, "notify", r->notify);
    add_field(t, "ret", r->ret);
    if (!r->has_by)
        return;
    add_number(t, "by-seconds", r->by_seconds);
    const char *copy = arena_copy(&t->f->arena, span_of(mode));
    t->failed = t->failed || copy == NULL;
    add_field(t, "by-mode", copy);
    add_field(t, "by-trace", r->by_trace ? "yes" : "no");
}

static void
take_report(struct taking *t, const struct sieve_action *a)
{
    add_field(t, "to", a->details.report.address);
    add_field(t, "feedback", a->details.report.feedback);
    add_field(t, "text", a->details.report.text);
    add_field(t, "headers-only", a->details.report.headers_only ? "yes" : "no");
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
        out->kind = FILING_REJECT;
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
        take_vacation(t, &a->details.vacation);
        break;
    case SIEVE_NOTIFY:
        out->kind = FILING_NOTIFY;
        take_notify(t, &a->details.notify);
        break;
    case SIEVE_REPORT:
        out->kind = FILING_REPORT;
        take_report(t, a);
        break;
    case SIEVE_PIPE:
        out->kind = FILING_PIPE;
        add_field(t, "program", a->details.pipe.program);
        add_list(t, "argument", &a->details.pipe.arguments);
        add_field(t, "try", a->details.pipe.is_try ? "yes" : "no");
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
        if (t->f->editions[i] == e)
            return i + 1;
    if (r->edition_count == EDITIONS_MAX) {
        t->failed = true;
        return 0;
    }
    t->f->editions[r->edition_count++] = e;
    return r->edition_count;
}

bool
filer_take_actions(struct filer *f, const struct sieve_action *actions, uint32_t count)
{
    struct filing_result *r = &f->result;

    if (count > FILING_ACTIONS_MAX)
        return false;
    r->actions = arena_alloc(&f->arena, (count + 1) * sizeof *r->actions);
    struct taking t = {.f = f, .failed = r->actions == NULL};
    for (uint32_t i = 0; !t.failed && i < count; i++) {
        t.out = &r->actions[i];
        *t.out = (struct filing_action){.line = actions[i].at.line,
                                        .script = text_of(actions[i].script)};
        take_details(&t, &actions[i]);
        t.out->edition = edition_number(&t, actions[i].edition);
    }
    r->action_count = count;
    return !t.failed;
}
