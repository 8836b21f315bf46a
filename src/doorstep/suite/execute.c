/* SPDX-License-Identifier: MIT
 *
 * Actions carried out in memory: copies go to mailboxes, mail that leaves is captured, one entry
 * for each recipient.
 */
#include "suite_priv.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "doorstep/relay.h"

#define MESSAGE_MAX ((size_t)64 << 20)

static bool
no_mailbox(struct suite *s, const char *name)
{
    char text[512];

    snprintf(text, sizeof(text), "failed to store into mailbox '%s': there is no such mailbox",
             name);
    suite_note(s, text);
    return false;
}

/* ------------------------------------------------------------------ mail that stays */

static bool
store(struct suite *s, const struct sieve_storage *to, struct span text)
{
    struct suite_mailbox *m = NULL;

    if (to->special_use != NULL)
        m = suite_mailbox_with_use(s, span_of(to->special_use), span_of(to->mailbox));
    if (m == NULL)
        m = suite_mailbox_find(s, span_of(to->mailbox));
    if (m == NULL && to->create)
        m = suite_mailbox_create(s, span_of(to->mailbox));
    if (m == NULL)
        return no_mailbox(s, to->mailbox);
    return suite_mailbox_add(s, m, (struct suite_message){text, to->flags});
}

static bool
store_action(struct suite *s, const struct sieve_action *a)
{
    struct buf text;

    buf_init(&text, MESSAGE_MAX);
    bool ok = sieve_edition_print(a->edition, &text) && store(s, &a->storage, buf_span(&text));
    buf_release(&text);
    return ok;
}

/* ------------------------------------------------------------------ mail that leaves */

static void
note_wishes(struct suite *s, const struct sieve_redirect *r, struct suite_letter *l)
{
    char by[64];

    snprintf(by, sizeof(by), "%lld;%c%s", (long long)r->by_seconds, r->by_mode,
             r->by_trace ? "T" : "");
    l->notify = r->notify == NULL ? "" : suite_keep(s, span_of(r->notify));
    l->ret = r->ret == NULL ? "" : suite_keep(s, span_of(r->ret));
    l->by = r->has_by ? suite_keep(s, span_of(by)) : "";
}

static bool
send_letter(struct suite *s, const char *from, const char *to, const struct sieve_action *a,
            struct span text)
{
    if (s->letter_count == s->letter_size) {
        uint32_t size = s->letter_size == 0 ? 8 : s->letter_size * 2;
        struct suite_letter *more = realloc(s->letters, size * sizeof(*more));
        if (more == NULL)
            return false;
        s->letters = more;
        s->letter_size = size;
    }
    struct suite_letter *l = &s->letters[s->letter_count++];
    *l = (struct suite_letter){.from = suite_keep(s, span_of(from)),
                               .to = suite_keep(s, span_of(to)),
                               .notify = "",
                               .ret = "",
                               .by = "",
                               .text = {suite_keep(s, text), text.n}};
    if (a->kind == SIEVE_REDIRECT)
        note_wishes(s, &a->details.redirect, l);
    return true;
}

static bool
send_to_all(struct suite *s, const struct relay_origin *o, const struct sieve_action *a,
            struct span text)
{
    const char *to;
    struct buf from;
    bool ok = true;

    buf_init(&from, 4096);
    relay_reverse_path(o, a, &from);
    for (uint32_t i = 0; ok && (to = relay_recipient(o, a, i)) != NULL; i++)
        ok = send_letter(s, buf_str(&from), to, a, text);
    buf_release(&from);
    return ok;
}

/* RFC 8580: a copy of what was sent; only of what was. */
static bool
store_copy(struct suite *s, const struct sieve_action *a, struct span text)
{
    const struct sieve_storage *fcc = a->kind == SIEVE_VACATION ? a->details.vacation.reply.fcc
                                      : a->kind == SIEVE_NOTIFY ? a->details.notify.reply.fcc
                                                                : NULL;

    return fcc == NULL || store(s, fcc, text);
}

static bool
send_action(struct suite *s, const struct sieve_action *a)
{
    char id[64];
    struct buf text;
    const struct relay_origin o = {
        .user = &s->user,
        .envelope = &s->envelope,
        .setting = suite_setting,
        .arg = s,
        .now = time(NULL),
        .id = id,
    };

    if (!relay_sends(&o, a))
        return true;
    snprintf(id, sizeof(id), "suite-%d-%u", (int)getpid(), ++s->letter_id);
    buf_init(&text, MESSAGE_MAX);
    bool ok = relay_print(&o, a, &text) && send_to_all(s, &o, a, buf_span(&text)) &&
              store_copy(s, a, buf_span(&text));
    buf_release(&text);
    return ok;
}

