/* SPDX-License-Identifier: MIT
 *
 * The tests of RFC 5228 section 5, but for envelope, which is an extension.
 */
#include <strings.h>

#include "base_priv.h"
#include "match_priv.h"

/* ------------------------------------------------------------------ logic */

enum sieve_truth
test_true(struct sieve_run *r, const struct sieve_op *op)
{
    (void)r, (void)op;
    return SIEVE_TRUE;
}

enum sieve_truth
test_false(struct sieve_run *r, const struct sieve_op *op)
{
    (void)r, (void)op;
    return SIEVE_FALSE;
}

enum sieve_truth
test_not(struct sieve_run *r, const struct sieve_op *op)
{
    switch (sieve_run_test(r, &op->tests[0])) {
    case SIEVE_TRUE:
        return SIEVE_FALSE;
    case SIEVE_FALSE:
        return SIEVE_TRUE;
    case SIEVE_BROKEN:
        break;
    }
    return SIEVE_BROKEN;
}

/* From left to right, no further than needed (RFC 5229 3.2 counts on it). */
enum sieve_truth
test_allof(struct sieve_run *r, const struct sieve_op *op)
{
    enum sieve_truth truth = SIEVE_TRUE;

    for (uint32_t i = 0; i < op->test_count && truth == SIEVE_TRUE; i++)
        truth = sieve_run_test(r, &op->tests[i]);
    return truth;
}

enum sieve_truth
test_anyof(struct sieve_run *r, const struct sieve_op *op)
{
    enum sieve_truth truth = SIEVE_FALSE;

    for (uint32_t i = 0; i < op->test_count && truth == SIEVE_FALSE; i++)
        truth = sieve_run_test(r, &op->tests[i]);
    return truth;
}

/* ------------------------------------------------------------------ exists (5.5), size (5.9) */

static enum sieve_truth
found(void *arg, const struct sieve_field *f)
{
    (void)arg, (void)f;
    return SIEVE_TRUE;
}

/* All of them must be there. */
enum sieve_truth
test_exists(struct sieve_run *r, const struct sieve_op *op)
{
    enum sieve_truth truth = SIEVE_TRUE;

    for (uint32_t i = 0; i < op->arguments[0].count && truth == SIEVE_TRUE; i++) {
        struct sieve_value one = op->arguments[0];
        one.strings += i;
        if (one.constants != NULL)
            one.constants += i;
        one.count = 1;
        truth = sieve_fields_walk(r, op, &one, found, NULL);
    }
    return truth;
}

enum { SIZE_OVER, SIZE_UNDER };

const struct sieve_tag size_tags[] = {
    {"over", SIEVE_TAKES_NOTHING, SIEVE_SLOT_OWN, 0, SIZE_OVER, NULL},
    {"under", SIEVE_TAKES_NOTHING, SIEVE_SLOT_OWN, 0, SIZE_UNDER, NULL},
    {0},
};

bool
check_size(struct sieve_check *c, struct sieve_op *op)
{
    if (sieve_op_tag(op, SIEVE_SLOT_OWN) != NULL)
        return true;
    return sieve_check_error(c, op->at, "test 'size' needs :over or :under");
}

/* A message of exactly that size is neither over nor under. */
enum sieve_truth
test_size(struct sieve_run *r, const struct sieve_op *op)
{
    int order = sieve_message_order_size(r, op->arguments[0].number);
    bool is_over = sieve_op_tag(op, SIEVE_SLOT_OWN)->tag->id == SIZE_OVER;

    return (is_over ? order > 0 : order < 0) ? SIEVE_TRUE : SIEVE_FALSE;
}

/* ------------------------------------------------------------------ header (5.7) */

bool
check_header(struct sieve_check *c, struct sieve_op *op)
{
    sieve_check_tested_fields(c, &op->arguments[0]);
    return true;
}

struct compare {
    struct sieve_run *run;
    const struct sieve_op *op;
    struct sieve_match *match;
};

static enum sieve_truth
compare_header(void *arg, const struct sieve_field *f)
{
    struct compare *c = arg;
    struct span value;

    if (sieve_op_has(c->op, SIEVE_SLOT_MIME_PART))
        return mime_compare(c->run, c->op, f, c->match);
    if (!sieve_field_value(c->run, f, true, &value))
        return SIEVE_BROKEN;
    return match_field_value(c->match, f, value);
}

