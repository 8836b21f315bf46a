/* SPDX-License-Identifier: MIT
 *
 * A script and a message, with "\n%%\n" between them: budgets hold, the actions are no more than
 * allowed, every edition can be printed, and what leaves has a header that nothing broke out of. A
 * host that answers by a hash of what it is asked stands for the outside.
 */
#include <stdlib.h>

#include "doorstep/relay.h"
#include "doorstep/sieve.h"

#define MESSAGE_MAX ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ------------------------------------------------------------------ the outside */

static enum sieve_answer
answer(struct span s)
{
    uint32_t hash = 5381;

    for (size_t i = 0; i < s.n; i++)
        hash = hash * 33 + (unsigned char)s.p[i];
    return hash % 7 == 0 ? SIEVE_TEMPFAIL : hash % 2 == 0 ? SIEVE_YES : SIEVE_NO;
}

static enum sieve_answer
one(void *arg, struct span s)
{
    (void)arg;
    return answer(s);
}

static enum sieve_answer
two(void *arg, struct span a, struct span b)
{
    (void)arg, (void)a;
    return answer(b);
}

static enum sieve_answer
listed(void *arg, struct span list, struct span value, struct buf *found)
{
    buf_append_span(found, value);
    return two(arg, list, value);
}

static enum sieve_answer
metadata(void *arg, struct span mailbox, struct span name, struct buf *out)
{
    (void)arg;
    return buf_append_span(out, mailbox) && buf_append_str(out, "\r\n\xff") ? answer(name)
                                                                            : SIEVE_TEMPFAIL;
}

static enum sieve_answer
duplicate(void *arg, struct span key, uint32_t seconds)
{
    (void)arg, (void)seconds;
    return answer(key);
}

static bool
environment(void *arg, struct span name, struct buf *out)
{
    (void)arg;
    return answer(name) == SIEVE_YES && buf_append_span(out, name);
}

static enum sieve_answer
program(void *arg, const char *kind, const char *name, const char *const *arguments, uint32_t count,
        struct span in, struct buf *out)
{
    (void)arg, (void)kind, (void)arguments, (void)count;
    buf_append_span(out, in);
    return answer(span_of(name));
}

static const struct sieve_host host = {
    .mailbox_exists = one,
    .special_use_exists = two,
    .mailbox_id_exists = one,
    .metadata = metadata,
    .duplicate = duplicate,
    .list_has = listed,
    .list_is_known = one,
    .environment = environment,
    .program = program,
};

static const struct sieve_user user = {
    .address = "ann@example.org",
    .name = "ann",
    .delimiters = "+",
    .postmaster = "postmaster@example.org",
    .hostname = "mx.example.org",
};

static const struct sieve_envelope envelope = {
    .sender = "bob@example.com",
    .recipient = "ann+d@example.org",
    .original_recipient = "",
    .login = "",
    .notify = "SUCCESS",
    .ret = "HDRS",
    .envid = "x",
    .deliverby = "60;RT",
};

/* ------------------------------------------------------------------ what must hold */

/* Each line of the header is a field or goes on with one. */
static void
check_header(struct span text)
{
    while (text.n > 0) {
        size_t n = span_find(text, '\n');
        struct span line = {text.p, n};
        if (n == text.n || n == 0 || line.p[n - 1] != '\r')
            abort();
        if (n == 1)
            return;
        bool goes_on = line.p[0] == ' ' || line.p[0] == '\t';
        if (!goes_on && span_find(line, ':') == line.n)
            abort();
        text = span_skip(text, n + 1);
    }
}

static void
check_letter(const struct sieve_action *a)
{
    const struct relay_origin o = {
        .user = &user, .envelope = &envelope, .now = 1700000000, .id = "fuzz"};
    struct buf out;

    if (!relay_sends(&o, a))
        return;
    buf_init(&out, MESSAGE_MAX);
    if (!relay_print(&o, a, &out) || relay_recipient(&o, a, 0) == NULL)
        abort();
    if (a->kind == SIEVE_NOTIFY || a->kind == SIEVE_REPORT || a->kind == SIEVE_REJECT)
        check_header(buf_span(&out));
    buf_release(&out);
}

static void
check_action(const struct sieve_action *a, struct span message)
{
    struct buf out;

    buf_init(&out, MESSAGE_MAX);
    if (!sieve_edition_print(a->edition, &out))
        abort();
    if (sieve_edition_is_original(a->edition) && !span_equal(buf_span(&out), message))
        abort();
    buf_release(&out);
    if (sieve_action_name(a->kind) == NULL || a->script == NULL)
        abort();
    if ((a->kind == SIEVE_KEEP || a->kind == SIEVE_FILEINTO) &&
        (a->storage.mailbox == NULL || a->storage.mailbox[0] == '\0'))
        abort();
    check_letter(a);
}

static void
trace(void *arg, const struct sieve_trace *t)
{
    uint32_t *steps = arg;

    if (t->script == NULL)
        abort();
    ++*steps;
}

/* ------------------------------------------------------------------ a run */

static void
run(const struct sieve_program *p, struct span message, const struct sieve_limits *limits)
{
    struct charsets *charsets = charsets_new();
    static const char *const flags[] = {"\\Seen"};
    uint32_t count, steps = 0;
    struct sieve_input in = {
        .message = message,
        .envelope = &envelope,
        .user = &user,
        .host = &host,
        .limits = limits,
        .charsets = charsets,
        .now = 1700000000,
        .flags = {flags, 1},
        .on_trace = trace,
        .trace_arg = &steps,
    };
    struct sieve_run *r = sieve_run_new(&in);

    if (r != NULL) {
        enum sieve_status status = sieve_run_script(r, p);
        if (status != SIEVE_OK && sieve_run_error(r)->text == NULL)
            abort();
        if (sieve_run_goes_on(r))
            sieve_run_script(r, p); /* as a script behind this one */
        const struct sieve_action *actions = sieve_run_finish(r, &count);
        if (count > limits->actions_max + 1)
            abort();
        for (uint32_t i = 0; i < count; i++)
            check_action(&actions[i], message);
    }
    sieve_run_free(r);
    charsets_free(charsets);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span all = {(const char *)data, size}, script = all, message = SPAN_NONE;
    const char *split = size == 0 ? NULL : memmem(data, size, "\n%%\n", 4);
    struct sieve_report *report = malloc(sizeof(*report));
    struct sieve_limits limits;
    struct sieve_compiler compiler = {.limits = &limits, .is_administrators = true};

    if (report == NULL)
        return 0;
    if (split != NULL) {
        script.n = (size_t)(split - all.p) + 1;
        message = span_skip(all, script.n + 3);
    }
    sieve_limits_default(&limits);
    limits.steps_max = 10000;
    limits.work_max = 4 << 20;
    limits.memory_max = 8 << 20;
    sieve_report_init(report);
    struct sieve_program *p = sieve_compile(&compiler, "fuzz", script, report);
    if (p != NULL)
        run(p, message, &limits);
    sieve_program_free(p);
    sieve_report_release(report);
    free(report);
    return 0;
}
