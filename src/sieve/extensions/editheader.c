/* SPDX-License-Identifier: MIT
 *
 * RFC 5293: addheader and deleteheader. What they may not touch they leave in silence (6); how a
 * field is written, and that actions keep what they saw, is edition.c's.
 */
#include "../extensions_priv.h"

#include <stdio.h>

#define FIELD_MAX_LEAST 998 /* 4: no limit may be less */
#define NAME_MAX_OCTETS 200 /* of a field that is added: its line has to end somewhere */

/* ------------------------------------------------------------------ what may be changed (6) */

static bool
is_listed(const char *names, struct span name)
{
    struct span rest = span_of(names);

    while (rest.n > 0) {
        size_t n = 0;
        while (n < rest.n && strchr(" \t,", rest.p[n]) == NULL)
            n++;
        if (span_equal_fold((struct span){rest.p, n}, name))
            return true;
        rest = span_skip(rest, n + 1);
    }
    return false;
}

/* "sieve_editheader_header/NAME/forbid_add", where NAME is in sieve_editheader_header; the field's
 * own name may be said in .../name. */
static bool
is_forbidden_by_entry(struct sieve_run *r, struct span entry, struct span name, const char *what)
{
    char setting[256];

    snprintf(setting, sizeof(setting), "sieve_editheader_header/%.*s/name",
             entry.n < 128 ? (int)entry.n : 128, entry.p);
    const char *own = sieve_setting(r, setting, NULL);
    if (!span_equal_fold(own == NULL ? entry : span_of(own), name))
        return false;
    snprintf(setting, sizeof(setting), "sieve_editheader_header/%.*s/%s",
             entry.n < 128 ? (int)entry.n : 128, entry.p, what);
    return sieve_setting_bool(r, setting, false);
}

static bool
is_forbidden_by_entries(struct sieve_run *r, struct span name, const char *what)
{
    struct span rest = span_of(sieve_setting(r, "sieve_editheader_header", ""));

    while (rest.n > 0) {
        struct span entry = {rest.p, strcspn(rest.p, " \t,")};
        if (entry.n > 0 && is_forbidden_by_entry(r, entry, name, what))
            return true;
        rest = span_skip(rest, entry.n + 1);
    }
    return false;
}

/* Whatever the site says: the subject may be changed. */
static bool
may_add(struct sieve_run *r, struct span name)
{
    return span_equal_fold(name, SPAN("Subject")) ||
           !(is_listed(sieve_setting(r, "sieve_editheader_protected", ""), name) ||
             is_listed(sieve_setting(r, "sieve_editheader_forbid_add", ""), name) ||
             is_forbidden_by_entries(r, name, "forbid_add"));
}

/* And what a message went through may not be hidden, nor what it was before replace changed it
 * (RFC 5703 5). */
static bool
may_delete(struct sieve_run *r, struct span name)
{
    if (span_equal_fold(name, SPAN("Subject")))
        return true;
    return !(span_equal_fold(name, SPAN("Received")) ||
             span_equal_fold(name, SPAN("Original-Subject")) ||
             span_equal_fold(name, SPAN("Original-From")) ||
             span_equal_fold(name, SPAN("Auto-Submitted")) ||
             is_listed(sieve_setting(r, "sieve_editheader_protected", ""), name) ||
             is_listed(sieve_setting(r, "sieve_editheader_forbid_delete", ""), name) ||
             is_forbidden_by_entries(r, name, "forbid_delete"));
}

/* ------------------------------------------------------------------ names */

static bool
check_name(struct sieve_check *c, struct sieve_op *op)
{
    struct span name;

    if (sieve_text_constant(op->arguments[0].strings, &name) && !sieve_field_name_is_valid(name))
        return sieve_check_error(c, op->arguments[0].at, "'%.*s' is no name of a header field",
                                 name.n < 80 ? (int)name.n : 80, name.p);
    return true;
}

static bool
take_name(struct sieve_run *r, const struct sieve_op *op, struct span *out)
{
    if (!sieve_value_string(r, &op->arguments[0], out))
        return false;
    if (!sieve_field_name_is_valid(*out))
        return sieve_run_fail(r, op, "'%.*s' is no name of a header field",
                              out->n < 80 ? (int)out->n : 80, out->p);
    return true;
}

/* ------------------------------------------------------------------ addheader (4) */

enum { SLOT_ADD_LAST = SIEVE_SLOT_OWN };

static const struct sieve_tag add_tags[] = {
    {"last", SIEVE_TAKES_NOTHING, SLOT_ADD_LAST, 0, 0, NULL},
    {0},
};

static uint32_t
longest(const struct sieve_limits *l)
{
    return l->header_max < FIELD_MAX_LEAST ? FIELD_MAX_LEAST : l->header_max;
}

static bool
is_too_long(const struct sieve_limits *l, struct span name, struct span value)
{
    return name.n > NAME_MAX_OCTETS || name.n + 2 + value.n > longest(l);
}

static bool
check_addheader(struct sieve_check *c, struct sieve_op *op)
{
    const struct sieve_limits *l = sieve_check_limits(c);
    struct span name, value;

    if (!check_name(c, op))
        return false;
    if (sieve_text_constant(op->arguments[0].strings, &name) &&
        sieve_text_constant(op->arguments[1].strings, &value) && is_too_long(l, name, value))
        return sieve_check_error(c, op->arguments[1].at,
                                 "the header field is longer than %u octets", longest(l));
    return true;
}

