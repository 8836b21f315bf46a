/* SPDX-License-Identifier: MIT
 *
 * The arguments of a command or test: tags first, then what its row asks for by letters (RFC 5228
 * 2.6); their strings are compiled.
 */
#include "match_priv.h"

#include <stdio.h>

/* What needs no run to be known is looked up here, once for all messages. */
static bool
keep_constants(struct sieve_check *c, struct sieve_value *v)
{
    struct span s;

    for (uint32_t i = 0; i < v->count; i++)
        if (!sieve_text_constant(&v->strings[i], &s))
            return true;
    struct span *constants = sieve_check_alloc(c, v->count * sizeof(*constants));
    for (uint32_t i = 0; constants != NULL && i < v->count; i++)
        sieve_text_constant(&v->strings[i], &constants[i]);
    v->constants = constants;
    return constants != NULL;
}

static bool
compile_strings(struct sieve_check *c, const struct argument *a, struct sieve_value *out)
{
    bool is_list = a->kind == ARGUMENT_LIST;
    const struct argument *s = is_list ? a->strings : a;
    uint32_t count = is_list ? a->count : 1;
    struct sieve_text *texts = sieve_check_alloc(c, count * sizeof(*texts));
    bool ok = texts != NULL;

    for (uint32_t i = 0; texts != NULL && i < count; i++, s = s->next)
        ok = text_compile(c, s, &texts[i]) && ok;
    out->kind = is_list ? SIEVE_TAKES_LIST : SIEVE_TAKES_STRING;
    out->strings = texts;
    out->count = count;
    return ok && keep_constants(c, out);
}

static bool
compile_value(struct sieve_check *c, const struct argument *a, struct sieve_value *out)
{
    *out = (struct sieve_value){.at = a->at};
    if (a->kind != ARGUMENT_NUMBER)
        return compile_strings(c, a, out);
    out->kind = SIEVE_TAKES_NUMBER;
    out->number = a->number;
    return true;
}

static bool
fits(const struct argument *a, enum sieve_takes takes)
{
    switch (takes) {
    case SIEVE_TAKES_NOTHING:
        return false;
    case SIEVE_TAKES_NUMBER:
        return a->kind == ARGUMENT_NUMBER;
    case SIEVE_TAKES_STRING:
        return a->kind == ARGUMENT_STRING;
    case SIEVE_TAKES_LIST:
        return a->kind == ARGUMENT_STRING || a->kind == ARGUMENT_LIST;
    }
    return false;
}

static const char *
takes_text(enum sieve_takes takes)
{
    static const char *const texts[] = {"nothing", "a number", "a string", "a string list"};

    return texts[takes];
}

const struct sieve_tagged *
sieve_op_find_tag(const struct sieve_op *op, unsigned slot)
{
    for (uint32_t i = 0; i < op->tag_count; i++)
        if (op->tags[i].tag->slot == slot)
            return &op->tags[i];
    return NULL;
}

/* The tag itself is known; its value, when it takes one, is the next argument, which is taken. */
static bool
check_tag(struct sieve_check *c, struct sieve_op *op, const struct sieve_tag *tag,
          const struct argument **a)
{
    const struct argument *name = *a;
    const struct sieve_tagged *other = sieve_op_tag(op, tag->slot);
    struct sieve_value value = {.at = name->at};
    bool ok = true;

    if (tag->takes != SIEVE_TAKES_NOTHING) {
        *a = name->next;
        if (*a == NULL || !fits(*a, tag->takes))
            return sieve_check_error(c, name->at, "tag ':%s' takes %s", tag->name,
                                     takes_text(tag->takes));
        ok = compile_value(c, *a, &value);
    }
    if (other != NULL && other->tag == tag)
        return sieve_check_error(c, name->at, "tag ':%s' stands twice", tag->name);
    if (other != NULL)
        return sieve_check_error(c, name->at, "tag ':%s' cannot stand beside ':%s'", tag->name,
                                 other->tag->name);
    op->tags[op->tag_count++] = (struct sieve_tagged){tag, value};
    op->slots |= UINT64_C(1) << tag->slot;
    return ok;
}

/* Once for each command that has it. */
static bool
tag_was_reported(struct sieve_check *c, const struct sieve_op *op, const struct argument *a)
{
    char name[256];
    int n =
        snprintf(name, sizeof(name), "%s:%.*s", op->definition->name, (int)a->text.n, a->text.p);

    return check_was_reported(c, (struct span){name, (size_t)n < sizeof(name) ? (size_t)n : 255});
}

