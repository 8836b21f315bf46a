/* SPDX-License-Identifier: MIT
 *
 * One run for a row of a table: see account.h.
 */
#include "account.h"

#include <stdlib.h>
#include <strings.h>

#define OUT_MAX (16 * 1024 * 1024)

static const char usual_message[] = "From: Ann <ann@example.org>\n"
                                    "To: bob@example.net\n"
                                    "Subject: Hello\n"
                                    "Message-ID: <1@example.org>\n"
                                    "\n"
                                    "Text.\n";

/* ------------------------------------------------------------------ the host */

static bool
is(struct span s, const char *text)
{
    return text != NULL && span_equal(s, span_of(text));
}

static enum sieve_answer
answer(const struct account *a, bool is_yes)
{
    return a->is_down ? SIEVE_TEMPFAIL : is_yes ? SIEVE_YES : SIEVE_NO;
}

static enum sieve_answer
mailbox_exists(void *arg, struct span mailbox)
{
    const struct account *a = arg;
    bool is_there = false;

    for (const struct account_mailbox *m = a->mailboxes; m != NULL && m->name != NULL; m++)
        is_there = is_there || is(mailbox, m->name);
    return answer(a, is_there);
}

static enum sieve_answer
special_use_exists(void *arg, struct span mailbox, struct span use)
{
    const struct account *a = arg;
    bool is_there = false;

    for (const struct account_mailbox *m = a->mailboxes; m != NULL && m->name != NULL; m++)
        is_there = is_there || ((mailbox.n == 0 || is(mailbox, m->name)) && m->use != NULL &&
                                span_equal_fold(use, span_of(m->use)));
    return answer(a, is_there);
}

static enum sieve_answer
mailbox_id_exists(void *arg, struct span id)
{
    const struct account *a = arg;
    bool is_there = false;

    for (const struct account_mailbox *m = a->mailboxes; m != NULL && m->name != NULL; m++)
        is_there = is_there || is(id, m->id);
    return answer(a, is_there);
}

static enum sieve_answer
metadata(void *arg, struct span mailbox, struct span name, struct buf *out)
{
    const struct account *a = arg;

    for (const struct account_annotation *n = a->annotations; n != NULL && n->name != NULL; n++)
        if (is(mailbox, n->mailbox) && is(name, n->name))
            return answer(a, buf_append_str(out, n->value));
    return answer(a, false);
}

static enum sieve_answer
duplicate(void *arg, struct span key, uint32_t seconds)
{
    const struct account *a = arg;
    bool is_there = false;

    for (const char *const *k = a->seen; k != NULL && *k != NULL; k++)
        is_there = is_there || is(key, *k);
    return answer(a, is_there && seconds > 0);
}

static const char *
find(const struct account_pair *pairs, struct span name)
{
    for (; pairs != NULL && pairs->name != NULL; pairs++)
        if (is(name, pairs->name))
            return pairs->value;
    return NULL;
}

static const char *
setting(void *arg, const char *name)
{
    const struct account *a = arg;

    return find(a->settings, span_of(name));
}

static bool
environment(void *arg, struct span name, struct buf *out)
{
    const struct account *a = arg;
    const char *value = find(a->environment, name);

    return value != NULL && buf_append_str(out, value);
}

static enum sieve_found
load(void *arg, enum sieve_location location, struct span name, struct buf *out)
{
    const struct account *a = arg;
    struct buf path;

    if (a->is_down)
        return SIEVE_UNKNOWN;
    buf_init(&path, 1024);
    buf_append_str(&path, location == SIEVE_PERSONAL ? "personal/" : "global/");
    buf_append_span(&path, name);
    const char *text = find(a->scripts, buf_span(&path));
    buf_release(&path);
    return text != NULL && buf_append_str(out, text) ? SIEVE_FOUND : SIEVE_MISSING;
}

/* ------------------------------------------------------------------ printing */

static void
print_errors(const struct sieve_report *r, enum sieve_severity severity, bool has_script,
             struct buf *out)
{
    for (uint32_t i = 0, n = 0; i < r->count; i++) {
        const struct sieve_note *note = &r->notes[i];
        if (note->severity != severity)
            continue;
        buf_append_str(out, n++ == 0 ? "" : " | ");
        if (has_script)
            buf_printf(out, "%s:", note->script);
        buf_printf(out, "%u: %s", note->at.line, note->text);
    }
}

static void
print_storage(const struct sieve_storage *s, struct buf *out)
{
    for (uint32_t i = 0; i < s->flags.count; i++)
        buf_printf(out, "%s%s", i == 0 ? " {" : " ", s->flags.items[i]);
    if (s->has_flags)
        buf_append_str(out, s->flags.count == 0 ? " {}" : "}");
    if (s->create)
        buf_append_str(out, " create");
    if (s->special_use != NULL)
        buf_printf(out, " use=%s", s->special_use);
    if (s->mailbox_id != NULL)
        buf_printf(out, " id=%s", s->mailbox_id);
}

