/* SPDX-License-Identifier: MIT
 *
 * :matches (RFC 5228 2.7.1) with the match variables of RFC 5229 3.2. A pattern is pieces between
 * its asterisks: the first must stand at the beginning, the last at the end, each other at the
 * first place behind the one before. That is the shortest match for every asterisk and never goes
 * back: without '?' a piece is found by memmem in linear time, with '?' each place that is tried
 * is paid from the budget.
 */
#include "comparator_unicode_priv.h"
#include "match_priv.h"

struct pattern { /* what is left of it, and what it has caught */
    struct sieve_match *match;
    struct span rest;
    const char *begin;   /* of the folded value */
    const char *extents; /* match_extents(); NULL: a character is an octet */
    struct span values[MATCH_VALUES_MAX];
    uint32_t count;
};

struct piece_of { /* up to an asterisk or the end */
    struct span text;
    bool has_question, has_escape;
    bool is_last;
};

static void
next_piece(struct pattern *p, struct piece_of *out)
{
    size_t n = 0;

    *out = (struct piece_of){.is_last = true};
    for (; n < p->rest.n && p->rest.p[n] != '*'; n++) {
        if (p->rest.p[n] == '\\' && n + 1 < p->rest.n) {
            out->has_escape = true;
            n++;
        } else if (p->rest.p[n] == '?') {
            out->has_question = true;
        }
    }
    out->text = (struct span){p->rest.p, n};
    out->is_last = n == p->rest.n;
    p->rest = span_skip(p->rest, n + 1);
}

static void
catch_value(struct pattern *p, const char *begin, const char *end)
{
    if (p->count < MATCH_VALUES_MAX)
        p->values[p->count++] = (struct span){begin, (size_t)(end - begin)};
}

/* RFC 5228 2.7.1: "?" is one character of the value, whatever the comparator makes of it (RFC 5051
 * 2: of a composed letter, several characters). 0: within one, none begins at s. */
static size_t
character(const struct pattern *p, struct span s)
{
    size_t at = (size_t)(s.p - p->begin);

    if (p->extents == NULL)
        return 1;
    return at > 0 && p->extents[at - 1] != 1 ? 0 : (size_t)p->extents[at];
}

/* Does the piece stand at the beginning of s? *used octets of it; '?' are caught. */
static bool
stands_here(struct pattern *p, const struct piece_of *piece, struct span s, size_t *used)
{
    struct span t = piece->text, rest = s;
    uint32_t count = p->count;

    while (t.n > 0 && rest.n > 0) {
        size_t n = 1;
        if (t.p[0] == '?') {
            n = character(p, rest);
            if (n == 0)
                break;
            catch_value(p, rest.p, rest.p + n);
        } else {
            if (t.p[0] == '\\' && t.n > 1)
                t = span_skip(t, 1);
            if (t.p[0] != rest.p[0])
                break;
        }
        t = span_skip(t, 1);
        rest = span_skip(rest, n);
    }
    *used = s.n - rest.n;
    if (t.n == 0)
        return true;
    p->count = count;
    return false;
}

static enum sieve_truth
find_plain(const struct piece_of *piece, struct span s, size_t *at, size_t *used)
{
    const char *hit = piece->text.n == 0 ? s.p : match_find(s, piece->text);

    if (hit == NULL && piece->text.n > 0)
        return SIEVE_FALSE;
    *at = piece->text.n == 0 ? 0 : (size_t)(hit - s.p);
    *used = piece->text.n;
    return SIEVE_TRUE;
}

/* Measured against what memmem() takes for an octet: the piece is gone through octet by octet, what
 * it catches is noted, and to begin with it costs something, too. */
static size_t
cost_of_try(const struct piece_of *piece)
{
    return 2 * (piece->text.n + 4);
}

/* The first place in s where the piece stands; the asterisk in front catches what is before. */
static enum sieve_truth
find_piece(struct pattern *p, const struct piece_of *piece, struct span s, size_t *at, size_t *used)
{
    uint32_t mine = p->count;

    catch_value(p, s.p, s.p); /* the asterisk's, before those of the piece */
    enum sieve_truth found = SIEVE_FALSE;
    if (!piece->has_question && !piece->has_escape) {
        found = find_plain(piece, s, at, used);
    } else {
        for (*at = 0; *at <= s.n && found == SIEVE_FALSE; ++*at) {
            if (!sieve_run_work(p->match->run, cost_of_try(piece)))
                return SIEVE_BROKEN;
            if (stands_here(p, piece, span_skip(s, *at), used))
                found = SIEVE_TRUE;
        }
        *at -= found == SIEVE_TRUE;
    }
    if (found == SIEVE_TRUE && mine < MATCH_VALUES_MAX)
        p->values[mine].n = *at;
    return found;
}

/* Octets that the piece takes at least, and how many of its characters may take more. */
static size_t
least_octets(const struct piece_of *piece, size_t *questions)
{
    size_t n = 0;

    *questions = 0;
    for (size_t i = 0; i < piece->text.n; i++, n++) {
        if (piece->text.p[i] == '\\' && i + 1 < piece->text.n)
            i++;
        else if (piece->text.p[i] == '?')
            ++*questions;
    }
    return n;
}

