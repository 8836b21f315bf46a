/* SPDX-License-Identifier: MIT
 *
 * Settings of a suite: test_config_set stages them, test_config_reload puts them in force. Names of
 * Dovecot 2.3 and 2.4 mean the same; some are limits of the engine, the others are what its
 * extensions ask the host for.
 */
#include "suite_priv.h"

#include <stddef.h>
#include <strings.h>

/* Where the two differ: as the engine asks, as it may be set. */
static const struct {
    const char *asked, *also;
} aliases[] = {
    {"sieve_variables_max_value_size", "sieve_variables_max_variable_size"},
    {"sieve_spamtest_score_max_value", "sieve_spamtest_max_value"},
    {"sieve_spamtest_score_max_header", "sieve_spamtest_max_header"},
    {"sieve_virustest_score_max_value", "sieve_virustest_max_value"},
    {"sieve_virustest_score_max_header", "sieve_virustest_max_header"},
    {"sieve_quota_script_count", "sieve_quota_max_scripts"},
    {"sieve_quota_storage_size", "sieve_quota_max_storage"},
    {"sieve_user_log_path", "sieve_user_log"},
};

/* "sieve_env_NAME" and its like: a prefix in each version. */
static const struct {
    const char *now, *before;
} prefixes[] = {
    {"sieve_environment/", "sieve_env_"},
    {"sieve_spamtest_text_value/", "sieve_spamtest_text_value"},
    {"sieve_virustest_text_value/", "sieve_virustest_text_value"},
};

static const char *
value_of(const struct suite *s, const char *name)
{
    for (const struct suite_setting *i = s->settings; i != NULL; i = i->next)
        if (strcmp(i->name, name) == 0)
            return i->value;
    return NULL;
}

static const char *
value_of_alias(const struct suite *s, const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; value == NULL && i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        if (strcmp(aliases[i].asked, name) == 0)
            value = value_of(s, aliases[i].also);
        else if (strcmp(aliases[i].also, name) == 0)
            value = value_of(s, aliases[i].asked);
    }
    return value;
}

/* `name` with one prefix in the place of another; the rest must be there. */
static const char *
value_with_prefix(const struct suite *s, const char *name, const char *from, const char *to)
{
    char other[256];
    size_t n = strlen(from);

    if (strncmp(name, from, n) != 0 || name[n] == '\0' ||
        snprintf(other, sizeof(other), "%s%s", to, name + n) >= (int)sizeof(other))
        return NULL;
    return value_of(s, other);
}

static const char *
find(const struct suite *s, const char *name)
{
    const char *value = value_of(s, name);

    if (value == NULL)
        value = value_of_alias(s, name);
    for (size_t i = 0; value == NULL && i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        value = value_with_prefix(s, name, prefixes[i].now, prefixes[i].before);
        if (value == NULL)
            value = value_with_prefix(s, name, prefixes[i].before, prefixes[i].now);
    }
    return value;
}

/* "sieve_script/NAME/type" may be spelled ".../sieve_script_type" too. */
static const char *
find_in_group(const struct suite *s, const char *name)
{
    const char *first = strchr(name, '/'), *last = strrchr(name, '/');
    char whole[512];

    if (first == last || snprintf(whole, sizeof(whole), "%.*s%.*s_%s", (int)(last + 1 - name), name,
                                  (int)(first - name), name, last + 1) >= (int)sizeof(whole))
        return NULL;
    return value_of(s, whole);
}

/* Where the original's default is another one than ours. */
static const char *
default_of(const char *name)
{
    return strcmp(name, "sieve_vacation_use_original_recipient") == 0 ? "no" : NULL;
}

/* 2.3 said when recipients are not checked, 2.4 says when they are. */
const char *
suite_setting(void *arg, const char *name)
{
    const char *value = find(arg, name), *other = NULL;

    if (value == NULL)
        value = find_in_group(arg, name);
    if (value == NULL)
        value = default_of(name);
    if (value != NULL)
        return value;
    if (strcmp(name, "sieve_vacation_check_recipient") == 0)
        other = find(arg, "sieve_vacation_dont_check_recipient");
    if (strcmp(name, "sieve_vacation_dont_check_recipient") == 0)
        other = find(arg, "sieve_vacation_check_recipient");
    return other == NULL ? NULL : strcasecmp(other, "yes") == 0 ? "no" : "yes";
}

