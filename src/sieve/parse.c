/* SPDX-License-Identifier: MIT
 *
 * Tokens to a tree of commands (RFC 5228 8.2). After an error the parser goes on behind the next
 * ';' or block, so that one pass finds many.
 */
#include "parse_priv.h"

#include <stdarg.h>

#include "lex_priv.h"
#include "report_priv.h"

#define ARGUMENTS_MAX 64

struct parser {
    struct lexer lexer;
    struct token token; /* the next one */
    struct arena *arena;
    const struct sieve_limits *limits;
    uint32_t depth;
    uint32_t noted; /* tokens up to this offset were noted as unexpected */
    bool is_deep;   /* the limit of nesting was noted */
    bool counts;    /* struct sieve_compiler: counts_errors */
    bool has_failed;
    bool is_full; /* no memory is left: what follows is not read */
};

static void
advance(struct parser *p)
{
    lexer_next(&p->lexer, &p->token);
}

static bool
is_next(const struct parser *p, char c)
{
    return p->token.kind == TOKEN_PUNCTUATION && p->token.c == c;
}

static bool take(struct parser *p, char c);

static bool
take(struct parser *p, char c)
{
    if (!is_next(p, c))
        return false;
    advance(p);
    return true;
}

static bool fail(struct parser *p, struct sieve_place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool
fail(struct parser *p, struct sieve_place at, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    report_add_list(p->lexer.report, SIEVE_ERROR, p->lexer.script, at, p->lexer.text, format,
                    arguments);
    va_end(arguments);
    return false;
}

/* A token that is wrong was noted by the lexer already. */
static bool
unexpected(struct parser *p, const char *wanted)
{
    char text[64];

    bool is_said =
        p->token.kind == TOKEN_WRONG && !(p->counts && p->token.c != '\0' && p->token.c != '/');

    p->noted = p->token.at.offset + 1;
    p->has_failed = true;
    if (!is_said && !p->is_full)
        fail(p, p->token.at, "unexpected %s, expected %s",
             token_describe(&p->token, text, sizeof(text)), wanted);
    return false;
}

/* What follows is not read. */
static void
end_here(struct parser *p)
{
    p->is_full = true;
    p->lexer.offset = (uint32_t)p->lexer.text.n;
    p->token = (struct token){.kind = TOKEN_END, .at = p->token.at};
}

static void *
alloc(struct parser *p, size_t n)
{
    void *memory = p->is_full ? NULL : arena_alloc(p->arena, n);

    if (memory != NULL || p->is_full)
        return memory;
    fail(p, p->token.at, "script needs too much memory");
    end_here(p);
    return NULL;
}

/* Behind the next ';' or block of this level; in front of a '}' that closes it. */
static void
recover(struct parser *p)
{
    uint32_t open = 0;

    for (; p->token.kind != TOKEN_END; advance(p)) {
        if (open == 0 && (is_next(p, '}') || take(p, ';')))
            return;
        if (is_next(p, '{'))
            open++;
        if (is_next(p, '}') && --open == 0) {
            advance(p);
            return;
        }
    }
}

static bool
enter(struct parser *p)
{
    if (p->depth < p->limits->nesting_max) {
        p->depth++;
        return true;
    }
    if (!p->is_deep)
        fail(p, p->token.at, "nested too deep: more than %u blocks or tests inside one another",
             p->limits->nesting_max);
    p->is_deep = true;
    return false;
}

/* ------------------------------------------------------------------ arguments */

static bool
parse_strings(struct parser *p, struct argument *list)
{
    struct argument **end = &list->strings;

    do {
        if (p->token.kind != TOKEN_STRING)
            return unexpected(p, "a string of the list");
        struct argument *s = alloc(p, sizeof(*s));
        if (s == NULL)
            return false;
        *s = (struct argument){.kind = ARGUMENT_STRING, .at = p->token.at, .text = p->token.text};
        *end = s;
        end = &s->next;
        list->count++;
        advance(p);
    } while (take(p, ','));
    return take(p, ']') || unexpected(p, "',' or ']'");
}

static bool
parse_argument(struct parser *p, struct argument *out)
{
    *out = (struct argument){.at = p->token.at, .text = p->token.text, .number = p->token.number};
    if (p->token.kind == TOKEN_NUMBER)
        out->kind = ARGUMENT_NUMBER;
    else if (p->token.kind == TOKEN_STRING)
        out->kind = ARGUMENT_STRING;
    else if (p->token.kind == TOKEN_TAG)
        out->kind = ARGUMENT_TAG;
    else
        out->kind = ARGUMENT_LIST;
    advance(p);
    return out->kind != ARGUMENT_LIST || parse_strings(p, out);
}

static bool
begins_argument(const struct parser *p)
{
    return p->token.kind == TOKEN_NUMBER || p->token.kind == TOKEN_STRING ||
           p->token.kind == TOKEN_TAG || is_next(p, '[');
}

static bool
parse_arguments(struct parser *p, struct node *n)
{
    struct argument **end = &n->arguments;

    while (begins_argument(p)) {
        if (n->argument_count++ == ARGUMENTS_MAX)
            return fail(p, p->token.at, "more than %d arguments", ARGUMENTS_MAX);
        struct argument *a = alloc(p, sizeof(*a));
        if (a == NULL || !parse_argument(p, a))
            return false;
        *end = a;
        end = &a->next;
    }
    return p->token.kind != TOKEN_WRONG || (p->counts && unexpected(p, "';' or a block"));
}

/* ------------------------------------------------------------------ tests and commands */

static bool parse_test(struct parser *p, struct node *out);

static bool
parse_test_list(struct parser *p, struct node *n)
{
    struct node **end = &n->tests;

    n->has_test_list = true;
    if (p->counts && p->token.kind != TOKEN_IDENTIFIER) {
        unexpected(p, "a test");
        return fail(p, p->token.at, "no more tests are taken");
    }
    do {
        struct node *test = alloc(p, sizeof(*test));
        if (test == NULL || !parse_test(p, test))
            return false;
        *end = test;
        end = &test->next;
        n->test_count++;
    } while (take(p, ','));
    return take(p, ')') || unexpected(p, "',' or ')'");
}

/* Name, arguments and tests: what commands and tests have in common. */
static bool
parse_head(struct parser *p, struct node *out)
{
    out->at = p->token.at;
    out->name = p->token.text;
    advance(p);
    if (!parse_arguments(p, out))
        return false;
    if (take(p, '('))
        return parse_test_list(p, out);
    if (p->token.kind != TOKEN_IDENTIFIER)
        return true;
    out->tests = alloc(p, sizeof(*out->tests));
    out->test_count = 1;
    return out->tests != NULL && parse_test(p, out->tests);
}

static bool
parse_test(struct parser *p, struct node *out)
{
    if (p->token.kind != TOKEN_IDENTIFIER)
        return unexpected(p, "a test");
    if (!enter(p))
        return false;
    bool ok = parse_head(p, out);
    p->depth--;
    return ok;
}

static struct node *parse_commands(struct parser *p, uint32_t *count);

static bool
parse_block(struct parser *p, struct node *n)
{
    if (!enter(p))
        return false;
    n->has_block = true;
    advance(p);
    n->block = parse_commands(p, &n->block_count);
    p->depth--;
    return take(p, '}') || unexpected(p, "'}'");
}

static bool
parse_command(struct parser *p, struct node *out)
{
    if (p->token.kind != TOKEN_IDENTIFIER)
        return unexpected(p, "a command");
    if (!parse_head(p, out))
        return false;
    if (is_next(p, '{'))
        return parse_block(p, out);
    return take(p, ';') || unexpected(p, "';' or a block");
}

/* Where no command begins, and nothing is to be read behind it. */
static bool
ends_here(struct parser *p)
{
    if (!p->counts || p->token.kind == TOKEN_IDENTIFIER)
        return false;
    if (p->depth > 0 || !p->has_failed)
        unexpected(p, p->depth > 0 ? "'}'" : "a command");
    end_here(p);
    return true;
}

/* Up to a '}' of this level or the end. */
static struct node *
parse_commands(struct parser *p, uint32_t *count)
{
    struct node *first = NULL, **end = &first;

    while (p->token.kind != TOKEN_END && !is_next(p, '}')) {
        struct node *n = ends_here(p) ? NULL : alloc(p, sizeof(*n));
        if (n == NULL)
            break;
        if (!parse_command(p, n)) {
            recover(p);
            continue;
        }
        *end = n;
        end = &n->next;
        (*count)++;
    }
    return first;
}

struct node *
parse_script(const char *script, struct span text, const struct sieve_compiler *c,
             struct arena *arena, struct sieve_report *report, uint32_t *count)
{
    struct parser p = {.arena = arena, .limits = c->limits, .counts = c->counts_errors};
    struct node *first = NULL, **end = &first;

    *count = 0;
    lexer_init(&p.lexer, script, text, arena, report);
    advance(&p);
    while (p.token.kind != TOKEN_END) {
        *end = parse_commands(&p, count);
        while (*end != NULL)
            end = &(*end)->next;
        if (p.token.kind == TOKEN_END || report->errors > SIEVE_NOTES_MAX)
            break;
        if (p.counts && p.has_failed)
            break;
        if (p.token.at.offset >= p.noted)
            fail(&p, p.token.at, "unexpected '}'");
        if (p.counts)
            break;
        advance(&p);
    }
    lexer_release(&p.lexer);
    return first;
}
