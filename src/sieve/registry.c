/* SPDX-License-Identifier: MIT
 *
 * The extensions that there are. A new one needs its line here and nothing else.
 */
#include "program_priv.h"

#include "extensions_priv.h"

const struct sieve_extension *const registry[] = {
    &sieve_base,
    &sieve_fileinto,
    &sieve_envelope,
    &sieve_encoded_character,
    &sieve_comparator_octet,
    &sieve_comparator_casemap,
    &sieve_comparator_numeric,
    &sieve_comparator_unicode,
    &sieve_copy,
    &sieve_variables,
    &sieve_relational,
    &sieve_subaddress,
    &sieve_vacation,
    &sieve_vacation_seconds,
    &sieve_reject,
    &sieve_ereject,
    &sieve_enotify,
    &sieve_fcc,
    &sieve_date,
    &sieve_index,
    &sieve_regex,
    &sieve_replace,
    &sieve_enclose,
    &sieve_body,
    &sieve_spamtest,
    &sieve_spamtestplus,
    &sieve_virustest,
    &sieve_mime,
    &sieve_foreverypart,
    &sieve_extracttext,
    &sieve_extlists,
    &sieve_redirect_dsn,
    &sieve_redirect_deliverby,
    &sieve_envelope_dsn,
    &sieve_envelope_deliverby,
    &sieve_vnd_pipe,
    &sieve_vnd_filter,
    &sieve_vnd_execute,
    &sieve_vnd_report,
    &sieve_imap4flags,
    &sieve_imapflags,
    &sieve_mailbox,
    &sieve_mboxmetadata,
    &sieve_servermetadata,
    &sieve_special_use,
    &sieve_mailboxid,
    &sieve_duplicate,
    &sieve_include,
    &sieve_editheader,
    &sieve_ihave,
    &sieve_environment,
    &sieve_vnd_environment,
    &sieve_vnd_debug,
    NULL,
};

#define REGISTRY_COUNT ((int)(sizeof(registry) / sizeof(registry[0])) - 1)
_Static_assert(sizeof(registry) / sizeof(registry[0]) <= EXTENSIONS_MAX, "room for a guest");

int
registry_number_of(const struct sieve_extension *e)
{
    for (int i = 0; i < REGISTRY_COUNT; i++)
        if (registry[i] == e)
            return i;
    return -1;
}

/* An extension of the compiler's own, one that is not in the table above: number n of them. */
static const struct sieve_extension *
guest(const struct sieve_compiler *c, int n)
{
    for (int i = 0; c->extensions != NULL && c->extensions[i] != NULL; i++)
        if (registry_number_of(c->extensions[i]) < 0 && n-- == 0)
            return c->extensions[i];
    return NULL;
}

const struct sieve_extension *
registry_at(const struct sieve_compiler *c, int number)
{
    if (number < REGISTRY_COUNT)
        return registry[number];
    return number < EXTENSIONS_MAX ? guest(c, number - REGISTRY_COUNT) : NULL;
}

static bool
is_allowed(const struct sieve_compiler *c, const struct sieve_extension *e)
{
    if (e->is_administrators && !c->is_administrators)
        return false;
    if (c->extensions == NULL || e == &sieve_base)
        return true;
    for (int i = 0; c->extensions[i] != NULL; i++)
        if (c->extensions[i] == e)
            return true;
    return false;
}

int
registry_number(const struct sieve_compiler *c, struct span name)
{
    const struct sieve_extension *e;

    for (int i = 0; (e = registry_at(c, i)) != NULL; i++)
        if (span_equal(span_of(e->name), name) && is_allowed(c, e))
            return i;
    return -1;
}

bool
sieve_extensions_print(const struct sieve_compiler *c, struct buf *out)
{
    const struct sieve_extension *e;
    bool is_first = true, ok = true;

    for (int i = 0; ok && (e = registry_at(c, i)) != NULL; i++) {
        if (e->is_hidden || e->name[0] == '\0' || !is_allowed(c, e))
            continue;
        ok = (is_first || buf_append_char(out, ' ')) && buf_append_str(out, e->name);
        is_first = false;
    }
    return ok;
}

const struct sieve_extension *const *
sieve_extensions(void)
{
    return registry;
}
