/* SPDX-License-Identifier: MIT
 *
 * See wire_priv.h. What has too many arguments or too long ones is read to its end, literals and
 * all, so that a script that is refused is never taken for commands.
 */
#include "wire_priv.h"

#define LITERAL_SKIP_MAX (64ull * 1024 * 1024) /* a larger one ends the connection */
#define KEPT_MAX 4096                          /* octets of memory kept between commands */

void
wire_init(struct wire *r, size_t octets_max, uint64_t literal_max)
{
    *r = (struct wire){.literal_max = literal_max};
    buf_init(&r->octets, octets_max);
}

void
wire_release(struct wire *r)
{
    buf_release(&r->octets);
}

void
wire_next(struct wire *r)
{
    if (r->octets.size > KEPT_MAX)
        buf_release(&r->octets);
    buf_reset(&r->octets);
    r->state = WIRE_AT_WORD;
    r->word = 0;
    r->count = 0;
    r->line = 0;
    r->is_escaped = r->has_plus = r->has_digit = r->is_string = r->is_too_large = false;
    r->why = NULL;
}

struct span
wire_word(const struct wire *r)
{
    return (struct span){r->octets.data, r->word};
}

struct span
wire_string(const struct wire *r, uint32_t i)
{
    if (i >= r->count || r->arguments[i].is_number)
        return SPAN_NONE;
    return (struct span){r->octets.data == NULL ? "" : r->octets.data + r->arguments[i].offset,
                         r->arguments[i].n};
}

/* ------------------------------------------------------------------ what is wrong */

static void
wrong(struct wire *r, const char *why)
{
    if (r->why == NULL)
        r->why = why;
}

static bool
put(struct wire *r, char c)
{
    if (r->why == NULL && !buf_append_char(&r->octets, c))
        wrong(r, "the command is too long");
    return r->why == NULL;
}

/* ------------------------------------------------------------------ arguments */

static struct wire_argument *
last(struct wire *r)
{
    return &r->arguments[r->count - 1];
}

static void
begin_argument(struct wire *r, bool is_number)
{
    if (r->count == WIRE_ARGUMENTS_MAX) {
        wrong(r, "too many arguments");
        return;
    }
    r->arguments[r->count++] =
        (struct wire_argument){.is_number = is_number, .offset = r->octets.len};
}

static void
end_string(struct wire *r)
{
    if (r->why == NULL)
        last(r)->n = r->octets.len - last(r)->offset;
    r->state = WIRE_BEHIND;
}

