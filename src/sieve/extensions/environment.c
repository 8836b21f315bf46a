/* SPDX-License-Identifier: MIT
 *
 * RFC 5183: environment; and vnd.dovecot.environment, which adds items and shows all of them as
 * variables of the namespace env. The host's word on an item comes before the engine's.
 */
#include "../extensions_priv.h"

#include <stdio.h>

#define ITEM_MAX (64 * 1024)

/* ------------------------------------------------------------------ the engine's own items */

static const char *
hostname(const struct sieve_input *in)
{
    return in->user->hostname == NULL ? "" : in->user->hostname;
}

/* What follows the first label of the host's name; a name of one label is its own domain. */
static const char *
domain(const struct sieve_input *in)
{
    const char *dot = strchr(hostname(in), '.');

    return dot == NULL || dot[1] == '\0' ? hostname(in) : dot + 1;
}

static const char *
location(const struct sieve_input *in)
{
    (void)in;
    return "MDA";
}

static const char *
phase(const struct sieve_input *in)
{
    (void)in;
    return "during";
}

static const char *
product(const struct sieve_input *in)
{
    (void)in;
    return "Doorstep Sieve";
}

static const char *
version(const struct sieve_input *in)
{
    (void)in;
    return DOORSTEP_VERSION;
}

/* The client's name and address are the host's to know; else they are empty (4.1). */
static const char *
unknown(const struct sieve_input *in)
{
    (void)in;
    return "";
}

static const char *
default_mailbox(const struct sieve_input *in)
{
    (void)in;
    return "INBOX";
}

static const char *
username(const struct sieve_input *in)
{
    return in->user->name == NULL ? "" : in->user->name;
}

static const struct item {
    const char *name;
    const char *(*get)(const struct sieve_input *in);
    bool is_vendors; /* only with vnd.dovecot.environment */
} items[] = {
    {"domain", domain, false},
    {"host", hostname, false},
    {"location", location, false},
    {"name", product, false},
    {"phase", phase, false},
    {"remote-host", unknown, false},
    {"remote-ip", unknown, false},
    {"version", version, false},
    {"vnd.dovecot.default-mailbox", default_mailbox, true},
    {"vnd.dovecot.username", username, true},
};

/* ------------------------------------------------------------------ finding an item */

#define VENDORS_PREFIX "vnd.dovecot."
#define CONFIG_PREFIX "vnd.dovecot.config."

static bool
find_own(const struct sieve_input *in, struct span name, bool with_vendors, struct buf *out)
{
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
        if (span_equal_fold(span_of(items[i].name), name))
            return (with_vendors || !items[i].is_vendors) && buf_append_str(out, items[i].get(in));
    return false;
}

/* "vnd.dovecot.config.x" is the setting sieve_environment/x. */
static bool
find_setting(struct sieve_run *r, struct span name, struct buf *out)
{
    char setting[128];
    struct span rest = span_skip(name, sizeof(CONFIG_PREFIX) - 1);

    if (!span_has_prefix_fold(name, SPAN(CONFIG_PREFIX)) || rest.n == 0 || rest.n > 100)
        return false;
    snprintf(setting, sizeof(setting), "sieve_environment/%.*s", (int)rest.n, rest.p);
    const char *value = sieve_setting(r, setting, NULL);
    return value != NULL && buf_append_str(out, value);
}

static bool
find_item(struct sieve_run *r, struct span name, bool with_vendors, struct buf *out)
{
    const struct sieve_input *in = sieve_run_input(r);
    const struct sieve_host *h = in->host;
    bool is_vendors = span_has_prefix_fold(name, SPAN(VENDORS_PREFIX));

    if (is_vendors && !with_vendors)
        return false;
    if (h != NULL && h->environment != NULL && h->environment(h->arg, name, out))
        return true;
    return find_own(in, name, with_vendors, out) || find_setting(r, name, out);
}

/* ------------------------------------------------------------------ the test (RFC 5183 4) */

static bool
check_environment(struct sieve_check *c, struct sieve_op *op)
{
    bool *with_vendors = sieve_check_alloc(c, sizeof(*with_vendors));

    op->data = with_vendors;
    if (with_vendors != NULL)
        *with_vendors = sieve_check_has(c, "vnd.dovecot.environment");
    return with_vendors != NULL;
}

/* An item that is empty exists, but does not count. */
static enum sieve_truth
match_item(struct sieve_run *r, const struct sieve_op *op, struct sieve_match *m, struct span name)
{
    const bool *with_vendors = op->data;
    struct buf value;

    buf_init(&value, ITEM_MAX);
    bool exists = find_item(r, name, *with_vendors, &value);
    struct span kept = {sieve_run_copy(r, buf_span(&value)), value.len};
    buf_release(&value);
    if (kept.p == NULL)
        return SIEVE_BROKEN;
    if (!exists || (kept.n == 0 && sieve_match_counts(m)))
        return SIEVE_FALSE;
    return sieve_match_value(m, kept);
}

/* An item that does not exist matches nothing, whatever is asked of it. */
static enum sieve_truth
test_environment(struct sieve_run *r, const struct sieve_op *op)
{
    struct sieve_match *m = sieve_match_begin(r, op, &op->arguments[1]);
    struct span name;

    if (m == NULL || !sieve_value_string(r, &op->arguments[0], &name))
        return SIEVE_BROKEN;
    return sieve_match_end(m, match_item(r, op, m, name));
}

static const struct sieve_definition definitions[] = {
    {.name = "environment",
     .is_test = true,
     .arguments = "sl",
     .classes = SIEVE_ON_COMPARE,
     .check = check_environment,
     .test = test_environment},
    {0},
};

const struct sieve_extension sieve_environment = {.name = "environment",
                                                  .definitions = definitions};

/* ------------------------------------------------------------------ the namespace env */

/* A name of a variable has no '-': each '_' may stand for one. */
static bool
get_env(struct sieve_run *r, struct span rest, struct buf *out)
{
    char *name = sieve_run_alloc(r, rest.n + 1);

    if (name == NULL)
        return false;
    for (size_t i = 0; i < rest.n; i++)
        name[i] = (char)(rest.p[i] == '_' ? '-' : rest.p[i]);
    if (!find_item(r, (struct span){name, rest.n}, true, out))
        find_item(r, rest, true, out);
    return true;
}

static const struct sieve_namespace env = {.name = "env", .get = get_env};

const struct sieve_extension sieve_vnd_environment = {
    .name = "vnd.dovecot.environment", .implies = "environment", .space = &env};
