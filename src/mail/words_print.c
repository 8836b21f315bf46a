/* SPDX-License-Identifier: MIT
 *
 * Text to the value of an unstructured field (RFC 5322 2.2.1): folded, and in encoded words
 * (RFC 2047) where it is not ASCII or has no place to be folded at.
 */
#include "doorstep/words.h"

#include "doorstep/base64.h"

#define COLUMNS 76      /* RFC 2047 2: of a line with encoded words */
#define LINE_MAX 998u   /* RFC 5322 2.1.1 */
#define UNCUT_MAX 900   /* octets of a value that are cut nowhere: blanks, and a word */
#define PIECE_MAX 700   /* octets that may stand without a fold */
#define WORD_OCTETS 42u /* in one encoded word: 56 of base64, and 12 around them */

/* ------------------------------------------------------------------ one line of UTF-8 */

static bool
is_control(uint32_t c)
{
    return (c < 32 && c != '\t') || c == 127;
}

/* Line ends and other controls become blanks, a fold one blank; what is no UTF-8 is replaced. */
static bool
append_line(struct buf *out, struct span s)
{
    bool ok = true;

    while (ok && s.n > 0) {
        size_t fold = s.p[0] == '\r' && s.n > 1 && s.p[1] == '\n' ? 2 : s.p[0] == '\n' ? 1 : 0;
        if (fold > 0 && fold < s.n && (s.p[fold] == ' ' || s.p[fold] == '\t')) {
            s = span_skip(s, fold);
            continue;
        }
        s = span_skip(s, fold > 0 ? fold - 1 : 0);
        uint32_t c = utf8_next(&s);
        ok = utf8_append(out, c == UTF8_WRONG ? 0xfffd : is_control(c) ? ' ' : c);
    }
    return ok;
}

/* The next piece that cannot be folded: blanks, and what is no blank. */
static struct span
next_piece(struct span s)
{
    size_t n = 0;

    while (n < s.n && (s.p[n] == ' ' || s.p[n] == '\t'))
        n++;
    while (n < s.n && s.p[n] != ' ' && s.p[n] != '\t')
        n++;
    return (struct span){s.p, n};
}

static bool
can_be_folded(struct span s)
{
    while (s.n > 0) {
        struct span piece = next_piece(s);
        if (piece.n > PIECE_MAX)
            return false;
        s = span_skip(s, piece.n);
    }
    return true;
}

/* ------------------------------------------------------------------ printing */

/* What stands in one line; what is no UTF-8 can be cut anywhere. */
static struct span
next_uncut(struct span s)
{
    struct span piece = next_piece(s), cut = utf8_cut(piece, UNCUT_MAX);

    return cut.n > 0 ? cut : (struct span){piece.p, UNCUT_MAX};
}

/* A line is broken in front of blanks, so that unfolding gives the value back, unless a word fits
 * no line. */
bool
words_fold(struct span value, size_t column, const char *line_end, struct buf *out)
{
    bool ok = true;

    while (ok && value.n > 0) {
        struct span piece = next_uncut(value);
        bool is_blank_first = piece.p[0] == ' ' || piece.p[0] == '\t';
        if (is_blank_first && column + piece.n > COLUMNS) {
            ok = buf_append_str(out, line_end);
            column = 0;
        } else if (column + piece.n > LINE_MAX) {
            ok = buf_append_str(out, line_end) && buf_append_char(out, ' ');
            column = 1;
        }
        ok = ok && buf_append_span(out, piece);
        column += piece.n;
        value = span_skip(value, piece.n);
    }
    return ok;
}

/* One word a line, no character in two words (RFC 2047 5). The first one stands in the line that
 * the name has begun, unless that is long. */
static bool
append_encoded(struct buf *out, struct span s, size_t column, const char *line_end)
{
    bool ok = true, is_new_line = column > COLUMNS / 2;

    for (; ok && s.n > 0; is_new_line = true) {
        size_t room = is_new_line || column == 0 ? WORD_OCTETS : WORD_OCTETS - column * 3 / 4;
        struct span piece = utf8_cut(s, room < 4 ? 4 : room);
        ok = (!is_new_line || (buf_append_str(out, line_end) && buf_append_char(out, ' '))) &&
             buf_append_str(out, "=?utf-8?B?") && base64_print(piece, out) &&
             buf_append_str(out, "?=");
        s = span_skip(s, piece.n);
    }
    return ok;
}

bool
words_print(struct span text, size_t column, const char *line_end, struct buf *out)
{
    size_t before = out->len;
    struct buf line;

    buf_init(&line, text.n * 3 + 1);
    bool ok = append_line(&line, span_trim(text));
    struct span s = buf_span(&line);
    if (ok && utf8_is_ascii(s) && can_be_folded(s))
        ok = words_fold(s, column, line_end, out);
    else if (ok)
        ok = append_encoded(out, s, column, line_end);
    buf_release(&line);
    if (!ok)
        out->len = before;
    return ok;
}
