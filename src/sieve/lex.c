/* SPDX-License-Identifier: MIT
 *
 * Octets of a script to tokens (RFC 5228 8.1). Line ends may be CRLF or LF; inside strings they
 * become CRLF, as a message has them. A byte order mark in front is skipped. What is no token is
 * noted once and skipped.
 */
#include "lex_priv.h"

#include <stdio.h>

#include "report_priv.h"

static const char PUNCTUATION[] = "()[]{},;";

void
lexer_init(struct lexer *lx, const char *script, struct span text, struct arena *arena,
           struct sieve_report *report)
{
    *lx = (struct lexer){
        .text = text, .line = 1, .column = 1, .script = script, .arena = arena, .report = report};
    buf_init(&lx->string, text.n + text.n / 2 + 16);
    if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
        lx->offset = 3;
}

void
lexer_release(struct lexer *lx)
{
    buf_release(&lx->string);
}

static int
peek(const struct lexer *lx, uint32_t ahead)
{
    return lx->offset + ahead < lx->text.n ? (unsigned char)lx->text.p[lx->offset + ahead] : -1;
}

static void
step(struct lexer *lx)
{
    int c = peek(lx, 0);

    lx->offset++;
    if (c == '\n') {
        lx->line++;
        lx->column = 1;
    } else if ((c & 0xc0) != 0x80) {
        lx->column++;
    }
}

static struct sieve_place
here(const struct lexer *lx, uint32_t length)
{
    return (struct sieve_place){lx->line, lx->column, lx->offset, length};
}

static void
wrong(struct lexer *lx, struct sieve_place at, const char *text)
{
    report_add(lx->report, SIEVE_ERROR, lx->script, at, lx->text, "%s", text);
}

/* ------------------------------------------------------------------ white space (8.1) */

/* One octet of a comment; NUL is never permitted (2.1). */
static void
step_comment(struct lexer *lx)
{
    if (peek(lx, 0) == '\0')
        wrong(lx, here(lx, 1), "comment has a NUL octet");
    step(lx);
}

/* Between the slash and the asterisk and the same backwards. */
static void
skip_bracket_comment(struct lexer *lx)
{
    struct sieve_place at = here(lx, 2);

    step(lx);
    step(lx);
    while (peek(lx, 0) >= 0) {
        if (peek(lx, 0) == '*' && peek(lx, 1) == '/') {
            step(lx);
            step(lx);
            return;
        }
        step_comment(lx);
    }
    wrong(lx, at, "comment has no end");
}

static void
skip_line(struct lexer *lx)
{
    while (peek(lx, 0) >= 0 && peek(lx, 0) != '\n')
        step_comment(lx);
}

