/* SPDX-License-Identifier: MIT
 *
 * RFC 5703 7: extracttext puts the text of the loop's part into a variable.
 */
#include "../extensions_priv.h"

#include "doorstep/charset.h"
#include "doorstep/decode.h"

#define SLOT_FIRST SIEVE_SLOT_MODIFY_END

static bool
is_in_loop(const struct sieve_check *c)
{
    const struct sieve_op *outer;

    for (uint32_t i = 0; (outer = sieve_check_outer(c, i)) != NULL; i++)
        if (outer->definition != NULL && strcmp(outer->definition->name, "foreverypart") == 0)
            return true;
    return false;
}

static bool
check_extracttext(struct sieve_check *c, struct sieve_op *op)
{
    struct span name;
    uint32_t *number = sieve_check_alloc(c, sizeof(*number));

    op->data = number;
    if (number == NULL)
        return false;
    if (!sieve_check_has(c, "variables"))
        return sieve_check_error(c, op->at, "command 'extracttext' needs: require \"variables\"");
    if (!is_in_loop(c))
        return sieve_check_error(c, op->at, "'extracttext' stands outside of foreverypart");
    if (!sieve_text_constant(op->arguments[0].strings, &name))
        return sieve_check_error(c, op->arguments[0].at, "the name of a variable must be constant");
    return sieve_check_variable(c, op->arguments[0].at, name, number);
}

static bool
is_known_encoding(struct span encoding)
{
    static const char *const plain[] = {"", "7bit", "8bit", "binary"};

    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (span_equal(span_of(plain[i]), encoding))
            return true;
    return decode_kind_of(encoding) != DECODE_NONE;
}

/* "If the transfer encoding or character set is unrecognized [...] or recognized but invalid, an
 * empty string will result." */
static bool
is_readable(const struct sieve_part *part)
{
    return part != NULL && span_equal(part->type, SPAN("text")) &&
           is_known_encoding(part->encoding) && charset_is_known(part->charset);
}

static bool
extract(struct sieve_run *r, struct sieve_part *part, struct span *out)
{
    struct span octets;

    *out = SPAN("");
    if (!is_readable(part))
        return true;
    if (!sieve_part_octets(r, part, &octets) || !sieve_part_text(r, part, out) ||
        !sieve_run_work(r, octets.n))
        return false;
    if (span_equal(part->charset, SPAN("utf-8")) && !utf8_is_valid(octets))
        *out = SPAN("");
    return true;
}

/* At most so many characters of s. */
static struct span
first_characters(struct span s, uint64_t count)
{
    struct span rest = s;

    for (; count > 0 && rest.n > 0; count--)
        utf8_next(&rest);
    return (struct span){s.p, s.n - rest.n};
}

static enum sieve_step
run_extracttext(struct sieve_run *r, const struct sieve_op *op)
{
    const struct sieve_tagged *first = sieve_op_tag(op, SLOT_FIRST);
    const uint32_t *number = op->data;
    struct span text;

    if (!extract(r, sieve_run_part(r), &text))
        return SIEVE_BREAKDOWN;
    text = utf8_cut(text, sieve_run_input(r)->limits->variable_max);
    if (first != NULL)
        text = first_characters(text, first->value.number);
    if (!sieve_modify(r, op, &text) || !sieve_variable_set(r, op, *number, text))
        return SIEVE_BREAKDOWN;
    return SIEVE_GO;
}

static const struct sieve_tag extracttext_tags[] = {
    {"first", SIEVE_TAKES_NUMBER, SLOT_FIRST, 0, 0, NULL},
    {0},
};

static const struct sieve_definition definitions[] = {
    {.name = "extracttext",
     .arguments = "s",
     .tags = extracttext_tags,
     .classes = SIEVE_ON_SET,
     .check = check_extracttext,
     .run = run_extracttext},
    {0},
};

const struct sieve_extension sieve_extracttext = {.name = "extracttext",
                                                  .definitions = definitions};