/* ------------------------------------------------------------------ programs */

static bool
pipe_action(struct suite *s, const struct sieve_action *a)
{
    const struct sieve_pipe *p = &a->details.pipe;
    struct buf in, out;

    buf_init(&in, MESSAGE_MAX);
    buf_init(&out, MESSAGE_MAX);
    bool ok = sieve_edition_print(a->edition, &in) &&
              suite_program(s, "pipe", p->program, p->arguments.items, p->arguments.count,
                            buf_span(&in), &out) == SIEVE_YES;
    buf_release(&in);
    buf_release(&out);
    if (!ok)
        suite_note(s, "a program that a message is piped to has failed");
    s->has_piped = s->has_piped || (ok && !a->copy);
    s->has_failed_try = s->has_failed_try || (!ok && p->is_try && !a->copy);
    return ok || p->is_try;
}

/* ------------------------------------------------------------------ all of them */

static bool
carry_out(struct suite *s, const struct sieve_action *a)
{
    switch (a->kind) {
    case SIEVE_KEEP:
    case SIEVE_FILEINTO:
        return store_action(s, a);
    case SIEVE_REDIRECT:
    case SIEVE_REJECT:
    case SIEVE_EREJECT:
    case SIEVE_VACATION:
    case SIEVE_NOTIFY:
    case SIEVE_REPORT:
        return send_action(s, a);
    case SIEVE_PIPE:
        return pipe_action(s, a);
    case SIEVE_DISCARD:
    case SIEVE_MARK:
    case SIEVE_ACTION_KINDS:
        return true;
    }
    return true;
}

/* Copies before letters, as a delivery does. */
static bool
is_copy(const struct sieve_action *a)
{
    return a->kind == SIEVE_KEEP || a->kind == SIEVE_FILEINTO;
}

static bool
carry_out_all(struct suite *s, const struct sieve_action *actions, uint32_t from, uint32_t count)
{
    bool ok = true, was_kept = s->is_kept;

    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = from; i < count; i++) {
            if (is_copy(&actions[i]) != (pass == 0) || (!actions[i].is_explicit && was_kept))
                continue;
            ok = carry_out(s, &actions[i]) && ok;
            s->is_kept = s->is_kept || !actions[i].is_explicit;
        }
    }
    return ok;
}

/* What could not be stored lands in INBOX: mail is never lost. */
static bool
keep_after_failure(struct suite *s, const struct sieve_action *last)
{
    struct sieve_action keep = *last;

    keep.kind = SIEVE_KEEP;
    keep.storage = (struct sieve_storage){.mailbox = "INBOX"};
    return store_action(s, &keep);
}

static bool
takes_message(const struct sieve_action *a)
{
    switch (a->kind) {
    case SIEVE_FILEINTO:
    case SIEVE_REDIRECT:
        return !a->copy;
    case SIEVE_KEEP:
    case SIEVE_DISCARD:
    case SIEVE_REJECT:
    case SIEVE_EREJECT:
        return true;
    case SIEVE_PIPE: /* what it did is known: has_piped */
    case SIEVE_VACATION:
    case SIEVE_NOTIFY:
    case SIEVE_REPORT:
    case SIEVE_MARK:
    case SIEVE_ACTION_KINDS:
        return false;
    }
    return false;
}

/* A program that was tried and failed is as if never asked: the keep that it cancelled is back,
 * unless something else happens to the message. */
static bool
is_left_over(struct suite *s, const struct sieve_action *actions, uint32_t count)
{
    if (!s->has_failed_try || s->has_piped)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (takes_message(&actions[i]))
            return false;
    return true;
}

bool
suite_execute(struct suite *s)
{
    uint32_t count;
    const struct sieve_action *actions = sieve_run_finish(s->run, &count);
    bool ok = carry_out_all(s, actions, s->executed, count);

    if ((!ok || is_left_over(s, actions, count)) && !s->is_kept && count > 0)
        s->is_kept = keep_after_failure(s, &actions[count - 1]);
    sieve_run_resume(s->run);
    sieve_run_actions(s->run, &s->executed);
    return ok;
}
