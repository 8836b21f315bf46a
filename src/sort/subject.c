/* SPDX-License-Identifier: MIT
 *
 * Base subjects: the procedure of RFC 5256 2.1 step by step, with the ABNF names of its section 5.
 */
#include <unicase.h>

#include "doorstep/charset.h"

#include "subject_priv.h"

static struct span
skip_blanks(struct span s)
{
    while (s.n > 0 && s.p[0] == ' ')
        s = span_skip(s, 1);
    return s;
}

/* Step 1: several spaces become one. */
static bool
collapse(struct span s, struct buf *out)
{
    if (!buf_reserve(out, s.n))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != ' ' || i == 0 || s.p[i - 1] != ' ')
            out->data[out->len++] = s.p[i];
    return true;
}

/* Step 2: subj-trailer = "(fwd)" / WSP */
static struct span
cut_trailers(struct span s)
{
    for (;;) {
        if (s.n > 0 && s.p[s.n - 1] == ' ')
            s.n--;
        else if (s.n >= 5 && span_equal_fold(span_skip(s, s.n - 5), SPAN("(fwd)")))
            s.n -= 5;
        else
            return s;
    }
}

/* subj-blob = "[" *BLOBCHAR "]" *WSP; its length, or 0. */
static size_t
blob_length(struct span s)
{
    size_t n = 1;

    if (s.n == 0 || s.p[0] != '[')
        return 0;
    while (n < s.n && s.p[n] != '[' && s.p[n] != ']')
        n++;
    if (n >= s.n || s.p[n] != ']')
        return 0;
    return s.n - skip_blanks(span_skip(s, n + 1)).n;
}

/* subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"; its length, or 0. */
static size_t
refwd_length(struct span s)
{
    size_t n;

    if (span_has_prefix_fold(s, SPAN("fwd")))
        n = 3;
    else if (span_has_prefix_fold(s, SPAN("re")) || span_has_prefix_fold(s, SPAN("fw")))
        n = 2;
    else
        return 0;
    struct span rest = skip_blanks(span_skip(s, n));
    rest = span_skip(rest, blob_length(rest));
    return rest.n > 0 && rest.p[0] == ':' ? s.n - rest.n + 1 : 0;
}

/* Step 3: subj-leader = (*subj-blob subj-refwd) / WSP. False: s does not begin with one.
 * *blobs: where the blobs were seen to end without a subj-refwd, so that they are not walked again.
 */
static bool
cut_leader(struct span *s)
{
    struct span rest = *s;
    size_t n;

    if (rest.n > 0 && rest.p[0] == ' ') {
        *s = skip_blanks(rest);
        return true;
    }
    while ((n = blob_length(rest)) > 0)
        rest = span_skip(rest, n);
    n = refwd_length(rest);
    *s = n > 0 ? span_skip(rest, n) : *s;
    return n > 0;
}

/* Step 4: a blob goes when something is left behind it. Behind the last subj-refwd no leader can
 * come any more once cut_leader() has said so, except in front of nothing: so all blobs may go in
 * one loop. */
static struct span
cut_blobs(struct span s)
{
    size_t n;

    while ((n = blob_length(s)) > 0 && n < s.n)
        s = span_skip(s, n);
    return s;
}

/* Step 6: "[fwd:" subject "]" */
static bool
unwrap(struct span *s)
{
    if (!span_has_prefix_fold(*s, SPAN("[fwd:")) || s->p[s->n - 1] != ']')
        return false;
    *s = (struct span){s->p + 5, s->n - 6};
    return true;
}

static bool
append_upper(struct span s, struct buf *out)
{
    bool fits = true;

    while (s.n > 0 && fits) {
        uint32_t c = utf8_next(&s);
        if (c < 128)
            fits = buf_append_char(out, (char)(c >= 'a' && c <= 'z' ? c - 32 : c));
        else if (c != UTF8_WRONG)
            fits = utf8_append(out, uc_toupper(c));
    }
    return fits;
}

bool
subject_print_base(struct span subject, struct buf *out)
{
    struct buf text;
    struct span s;

    buf_init(&text, subject.n);
    bool fits = collapse(subject, &text);
    s = buf_span(&text);
    do {
        s = cut_trailers(s);
        while (cut_leader(&s))
            continue;
        s = cut_blobs(s);
    } while (unwrap(&s));
    fits = append_upper(s, out) && fits;
    buf_release(&text);
    return fits;
}
