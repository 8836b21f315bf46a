/* SPDX-License-Identifier: MIT
 *
 * See sieve_case.h.
 */
#include "sieve_case.h"

#include <check.h>
#include <stdlib.h>

static struct sieve_program *
compile(struct span script, const struct sieve_limits *limits, struct buf *errors)
{
    struct sieve_compiler c = {.limits = limits};
    struct sieve_report *report = malloc(sizeof(*report));

    ck_assert_ptr_nonnull(report);
    sieve_report_init(report);
    struct sieve_program *p = sieve_compile(&c, "case", script, report);
    ck_assert_int_eq(p == NULL, report->errors > 0);
    const char *between = "";
    for (uint32_t i = 0; i < report->count; i++) {
        const struct sieve_note *n = &report->notes[i];
        if (n->severity == SIEVE_WARNING)
            continue;
        buf_printf(errors, "%s%u:%u %s", between, n->at.line, n->at.column, n->text);
        between = "; ";
    }
    sieve_report_release(report);
    free(report);
    return p;
}

void
case_errors(struct span script, const struct sieve_limits *limits, struct buf *out)
{
    sieve_program_free(compile(script, limits, out));
}

static void
print_action(const struct sieve_action *a, struct buf *out)
{
    const char *what = a->kind == SIEVE_FILEINTO   ? a->storage.mailbox
                       : a->kind == SIEVE_REDIRECT ? a->details.redirect.address
                       : a->kind == SIEVE_REJECT   ? a->details.reject.text
                                                   : NULL;

    buf_printf(out, "%s%s%s%s%s%s", out->len == 0 ? "" : "; ", a->is_explicit ? "" : "implicit ",
               sieve_action_name(a->kind), what == NULL ? "" : " ", what == NULL ? "" : what,
               a->copy ? " copy" : "");
}

static void
run(const struct sieve_program *p, struct span message, const struct sieve_limits *limits,
    struct buf *out)
{
    struct charsets *charsets = charsets_new();
    const struct sieve_envelope envelope = {
        "bob@example.com", "ann+lists@example.org", "", "", "", "", "", "", ""};
    const struct sieve_user user = {.address = "ann@example.org",
                                    .name = "ann",
                                    .delimiters = "+",
                                    .postmaster = "postmaster@example.org",
                                    .hostname = "mx.example.org"};
    const struct sieve_host nothing = {0};
    const struct sieve_input in = {.message = message,
                                   .envelope = &envelope,
                                   .user = &user,
                                   .host = &nothing,
                                   .limits = limits,
                                   .charsets = charsets,
                                   .now = 1700000000};
    struct sieve_run *r = sieve_run_new(&in);
    uint32_t count;

    ck_assert_ptr_nonnull(r);
    if (sieve_run_script(r, p) != SIEVE_OK)
        buf_printf(out, "failed: %s", sieve_run_error(r)->text);
    const struct sieve_action *actions = sieve_run_finish(r, &count);
    for (uint32_t i = 0; i < count; i++)
        print_action(&actions[i], out);
    sieve_run_free(r);
    charsets_free(charsets);
}

void
case_outcome(struct span script, struct span message, const struct sieve_limits *limits,
             struct buf *out)
{
    struct buf errors;

    buf_init(&errors, 65536);
    struct sieve_program *p = compile(script, limits, &errors);
    if (p == NULL)
        buf_printf(out, "refused: %s", buf_str(&errors));
    else
        run(p, message, limits, out);
    sieve_program_free(p);
    buf_release(&errors);
}

void
case_check(const char *name, const struct buf *seen, const char *expected)
{
    ck_assert_msg(strcmp(buf_str(seen), expected) == 0, "%s: %s\nexpected: %s", name, buf_str(seen),
                  expected);
}