static enum sieve_truth
walk_and_compare(struct sieve_run *r, const struct sieve_op *op, sieve_field_fn fn)
{
    struct compare c = {r, op, sieve_match_begin(r, op, &op->arguments[1])};

    if (c.match == NULL)
        return SIEVE_BROKEN;
    return sieve_match_end(c.match, sieve_fields_walk(r, op, &op->arguments[0], fn, &c));
}

enum sieve_truth
test_header(struct sieve_run *r, const struct sieve_op *op)
{
    return walk_and_compare(r, op, compare_header);
}

/* ------------------------------------------------------------------ address (5.1) */

/* Fields that hold addresses: RFC 5322, RFC 2076 and what is met in mail. */
static const char *const address_fields[] = {
    "from",
    "to",
    "cc",
    "bcc",
    "sender",
    "reply-to",
    "resent-from",
    "resent-to",
    "resent-cc",
    "resent-bcc",
    "resent-sender",
    "resent-reply-to",
    "return-path",
    "delivered-to",
    "envelope-to",
    "envelope-from",
    "x-original-to",
    "x-original-from",
    "x-envelope-to",
    "x-envelope-from",
    "x-delivered-to",
    "x-forwarded-to",
    "x-forwarded-for",
    "apparently-to",
    "errors-to",
    "x-errors-to",
    "for-approval",
    "for-handling",
    "for-comment",
    "return-receipt-to",
    "return-receipt-requested",
    "read-receipt-to",
    "x-confirm-reading-to",
    "registered-mail-reply-requested-by",
    "disposition-notification-to",
    "original-recipient",
    "original-from",
    "mail-followup-to",
    "mail-reply-to",
    "abuse-reports-to",
    "x-complaints-to",
    "x-report-abuse-to",
    "x-admin",
    "x-beenthere",
    "list-post",
    "approved-by",
    "author",
    "x-sender",
};

static bool
holds_addresses(struct span name)
{
    for (size_t i = 0; i < sizeof(address_fields) / sizeof(address_fields[0]); i++)
        if (span_equal_fold(span_of(address_fields[i]), name))
            return true;
    return false;
}

bool
check_address(struct sieve_check *c, struct sieve_op *op)
{
    const struct sieve_value *v = &op->arguments[0];
    bool is_mime = sieve_op_tag(op, SIEVE_SLOT_MIME) != NULL; /* RFC 5703 4.2: "Content-From" */
    struct span name;

    for (uint32_t i = 0; i < v->count && !is_mime; i++)
        if (sieve_text_constant(&v->strings[i], &name) && !holds_addresses(name))
            return sieve_check_error(c, sieve_text_place(&v->strings[i]),
                                     "header field '%.*s' holds no addresses",
                                     name.n < 80 ? (int)name.n : 80, name.p);
    return true;
}

/* :count is of addresses, whatever part of them is asked for (RFC 5231 4.2). */
static enum sieve_truth
compare_address(struct compare *c, const struct sieve_address *a)
{
    struct span part;

    if (sieve_match_counts(c->match))
        return sieve_match_value(c->match, a->all);
    return sieve_address_part(c->run, c->op, a, &part) ? sieve_match_value(c->match, part)
                                                       : SIEVE_FALSE;
}

/* Members of groups count, names of groups do not (5.1). */
static enum sieve_truth
compare_addresses(void *arg, const struct sieve_field *f)
{
    struct compare *c = arg;
    const struct kept_address *at = NULL;
    enum sieve_truth truth = SIEVE_FALSE;
    bool is_checked = c->op->arguments[0].constants != NULL; /* by check_address() */

    if (!is_checked && sieve_op_tag(c->op, SIEVE_SLOT_MIME) == NULL && !holds_addresses(f->name))
        return SIEVE_FALSE;
    struct kept_addresses *list =
        sieve_run_work(c->run, f->value.n) ? field_addresses(c->run, f) : NULL;
    if (list == NULL)
        return SIEVE_BROKEN;
    while (truth == SIEVE_FALSE) {
        if (!next_address(c->run, list, &at))
            return SIEVE_BROKEN;
        if (at == NULL)
            break;
        truth = compare_address(c, &at->address);
    }
    return truth;
}

enum sieve_truth
test_address(struct sieve_run *r, const struct sieve_op *op)
{
    return walk_and_compare(r, op, compare_addresses);
}
