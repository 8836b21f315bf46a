/* SPDX-License-Identifier: MIT
 *
 * Scripts that include one another, with "\n%%\n" between them: the first is run, the others are
 * found by their number, personal ones as "1" and global ones as "2", and so on. They edit a
 * message whose header is right and set its flags: what comes out must be right as well.
 */
#include <stdlib.h>

#include "doorstep/sieve.h"

#define SCRIPTS_MAX 8
#define MESSAGE_MAX ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
    struct span scripts[SCRIPTS_MAX];
    unsigned count;
    uint64_t asked; /* questions so far: their number decides on the answers */
};

static enum sieve_answer
answer(struct world *w)
{
    w->asked++;
    return w->asked % 31 == 0 ? SIEVE_TEMPFAIL : w->asked % 3 == 0 ? SIEVE_NO : SIEVE_YES;
}

static enum sieve_answer
about_one(void *arg, struct span s)
{
    (void)s;
    return answer(arg);
}

static enum sieve_answer
about_use(void *arg, struct span mailbox, struct span use)
{
    (void)mailbox, (void)use;
    return answer(arg);
}

static enum sieve_answer
metadata(void *arg, struct span mailbox, struct span name, struct buf *out)
{
    buf_append_span(out, mailbox);
    buf_append_span(out, name);
    return answer(arg);
}

static enum sieve_answer
duplicate(void *arg, struct span key, uint32_t seconds)
{
    if (seconds == 0 || memchr(key.p, '\0', key.n) != NULL)
        abort();
    return answer(arg);
}

static bool
environment(void *arg, struct span name, struct buf *out)
{
    return answer(arg) == SIEVE_YES && buf_append_span(out, name);
}

static const char *
setting(void *arg, const char *name)
{
    return answer(arg) == SIEVE_YES ? NULL : name;
}

static enum sieve_found
load(void *arg, enum sieve_location location, struct span name, struct buf *out)
{
    const struct world *w = arg;
    unsigned i =
        name.n == 1 && name.p[0] >= '1' && name.p[0] <= '9' ? (unsigned)name.p[0] - '0' : 0;

    if (i == 0 || i >= w->count || (i % 2 == 0) != (location == SIEVE_GLOBAL))
        return i >= w->count ? SIEVE_UNKNOWN : SIEVE_MISSING;
    return buf_append_span(out, w->scripts[i]) ? SIEVE_FOUND : SIEVE_MISSING;
}

/* ------------------------------------------------------------------ what must hold */

/* Each line of the header is short, and a field or goes on with one. */
static void
check_message(const struct sieve_edition *e)
{
    struct buf out;
    buf_init(&out, MESSAGE_MAX);
    if (!sieve_edition_print(e, &out))
        abort();
    struct span text = buf_span(&out);
    size_t n = 1;
    for (; n > 0; text = span_skip(text, n + 1)) {
        n = span_find(text, '\n');
        struct span line = {text.p, n};
        bool goes_on = n > 0 && (line.p[0] == ' ' || line.p[0] == '\t');
        if (n == text.n || n > 998 || memchr(line.p, '\r', n) != NULL ||
            memchr(line.p, '\0', n) != NULL || (n > 0 && !goes_on && span_find(line, ':') == n))
            abort();
    }
    if (!span_equal(text, SPAN("body\n")))
        abort();
    buf_release(&out);
}

static void
check_flags(const struct sieve_strings *flags)
{
    for (uint32_t i = 0; i < flags->count; i++) {
        if (flags->items[i][0] == '\0' || strpbrk(flags->items[i], " (){%*\"]\r\n") != NULL)
            abort();
        for (uint32_t k = 0; k < i && i < 50; k++)
            if (span_equal_fold(span_of(flags->items[i]), span_of(flags->items[k])))
                abort();
    }
}

static void
check_actions(struct sieve_run *r, const struct sieve_limits *limits)
{
    uint32_t count;
    const struct sieve_action *actions = sieve_run_finish(r, &count);

    if (count > limits->actions_max + 1)
        abort();
    for (uint32_t i = 0; i < count; i++) {
        check_flags(&actions[i].storage.flags);
        check_message(actions[i].edition);
    }
}

static void
run(struct world *w, const struct sieve_program *p, const struct sieve_limits *limits)
{
    static const char *const flags[] = {"\\Seen", "$Junk"};
    static const struct sieve_user user = {.address = "ann@example.org", .name = "ann"};
    static const struct sieve_envelope envelope = {
        "bob@example.com", "ann@example.org", "", "", "", "", "", "", ""};
    const struct sieve_host host = {
        .mailbox_exists = about_one,
        .special_use_exists = about_use,
        .mailbox_id_exists = about_one,
        .metadata = metadata,
        .duplicate = duplicate,
        .environment = environment,
        .setting = setting,
        .arg = w,
    };
    struct charsets *charsets = charsets_new();
    const struct sieve_input in = {
        .message = SPAN("From: a@example.org\nSubject: =?utf-8?q?=C3=A4?=\n b\nX-A: 1\nX-A: 2\n"
                        "Message-ID: <1@example.org>\n\nbody\n"),
        .envelope = &envelope,
        .user = &user,
        .host = &host,
        .limits = limits,
        .charsets = charsets,
        .flags = {flags, 2},
    };
    struct sieve_run *r = sieve_run_new(&in);

    if (r != NULL) {
        sieve_run_script(r, p);
        if (sieve_run_goes_on(r))
            sieve_run_script(r, p);
        check_actions(r, limits);
    }
    sieve_run_free(r);
    charsets_free(charsets);
}

static void
split(struct span all, struct world *w)
{
    while (w->count < SCRIPTS_MAX) {
        const char *hit = all.n == 0 ? NULL : memmem(all.p, all.n, "\n%%\n", 4);
        size_t n = hit == NULL ? all.n : (size_t)(hit - all.p) + 1;
        w->scripts[w->count++] = (struct span){all.p, n};
        if (hit == NULL)
            return;
        all = span_skip(all, n + 3);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sieve_report *report = malloc(sizeof(*report));
    struct world w = {.count = 0};
    struct sieve_limits limits;
    const struct sieve_compiler compiler = {.limits = &limits, .load = load, .arg = &w};

    if (report == NULL)
        return 0;
    split((struct span){(const char *)data, size}, &w);
    sieve_limits_default(&limits);
    limits.steps_max = 10000;
    limits.work_max = 4 << 20;
    limits.memory_max = 8 << 20;
    limits.include_depth_max = 5;
    limits.includes_max = 6;
    sieve_report_init(report);
    struct sieve_program *p = sieve_compile(&compiler, "0", w.scripts[0], report);
    if ((p == NULL) != (report->errors > 0))
        abort();
    if (p != NULL)
        run(&w, p, &limits);
    sieve_program_free(p);
    sieve_report_release(report);
    free(report);
    return 0;
}