static enum sieve_step
run_addheader(struct sieve_run *r, const struct sieve_op *op)
{
    const struct sieve_limits *l = sieve_run_input(r)->limits;
    bool is_last = sieve_op_tag(op, SLOT_ADD_LAST) != NULL;
    struct span name, value;

    if (!take_name(r, op, &name) || !sieve_value_string(r, &op->arguments[1], &value))
        return SIEVE_BREAKDOWN;
    if (!may_add(r, name))
        return SIEVE_GO;
    if (is_too_long(l, name, value)) {
        sieve_run_fail(r, op, "the header field is longer than %u octets", longest(l));
        return SIEVE_BREAKDOWN;
    }
    return sieve_message_add(r, is_last, name, value) ? SIEVE_GO : SIEVE_BREAKDOWN;
}

/* ------------------------------------------------------------------ deleteheader (5) */

static bool
check_index(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    (void)op;
    return value->number > 0 || sieve_check_error(c, value->at, "':index' counts from 1");
}

static bool
check_last(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    return sieve_op_tag(op, SIEVE_SLOT_INDEX) != NULL ||
           sieve_check_error(c, value->at, "':last' needs ':index'");
}

static const struct sieve_tag delete_tags[] = {
    {"index", SIEVE_TAKES_NUMBER, SIEVE_SLOT_INDEX, 0, 0, check_index},
    {"last", SIEVE_TAKES_NOTHING, SIEVE_SLOT_LAST, 0, 0, check_last},
    {0},
};

struct deletion {
    struct sieve_run *run;
    struct sieve_match *match; /* NULL: whatever the value is */
    struct span name;
    uint64_t index, seen; /* index 0: every field */
    bool *is_gone;        /* NULL as long as no field is */
    bool is_any;
};

static enum sieve_truth
matches(struct deletion *d, const struct sieve_field *f)
{
    struct span value;

    if (d->match == NULL)
        return SIEVE_TRUE;
    if (!sieve_field_value(d->run, f, true, &value))
        return SIEVE_BROKEN;
    enum sieve_truth truth = sieve_match_value(d->match, value);
    return sieve_match_counts(d->match) && truth == SIEVE_FALSE ? SIEVE_TRUE : truth;
}

static bool
mark(struct deletion *d, const struct sieve_fields *fields, uint32_t i)
{
    if (d->is_gone == NULL)
        d->is_gone = sieve_run_alloc(d->run, fields->count * sizeof(bool));
    if (d->is_gone != NULL)
        d->is_gone[i] = d->is_any = true;
    return d->is_gone != NULL;
}

/* Fields are counted before they are compared; :last counts from the end. */
static bool
visit(struct deletion *d, const struct sieve_fields *fields, uint32_t i)
{
    const struct sieve_field *f = &fields->items[i];

    if (f->is_broken || !span_equal_fold(f->name, d->name))
        return true;
    if (d->index > 0 && ++d->seen != d->index)
        return true;
    enum sieve_truth truth = matches(d, f);
    return truth == SIEVE_TRUE ? mark(d, fields, i) : truth == SIEVE_FALSE;
}

static bool
choose(struct deletion *d, bool is_last)
{
    const struct sieve_fields *fields = sieve_message_fields(d->run);
    bool ok = sieve_run_work(d->run, fields->count * (d->name.n + 1));

    for (uint32_t n = 0; ok && n < fields->count; n++)
        ok = visit(d, fields, is_last ? fields->count - 1 - n : n);
    if (ok && d->match != NULL && sieve_match_counts(d->match))
        d->is_any = sieve_match_end(d->match, SIEVE_FALSE) == SIEVE_TRUE && d->is_any;
    return ok;
}

static bool
delete_fields(struct sieve_run *r, const struct sieve_op *op, struct span name)
{
    const struct sieve_tagged *index = sieve_op_tag(op, SIEVE_SLOT_INDEX);
    const struct sieve_value *values = &op->arguments[1];
    struct deletion d = {.run = r, .name = name, .index = index == NULL ? 0 : index->value.number};

    if (values->kind != SIEVE_TAKES_NOTHING) {
        d.match = sieve_match_begin(r, op, values);
        if (d.match == NULL)
            return false;
        sieve_match_keep_variables(d.match); /* only tests set them (RFC 5229 3.2) */
    }
    if (!choose(&d, sieve_op_tag(op, SIEVE_SLOT_LAST) != NULL))
        return false;
    return !d.is_any || sieve_message_delete(r, d.is_gone);
}

static enum sieve_step
run_deleteheader(struct sieve_run *r, const struct sieve_op *op)
{
    struct span name;

    if (!take_name(r, op, &name))
        return SIEVE_BREAKDOWN;
    if (!may_delete(r, name))
        return SIEVE_GO;
    return delete_fields(r, op, name) ? SIEVE_GO : SIEVE_BREAKDOWN;
}

static const struct sieve_definition definitions[] = {
    {.name = "addheader",
     .arguments = "ss",
     .tags = add_tags,
     .check = check_addheader,
     .run = run_addheader},
    {.name = "deleteheader",
     .arguments = "sL",
     .tags = delete_tags,
     .classes = SIEVE_ON_COMPARE,
     .check = check_name,
     .run = run_deleteheader},
    {0},
};

const struct sieve_extension sieve_editheader = {.name = "editheader", .definitions = definitions};
