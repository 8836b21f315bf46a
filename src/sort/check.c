/* SPDX-License-Identifier: MIT
 *
 * A script that somebody wants to store: compiled, and what is wrong with it told. What it includes
 * may come later (RFC 6609 3.2), so nothing of that is looked for here.
 */
#include "sorter_priv.h"

#include "doorstep/door_frames.h"
#include "doorstep/pack.h"

static enum sieve_found
not_looked_for(void *arg, enum sieve_location location, struct span name, struct buf *out)
{
    (void)arg;
    (void)location;
    (void)name;
    (void)out;
    return SIEVE_UNKNOWN;
}

/* What the report shows of the script may be no UTF-8. */
static bool
print_report(const struct sieve_report *report, struct buf *out)
{
    struct buf raw;

    buf_init(&raw, SORT_REPORT_MAX / 4); /* as UTF-8 it may grow */
    sieve_report_print(report, &raw);    /* as much of it as fits */
    bool ok = charset_guess_to_utf8(buf_span(&raw), out);
    buf_release(&raw);
    return ok;
}

static bool
pack_report(struct sorter *so, const struct sieve_report *report)
{
    struct buf text;
    struct pack p;

    buf_init(&text, SORT_REPORT_MAX);
    bool ok = print_report(report, &text);
    buf_reset(&so->packed);
    pack_init(&p, &so->packed);
    pack_u32(&p, report->errors);
    pack_u32(&p, report->warnings);
    pack_span(&p, buf_span(&text));
    buf_release(&text);
    return ok && !p.full;
}

enum sorter_result
sorter_check(struct sorter *so, uint64_t id, const char *name)
{
    const struct sieve_compiler compiler = {.limits = &so->options->sieve,
                                            .is_administrators = so->options->has_user_programs,
                                            .load = not_looked_for};
    struct sieve_report report;

    sieve_report_init(&report);
    struct sieve_program *p = sieve_compile(&compiler, name, buf_span(&so->script), &report);
    bool ok = pack_report(so, &report);
    sieve_program_free(p);
    sieve_report_release(&report);
    return ok ? sorter_send(so, SORT_REPORT, id, buf_span(&so->packed)) : SORTER_IS_BROKEN;
}
