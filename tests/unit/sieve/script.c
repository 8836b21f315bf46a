/* SPDX-License-Identifier: MIT
 *
 * One run for a row of a table: see script.h.
 */
#include "script.h"

#include <stdio.h>
#include <stdlib.h>

#define OUT_MAX (64 * 1024 * 1024)

struct scene { /* one script, compiled and run */
    struct sieve_limits limits;
    struct sieve_report report;
    struct charsets *charsets;
    struct sieve_input input;
    struct sieve_program *program;
    struct sieve_run *run;
    struct buf out;
};

static const struct sieve_envelope usual_envelope = {
    .sender = "ann@example.org",
    .recipient = "bob+lists@example.net",
    .original_recipient = "",
    .login = "",
    .notify = "",
    .ret = "",
    .envid = "",
    .deliverby = "",
};

static const struct sieve_user usual_user = {
    .address = "bob@example.net",
    .name = "bob",
    .delimiters = "+",
    .postmaster = "postmaster@example.net",
    .hostname = "mx.example.net",
};

static const struct sieve_host nothing;

static void
compile(struct scene *s, const char *script)
{
    struct sieve_compiler compiler = {.limits = &s->limits};

    s->program = sieve_compile(&compiler, "script", span_of(script), &s->report);
    if (s->program == NULL)
        buf_printf(&s->out, "refused %u: %s", s->report.errors,
                   s->report.count == 0 ? "" : s->report.notes[0].text);
}

static void
run(struct scene *s, const struct script_world *w, struct span message)
{
    s->input = (struct sieve_input){
        .message = message,
        .envelope = w->envelope == NULL ? &usual_envelope : w->envelope,
        .user = &usual_user,
        .host = w->host == NULL ? &nothing : w->host,
        .limits = &s->limits,
        .charsets = s->charsets,
        .now = w->now,
    };
    s->run = sieve_run_new(&s->input);
    if (s->run == NULL)
        buf_append_str(&s->out, "failed: no memory");
    else if (sieve_run_script(s->run, s->program) != SIEVE_OK)
        buf_printf(&s->out, "failed: %s", sieve_run_error(s->run)->text);
}

/* True: it has run, and its actions can be asked for. */
static bool
open_scene(struct scene *s, const struct script_world *w, const char *script, struct span message)
{
    static const struct script_world usual;

    *s = (struct scene){.charsets = charsets_new()};
    w = w == NULL ? &usual : w;
    sieve_limits_default(&s->limits);
    if (w->limits != NULL)
        s->limits = *w->limits;
    sieve_report_init(&s->report);
    buf_init(&s->out, OUT_MAX);
    compile(s, script);
    if (s->program != NULL)
        run(s, w, message);
    return s->out.len == 0;
}

static char *
close_scene(struct scene *s)
{
    char *text = strndup(buf_str(&s->out), s->out.len);

    sieve_run_free(s->run);
    sieve_program_free(s->program);
    sieve_report_release(&s->report);
    charsets_free(s->charsets);
    buf_release(&s->out);
    return text;
}

static void
print_action(const struct sieve_action *a, struct buf *out)
{
    if (out->len > 0)
        buf_append_str(out, "; ");
    if (!a->is_explicit)
        buf_append_str(out, "(keep)");
    else
        buf_append_str(out, sieve_action_name(a->kind));
    if (a->kind == SIEVE_FILEINTO)
        buf_printf(out, " %s", a->storage.mailbox);
    if (a->kind == SIEVE_REDIRECT)
        buf_printf(out, " %s", a->details.redirect.address);
}

char *
script_outcome(const struct script_world *w, const char *script, struct span message)
{
    struct scene s;
    uint32_t count = 0;

    if (open_scene(&s, w, script, message)) {
        const struct sieve_action *actions = sieve_run_finish(s.run, &count);
        for (uint32_t i = 0; i < count; i++)
            print_action(&actions[i], &s.out);
    }
    return close_scene(&s);
}

char *
script_truth(const struct script_world *w, const char *require, const char *test,
             struct span message)
{
    struct buf script;
    buf_init(&script, OUT_MAX);
    buf_printf(&script, "require [%s]; if %s { discard; }", require, test);
    char *outcome = script_outcome(w, buf_str(&script), message);
    const char *truth = strcmp(outcome, "discard") == 0  ? "true"
                        : strcmp(outcome, "(keep)") == 0 ? "false"
                                                         : outcome;
    char *copy = strdup(truth);

    free(outcome);
    buf_release(&script);
    return copy;
}

char *
script_message(const struct script_world *w, const char *script, struct span message)
{
    struct scene s;
    uint32_t count = 0;

    if (open_scene(&s, w, script, message)) {
        const struct sieve_action *actions = sieve_run_finish(s.run, &count);
        if (count > 0)
            sieve_edition_print(actions[0].edition, &s.out);
    }
    return close_scene(&s);
}