static bool
unknown_tag(struct sieve_check *c, const struct sieve_op *op, const struct argument *a,
            const char *missing)
{
    int len = a->text.n < 80 ? (int)a->text.n : 80;

    if (check_excuse(c) || tag_was_reported(c, op, a))
        return false;
    if (missing != NULL)
        return sieve_check_error(c, a->at, "tag ':%.*s' needs: require \"%s\"", len, a->text.p,
                                 missing);
    return sieve_check_error(c, a->at, "unknown tag ':%.*s' of %s '%s'", len, a->text.p,
                             op->definition->is_test ? "test" : "command", op->definition->name);
}

/* Tags come first (RFC 5228 2.6.2); *a is then the first positional argument. */
static bool
check_tags(struct sieve_check *c, struct sieve_op *op, const struct node *n,
           const struct argument **a)
{
    const char *missing;

    op->tags = sieve_check_alloc(c, n->argument_count * sizeof(*op->tags));
    if (op->tags == NULL)
        return false;
    for (*a = n->arguments; *a != NULL && (*a)->kind == ARGUMENT_TAG; *a = (*a)->next) {
        const struct sieve_tag *tag = find_tag(c, op->definition, (*a)->text, &missing);
        if (tag == NULL)
            return unknown_tag(c, op, *a, missing);
        if (!check_tag(c, op, tag, a))
            return false;
    }
    return true;
}

static enum sieve_takes
letter_takes(char letter)
{
    return letter == 'n'   ? SIEVE_TAKES_NUMBER
           : letter == 's' ? SIEVE_TAKES_STRING
                           : SIEVE_TAKES_LIST;
}

static uint32_t
positional_left(const struct argument *a)
{
    uint32_t n = 0;

    for (; a != NULL; a = a->next)
        n++;
    return n;
}

static bool
check_positional(struct sieve_check *c, struct sieve_op *op, const struct argument *a, char letter,
                 struct sieve_value *out)
{
    enum sieve_takes takes = letter_takes(letter);

    if (a == NULL)
        return sieve_check_error(c, op->at, "%s '%s' needs %s more",
                                 op->definition->is_test ? "test" : "command", op->definition->name,
                                 takes_text(takes));
    if (a->kind == ARGUMENT_TAG)
        return sieve_check_error(c, a->at, "tag ':%.*s' must stand before the other arguments",
                                 a->text.n < 80 ? (int)a->text.n : 80, a->text.p);
    if (!fits(a, takes))
        return sieve_check_error(c, a->at, "%s '%s' wants %s here",
                                 op->definition->is_test ? "test" : "command", op->definition->name,
                                 takes_text(takes));
    return compile_value(c, a, out);
}

/* By the letters of the row; those before a '?' are there only when enough arguments are. */
static bool
check_positionals(struct sieve_check *c, struct sieve_op *op, const struct argument *a)
{
    const char *letters = op->definition->arguments == NULL ? "" : op->definition->arguments;
    const char *mark = strchr(letters, '?');
    uint32_t total = (uint32_t)strlen(letters) - (mark != NULL), left = positional_left(a);
    uint32_t optional = mark == NULL ? 0 : (uint32_t)(mark - letters);
    uint32_t absent = left >= total ? 0 : total - left < optional ? total - left : optional;
    bool ok = true;

    op->arguments = sieve_check_alloc(c, total * sizeof(*op->arguments));
    op->argument_count = total;
    if (op->arguments == NULL)
        return false;
    for (uint32_t i = absent; ok && i < total; i++) {
        char letter = letters[i + (mark != NULL && i >= optional)];
        if (letter == 'L' && a == NULL)
            break;
        ok = check_positional(c, op, a, letter, &op->arguments[i]);
        a = a == NULL ? NULL : a->next;
    }
    if (ok && a != NULL && a->kind == ARGUMENT_TAG)
        return sieve_check_error(c, a->at, "tag ':%.*s' must stand before the other arguments",
                                 a->text.n < 80 ? (int)a->text.n : 80, a->text.p);
    if (ok && a != NULL)
        return sieve_check_error(c, a->at, "one argument too many for '%s'", op->definition->name);
    return ok;
}

static bool
check_tag_values(struct sieve_check *c, struct sieve_op *op)
{
    bool ok = true;

    for (uint32_t i = 0; ok && i < op->tag_count; i++)
        if (op->tags[i].tag->check != NULL)
            ok = op->tags[i].tag->check(c, op, &op->tags[i].value);
    return ok;
}

bool
check_arguments(struct sieve_check *c, const struct node *n, struct sieve_op *op)
{
    const struct argument *a;

    return check_tags(c, op, n, &a) && check_positionals(c, op, a) && check_tag_values(c, op) &&
           match_prepare(c, op);
}
