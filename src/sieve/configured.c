/* SPDX-License-Identifier: MIT
 *
 * The section `sieve` as the engine asks for it: limits of a run, and settings of extensions by
 * their names, which are those of the section with "sieve_" before them.
 */
#include "doorstep/sieve_settings.h"

#include <stddef.h>
#include <string.h>

#define PREFIX "sieve_"

enum kind { IS_TEXT, IS_BOOLEAN, IS_LIST };

static const struct row {
    const char *name;
    enum kind kind;
    size_t offset, count;
} rows[] = {
#define TEXT(name)                                                                                 \
    {                                                                                              \
#name, IS_TEXT, offsetof(struct settings_sieve, name), 0                                   \
    }
#define BOOLEAN(name)                                                                              \
    {                                                                                              \
#name, IS_BOOLEAN, offsetof(struct settings_sieve, name), 0                                \
    }
#define LIST(name)                                                                                 \
    {                                                                                              \
#name, IS_LIST, offsetof(struct settings_sieve, name),                                     \
            offsetof(struct settings_sieve, name##_count)                                          \
    }
    TEXT(notify_mailto_envelope_from),
    TEXT(report_from),
    TEXT(vacation_default_subject),
    TEXT(vacation_default_subject_template),
    BOOLEAN(vacation_send_from_recipient),
    BOOLEAN(vacation_check_recipient),
    BOOLEAN(vacation_use_original_recipient),
    TEXT(editheader_protected),
    TEXT(editheader_forbid_add),
    TEXT(editheader_forbid_delete),
    TEXT(spamtest_status_type),
    TEXT(spamtest_status_header),
    TEXT(spamtest_score_max_value),
    TEXT(spamtest_score_max_header),
    LIST(spamtest_text_value),
    TEXT(virustest_status_type),
    TEXT(virustest_status_header),
    TEXT(virustest_score_max_value),
    TEXT(virustest_score_max_header),
    LIST(virustest_text_value),
    LIST(environment),
};

/* none: 0, which is no limit for the engine. */
static uint32_t
seconds(uint64_t ms)
{
    return ms == UINT64_MAX ? 0 : (uint32_t)(ms / 1000);
}

void
sieve_settings_limits(const struct settings_sieve *s, struct sieve_limits *l)
{
    sieve_limits_default(l);
    l->script_max = (uint32_t)s->script_size;
    l->actions_max = (uint32_t)s->max_actions;
    l->redirects_max = (uint32_t)s->max_redirects;
    l->notifies_max = (uint32_t)s->notify_max_notifications;
    l->variable_max = (uint32_t)s->variables_max_value_size;
    l->includes_max = (uint32_t)s->include_max_includes;
    l->include_depth_max = (uint32_t)s->include_max_nesting_depth;
    l->header_max = (uint32_t)s->editheader_max_header_size;
    l->vacation_min_seconds = seconds(s->vacation_min_period);
    l->vacation_default_seconds = seconds(s->vacation_default_period);
    l->vacation_max_seconds = seconds(s->vacation_max_period);
    l->duplicate_default_seconds = seconds(s->duplicate_default_period);
    l->duplicate_max_seconds = seconds(s->duplicate_max_period);
}

/* Of "KEY=VALUE" elements the value of one. */
static const char *
value_of(const char *const *list, size_t count, const char *key)
{
    size_t n = strlen(key);

    for (size_t i = 0; i < count; i++)
        if (strncmp(list[i], key, n) == 0 && list[i][n] == '=')
            return list[i] + n + 1;
    return NULL;
}

static const char *
read_row(const struct settings_sieve *s, const struct row *r, const char *key)
{
    const void *at = (const char *)s + r->offset;
    const char *const *list;
    size_t count;
    const char *text;
    bool is_on;

    switch (r->kind) {
    case IS_BOOLEAN:
        memcpy(&is_on, at, sizeof is_on);
        return is_on ? "yes" : "no";
    case IS_LIST:
        memcpy(&list, at, sizeof list);
        memcpy(&count, (const char *)s + r->count, sizeof count);
        return *key == '/' ? value_of(list, count, key + 1) : NULL;
    case IS_TEXT:
        break;
    }
    memcpy(&text, at, sizeof text);
    return text[0] == '\0' ? NULL : text;
}

const char *
sieve_settings_find(void *arg, const char *name)
{
    const struct settings_sieve *s = arg;

    if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0)
        return NULL;
    name += sizeof PREFIX - 1;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = strlen(rows[i].name);
        bool is_list = rows[i].kind == IS_LIST;
        if (strncmp(name, rows[i].name, n) == 0 && name[n] == (is_list ? '/' : '\0'))
            return read_row(s, &rows[i], name + n);
    }
    return NULL;
}
