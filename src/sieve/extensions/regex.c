/* SPDX-License-Identifier: MIT
 *
 * The regex extension (draft-murchison-sieve-regex): the match type :regex, whose expressions are
 * compiled with the script, and the modifier :quoteregex of set.
 */
#include "../match_priv.h"

#include "../extensions_priv.h"

/* False: noted. *out stays NULL where the expression has variables. */
static bool
compile_key(struct sieve_check *c, const struct sieve_text *key, enum regex_flavour flavour,
            pcre2_code **out)
{
    struct regex_remark why;
    struct span ere;

    if (!sieve_text_constant(key, &ere))
        return true;
    *out = regex_compile(ere, flavour, &c->program->arena, &why);
    if (*out == NULL)
        return sieve_check_error(c, sieve_text_place(key),
                                 "wrong regular expression: %s at octet %zu", why.text,
                                 why.offset + 1);
    if (why.text != NULL)
        sieve_check_warning(c, sieve_text_place(key), "%s (octet %zu of the regular expression)",
                            why.text, why.offset + 1);
    return true;
}

static bool
check_regex(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    const struct sieve_comparator *k = sieve_op_comparator(op);
    struct sieve_value *keys = &op->arguments[op->argument_count - 1];
    pcre2_code **compiled = sieve_check_alloc(c, keys->count * sizeof(*compiled));
    bool ok = compiled != NULL;

    if (k == NULL)
        return true; /* its own check says so */
    if (!k->has_substring)
        return sieve_check_error(c, value->at, "comparator '%s' can search no part of a string",
                                 k->name);
    for (uint32_t i = 0; compiled != NULL && i < keys->count; i++)
        ok = compile_key(c, &keys->strings[i], regex_flavour_of(k), &compiled[i]) && ok;
    keys->compiled = compiled;
    return ok;
}

static const struct sieve_tag tags[] = {
    {"regex", SIEVE_TAKES_NOTHING, SIEVE_SLOT_MATCH, SIEVE_ON_COMPARE, SIEVE_MATCH_REGEX,
     check_regex},
    {"quoteregex", SIEVE_TAKES_NOTHING, SIEVE_SLOT_MODIFY_QUOTE, SIEVE_ON_SET,
     SIEVE_MODIFY_QUOTE_REGEX, NULL},
    {0},
};

const struct sieve_extension sieve_regex = {
    .name = "regex", .tags = tags, .state = sizeof(struct regex_matcher)};
