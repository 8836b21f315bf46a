/* SPDX-License-Identifier: MIT
 *
 * The rows of vnd.dovecot.testsuite, and its commands that belong to no other file: test and
 * test_fail, test_set, settings, mailboxes; and the variables ${tst.NAME}.
 */
#include "suite_priv.h"

struct suite *
suite_of(struct sieve_run *r)
{
    return sieve_run_input(r)->host->arg;
}

/* ------------------------------------------------------------------ test, test_fail */

static bool
check_test(struct sieve_check *c, struct sieve_op *op)
{
    if (sieve_check_outer(c, 0) == NULL)
        return true;
    return sieve_check_error(c, op->at,
                             "tests cannot be nested: test command is specified at "
                             "top-level only");
}

/* A script that a test runs may have tests of its own; they count as part of that one. */
static enum sieve_step
run_test(struct sieve_run *r, const struct sieve_op *op)
{
    struct suite *s = suite_of(r);
    const char *name;

    if (s->depth > 0)
        return sieve_run_block(r, op);
    if (!sieve_value_cstr(r, &op->arguments[0], &name))
        return SIEVE_BREAKDOWN;
    s->test = name;
    s->is_failing = false;
    enum sieve_step step = sieve_run_block(r, op);
    if (step != SIEVE_BREAKDOWN && !s->is_failing)
        suite_pass(s, name);
    if (s->is_failing && step != SIEVE_BREAKDOWN)
        step = SIEVE_GO;
    if (step != SIEVE_BREAKDOWN)
        s->test = NULL;
    s->is_failing = false;
    return step;
}

enum sieve_step
suite_fail(struct suite *s, struct sieve_run *r, const struct sieve_op *op, const char *reason)
{
    if (s->depth > 0) {
        s->is_inner_over = true;
        return SIEVE_STOP;
    }
    if (s->test == NULL) {
        sieve_run_fail(r, op, "outside of a test: %s", reason);
        return SIEVE_BREAKDOWN;
    }
    s->is_failing = true;
    suite_failed(s, s->test, reason);
    return SIEVE_STOP;
}

static enum sieve_step
run_test_fail(struct sieve_run *r, const struct sieve_op *op)
{
    const char *reason;

    if (!sieve_value_cstr(r, &op->arguments[0], &reason))
        return SIEVE_BREAKDOWN;
    return suite_fail(suite_of(r), r, op, reason);
}

/* ------------------------------------------------------------------ test_set */

enum object {
    OBJECT_NONE,
    OBJECT_MESSAGE,
    OBJECT_FROM,
    OBJECT_TO,
    OBJECT_ORIG_TO,
    OBJECT_AUTH,
    OBJECT_NOTIFY, /* RFC 6009, which only this runner has */
    OBJECT_ORCPT,
    OBJECT_RET,
    OBJECT_ENVID,
    OBJECT_BY
};

static enum object
object_of(struct span name)
{
    static const char *const names[] = {
        [OBJECT_NONE] = "",
        [OBJECT_MESSAGE] = "message",
        [OBJECT_FROM] = "envelope.from",
        [OBJECT_TO] = "envelope.to",
        [OBJECT_ORIG_TO] = "envelope.orig_to",
        [OBJECT_AUTH] = "envelope.auth",
        [OBJECT_NOTIFY] = "envelope.notify",
        [OBJECT_ORCPT] = "envelope.orcpt",
        [OBJECT_RET] = "envelope.ret",
        [OBJECT_ENVID] = "envelope.envid",
        [OBJECT_BY] = "envelope.by",
    };

    for (size_t i = OBJECT_MESSAGE; i < sizeof(names) / sizeof(names[0]); i++)
        if (span_equal_fold(span_of(names[i]), name))
            return (enum object)i;
    return OBJECT_NONE;
}

static bool
check_set(struct sieve_check *c, struct sieve_op *op)
{
    struct span name;

    if (!sieve_text_constant(op->arguments[0].strings, &name))
        return sieve_check_error(c, op->arguments[0].at, "the name of an object must be constant");
    if (object_of(name) == OBJECT_NONE)
        return sieve_check_error(c, op->arguments[0].at, "unknown object '%.*s'",
                                 name.n < 80 ? (int)name.n : 80, name.p);
    return true;
}

/* Brackets are optional; "" and "<>" are the null path. Source routes are not for us (RFC 5321
 * 3.6.1). */