static void
print_action(const struct sieve_action *a, struct buf *out)
{
    buf_append_str(out, a->is_explicit ? sieve_action_name(a->kind) : "(keep)");
    if (a->kind == SIEVE_FILEINTO)
        buf_printf(out, " %s", a->storage.mailbox);
    if (a->kind == SIEVE_KEEP || a->kind == SIEVE_FILEINTO)
        print_storage(&a->storage, out);
    if (a->kind == SIEVE_REDIRECT)
        buf_printf(out, " %s", a->details.redirect.address);
    if (a->kind == SIEVE_REJECT)
        buf_printf(out, " %s", a->details.reject.text);
    if (a->kind == SIEVE_MARK)
        buf_printf(out, " %s %u", a->details.mark.key, a->details.mark.seconds);
    if (a->copy)
        buf_append_str(out, " copy");
}

static void
print_actions(struct sieve_run *run, struct buf *out)
{
    uint32_t count;
    const struct sieve_action *actions = sieve_run_finish(run, &count);

    for (uint32_t i = 0; i < count; i++) {
        buf_append_str(out, i == 0 ? "" : "; ");
        print_action(&actions[i], out);
    }
    if (count > 0 && !sieve_edition_is_original(actions[count - 1].edition)) {
        buf_append_char(out, '\n');
        sieve_edition_print(actions[count - 1].edition, out);
    }
}

/* ------------------------------------------------------------------ running */

static struct sieve_program *
compile(const struct account *a, const struct sieve_limits *limits, const char *script,
        struct sieve_report *report)
{
    struct sieve_compiler compiler = {.limits = limits, .load = load, .arg = (void *)(uintptr_t)a};

    return sieve_compile(&compiler, "script", span_of(script), report);
}

static void
run(const struct account *a, const struct sieve_limits *limits, const struct sieve_program *p,
    const char *message, struct buf *out)
{
    static const struct sieve_envelope envelope = {
        "ann@example.org", "bob+lists@example.net", "", "", "", "", "", "", ""};
    static const struct sieve_user user = {.address = "bob@example.net",
                                           .name = "bob",
                                           .delimiters = "+",
                                           .postmaster = "postmaster@example.net",
                                           .hostname = "mx.example.net"};
    struct sieve_host host = {.mailbox_exists = mailbox_exists,
                              .special_use_exists = special_use_exists,
                              .mailbox_id_exists = mailbox_id_exists,
                              .metadata = metadata,
                              .duplicate = duplicate,
                              .setting = setting,
                              .environment = environment,
                              .arg = (void *)(uintptr_t)a};
    struct charsets *charsets = charsets_new();
    struct sieve_input input = {.message = span_of(message == NULL ? usual_message : message),
                                .envelope = &envelope,
                                .user = &user,
                                .host = &host,
                                .limits = limits,
                                .charsets = charsets,
                                .flags = a->flags};
    struct sieve_run *r = sieve_run_new(&input);
    enum sieve_status status = sieve_run_script(r, p);

    if (status != SIEVE_OK)
        buf_printf(out, "%s: %s:%u: %s; ", status == SIEVE_DEFERRED ? "deferred" : "failed",
                   sieve_run_error(r)->script, sieve_run_error(r)->at.line,
                   sieve_run_error(r)->text);
    print_actions(r, out);
    sieve_run_free(r);
    charsets_free(charsets);
}

char *
account_outcome(const struct account *a, const char *script, const char *message)
{
    static const struct account nothing;
    struct sieve_limits limits;
    struct sieve_report report;
    struct buf out;

    a = a == NULL ? &nothing : a;
    sieve_limits_default(&limits);
    limits = a->limits == NULL ? limits : *a->limits;
    sieve_report_init(&report);
    buf_init(&out, OUT_MAX);
    struct sieve_program *p = compile(a, &limits, script, &report);
    if (p == NULL)
        buf_append_str(&out, "refused: ");
    if (p == NULL)
        print_errors(&report, SIEVE_ERROR, true, &out);
    else
        run(a, &limits, p, message, &out);
    char *text = strdup(buf_str(&out));
    sieve_program_free(p);
    sieve_report_release(&report);
    buf_release(&out);
    return text;
}

char *
account_warnings(const struct account *a, const char *script)
{
    static const struct account nothing;
    struct sieve_limits limits;
    struct sieve_report report;
    struct buf out;

    sieve_limits_default(&limits);
    sieve_report_init(&report);
    buf_init(&out, OUT_MAX);
    sieve_program_free(compile(a == NULL ? &nothing : a, &limits, script, &report));
    print_errors(&report, SIEVE_WARNING, false, &out);
    char *text = strdup(buf_str(&out));
    sieve_report_release(&report);
    buf_release(&out);
    return text;
}
