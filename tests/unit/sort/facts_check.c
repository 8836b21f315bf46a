/* SPDX-License-Identifier: MIT
 *
 * The promises of facts.h and sort.h, checked: see facts_check.h.
 */
#include "facts_check.h"

#include <string.h>

#include "doorstep/charset.h"
#include "doorstep/sort.h"

/* The length of the string or literal that s begins with; 0 when it is none. */
static size_t
string_length(struct span s)
{
    size_t n = 1, octets = 0;

    if (s.p[0] == '"') {
        for (; n < s.n && s.p[n] != '"'; n++) {
            if (s.p[n] == '\r' || s.p[n] == '\n' || (unsigned char)s.p[n] > 127)
                return 0;
            n += s.p[n] == '\\';
        }
        return n < s.n ? n + 1 : 0;
    }
    for (; n < s.n && s.p[n] >= '0' && s.p[n] <= '9' && octets < s.n; n++)
        octets = octets * 10 + (size_t)(s.p[n] - '0');
    if (n + 3 + octets > s.n || memcmp(s.p + n, "}\r\n", 3) != 0)
        return 0;
    return n + 3 + octets;
}

static size_t
atom_length(struct span s)
{
    size_t n = 0;

    if (s.n >= 3 && memcmp(s.p, "NIL", 3) == 0)
        return 3;
    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return n;
}

/* One list of strings, numbers, NIL and lists, with single spaces between what are no lists. */
static bool
is_list(struct span s)
{
    size_t depth = 0;
    bool was_value = false;

    do {
        size_t n;
        if (s.n == 0)
            return false;
        if (s.p[0] == '(' || s.p[0] == ')') {
            depth = s.p[0] == '(' ? depth + 1 : depth - 1;
            was_value = false;
            n = 1;
        } else if (s.p[0] == ' ') {
            was_value = false;
            n = 1;
            if (s.n < 2 || s.p[1] == ' ' || s.p[1] == ')')
                return false;
        } else {
            n = s.p[0] == '"' || s.p[0] == '{' ? string_length(s) : atom_length(s);
            if (n == 0 || was_value)
                return false;
            was_value = true;
        }
        s = span_skip(s, n);
    } while (depth > 0);
    return s.n == 0;
}

static bool
is_line(const char *s)
{
    for (; *s != '\0'; s++)
        if ((unsigned char)*s < ' ' || *s == 127)
            return false;
    return true;
}

static const char *
check_strings(const struct facts *f)
{
    const char *const lines[] = {f->message_id, f->subject, f->base_subject, f->from,
                                 f->references, f->list_id, f->date,         f->preview};

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (lines[i] == NULL)
            return "a string is missing";
        if (!utf8_is_valid(span_of(lines[i])))
            return "a string is not UTF-8";
        if (!is_line(lines[i]))
            return "a string has control octets";
    }
    for (uint32_t i = 0; i < f->header_count; i++)
        if (strpbrk(f->headers[i].value, "\r\n") != NULL)
            return "a cached field is folded";
    return NULL;
}

static size_t
count_characters(const char *s)
{
    size_t n = 0;

    for (; *s != '\0'; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static const char *
check_parts(const struct facts *f)
{
    for (uint32_t i = 0; i < f->part_count; i++) {
        const struct facts_part *p = &f->parts[i];
        if (p->header_start > p->body_start || p->body_start > f->octets ||
            p->body_octets > f->octets - p->body_start)
            return "a part is not inside the message";
        if (p->lines_before > f->lines || p->body_lines > f->lines - p->lines_before)
            return "a part has more lines than the message";
    }
    if (f->part_count == 0 && (f->flags & FACTS_TRUNCATED) == 0)
        return "no parts";
    return NULL;
}

static const char *
check_packed(const struct facts *f)
{
    struct buf packed, again;
    struct arena arena;
    struct facts copy;
    struct pack p;
    struct unpack u;
    const char *wrong = NULL;

    buf_init(&packed, SORT_FACTS_MAX);
    buf_init(&again, SORT_FACTS_MAX);
    arena_init(&arena, 8 * SORT_FACTS_MAX);
    pack_init(&p, &packed);
    facts_pack(f, &p);
    unpack_init(&u, buf_span(&packed));
    if (p.full)
        wrong = "too long when packed";
    else if (!facts_unpack(&copy, &arena, &u) || !unpack_done(&u))
        wrong = "cannot be unpacked";
    pack_init(&p, &again);
    if (wrong == NULL)
        facts_pack(&copy, &p);
    if (wrong == NULL && !span_equal(buf_span(&packed), buf_span(&again)))
        wrong = "not the same when unpacked";
    arena_release(&arena);
    buf_release(&again);
    buf_release(&packed);
    return wrong;
}

const char *
facts_check(const struct facts *f)
{
    const char *wrong = check_strings(f);

    if (wrong == NULL && !is_list(span_of(f->envelope)))
        wrong = "ENVELOPE is not well-formed";
    if (wrong == NULL && !is_list(span_of(f->bodystructure)))
        wrong = "BODYSTRUCTURE is not well-formed";
    if (wrong == NULL &&
        (!utf8_is_valid(span_of(f->envelope)) || !utf8_is_valid(span_of(f->bodystructure))))
        wrong = "ENVELOPE or BODYSTRUCTURE is not UTF-8";
    if (wrong == NULL && count_characters(f->preview) > 200)
        wrong = "the preview is too long";
    if (wrong == NULL && f->header_octets > f->octets)
        wrong = "the header is longer than the message";
    if (wrong == NULL)
        wrong = check_parts(f);
    return wrong != NULL ? wrong : check_packed(f);
}