static void
take_digit(struct wire *r, uint64_t *number, char c)
{
    *number = *number * 10 + (uint64_t)(c - '0');
    if (*number <= UINT32_MAX)
        return;
    *number = UINT32_MAX;
    wrong(r, "a number is too large");
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The first octet of an argument. */
static void
at_gap(struct wire *r, char c)
{
    if (c == '"') {
        begin_argument(r, false);
        r->state = WIRE_IN_QUOTED;
    } else if (c == '{') {
        begin_argument(r, false);
        r->left = 0;
        r->has_plus = r->has_digit = false;
        r->state = WIRE_AT_LITERAL;
    } else if (is_digit(c)) {
        begin_argument(r, true);
        if (r->why == NULL)
            take_digit(r, &last(r)->number, c);
        r->state = WIRE_IN_NUMBER;
    } else if (c == '\r') {
        r->state = WIRE_AT_LF;
    } else if (c != ' ') {
        wrong(r, "an argument is neither string nor number");
        r->state = WIRE_SKIPPING_LINE;
    }
}

/* quoted = DQUOTE *(QUOTED-CHAR) DQUOTE; no CR, LF and NUL inside. */
static void
in_quoted(struct wire *r, char c)
{
    if (c == '\r' || c == '\n' || c == '\0') {
        wrong(r, "a quoted string has no end on its line");
        r->state = c == '\n' ? WIRE_AT_WORD : WIRE_SKIPPING_LINE;
    } else if (r->is_escaped) {
        r->is_escaped = false;
        put(r, c);
    } else if (c == '\\') {
        r->is_escaped = true;
    } else if (c == '"') {
        end_string(r);
    } else {
        put(r, c);
    }
}

/* literal-c2s = "{" number "+}" CRLF *OCTET: nobody waits for leave to send it. One without the
 * plus is read too. A length that nobody will wait for grows no further. */
static void
at_literal(struct wire *r, char c)
{
    if (is_digit(c) && !r->has_plus) {
        r->has_digit = true;
        if (r->left <= LITERAL_SKIP_MAX)
            r->left = r->left * 10 + (uint64_t)(c - '0');
    } else if (c == '+' && r->has_digit && !r->has_plus) {
        r->has_plus = true;
    } else if (c == '}' && r->has_digit) {
        r->state = WIRE_AT_LITERAL_END;
    } else {
        wrong(r, "the length of a literal is wrong");
        r->state = c == '\n' ? WIRE_AT_WORD : WIRE_SKIPPING_LINE;
    }
}

static void
begin_literal(struct wire *r)
{
    r->line = 0;
    if (r->left > r->literal_max) {
        wrong(r, "a literal is too large");
        r->is_too_large = true;
    }
    r->state = r->why == NULL ? WIRE_IN_LITERAL : WIRE_SKIPPING_LITERAL;
    if (r->left == 0)
        end_string(r);
}

/* As many octets at once as there are. */
static void
in_literal(struct wire *r, struct span *in)
{
    size_t n = in->n < r->left ? in->n : (size_t)r->left;

    if (r->state == WIRE_IN_LITERAL && !buf_append(&r->octets, in->p, n)) {
        wrong(r, "the command is too long");
        r->state = WIRE_SKIPPING_LITERAL;
    }
    *in = span_skip(*in, n);
    r->left -= n;
    if (r->left == 0)
        end_string(r);
}

/* ------------------------------------------------------------------ lines */

static void
at_word(struct wire *r, char c)
{
    if (r->word == 0 && (c == '"' || c == '{')) {
        r->is_string = true; /* the client's part of a SASL exchange */
        at_gap(r, c);
    } else if (c == ' ') {
        r->state = WIRE_AT_GAP;
    } else if (c == '\r') {
        r->state = WIRE_AT_LF;
    } else if ((unsigned char)c < 32 || c == 127 || r->word == 64) {
        wrong(r, "the command is no word");
        r->state = WIRE_SKIPPING_LINE;
    } else {
        r->word += put(r, c);
    }
}

static void
behind(struct wire *r, char c)
{
    if (c == ' ')
        r->state = WIRE_AT_GAP;
    else if (c == '\r')
        r->state = WIRE_AT_LF;
    else {
        wrong(r, "something follows an argument");
        r->state = WIRE_SKIPPING_LINE;
    }
}

static void
in_number(struct wire *r, char c)
{
    if (!is_digit(c))
        behind(r, c);
    else if (r->why == NULL)
        take_digit(r, &last(r)->number, c);
}

static void
take_octet(struct wire *r, char c)
{
    switch (r->state) {
    case WIRE_AT_WORD:
        at_word(r, c);
        break;
    case WIRE_AT_GAP:
        at_gap(r, c);
        break;
    case WIRE_IN_QUOTED:
        in_quoted(r, c);
        break;
    case WIRE_IN_NUMBER:
        in_number(r, c);
        break;
    case WIRE_AT_LITERAL:
        at_literal(r, c);
        break;
    case WIRE_AT_LITERAL_END:
        if (c == '\n')
            begin_literal(r);
        else if (c != '\r')
            wrong(r, "the length of a literal has no line end behind it");
        break;
    case WIRE_BEHIND:
        behind(r, c);
        break;
    case WIRE_AT_LF:
        wrong(r, "a CR without LF");
        r->state = WIRE_SKIPPING_LINE;
        break;
    case WIRE_SKIPPING_LINE:
    case WIRE_IN_LITERAL:
    case WIRE_SKIPPING_LITERAL:
        break;
    }
}

/* A line feed ends the command, but inside of a literal and behind its length; a bare one too. */
static bool
ends_command(const struct wire *r, char c)
{
    return c == '\n' && r->state != WIRE_AT_LITERAL_END && r->state != WIRE_IN_QUOTED;
}

enum wire_result
wire_feed(struct wire *r, struct span *in)
{
    while (in->n > 0) {
        if (r->state == WIRE_IN_LITERAL || r->state == WIRE_SKIPPING_LITERAL) {
            in_literal(r, in);
            continue;
        }
        char c = in->p[0];
        *in = span_skip(*in, 1);
        if (++r->line > WIRE_LINE_MAX) {
            wrong(r, "a line is too long");
            if (r->state != WIRE_AT_LITERAL && r->state != WIRE_AT_LITERAL_END)
                r->state = WIRE_SKIPPING_LINE;
        }
        if (ends_command(r, c))
            return r->why == NULL ? WIRE_COMMAND : WIRE_WRONG;
        bool was_quoted = r->state == WIRE_IN_QUOTED;
        take_octet(r, c);
        if (was_quoted && c == '\n')
            return WIRE_WRONG;
        if (r->state == WIRE_SKIPPING_LITERAL && r->left > LITERAL_SKIP_MAX)
            return WIRE_HOPELESS;
    }
    return WIRE_MORE;
}
