/* SPDX-License-Identifier: MIT
 *
 * RFC 5231: :count and :value; and the address parts of RFC 5233.
 */
#include "../extensions_priv.h"

static bool
check_relation(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    static const char *const relations[] = {"gt", "ge", "lt", "le", "eq", "ne"};
    struct span name;

    (void)op;
    if (!sieve_text_constant(value->strings, &name))
        return sieve_check_error(c, value->at, "the relation must be constant");
    for (size_t i = 0; i < sizeof(relations) / sizeof(relations[0]); i++)
        if (span_equal(span_of(relations[i]), name))
            return true;
    return sieve_check_error(c, value->at, "'%.*s' is none of gt, ge, lt, le, eq, ne",
                             name.n < 80 ? (int)name.n : 80, name.p);
}

static const struct sieve_tag relational_tags[] = {
    {"count", SIEVE_TAKES_STRING, SIEVE_SLOT_MATCH, SIEVE_ON_COMPARE, SIEVE_MATCH_COUNT,
     check_relation},
    {"value", SIEVE_TAKES_STRING, SIEVE_SLOT_MATCH, SIEVE_ON_COMPARE, SIEVE_MATCH_VALUE,
     check_relation},
    {0},
};

const struct sieve_extension sieve_relational = {.name = "relational", .tags = relational_tags};

static const struct sieve_tag subaddress_tags[] = {
    {"user", SIEVE_TAKES_NOTHING, SIEVE_SLOT_ADDRESS_PART, SIEVE_ON_ADDRESS, SIEVE_ADDRESS_USER,
     NULL},
    {"detail", SIEVE_TAKES_NOTHING, SIEVE_SLOT_ADDRESS_PART, SIEVE_ON_ADDRESS, SIEVE_ADDRESS_DETAIL,
     NULL},
    {0},
};

const struct sieve_extension sieve_subaddress = {.name = "subaddress", .tags = subaddress_tags};