static const char *
path_of(struct suite *s, struct span value)
{
    value = span_trim(value);
    if (value.n > 1 && value.p[0] == '<' && value.p[value.n - 1] == '>')
        value = (struct span){value.p + 1, value.n - 2};
    if (value.n > 0 && value.p[0] == '@' && span_find(value, ':') < value.n)
        value = span_skip(value, span_find(value, ':') + 1);
    return suite_keep(s, value);
}

/* What is compared as it was said. */
static void
set_parameter(struct suite *s, enum object object, struct span value)
{
    struct sieve_envelope *e = &s->envelope;
    const char **const places[] = {
        [OBJECT_AUTH] = &e->login, [OBJECT_NOTIFY] = &e->notify, [OBJECT_ORCPT] = &e->orcpt,
        [OBJECT_RET] = &e->ret,    [OBJECT_ENVID] = &e->envid,   [OBJECT_BY] = &e->deliverby,
    };

    *places[object] = suite_keep(s, value);
}

static void
set_envelope(struct suite *s, enum object object, struct span value)
{
    struct sieve_envelope *e = &s->envelope;

    if (object == OBJECT_FROM)
        e->sender = path_of(s, value);
    if (object == OBJECT_TO)
        e->recipient = path_of(s, value);
    if (object == OBJECT_TO || object == OBJECT_ORIG_TO)
        e->original_recipient = path_of(s, value);
    if (object >= OBJECT_AUTH)
        set_parameter(s, object, value);
}

static enum sieve_step
run_set(struct sieve_run *r, const struct sieve_op *op)
{
    struct suite *s = suite_of(r);
    struct span name, value;

    if (!sieve_value_string(r, &op->arguments[0], &name) ||
        !sieve_value_string(r, &op->arguments[1], &value))
        return SIEVE_BREAKDOWN;
    enum object object = object_of(name);
    if (object != OBJECT_MESSAGE) {
        set_envelope(s, object, value);
        return SIEVE_GO;
    }
    suite_derive_envelope(s, value);
    return suite_set_message(s, r, value, NULL) ? SIEVE_GO : SIEVE_BREAKDOWN;
}

/* ------------------------------------------------------------------ settings */

static enum sieve_step
config_set(struct sieve_run *r, const struct sieve_op *op)
{
    const char *name, *value;

    if (!sieve_value_cstr(r, &op->arguments[0], &name) ||
        !sieve_value_cstr(r, &op->arguments[1], &value))
        return SIEVE_BREAKDOWN;
    suite_settings_stage(suite_of(r), name, value);
    return SIEVE_GO;
}

static enum sieve_step
config_unset(struct sieve_run *r, const struct sieve_op *op)
{
    const char *name;

    if (!sieve_value_cstr(r, &op->arguments[0], &name))
        return SIEVE_BREAKDOWN;
    suite_settings_stage(suite_of(r), name, NULL);
    return SIEVE_GO;
}

static const struct sieve_tag reload_tags[] = {
    {"extension", SIEVE_TAKES_STRING, SIEVE_SLOT_OWN, 0, 0, NULL},
    {0},
};

static bool
has_extension(const struct suite *s, struct span name)
{
    for (size_t i = 0; s->compiler.extensions[i] != NULL; i++)
        if (span_equal(span_of(s->compiler.extensions[i]->name), name))
            return true;
    return false;
}

static enum sieve_step
config_reload(struct sieve_run *r, const struct sieve_op *op)
{
    const struct sieve_tagged *t = sieve_op_tag(op, SIEVE_SLOT_OWN);
    struct suite *s = suite_of(r);
    struct span name;

    if (t != NULL && !sieve_value_string(r, &t->value, &name))
        return SIEVE_BREAKDOWN;
    if (t != NULL && !has_extension(s, name)) {
        sieve_run_fail(r, op, "there is no extension '%.*s'", name.n < 80 ? (int)name.n : 80,
                       name.p);
        return SIEVE_BREAKDOWN;
    }
    suite_settings_apply(s);
    return SIEVE_GO;
}

/* ------------------------------------------------------------------ mailboxes */

static enum sieve_step
mailbox_create(struct sieve_run *r, const struct sieve_op *op)
{
    struct span name;

    if (!sieve_value_string(r, &op->arguments[0], &name))
        return SIEVE_BREAKDOWN;
    if (suite_mailbox_create(suite_of(r), name) != NULL)
        return SIEVE_GO;
    sieve_run_fail(r, op, "out of memory");
    return SIEVE_BREAKDOWN;
}