/* ------------------------------------------------------------------ limits of the engine */

/* "16k", "2 days", "512": a number and the first letter of a unit. */
uint64_t
suite_number(const char *value, bool is_time)
{
    static const char letters[] = "smhdwkMG";
    static const uint64_t factors[] = {1, 60, 3600, 86400, 604800, 1024, 1 << 20, 1 << 30};
    struct span rest = span_trim(span_of(value)), digits = rest;
    unsigned long long n;

    digits.n = 0;
    while (digits.n < rest.n && rest.p[digits.n] >= '0' && rest.p[digits.n] <= '9')
        digits.n++;
    if (!span_parse_u64(digits, UINT32_MAX, &n))
        return UINT32_MAX;
    rest = span_trim(span_skip(rest, digits.n));
    char unit = rest.n == 0 ? 'b' : rest.p[0];
    unit = is_time ? (char)(unit | 0x20) : unit == 'm' ? 'M' : unit == 'g' ? 'G' : unit;
    if (unit == 'K')
        unit = 'k';
    const char *hit = strchr(letters, unit);
    uint64_t product = hit == NULL ? n : n * factors[hit - letters];
    return product > UINT32_MAX ? UINT32_MAX : product;
}

static const struct {
    const char *name;
    bool is_time;
    size_t offset;
    bool is_off_at_0; /* no limit then */
} limits[] = {
    {"sieve_max_script_size", false, offsetof(struct sieve_limits, script_max), true},
    {"sieve_max_actions", false, offsetof(struct sieve_limits, actions_max), true},
    {"sieve_max_redirects", false, offsetof(struct sieve_limits, redirects_max), false},
    {"sieve_variables_max_value_size", false, offsetof(struct sieve_limits, variable_max), false},
    {"sieve_variables_max_scope_size", false, offsetof(struct sieve_limits, variables_max), false},
    {"sieve_include_max_includes", false, offsetof(struct sieve_limits, includes_max), false},
    {"sieve_include_max_nesting_depth", false, offsetof(struct sieve_limits, include_depth_max),
     false},
    {"sieve_editheader_max_header_size", false, offsetof(struct sieve_limits, header_max), false},
    {"sieve_notify_max_notifications", false, offsetof(struct sieve_limits, notifies_max), false},
    {"sieve_vacation_min_period", true, offsetof(struct sieve_limits, vacation_min_seconds), false},
    {"sieve_vacation_default_period", true, offsetof(struct sieve_limits, vacation_default_seconds),
     false},
    {"sieve_vacation_max_period", true, offsetof(struct sieve_limits, vacation_max_seconds), false},
    {"sieve_duplicate_default_period", true,
     offsetof(struct sieve_limits, duplicate_default_seconds), false},
    {"sieve_duplicate_max_period", true, offsetof(struct sieve_limits, duplicate_max_seconds),
     false},
};

#define WORK_A_SECOND ((uint64_t)16 << 20) /* octets compared: budgets here know no clock */
#define STEPS_A_SECOND 100000

/* A limit of processor time; "0": none. */
static void
apply_time(struct suite *s)
{
    const char *value = suite_setting(s, "sieve_max_cpu_time");
    uint64_t seconds = value == NULL || value[0] == '\0' ? 0 : suite_number(value, true);

    if (seconds == 0 || seconds == UINT32_MAX)
        return;
    s->limits.work_max = seconds * WORK_A_SECOND;
    s->limits.steps_max = seconds * STEPS_A_SECOND;
}

