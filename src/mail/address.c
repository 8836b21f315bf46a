/* SPDX-License-Identifier: MIT
 *
 * The path grammar of RFC 5321 4.1.2 with RFC 6531 3.3, read once from left to right. The edge
 * parses what a peer says; everything behind it sees unquoted local parts and canonical domains.
 */
#include "doorstep/address.h"

#include <string.h>
#include <unistr.h>

#include "doorstep/charset.h"
#include "doorstep/unpack_string.h"

#include "account_name_priv.h"

#define FOLDED_MAX (3 * ADDRESS_SENDER_LOCAL_MAX + 1) /* NFC makes no UTF-8 longer than that */

struct address_reader {
    struct span in; /* what is left */
    unsigned flags;
    char local[ADDRESS_SENDER_LOCAL_MAX]; /* unquoted */
    size_t local_length;
    size_t local_max;                    /* octets as written, quotes and backslashes included */
    char domain[ADDRESS_DOMAIN_MAX + 1]; /* canonical */
    bool is_utf8;
};

static bool
address_is_high(char c)
{
    return (unsigned char)c > 127;
}

/* atext (RFC 5322 3.2.3) or UTF8-non-ascii; whether it is good UTF-8 is checked on the whole. */
static bool
address_is_atext(char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    return address_is_high(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* What may stand between quotes or behind a backslash: %d32-126, UTF8-non-ascii only unescaped. */
static bool
address_is_printable(char c)
{
    return c >= 32 && c <= 126;
}

static bool
address_next_is(const struct address_reader *r, char c)
{
    return r->in.n > 0 && r->in.p[0] == c;
}

static bool
address_skip_char(struct address_reader *r, char c)
{
    if (!address_next_is(r, c))
        return false;
    r->in = span_skip(r->in, 1);
    return true;
}

static enum address_result
address_keep(struct address_reader *r, char c, size_t written)
{
    if (written > r->local_max)
        return ADDRESS_TOO_LONG;
    r->local[r->local_length++] = c;
    return ADDRESS_OK;
}

/* Quoted-string = DQUOTE *QcontentSMTP DQUOTE. It may be empty: no account has that name, but
 * that is not for the grammar to say. */
static enum address_result
address_read_quoted(struct address_reader *r)
{
    for (size_t i = 1; i < r->in.n; i++) {
        char c = r->in.p[i];
        if (c == '"') {
            r->in = span_skip(r->in, i + 1);
            return i + 1 > r->local_max ? ADDRESS_TOO_LONG : ADDRESS_OK;
        }
        bool escaped = c == '\\';
        if (escaped && ++i < r->in.n)
            c = r->in.p[i];
        if (i == r->in.n || !(address_is_printable(c) || (address_is_high(c) && !escaped)))
            return ADDRESS_SYNTAX;
        enum address_result result = address_keep(r, c, i + 1);
        if (result != ADDRESS_OK)
            return result;
    }
    return ADDRESS_SYNTAX;
}

/* Dot-string = Atom *("." Atom) */
static enum address_result
address_read_dot_string(struct address_reader *r)
{
    size_t i = 0;

    for (; i < r->in.n && (address_is_atext(r->in.p[i]) || r->in.p[i] == '.'); i++) {
        if (r->in.p[i] == '.' && (i == 0 || r->in.p[i - 1] == '.'))
            return ADDRESS_SYNTAX;
        enum address_result result = address_keep(r, r->in.p[i], i + 1);
        if (result != ADDRESS_OK)
            return result;
    }
    if (i == 0 || r->in.p[i - 1] == '.')
        return ADDRESS_SYNTAX;
    r->in = span_skip(r->in, i);
    return ADDRESS_OK;
}

/* UTF8-non-ascii without what other programs take for the end of a line or for a command to a
 * terminal: C1 controls with NEL, LS and PS (RFC 5198 2 and 4). The address stands in our trace
 * fields. */
static bool
address_is_text(struct span text)
{
    while (text.n > 0) {
        uint32_t c = utf8_next(&text);
        if (c == UTF8_WRONG || (c >= 0x80 && c < 0xa0) || c == 0x2028 || c == 0x2029)
            return false;
    }
    return true;
}

static bool
address_allows(struct address_reader *r, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        r->is_utf8 |= address_is_high(text[i]);
    return !r->is_utf8 ||
           ((r->flags & ADDRESS_ALLOW_UTF8) != 0 && address_is_text((struct span){text, n}));
}

static enum address_result
address_read_local(struct address_reader *r)
{
    r->local_length = 0;
    enum address_result result =
        address_next_is(r, '"') ? address_read_quoted(r) : address_read_dot_string(r);
    if (result == ADDRESS_OK && !address_allows(r, r->local, r->local_length))
        return ADDRESS_SYNTAX;
    return result;
}

/* Domain or address literal; ends before what a path may have next. */
static enum address_result
address_read_domain(struct address_reader *r)
{
    bool is_literal = address_next_is(r, '[');
    size_t n = 0;

    if (is_literal) {
        n = span_find(r->in, ']');
        if (n == r->in.n)
            return ADDRESS_SYNTAX;
        n++;
    } else {
        while (n < r->in.n && strchr(">,: ", r->in.p[n]) == NULL)
            n++;
    }
    struct span domain = {r->in.p, n};
    if (n > ADDRESS_DOMAIN_MAX)
        return ADDRESS_TOO_LONG;
    if (!address_allows(r, domain.p, n) || !domain_normalize(domain, r->domain, sizeof(r->domain)))
        return ADDRESS_SYNTAX;
    r->in = span_skip(r->in, n);
    return ADDRESS_OK;
}

static enum address_result
address_read_mailbox(struct address_reader *r)
{
    enum address_result result = address_read_local(r);

    if (result != ADDRESS_OK)
        return result;
    return address_skip_char(r, '@') ? address_read_domain(r) : ADDRESS_SYNTAX;
}

/* A-d-l ":" = At-domain *("," At-domain) ":", read and forgotten (RFC 5321 4.1.1.3). */
static enum address_result
address_skip_route(struct address_reader *r)
{
    if (!address_next_is(r, '@'))
        return ADDRESS_OK;
    do {
        if (!address_skip_char(r, '@'))
            return ADDRESS_SYNTAX;
        enum address_result result = address_read_domain(r);
        if (result != ADDRESS_OK)
            return result;
    } while (address_skip_char(r, ','));
    return address_skip_char(r, ':') ? ADDRESS_OK : ADDRESS_SYNTAX;
}

static enum address_result
address_take(const struct address_reader *r, struct arena *arena, struct address *out)
{
    out->local = arena_copy(arena, (struct span){r->local, r->local_length});
    out->domain = arena_copy(arena, span_of(r->domain));
    out->is_utf8 = r->is_utf8;
    return out->local != NULL && out->domain != NULL ? ADDRESS_OK : ADDRESS_NO_MEMORY;
}

/* A sender's address that comes back as a recipient's is as long as it was (srs.h). */
static bool
address_is_rewritten(struct span in)
{
    while (in.n > 0 && (in.p[0] == '<' || in.p[0] == '"'))
        in = span_skip(in, 1);
    return span_has_prefix_fold(in, SPAN("SRS0")) || span_has_prefix_fold(in, SPAN("SRS1"));
}

static void
address_reader_init(struct address_reader *r, struct span in, unsigned flags)
{
    r->in = in;
    r->flags = flags;
    r->local_length = 0;
    bool is_long = (flags & ADDRESS_ALLOW_NULL) != 0 || address_is_rewritten(r->in);
    r->local_max = is_long ? ADDRESS_SENDER_LOCAL_MAX : ADDRESS_LOCAL_MAX;
    r->domain[0] = '\0';
    r->is_utf8 = false;
}

static void
address_make(struct address *out, const char *local, bool is_null)
{
    *out = (struct address){.local = local, .domain = "", .is_null = is_null};
}

enum address_result
address_parse_path(struct span in, unsigned flags, struct arena *arena, struct address *out,
                   struct span *rest)
{
    const struct span null_path = SPAN("<>"), postmaster = SPAN("<postmaster>");
    struct address_reader r;

    if ((flags & ADDRESS_ALLOW_NULL) != 0 && span_has_prefix_fold(in, null_path)) {
        address_make(out, "", true);
        *rest = span_skip(in, null_path.n);
        return ADDRESS_OK;
    }
    if ((flags & ADDRESS_ALLOW_POSTMASTER) != 0 && span_has_prefix_fold(in, postmaster)) {
        address_make(out, "postmaster", false);
        *rest = span_skip(in, postmaster.n);
        return ADDRESS_OK;
    }
    address_make(out, "", false);
    address_reader_init(&r, in, flags);
    if (!address_skip_char(&r, '<'))
        return ADDRESS_SYNTAX;
    enum address_result result = address_skip_route(&r);
    if (result == ADDRESS_OK)
        result = address_read_mailbox(&r);
    if (result == ADDRESS_OK && !address_skip_char(&r, '>'))
        result = ADDRESS_SYNTAX;
    if (result == ADDRESS_OK && in.n - r.in.n > ADDRESS_PATH_MAX)
        result = ADDRESS_TOO_LONG;
    if (result != ADDRESS_OK)
        return result;
    *rest = r.in;
    return address_take(&r, arena, out);
}

enum address_result
address_parse_mailbox(struct span in, unsigned flags, struct arena *arena, struct address *out)
{
    struct address_reader r;

    address_make(out, "", in.n == 0);
    if (in.n == 0)
        return (flags & ADDRESS_ALLOW_NULL) != 0 ? ADDRESS_OK : ADDRESS_SYNTAX;
    if ((flags & ADDRESS_ALLOW_POSTMASTER) != 0 && span_equal_fold(in, SPAN("postmaster"))) {
        address_make(out, "postmaster", false);
        return ADDRESS_OK;
    }
    address_reader_init(&r, in, flags);
    enum address_result result = address_read_mailbox(&r);
    if (result != ADDRESS_OK)
        return result;
    return r.in.n == 0 ? address_take(&r, arena, out) : ADDRESS_SYNTAX;
}

static bool
address_is_dot_string(const char *local)
{
    for (const char *c = local; *c != '\0'; c++) {
        if (*c == '.' ? c == local || c[-1] == '.' || c[1] == '\0' : !address_is_atext(*c))
            return false;
    }
    return local[0] != '\0';
}

static bool
address_print_quoted(const char *local, struct buf *out)
{
    if (!buf_append_char(out, '"'))
        return false;
    for (const char *c = local; *c != '\0'; c++) {
        if ((*c == '"' || *c == '\\') && !buf_append_char(out, '\\'))
            return false;
        if (!buf_append_char(out, *c))
            return false;
    }
    return buf_append_char(out, '"');
}

bool
address_print(const struct address *a, struct buf *out)
{
    if (a->is_null)
        return true;
    if (!(address_is_dot_string(a->local) ? buf_append_str(out, a->local)
                                          : address_print_quoted(a->local, out)))
        return false;
    if (a->domain[0] == '\0')
        return true;
    return buf_append_char(out, '@') && buf_append_str(out, a->domain);
}

const char *
address_text(const struct address *a, struct arena *arena)
{
    struct buf text;

    buf_init(&text, ADDRESS_PATH_MAX);
    const char *copy = address_print(a, &text) ? arena_copy(arena, buf_span(&text)) : NULL;
    buf_release(&text);
    return copy;
}

static bool
address_local_equal_fold(const char *a, const char *b)
{
    char folded_a[FOLDED_MAX], folded_b[FOLDED_MAX];

    return name_fold(span_of(a), true, folded_a, sizeof(folded_a)) &&
           name_fold(span_of(b), true, folded_b, sizeof(folded_b)) &&
           strcmp(folded_a, folded_b) == 0;
}

bool
address_equal(const struct address *a, const struct address *b, bool fold_local)
{
    if (a->is_null != b->is_null || strcmp(a->domain, b->domain) != 0)
        return false;
    return fold_local ? address_local_equal_fold(a->local, b->local)
                      : strcmp(a->local, b->local) == 0;
}

enum { ADDRESS_PACKED_NULL = 1, ADDRESS_PACKED_UTF8 = 2 };

void
address_pack(const struct address *a, struct pack *p)
{
    pack_u8(p, (uint8_t)((a->is_null ? ADDRESS_PACKED_NULL : 0) |
                         (a->is_utf8 ? ADDRESS_PACKED_UTF8 : 0)));
    pack_str(p, a->local);
    pack_str(p, a->domain);
}

/* The same promises that the parser makes. */
static bool
address_is_sound(const struct address *a)
{
    char domain[ADDRESS_DOMAIN_MAX + 1];
    size_t n = strlen(a->local);

    if (a->is_null)
        return n == 0 && a->domain[0] == '\0';
    if (u8_check((const uint8_t *)a->local, n) != NULL)
        return false;
    if (a->domain[0] == '\0')
        return strcmp(a->local, "postmaster") == 0;
    return domain_normalize(span_of(a->domain), domain, sizeof(domain)) &&
           strcmp(a->domain, domain) == 0;
}

bool
address_unpack(struct address *a, struct arena *arena, struct unpack *u)
{
    uint8_t flags = unpack_u8(u);

    a->is_null = (flags & ADDRESS_PACKED_NULL) != 0;
    a->is_utf8 = (flags & ADDRESS_PACKED_UTF8) != 0;
    a->local = unpack_line(u, arena, ADDRESS_SENDER_LOCAL_MAX);
    a->domain = unpack_line(u, arena, ADDRESS_DOMAIN_MAX);
    if (flags > (ADDRESS_PACKED_NULL | ADDRESS_PACKED_UTF8) || !address_is_sound(a))
        u->broken = true;
    return !u->broken;
}
