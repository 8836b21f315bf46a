/* SPDX-License-Identifier: MIT
 *
 * doorstep sieve check, run and explain: a script out of a file, without daemon and configuration.
 */
#include "tool_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "doorstep/charset.h"
#include "doorstep/sieve_settings.h"
#include "sieve/account_facts_priv.h"

static bool
compile(const struct tool *t, struct script *s)
{
    return script_compile(s, tool_option(t, "administrator") != NULL);
}

/* ------------------------------------------------------------------ check */

int
cmd_sieve_check(struct tool *t)
{
    struct script s;
    int code = script_read(&s, tool_arg(t, 0));

    if (code == EX_OK) {
        code = compile(t, &s) ? EX_OK : EX_DATAERR;
        json_t *notes = t->json ? script_notes(s.report, false) : NULL;
        if (notes != NULL)
            tool_print_json(t, notes);
        else
            script_print_report(&s, stdout);
        json_decref(notes);
    }
    script_release(&s);
    return code;
}

/* ------------------------------------------------------------------ run, explain */

/* A script that is refused would do nothing: its errors stand where the actions would. */
static int
refuse(const struct tool *t, const struct script *s)
{
    if (!t->json) {
        script_print_report(s, stderr);
        return EX_DATAERR;
    }
    json_t *o = json_pack("{s:[], s:b, s:o}", "actions", "implicit_keep", 1, "errors",
                          script_notes(s->report, true));
    tool_print_json(t, o);
    json_decref(o);
    return EX_DATAERR;
}

static void
say(const struct tool *t, struct sieve_run *r, enum sieve_status status, struct explain *why)
{
    if (!t->json) {
        if (why != NULL)
            puts("");
        outcome_print(r, status);
        return;
    }
    json_t *o = outcome_json(r, status);
    if (why != NULL)
        json_object_set_new(o, "steps", why->json);
    tool_print_json(t, o);
    json_decref(o);
}

/* Without an account the script runs alone, and nothing is there. */
static int
run_on(struct tool *t, const struct script *s, struct account_facts *facts,
       const struct message_input *m, struct explain *why)
{
    const struct sieve_host host =
        s->account != NULL ? account_facts_host(facts) : (struct sieve_host){.arg = NULL};
    struct charsets *charsets = charsets_new();
    const struct sieve_input input = {
        .message = buf_span(&m->text),
        .envelope = &m->envelope,
        .user = &m->user,
        .host = &host,
        .limits = &s->limits,
        .charsets = charsets,
        .now = time(NULL),
        .on_trace = why == NULL ? NULL : explain_trace,
        .trace_arg = why,
    };
    struct sieve_run *r = sieve_run_new(&input);
    int code = EX_OSERR;

    if (r != NULL) {
        enum sieve_status status = s->account != NULL ? layers_run(facts->layers, r, why)
                                                      : sieve_run_script(r, s->program);
        say(t, r, status, why);
        code = status == SIEVE_OK ? EX_OK : TOOL_FAILED;
    } else {
        tool_error(code, "the message cannot be read: too many header fields");
    }
    sieve_run_free(r);
    charsets_free(charsets);
    return code;
}

/* An account is meant where there is no such file. */
static int
read_script(struct tool *t, struct script *s, bool may_be_account)
{
    const char *what = tool_arg(t, 0);

    if (may_be_account && strchr(what, '@') != NULL && access(what, F_OK) != 0)
        return script_of_account(s, t, what);
    return script_read(s, what);
}

static int
try_script(struct tool *t, struct explain *why)
{
    struct script s;
    struct layers layers = {.count = 0};
    struct account_facts facts = {.layers = NULL};
    struct message_input m = {0};
    int code = read_script(t, &s, why != NULL);
    const struct settings *c = code == EX_OK && s.account != NULL ? tool_settings(t) : NULL;

    if (c != NULL) {
        s.global = c->sieve.global;
        sieve_settings_limits(&c->sieve, &s.limits);
    }

    if (code == EX_OK && !compile(t, &s))
        code = refuse(t, &s);
    if (code == EX_OK && s.account != NULL)
        code = layers_open(&layers, t, s.account, &s);
    if (code == EX_OK && s.account != NULL)
        code = account_facts_open(&facts, &layers);
    if (code == EX_OK && (code = message_read(&m, t, s.account)) == EX_OK) {
        if (s.account != NULL)
            layers_know(&layers, &m.user);
        if (why != NULL)
            *why = (struct explain){
                .script = &s, .out = stdout, .json = t->json ? json_array() : NULL};
        code = run_on(t, &s, &facts, &m, why);
    }
    message_release(&m);
    account_facts_release(&facts);
    layers_release(&layers);
    script_release(&s);
    return code;
}

int
cmd_sieve_run(struct tool *t)
{
    return try_script(t, NULL);
}

int
cmd_sieve_explain(struct tool *t)
{
    struct explain *why = malloc(sizeof(*why));

    if (why == NULL)
        return tool_error(EX_OSERR, "no memory");
    int code = try_script(t, why);
    free(why);
    return code;
}