static bool
is_blank(int c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
skip_white(struct lexer *lx)
{
    for (;;) {
        if (is_blank(peek(lx, 0)))
            step(lx);
        else if (peek(lx, 0) == '#')
            skip_line(lx);
        else if (peek(lx, 0) == '/' && peek(lx, 1) == '*')
            skip_bracket_comment(lx);
        else
            return;
    }
}

/* ------------------------------------------------------------------ words and numbers */

static bool
is_letter(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static void
take_word(struct lexer *lx, struct token *out)
{
    uint32_t begin = lx->offset;

    while (is_letter(peek(lx, 0)) || is_digit(peek(lx, 0)))
        step(lx);
    out->text = (struct span){lx->text.p + begin, lx->offset - begin};
}

static unsigned
quantifier(int c)
{
    switch (c | 0x20) {
    case 'k':
        return 10;
    case 'm':
        return 20;
    case 'g':
        return 30;
    default:
        return 0;
    }
}

/* A number may have one of K, M, G behind it, and nothing that would make it a word. */
static void
take_number(struct lexer *lx, struct token *out)
{
    struct sieve_place at = here(lx, 0);
    uint64_t n = 0;
    bool is_too_big = false;

    for (; is_digit(peek(lx, 0)); step(lx)) {
        is_too_big = is_too_big || n > (INT64_MAX - 9) / 10;
        n = is_too_big ? n : n * 10 + (uint64_t)(peek(lx, 0) - '0');
    }
    unsigned shift = quantifier(peek(lx, 0));
    if (shift > 0) {
        is_too_big = is_too_big || n > (uint64_t)INT64_MAX >> shift;
        n = is_too_big ? n : n << shift;
        step(lx);
    }
    out->kind = TOKEN_NUMBER;
    out->number = n;
    at.length = lx->offset - at.offset;
    if (is_too_big || is_letter(peek(lx, 0)) || is_digit(peek(lx, 0))) {
        while (is_letter(peek(lx, 0)) || is_digit(peek(lx, 0)))
            step(lx);
        wrong(lx, at, is_too_big ? "number is too big" : "number with something behind it");
        out->kind = TOKEN_WRONG;
    }
}

/* ------------------------------------------------------------------ strings (2.4.2) */

static void
put(struct lexer *lx, int c)
{
    buf_append_char(&lx->string, (char)c);
}

/* A line end inside a string is CRLF, however the script writes it. */
static void
take_inside(struct lexer *lx)
{
    int c = peek(lx, 0);

    if (c == '\n') {
        buf_append_str(&lx->string, "\r\n");
    } else if (!(c == '\r' && peek(lx, 1) == '\n')) {
        put(lx, c);
    }
    step(lx);
}

static void
end_string(struct lexer *lx, struct sieve_place at, struct token *out)
{
    struct span s = buf_span(&lx->string);
    const char *kept = arena_copy(lx->arena, s);

    out->kind = TOKEN_STRING;
    out->text = (struct span){kept, s.n};
    at.length = lx->offset - at.offset;
    if (!utf8_is_valid(s)) /* 2.4.2: the grammar takes any octets */
        report_add(lx->report, SIEVE_WARNING, lx->script, at, lx->text, "string is no valid UTF-8");
    if (kept == NULL)
        wrong(lx, at, "script needs too much memory");
    else if (memchr(s.n > 0 ? s.p : "x", '\0', s.n > 0 ? s.n : 1) != NULL)
        wrong(lx, at, "string has a NUL octet");
    else
        return;
    out->kind = TOKEN_WRONG;
}

static void
take_quoted(struct lexer *lx, struct token *out)
{
    struct sieve_place at = here(lx, 1);

    step(lx);
    while (peek(lx, 0) >= 0 && peek(lx, 0) != '"') {
        if (peek(lx, 0) == '\\' && peek(lx, 1) >= 0)
            step(lx);
        take_inside(lx);
    }
    if (peek(lx, 0) < 0) {
        wrong(lx, at, "string has no closing quote");
        out->kind = TOKEN_WRONG;
        return;
    }
    step(lx);
    end_string(lx, at, out);
}

/* At the end of the line "text:": only blanks and a comment may follow (8.1 multi-line). */
static bool
take_text_start(struct lexer *lx)
{
    while (peek(lx, 0) == ' ' || peek(lx, 0) == '\t')
        step(lx);
    if (peek(lx, 0) == '#')
        skip_line(lx);
    if (peek(lx, 0) == '\r')
        step(lx);
    if (peek(lx, 0) != '\n')
        return false;
    step(lx);
    return true;
}

static bool
is_last_line(const struct lexer *lx)
{
    return peek(lx, 0) == '.' &&
           (peek(lx, 1) == '\n' || peek(lx, 1) < 0 || (peek(lx, 1) == '\r' && peek(lx, 2) == '\n'));
}

/* Dots at the beginning of a line are doubled; a single one in front of other text is forgiven. */
static void
take_multiline(struct lexer *lx, struct sieve_place at, struct token *out)
{
    if (!take_text_start(lx)) {
        wrong(lx, at, "only a comment may stand behind 'text:' on its line");
        out->kind = TOKEN_WRONG;
        return;
    }
    while (peek(lx, 0) >= 0 && !is_last_line(lx)) {
        if (peek(lx, 0) == '.' && peek(lx, 1) == '.')
            step(lx);
        while (peek(lx, 0) >= 0 && peek(lx, 0) != '\n')
            take_inside(lx);
        if (peek(lx, 0) == '\n')
            take_inside(lx);
    }
    if (peek(lx, 0) < 0) {
        wrong(lx, at, "text has no line with a single dot at its end");
        out->kind = TOKEN_WRONG;
        return;
    }
    step(lx);
    end_string(lx, at, out);
}

/* ------------------------------------------------------------------ all of them */

static void
take_identifier(struct lexer *lx, struct token *out)
{
    struct sieve_place at = here(lx, 0);

    take_word(lx, out);
    out->kind = TOKEN_IDENTIFIER;
    if (peek(lx, 0) == ':' && span_equal_fold(out->text, SPAN("text"))) {
        step(lx);
        take_multiline(lx, at, out);
    }
}

static void
take_tag(struct lexer *lx, struct token *out)
{
    struct sieve_place at = here(lx, 1);

    step(lx);
    if (!is_letter(peek(lx, 0))) {
        wrong(lx, at, "':' without a name of a tag");
        while (is_digit(peek(lx, 0)) || is_letter(peek(lx, 0)))
            step(lx);
        out->kind = TOKEN_WRONG;
        return;
    }
    take_word(lx, out);
    out->kind = TOKEN_TAG;
}

static void
take_wrong(struct lexer *lx, struct token *out)
{
    char text[64];
    int c = peek(lx, 0);

    snprintf(text, sizeof(text), c > 32 && c < 127 ? "unexpected '%c'" : "unexpected octet %d", c);
    wrong(lx, here(lx, 1), text);
    out->kind = TOKEN_WRONG;
    out->c = (char)c;
    do
        step(lx);
    while ((peek(lx, 0) & 0x80) != 0 && peek(lx, 0) >= 0);
}

void
lexer_next(struct lexer *lx, struct token *out)
{
    skip_white(lx);
    *out = (struct token){.kind = TOKEN_END, .at = here(lx, 0)};
    int c = peek(lx, 0);
    buf_reset(&lx->string);
    if (c < 0)
        return;
    if (c > 0 && strchr(PUNCTUATION, c) != NULL) {
        out->kind = TOKEN_PUNCTUATION;
        out->c = (char)c;
        step(lx);
    } else if (is_letter(c)) {
        take_identifier(lx, out);
    } else if (is_digit(c)) {
        take_number(lx, out);
    } else if (c == ':') {
        take_tag(lx, out);
    } else if (c == '"') {
        take_quoted(lx, out);
    } else {
        take_wrong(lx, out);
    }
    out->at.length = lx->offset - out->at.offset;
}

const char *
token_describe(const struct token *t, char *out, size_t size)
{
    int n = t->text.n < 40 ? (int)t->text.n : 40;

    switch (t->kind) {
    case TOKEN_END:
        snprintf(out, size, "end of script");
        break;
    case TOKEN_IDENTIFIER:
        snprintf(out, size, "'%.*s'", n, t->text.p);
        break;
    case TOKEN_TAG:
        snprintf(out, size, "tag ':%.*s'", n, t->text.p);
        break;
    case TOKEN_NUMBER:
        snprintf(out, size, "number %llu", (unsigned long long)t->number);
        break;
    case TOKEN_STRING:
        snprintf(out, size, "string");
        break;
    case TOKEN_PUNCTUATION:
        snprintf(out, size, "'%c'", t->c);
        break;
    case TOKEN_WRONG:
        snprintf(out, size, "what is no token");
        break;
    }
    return out;
}
