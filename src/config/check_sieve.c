/* SPDX-License-Identifier: MIT
 *
 * What Sieve's settings must have in common.
 */
#include "reader_priv.h"

#include <string.h>

static void
check_list(struct reader *r, size_t i)
{
    const struct settings_sieve_list *lists = r->settings->sieve_lists;
    struct source_place at = r->places[SECTION_SIEVE_LIST][i];

    if (lists[i].file == NULL)
        source_error(r->errors, at, "sieve_list '%s' has no file", lists[i].name);
    for (size_t k = 0; k < i; k++)
        if (strcmp(lists[k].name, lists[i].name) == 0) {
            source_error(r->errors, at, "sieve_list '%s' is given twice", lists[i].name);
            return;
        }
}

/* "NAME=VALUE" each. */
static void
check_pairs(struct reader *r, const char *setting, const char *const *list, size_t count)
{
    struct source_place nowhere = {source_find(r->source, 1).file, 0};

    for (size_t i = 0; i < count; i++)
        if (strchr(list[i], '=') == NULL || list[i][0] == '=')
            source_error(r->errors, nowhere, "section sieve: %s '%s' is not NAME=VALUE", setting,
                         list[i]);
}

void
check_sieve(struct reader *r)
{
    const struct settings_sieve *s = &r->settings->sieve;

    for (size_t i = 0; i < r->settings->sieve_list_count; i++)
        check_list(r, i);
    check_pairs(r, "metadata", s->metadata, s->metadata_count);
    check_pairs(r, "environment", s->environment, s->environment_count);
    check_pairs(r, "spamtest_text_value", s->spamtest_text_value, s->spamtest_text_value_count);
    check_pairs(r, "virustest_text_value", s->virustest_text_value, s->virustest_text_value_count);
}
