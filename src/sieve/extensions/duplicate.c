/* SPDX-License-Identifier: MIT
 *
 * RFC 7352: was a message with this unique ID seen before? The host only answers; what is seen now
 * is marked by an action, so that a script that fails leaves nothing behind (3), and every test of
 * one run with the same arguments says the same.
 */
#include "../extensions_priv.h"

enum { ID_HEADER, ID_GIVEN };

enum { SLOT_HANDLE = SIEVE_SLOT_OWN, SLOT_ID, SLOT_SECONDS };

static const struct sieve_tag tags[] = {
    {"handle", SIEVE_TAKES_STRING, SLOT_HANDLE, 0, 0, NULL},
    {"header", SIEVE_TAKES_STRING, SLOT_ID, 0, ID_HEADER, NULL},
    {"uniqueid", SIEVE_TAKES_STRING, SLOT_ID, 0, ID_GIVEN, NULL},
    {"seconds", SIEVE_TAKES_NUMBER, SLOT_SECONDS, 0, 0, NULL},
    {"last", SIEVE_TAKES_NOTHING, SIEVE_SLOT_LAST, 0, 0, NULL},
    {0},
};

/* ------------------------------------------------------------------ the unique ID (3.1) */

/* The first field of that name, unfolded and decoded. A field with nothing in it tells no message
 * from another: it counts as missing. */
static enum sieve_truth
id_of_field(struct sieve_run *r, struct span name, struct span *out)
{
    const struct sieve_fields *fields = sieve_message_fields(r);

    for (uint32_t i = 0; i < fields->count; i++) {
        const struct sieve_field *f = &fields->items[i];
        if (f->is_broken || !span_equal_fold(f->name, name))
            continue;
        if (!sieve_field_value(r, f, true, out))
            return SIEVE_BROKEN;
        return out->n > 0 ? SIEVE_TRUE : SIEVE_FALSE;
    }
    return SIEVE_FALSE;
}

/* FALSE: there is none. */
static enum sieve_truth
unique_id(struct sieve_run *r, const struct sieve_op *op, struct span *out)
{
    const struct sieve_tagged *t = sieve_op_tag(op, SLOT_ID);
    struct span name = SPAN("Message-ID");

    if (t == NULL)
        return id_of_field(r, name, out);
    if (!sieve_value_string(r, &t->value, &name))
        return SIEVE_BROKEN;
    if (t->tag->id == ID_HEADER)
        return sieve_field_name_is_valid(name) ? id_of_field(r, name, out) : SIEVE_FALSE;
    *out = name;
    return SIEVE_TRUE;
}

/* ------------------------------------------------------------------ what is remembered */

/* NUL ends a key, so it is written in another way, and so is what that begins with. */
static bool
append_escaped(struct buf *out, struct span s)
{
    bool ok = true;

    for (size_t i = 0; ok && i < s.n; i++)
        ok = s.p[i] == '\0' || s.p[i] == '%' ? buf_printf(out, "%%%02x", (unsigned)s.p[i])
                                             : buf_append_char(out, s.p[i]);
    return ok;
}

/* Handle and ID, told apart by the handle's length; no handle is not an empty one (3.2). */
static const char *
key_of(struct sieve_run *r, const struct sieve_op *op, struct span id)
{
    const struct sieve_tagged *t = sieve_op_tag(op, SLOT_HANDLE);
    struct span handle = SPAN_NONE;

    if ((t != NULL && !sieve_value_string(r, &t->value, &handle)) ||
        !sieve_run_work(r, handle.n + id.n))
        return NULL;
    struct buf *key = sieve_run_buf(r);
    bool ok = buf_append_str(key, "duplicate ") &&
              (t == NULL || (buf_printf(key, "%zu:", handle.n) && append_escaped(key, handle))) &&
              buf_append_char(key, ':') && append_escaped(key, id);
    if (!ok) {
        sieve_run_fail(r, op, "the unique ID is too long");
        return NULL;
    }
    return sieve_run_copy(r, buf_span(key));
}

/* More than the site allows is cut in silence (3.3). */
static uint32_t
seconds_of(struct sieve_run *r, const struct sieve_op *op)
{
    const struct sieve_limits *l = sieve_run_input(r)->limits;
    const struct sieve_tagged *t = sieve_op_tag(op, SLOT_SECONDS);
    uint64_t seconds = t == NULL ? l->duplicate_default_seconds : t->value.number;

    return (uint32_t)(seconds < l->duplicate_max_seconds ? seconds : l->duplicate_max_seconds);
}

static bool
mark(struct sieve_run *r, const struct sieve_op *op, const char *key, uint32_t seconds)
{
    struct sieve_action a = {.kind = SIEVE_MARK, .details.mark = {key, seconds}};

    return sieve_run_act(r, op, a);
}

/* A duplicate is marked again only with :last, so that its time begins anew (3.3). */
static enum sieve_truth
look_up(struct sieve_run *r, const struct sieve_op *op, struct span id, uint32_t seconds)
{
    const struct sieve_host *h = sieve_run_input(r)->host;
    const char *key = key_of(r, op, id);

    if (key == NULL)
        return SIEVE_BROKEN;
    enum sieve_truth truth = sieve_run_answer(r, op, h->duplicate(h->arg, span_of(key), seconds));
    if (truth == SIEVE_BROKEN)
        return truth;
    if (truth == SIEVE_FALSE || sieve_op_tag(op, SIEVE_SLOT_LAST) != NULL)
        return mark(r, op, key, seconds) ? truth : SIEVE_BROKEN;
    return truth;
}

static enum sieve_truth
test_duplicate(struct sieve_run *r, const struct sieve_op *op)
{
    const struct sieve_host *h = sieve_run_input(r)->host;
    uint32_t seconds = seconds_of(r, op);
    struct span id;

    if (seconds == 0 || h == NULL || h->duplicate == NULL)
        return SIEVE_FALSE;
    enum sieve_truth truth = unique_id(r, op, &id);
    return truth == SIEVE_TRUE ? look_up(r, op, id, seconds) : truth;
}

static const struct sieve_definition definitions[] = {
    {.name = "duplicate", .is_test = true, .tags = tags, .test = test_duplicate},
    {0},
};

const struct sieve_extension sieve_duplicate = {.name = "duplicate", .definitions = definitions};
