/* SPDX-License-Identifier: MIT
 *
 * RFC 5490 3.3 to 4.2: annotations (RFC 5464) of mailboxes and of the server. They count as a part
 * of the script: when they cannot be had for now, the message waits (5).
 */
#include "../extensions_priv.h"

#include "doorstep/charset.h"

#define ANNOTATION_MAX (1024 * 1024) /* octets of a value */

/* RFC 5464 3.2: "/private/..." or "/shared/...", ASCII, no empty or wild component. */
static bool
is_annotation(struct span s)
{
    if (!span_has_prefix_fold(s, SPAN("/private/")) && !span_has_prefix_fold(s, SPAN("/shared/")))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool is_empty_part = s.p[i] == '/' && (i + 1 == s.n || s.p[i + 1] == '/');
        if (s.p[i] < ' ' || s.p[i] == 127 || s.p[i] == '*' || s.p[i] == '%' || is_empty_part)
            return false;
    }
    return utf8_is_ascii(s);
}

static void
warn_of_annotations(struct sieve_check *c, const struct sieve_value *names)
{
    struct span name;

    for (uint32_t i = 0; i < names->count; i++) {
        const struct sieve_text *t = sieve_text_at(names, i);
        if (sieve_text_constant(t, &name) && !is_annotation(name))
            sieve_check_warning(c, sieve_text_place(t),
                                "'%.*s' can be no annotation: names begin with /private/ or "
                                "/shared/",
                                name.n < 80 ? (int)name.n : 80, name.p);
    }
}

static bool
check_names(struct sieve_check *c, struct sieve_op *op)
{
    warn_of_annotations(c, &op->arguments[op->argument_count - 1]);
    return true;
}

static bool
check_compare(struct sieve_check *c, struct sieve_op *op)
{
    warn_of_annotations(c, &op->arguments[op->argument_count - 2]);
    return true;
}

/* The value of an annotation in the run's memory. FALSE: it does not exist. */
static enum sieve_truth
read_annotation(struct sieve_run *r, const struct sieve_op *op, struct span mailbox,
                struct span name, struct span *out)
{
    const struct sieve_host *h = sieve_run_input(r)->host;
    struct buf value;

    if (h == NULL || h->metadata == NULL || !is_annotation(name))
        return SIEVE_FALSE;
    buf_init(&value, ANNOTATION_MAX);
    enum sieve_truth truth = sieve_run_answer(r, op, h->metadata(h->arg, mailbox, name, &value));
    *out = (struct span){sieve_run_copy(r, buf_span(&value)), value.len};
    buf_release(&value);
    return out->p == NULL ? SIEVE_BROKEN : truth;
}

/* "" for the server; FALSE: no mailbox can have that name. */
static enum sieve_truth
take_mailbox(struct sieve_run *r, const struct sieve_op *op, bool has_mailbox, struct span *out)
{
    *out = SPAN_NONE;
    if (!has_mailbox)
        return SIEVE_TRUE;
    if (!sieve_value_string(r, &op->arguments[0], out))
        return SIEVE_BROKEN;
    return sieve_mailbox_is_valid(*out) ? SIEVE_TRUE : SIEVE_FALSE;
}

static enum sieve_truth
compare(struct sieve_run *r, const struct sieve_op *op, bool has_mailbox)
{
    const struct sieve_value *names = &op->arguments[has_mailbox ? 1 : 0];
    struct sieve_match *m = sieve_match_begin(r, op, &op->arguments[op->argument_count - 1]);
    struct span mailbox, name, value = SPAN_NONE;
    enum sieve_truth truth = m == NULL ? SIEVE_BROKEN : take_mailbox(r, op, has_mailbox, &mailbox);

    if (truth == SIEVE_TRUE)
        truth = sieve_value_string(r, names, &name) ? read_annotation(r, op, mailbox, name, &value)
                                                    : SIEVE_BROKEN;
    if (truth == SIEVE_TRUE)
        truth = sieve_match_value(m, value);
    return truth == SIEVE_BROKEN ? truth : sieve_match_end(m, truth);
}

static enum sieve_truth
exist(struct sieve_run *r, const struct sieve_op *op, bool has_mailbox)
{
    const struct sieve_value *names = &op->arguments[has_mailbox ? 1 : 0];
    struct span mailbox, name, value;
    enum sieve_truth truth = take_mailbox(r, op, has_mailbox, &mailbox);

    for (uint32_t i = 0; truth == SIEVE_TRUE && i < names->count; i++)
        truth = sieve_text_get(r, sieve_text_at(names, i), &name)
                    ? read_annotation(r, op, mailbox, name, &value)
                    : SIEVE_BROKEN;
    return truth;
}

static enum sieve_truth
test_metadata(struct sieve_run *r, const struct sieve_op *op)
{
    return compare(r, op, true);
}

static enum sieve_truth
test_metadataexists(struct sieve_run *r, const struct sieve_op *op)
{
    return exist(r, op, true);
}

static enum sieve_truth
test_servermetadata(struct sieve_run *r, const struct sieve_op *op)
{
    return compare(r, op, false);
}

static enum sieve_truth
test_servermetadataexists(struct sieve_run *r, const struct sieve_op *op)
{
    return exist(r, op, false);
}

static const struct sieve_definition mailbox_definitions[] = {
    {.name = "metadata",
     .is_test = true,
     .arguments = "ssl",
     .classes = SIEVE_ON_COMPARE,
     .check = check_compare,
     .test = test_metadata},
    {.name = "metadataexists",
     .is_test = true,
     .arguments = "sl",
     .check = check_names,
     .test = test_metadataexists},
    {0},
};

const struct sieve_extension sieve_mboxmetadata = {.name = "mboxmetadata",
                                                   .definitions = mailbox_definitions};

static const struct sieve_definition server_definitions[] = {
    {.name = "servermetadata",
     .is_test = true,
     .arguments = "sl",
     .classes = SIEVE_ON_COMPARE,
     .check = check_compare,
     .test = test_servermetadata},
    {.name = "servermetadataexists",
     .is_test = true,
     .arguments = "l",
     .check = check_names,
     .test = test_servermetadataexists},
    {0},
};

const struct sieve_extension sieve_servermetadata = {.name = "servermetadata",
                                                     .definitions = server_definitions};
