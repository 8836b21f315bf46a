/* SPDX-License-Identifier: MIT
 *
 * The decoder of DATA and BDAT content. Only CRLF.CRLF ends DATA (RFC 5321 4.1.1.4): a bare CR or
 * LF is content and never a line end, or else two servers disagree on where a message ends and a
 * peer can smuggle a second one in (CVE-2023-51764 and its family).
 *
 *   LINE_START --'.'--> DOT --CR--> DOT_CR --LF--> END
 *      ^  |              |            |
 *      |  other          other        other: the dot was stuffing, the CR is in the text
 *     LF  v              v            v
 *   CR <--CR-- TEXT <----'      CR <--'
 *
 * The common case, a large piece of TEXT without stuffed dots, is one span to the sink: the loop
 * leaps from CR to CR with memchr(3).
 */
#include "decode_priv.h"

#include <string.h>

void
smtp_decode_init(struct smtp_decode *d, enum bare_newline bare, bool has_dots)
{
    *d = (struct smtp_decode){.state = DECODE_LINE_START, .bare = bare, .has_dots = has_dots};
}

static void
emit(const struct decode_sink *sink, const char *from, const char *to)
{
    if (to > from)
        sink->octets(sink->arg, (struct span){from, (size_t)(to - from)});
}

static void
emit_literal(const struct decode_sink *sink, struct span octets)
{
    sink->octets(sink->arg, octets);
}

/* A CR that no LF follows. */
static void
emit_bare_cr(struct smtp_decode *d, const struct decode_sink *sink)
{
    d->saw_bare = true;
    emit_literal(sink, d->bare == BARE_NORMALIZE ? SPAN("\r\n") : SPAN("\r"));
}

/* Deal with the bare LFs in [p, end), where no CR is; returns where content not yet emitted
 * begins, given that it begins at run now. */
static const char *
bare_line_feeds(struct smtp_decode *d, const char *run, const char *p, const char *end,
                const struct decode_sink *sink)
{
    if (d->bare == BARE_KEEP)
        return run;
    while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
        d->saw_bare = true;
        if (d->bare == BARE_NORMALIZE) {
            emit(sink, run, p);
            emit_literal(sink, SPAN("\r\n"));
            run = p + 1;
        }
        p++;
    }
    return run;
}

/* From inside a line on, over as many lines as need no thought. Stops behind the line end in front
 * of a dot, or at the end; state is set for what comes next. */
static const char *
decode_text(struct smtp_decode *d, const char *p, const char *end, const struct decode_sink *sink)
{
    const char *run = p; /* content from here on is not emitted yet */

    for (;;) {
        const char *cr = memchr(p, '\r', (size_t)(end - p));

        run = bare_line_feeds(d, run, p, cr != NULL ? cr : end, sink);
        if (cr == NULL) {
            emit(sink, run, end);
            d->state = DECODE_TEXT;
            return end;
        }
        if (cr + 1 == end) {
            emit(sink, run, cr);
            d->state = DECODE_CR;
            return end;
        }
        p = cr + 1;
        if (*p != '\n') {
            d->saw_bare = true;
            if (d->bare == BARE_NORMALIZE) {
                emit(sink, run, cr);
                emit_bare_cr(d, sink);
                run = p;
            }
            continue;
        }
        p++;
        if (p == end || (d->has_dots && *p == '.')) {
            emit(sink, run, p);
            d->state = DECODE_LINE_START;
            return p;
        }
    }
}

/* One octet decides what was held back. Returns true when it was used up. */
static bool
decode_held(struct smtp_decode *d, char c, const struct decode_sink *sink)
{
    switch (d->state) {
    case DECODE_LINE_START:
        d->state = c == '.' && d->has_dots ? DECODE_DOT : DECODE_TEXT;
        return d->state == DECODE_DOT;
    case DECODE_DOT: /* the dot is stuffing unless CRLF follows */
        d->state = c == '\r' ? DECODE_DOT_CR : DECODE_TEXT;
        return d->state == DECODE_DOT_CR;
    case DECODE_DOT_CR:
        d->state = c == '\n' ? DECODE_END : DECODE_CR;
        return d->state == DECODE_END;
    case DECODE_CR:
        if (c != '\n') {
            emit_bare_cr(d, sink);
            d->state = DECODE_TEXT;
            return false;
        }
        emit_literal(sink, SPAN("\r\n"));
        d->state = DECODE_LINE_START;
        return true;
    case DECODE_TEXT:
    case DECODE_END:
        break;
    }
    return false;
}

size_t
smtp_decode_feed(struct smtp_decode *d, struct span in, const struct decode_sink *sink)
{
    const char *p = in.p;
    const char *end = in.n > 0 ? in.p + in.n : p;

    while (p < end && d->state != DECODE_END) {
        if (d->state == DECODE_TEXT)
            p = decode_text(d, p, end, sink);
        else if (decode_held(d, *p, sink))
            p++;
    }
    return (size_t)(p - in.p);
}

void
smtp_decode_finish(struct smtp_decode *d, const struct decode_sink *sink)
{
    if (d->state == DECODE_CR)
        emit_bare_cr(d, sink);
    d->state = DECODE_END;
}