/* Does the last piece stand at the end of s? The asterisk in front catches what is before. */
static enum sieve_truth
stands_at_end(struct pattern *p, const struct piece_of *piece, struct span s)
{
    size_t questions, used, least = least_octets(piece, &questions);
    size_t most = p->extents == NULL ? least : least + (UNICODE_FOLDED_MAX - 1) * questions;
    uint32_t mine = p->count;

    for (size_t n = least; n <= s.n && n <= most; n++) {
        struct span tail = span_skip(s, s.n - n);
        if (!sieve_run_work(p->match->run, cost_of_try(piece)))
            return SIEVE_BROKEN;
        p->count = mine;
        catch_value(p, s.p, tail.p);
        if (p->extents != NULL && n > 0 && (tail.p[0] & 0xc0) == 0x80)
            continue;
        if (stands_here(p, piece, tail, &used) && used == n)
            return SIEVE_TRUE;
    }
    return SIEVE_FALSE;
}

static enum sieve_truth
match_rest(struct pattern *p, struct span s)
{
    struct piece_of piece;
    size_t at = 0, used = 0;

    for (;;) {
        next_piece(p, &piece);
        if (piece.is_last)
            return stands_at_end(p, &piece, s);
        enum sieve_truth found = find_piece(p, &piece, s, &at, &used);
        if (found != SIEVE_TRUE)
            return found;
        s = span_skip(s, at + used);
    }
}

static enum sieve_truth
match_all(struct pattern *p, struct span s)
{
    struct piece_of first;
    size_t used = 0;

    next_piece(p, &first);
    if (!stands_here(p, &first, s, &used))
        return SIEVE_FALSE;
    if (first.is_last)
        return used == s.n ? SIEVE_TRUE : SIEVE_FALSE;
    return match_rest(p, span_skip(s, used));
}

/* Where in the value the character lies that octet `at` of its folded form comes from. The search
 * goes on at *from, which folds to octet *folded_from, and leaves both there. */
static size_t
unfold(struct sieve_match *m, struct span value, size_t at, size_t *from, size_t *folded_from)
{
    struct buf *one = sieve_run_buf(m->run);

    while (*folded_from < at && *from < value.n) {
        struct span rest = span_skip(value, *from);
        struct span character = rest;
        utf8_next(&rest);
        character.n -= rest.n;
        buf_reset(one);
        m->comparator->fold(character, one); /* of one character: it has room */
        *folded_from += one->len;
        *from += character.n;
    }
    return *from;
}

/* What was caught in the folded value is shown as the message has it. */
static bool
give_variables(struct sieve_match *m, struct pattern *p, struct span value)
{
    size_t from = 0, folded_from = 0;
    /* RFC 5051 2, step 1b: what is no UTF-8 stays what it is. */
    bool is_same = m->comparator->is_octetwise || !utf8_is_valid(value);

    if (m->keeps_variables || !sieve_run_work(m->run, value.n))
        return m->keeps_variables;
    for (uint32_t i = 1; i < p->count; i++) {
        size_t begin = (size_t)(p->values[i].p - m->folded_value.p), end = begin + p->values[i].n;
        if (!is_same) {
            begin = unfold(m, value, begin, &from, &folded_from);
            end = unfold(m, value, end, &from, &folded_from);
        }
        p->values[i] = (struct span){value.p + begin, end - begin};
    }
    return match_variables(m, p->values, p->count);
}

/* match_extents() - for each octet of the folded value, how many there are from it to the end of
 * what one character of the value has become. With i;octet and i;ascii-casemap, in ASCII, and in
 * what is no UTF-8 (RFC 5051 2, step 1b) a character is an octet: NULL. False: no memory, noted. */
static bool
match_extents(struct sieve_match *m, struct span value, const char **extents)
{
    struct buf *out = &m->run->extents, *one = sieve_run_buf(m->run);
    bool ok = true;

    *extents = NULL;
    if (m->comparator->is_octetwise || utf8_is_ascii(value) || !utf8_is_valid(value))
        return true;
    if (!m->has_extents && !sieve_run_work(m->run, MATCH_UNICODE_COST * value.n))
        return false;
    if (!m->has_extents)
        buf_reset(out);
    while (ok && !m->has_extents && value.n > 0) {
        struct span character = value;
        utf8_next(&value);
        character.n -= value.n;
        buf_reset(one);
        ok = m->comparator->fold(character, one);
        for (size_t left = one->len; ok && left > 0; left--)
            ok = buf_append_char(out, (char)left);
    }
    m->has_extents = true;
    *extents = out->data;
    return ok || sieve_run_fail(m->run, m->op, "a value is too long to be compared");
}

enum sieve_truth
match_wildcards(struct sieve_match *m, uint32_t i, struct span value)
{
    struct pattern p = {.match = m, .rest = m->folded[i], .begin = m->folded_value.p};

    if (!match_extents(m, value, &p.extents))
        return SIEVE_BROKEN;
    p.values[p.count++] = value; /* ${0}: the whole */
    enum sieve_truth result = match_all(&p, m->folded_value);
    if (result == SIEVE_TRUE && !give_variables(m, &p, value))
        return SIEVE_BROKEN;
    return result;
}
