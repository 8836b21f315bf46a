/* SPDX-License-Identifier: MIT
 *
 * Encoded words: see words.h. Words are taken wherever they stand, also inside quoted strings
 * and without white space around them: RFC 2047 forbids that, and much mail has it.
 */
#include "doorstep/words.h"

#include "doorstep/decode.h"
#include "doorstep/field.h"

#define CHARSET_NAME_MAX 64

struct word {
    struct span charset;
    char encoding; /* 'b' or 'q' */
    struct span text;
};

struct words {
    struct charsets *set; /* borrowed */
    struct span charset;  /* of the octets in pending; n is 0 when none wait */
    struct span written;  /* those words as they stand in the value, from the first to the last */
    struct buf pending;   /* decoded octets of neighbours, not yet converted */
    struct buf *out;      /* borrowed */
    bool no_end;          /* there is no "?=" any more: keeps a row of "=?" linear */
    bool fits;
};

/* Append UTF-8 as one line of text. */
static void
append_text(struct words *w, struct span text)
{
    for (size_t i = 0, start = 0; text.n > 0 && i <= text.n && w->fits; i++) {
        if (i < text.n && (unsigned char)text.p[i] >= ' ' && text.p[i] != 127)
            continue;
        struct span piece = {text.p + start, i - start};
        size_t room = w->out->max - w->out->len;
        w->fits = w->fits && piece.n <= room;
        buf_append_span(w->out, utf8_cut(piece, room));
        if (i < text.n && text.p[i] != '\0' && w->fits)
            w->fits = buf_append_char(w->out, ' ');
        start = i + 1;
    }
}

static void
append_raw(struct words *w, struct span raw)
{
    struct buf unfolded, text;

    buf_init(&unfolded, raw.n);
    buf_init(&text, raw.n * 3);
    w->fits = field_unfold(raw, &unfolded) && w->fits;
    w->fits = charset_guess_to_utf8(buf_span(&unfolded), &text) && w->fits;
    append_text(w, buf_span(&text));
    buf_release(&text);
    buf_release(&unfolded);
}

/* Convert what waits. Ends a row of neighbours. */
static void
flush(struct words *w)
{
    struct buf text;

    if (w->charset.n == 0)
        return;
    buf_init(&text, w->pending.len * 4 + 64);
    if (charset_to_utf8(w->set, w->charset, buf_span(&w->pending), &text))
        append_text(w, buf_span(&text));
    else
        append_raw(w, w->written);
    buf_release(&text);
    buf_reset(&w->pending);
    w->charset = SPAN_NONE;
}

/* Offset of "?=" in s, or s.n. */
static size_t
find_end(struct words *w, struct span s)
{
    size_t at = 0;

    if (w->no_end)
        return s.n;
    while ((at += span_find(span_skip(s, at), '?')) < s.n) {
        if (at + 1 < s.n && s.p[at + 1] == '=')
            return at;
        at++;
    }
    w->no_end = true;
    return s.n;
}

/* Parse the encoded word that s begins with ("=?"); its whole length, or 0 when it is none. */
static size_t
parse_word(struct words *w, struct span s, struct word *out)
{
    struct span rest = span_skip(s, 2);
    struct span head = {rest.p, rest.n < CHARSET_NAME_MAX ? rest.n : CHARSET_NAME_MAX};
    size_t n = span_find(head, '?');

    if (n == 0 || n == head.n || rest.n < n + 3 || rest.p[n + 2] != '?')
        return 0;
    out->charset = (struct span){rest.p, n};
    out->encoding = rest.p[n + 1] | 0x20;
    rest = span_skip(rest, n + 3);
    out->text = (struct span){rest.p, find_end(w, rest)};
    if (out->text.n == rest.n || (out->encoding != 'b' && out->encoding != 'q'))
        return 0;
    return charset_is_known(out->charset) ? s.n - rest.n + out->text.n + 2 : 0;
}

static void
take_word(struct words *w, const struct word *word, struct span written)
{
    bool joins = w->charset.n > 0 && span_equal_fold(w->charset, word->charset);

    if (!joins) {
        flush(w);
        w->charset = word->charset;
        w->written = written;
    }
    w->written.n = (size_t)(written.p + written.n - w->written.p);
    if (word->encoding == 'q') {
        w->fits = decode_q_word(word->text, &w->pending) && w->fits;
        return;
    }
    struct decode d;
    decode_init(&d, DECODE_BASE64);
    w->fits = decode_feed(&d, word->text, &w->pending) && w->fits;
    w->fits = decode_finish(&d, &w->pending) && w->fits;
}

/* Offset of "=?" in s, or s.n. */
static size_t
find_begin(struct span s)
{
    size_t at = 0;

    while ((at += span_find(span_skip(s, at), '=')) < s.n) {
        if (at + 1 < s.n && s.p[at + 1] == '?')
            return at;
        at++;
    }
    return s.n;
}

/* Text between words; white space alone between two words means nothing. */
static void
take_between(struct words *w, struct span text, bool word_follows)
{
    if (text.n == 0 || (word_follows && w->charset.n > 0 && span_trim(text).n == 0))
        return;
    flush(w);
    append_raw(w, text);
}

bool
words_decode(struct charsets *set, struct span value, struct buf *out)
{
    struct words w = {.set = set, .out = out, .fits = true};
    size_t from = 0, at = 0; /* text that was not taken yet; where to look for a word */

    buf_init(&w.pending, value.n);
    while (at < value.n) {
        struct word word;
        at += find_begin(span_skip(value, at));
        size_t n = at < value.n ? parse_word(&w, span_skip(value, at), &word) : 0;
        if (n == 0) {
            at += at < value.n ? 2 : 0;
            continue;
        }
        take_between(&w, (struct span){value.p + from, at - from}, true);
        take_word(&w, &word, (struct span){value.p + at, n});
        at += n;
        from = at;
    }
    take_between(&w, span_skip(value, from), false);
    flush(&w);
    buf_release(&w.pending);
    return w.fits;
}