static void
apply_limits(struct suite *s)
{
    sieve_limits_default(&s->limits);
    s->limits.memory_max = 512u << 20; /* all of a file is one run */
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        const char *value = suite_setting(s, limits[i].name);
        if (value == NULL || value[0] == '\0')
            continue;
        uint32_t n = (uint32_t)suite_number(value, limits[i].is_time);
        if (n == 0 && limits[i].is_off_at_0)
            n = UINT32_MAX;
        memcpy((char *)&s->limits + limits[i].offset, &n, sizeof(n));
    }
    apply_time(s);
}

/* ------------------------------------------------------------------ extensions */

/* The next word of a list; nothing behind the last. */
static struct span
next_word(struct span *rest)
{
    size_t n = 0;

    while (rest->n > 0 && strchr(" ,\t\r\n", rest->p[0]) != NULL)
        *rest = span_skip(*rest, 1);
    while (n < rest->n && strchr(" ,\t\r\n", rest->p[n]) == NULL)
        n++;
    struct span word = {rest->p, n};
    *rest = span_skip(*rest, n);
    return word;
}

/* "+name" and "-name" change what there is without the setting; plain names are all that there is.
 * The suite's own language always is. */
static bool
is_offered(const struct sieve_extension *e, struct span list)
{
    bool is_on = true, is_named = false, is_list = false;

    for (struct span word = next_word(&list); word.n > 0; word = next_word(&list)) {
        bool is_change = word.p[0] == '+' || word.p[0] == '-';
        is_list = is_list || !is_change;
        if (!span_equal(span_skip(word, is_change), span_of(e->name)))
            continue;
        is_named = true;
        is_on = word.p[0] != '-';
    }
    if (e->name[0] == '\0' || e == &suite_extension)
        return true;
    return is_named ? is_on : !is_list;
}

const struct sieve_extension *const *
suite_offered(struct suite *s)
{
    const struct sieve_extension *const *all = s->compiler.extensions;
    const char *value = suite_setting(s, "sieve_extensions");
    size_t n = 0, count = 0;

    if (value == NULL || value[0] == '\0')
        return all;
    while (all[n] != NULL)
        n++;
    const struct sieve_extension **list = arena_alloc(&s->arena, (n + 1) * sizeof(*list));
    for (size_t i = 0; list != NULL && i < n; i++)
        if (is_offered(all[i], span_of(value)))
            list[count++] = all[i];
    return list == NULL ? all : list;
}

/* ------------------------------------------------------------------ staging */

void
suite_settings_stage(struct suite *s, const char *name, const char *value)
{
    struct suite_setting *i = s->staged;

    while (i != NULL && strcmp(i->name, name) != 0)
        i = i->next;
    if (i == NULL) {
        i = arena_alloc(&s->arena, sizeof(*i));
        if (i == NULL)
            return;
        *i = (struct suite_setting){s->staged, suite_keep(s, span_of(name)), NULL};
        s->staged = i;
    }
    i->value = value == NULL ? NULL : suite_keep(s, span_of(value));
}

static struct suite_setting *
copy_of(struct suite *s, const struct suite_setting *from)
{
    struct suite_setting *first = NULL, **end = &first;

    for (; from != NULL; from = from->next) {
        *end = arena_alloc(&s->arena, sizeof(**end));
        if (*end == NULL)
            break;
        **end = (struct suite_setting){NULL, from->name, from->value};
        end = &(*end)->next;
    }
    return first;
}

static const char *
setting_or(struct suite *s, const char *name, const char *otherwise)
{
    const char *value = suite_setting(s, name);

    return value == NULL || value[0] == '\0' ? otherwise : value;
}

void
suite_settings_apply(struct suite *s)
{
    s->settings = copy_of(s, s->staged);
    apply_limits(s);
    s->user = (struct sieve_user){
        .address = setting_or(s, "sieve_user_email", "testsuite-mail-user@example.org"),
        .name = "testsuite-mail-user@example.org",
        .delimiters = setting_or(s, "recipient_delimiter", "+"),
        .postmaster = setting_or(s, "postmaster_address", "postmaster@example.com"),
        .hostname = setting_or(s, "hostname", "mail.example.org"),
    };
}