/* As in the original, where it always fails. */
static enum sieve_step
mailbox_delete(struct sieve_run *r, const struct sieve_op *op)
{
    return suite_fail(suite_of(r), r, op, "test_mailbox_delete is not implemented");
}

static const struct sieve_tag metadata_tags[] = {
    {"mailbox", SIEVE_TAKES_STRING, SIEVE_SLOT_OWN, 0, 0, NULL},
    {0},
};

/* RFC 5464 3.1 asks for "/private/..." or "/shared/..."; no wildcards, no empty parts. */
static bool
is_annotation(struct span name)
{
    bool is_rooted = span_has_prefix_fold(name, SPAN("/private/")) ||
                     span_has_prefix_fold(name, SPAN("/shared/"));

    return is_rooted && name.p[name.n - 1] != '/' && memchr(name.p, '*', name.n) == NULL &&
           memchr(name.p, '%', name.n) == NULL && memmem(name.p, name.n, "//", 2) == NULL;
}

static enum sieve_step
metadata_set(struct sieve_run *r, const struct sieve_op *op)
{
    const struct sieve_tagged *t = sieve_op_tag(op, SIEVE_SLOT_OWN);
    struct span mailbox = SPAN_NONE, name, value;

    if ((t != NULL && !sieve_value_string(r, &t->value, &mailbox)) ||
        !sieve_value_string(r, &op->arguments[0], &name) ||
        !sieve_value_string(r, &op->arguments[1], &value))
        return SIEVE_BREAKDOWN;
    if (!is_annotation(name)) {
        sieve_run_fail(r, op, "'%.*s' is no name of an annotation", name.n < 80 ? (int)name.n : 80,
                       name.p);
        return SIEVE_BREAKDOWN;
    }
    return suite_annotate(suite_of(r), mailbox, name, value) ? SIEVE_GO : SIEVE_BREAKDOWN;
}

/* ------------------------------------------------------------------ rows */

#define TEST_COMPARING(name_, fn)                                                                  \
    {                                                                                              \
        .name = (name_), .is_test = true, .arguments = "l", .tags = index_tags,                    \
        .classes = SIEVE_ON_COMPARE, .comparator = "i;octet", .test = (fn)                         \
    }

static const struct sieve_definition definitions[] = {
    {.name = "test", .arguments = "s", .has_block = true, .check = check_test, .run = run_test},
    {.name = "test_fail", .arguments = "s", .run = run_test_fail},
    {.name = "test_set", .arguments = "ss", .check = check_set, .run = run_set},
    {.name = "test_config_set", .arguments = "ss", .run = config_set},
    {.name = "test_config_unset", .arguments = "s", .run = config_unset},
    {.name = "test_config_reload", .tags = reload_tags, .run = config_reload},
    {.name = "test_mailbox_create", .arguments = "s", .run = mailbox_create},
    {.name = "test_mailbox_delete", .arguments = "s", .run = mailbox_delete},
    {.name = "test_imap_metadata_set",
     .arguments = "ss",
     .tags = metadata_tags,
     .run = metadata_set},
    {.name = "test_binary_save", .arguments = "s", .run = test_binary_save},
    {.name = "test_binary_load", .arguments = "s", .run = test_binary_load},
    {.name = "test_result_reset", .run = test_result_reset},
    {.name = "test_result_print", .run = test_result_print},
    {.name = "test_message_print", .run = print_message},
    {.name = "test_message",
     .arguments = "n",
     .tags = message_tags,
     .check = check_message,
     .run = find_message},
    {.name = "test_message",
     .is_test = true,
     .arguments = "n",
     .tags = message_tags,
     .check = check_message,
     .test = test_message},
    {.name = "test_script_compile", .is_test = true, .arguments = "s", .test = test_script_compile},
    {.name = "test_script_run", .is_test = true, .tags = script_run_tags, .test = test_script_run},
    {.name = "test_multiscript", .is_test = true, .arguments = "l", .test = test_multiscript},
    {.name = "test_result_execute", .is_test = true, .test = test_result_execute},
    TEST_COMPARING("test_error", test_error),
    TEST_COMPARING("test_result_action", test_result_action),
    {0},
};

static bool
space_get(struct sieve_run *r, struct span rest, struct buf *out)
{
    return !span_equal_fold(rest, SPAN("path")) || buf_append_str(out, suite_of(r)->folder);
}

static const struct sieve_namespace space = {.name = "tst", .get = space_get};

const struct sieve_extension suite_extension = {
    .name = "vnd.dovecot.testsuite",
    .definitions = definitions,
    .space = &space,
    .is_hidden = true,
};
