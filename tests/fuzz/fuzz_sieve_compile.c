/* SPDX-License-Identifier: MIT
 *
 * A Sieve script: whatever it is, there is a program or an error, never both and never neither;
 * each place lies in the text; the report can be printed. What it includes is the script itself.
 */
#include <stdlib.h>

#include "doorstep/sieve.h"

#define REPORT_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum sieve_found
load(void *arg, enum sieve_location location, struct span name, struct buf *out)
{
    const struct span *text = arg;

    if (name.n == 0 || location == SIEVE_GLOBAL)
        return SIEVE_MISSING;
    return buf_append_span(out, *text) ? SIEVE_FOUND : SIEVE_UNKNOWN;
}

static void
check_report(const struct sieve_report *report, struct span text)
{
    struct buf out;

    for (uint32_t i = 0; i < report->count; i++) {
        const struct sieve_note *n = &report->notes[i];
        if (n->text == NULL || n->text[0] == '\0' || n->source == NULL || n->script == NULL)
            abort();
        if (n->at.line != 0 && n->at.offset > text.n)
            abort();
    }
    buf_init(&out, REPORT_MAX);
    if (!sieve_report_print(report, &out))
        abort();
    buf_release(&out);
}

/* Is it taken? */
static bool
compile(struct span text, bool is_administrators, bool counts_errors)
{
    struct sieve_limits limits;
    struct sieve_report *report = malloc(sizeof(*report));
    struct sieve_compiler compiler = {
        .limits = &limits,
        .is_administrators = is_administrators,
        .counts_errors = counts_errors,
        .load = load,
        .arg = &text,
    };

    if (report == NULL)
        abort();
    sieve_limits_default(&limits);
    limits.includes_max = 5;
    sieve_report_init(report);
    struct sieve_program *p = sieve_compile(&compiler, "fuzz", text, report);
    if ((p == NULL) != (report->errors > 0))
        abort();
    if (p != NULL && sieve_program_octets(p) == 0)
        abort();
    check_report(report, text);
    bool is_taken = p != NULL;
    sieve_program_free(p);
    sieve_report_release(report);
    free(report);
    return is_taken;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};

    bool is_taken = compile(text, false, false);

    if (compile(text, false, true) != is_taken) /* errors are counted otherwise; there are some */
        abort();
    compile(text, true, false);
    return 0;
}
