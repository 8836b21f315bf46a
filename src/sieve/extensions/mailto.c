/* SPDX-License-Identifier: MIT
 *
 * mailto URIs (RFC 6068) as notify takes them (RFC 5436 2.7): addresses, and header fields of
 * which the unsafe ones are dropped.
 */
#include "notify_priv.h"

#include <strings.h>

#include "doorstep/charset.h"

static int
hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-encoding (RFC 3986 2.1); no control octets but line ends, which only a body may have. */
static const char *
decode(struct span s, struct arena *arena)
{
    char *out = arena_alloc(arena, s.n + 1);
    size_t len = 0;

    for (size_t i = 0; out != NULL && i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            if (i + 2 >= s.n || hex(s.p[i + 1]) < 0 || hex(s.p[i + 2]) < 0)
                return NULL;
            c = (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2]));
            i += 2;
        } else if ((unsigned char)c <= 32 || c == 127 || strchr("<>\"{}|\\^`#", c) != NULL) {
            return NULL;
        }
        if (c == '\0')
            return NULL;
        out[len++] = c;
    }
    return out != NULL && utf8_is_valid((struct span){out, len}) ? out : NULL;
}

static bool
is_one_line(const char *s)
{
    return strpbrk(s, "\r\n") == NULL;
}

/* ------------------------------------------------------------------ addresses */

static bool
add_address(const char *address, const char **list, uint32_t *count, uint32_t total,
            const char **why)
{
    if (!is_one_line(address) || !sieve_address_is_valid(span_of(address))) {
        *why = "it has something that is no mail address";
        return false;
    }
    if (total >= MAILTO_RECIPIENTS_MAX) {
        *why = "it has too many recipients";
        return false;
    }
    list[(*count)++] = address;
    return true;
}

/* Separated by commas as they stand in the URI; commas inside an address are encoded. */
static bool
add_addresses(struct span list, struct arena *arena, struct mailto *out, bool is_cc,
              const char **why)
{
    while (list.n > 0) {
        struct span one = {list.p, span_find(list, ',')};
        const char *address = decode(one, arena);
        if (address == NULL) {
            *why = "its encoding is wrong";
            return false;
        }
        if (!add_address(address, is_cc ? out->cc : out->to,
                         is_cc ? &out->cc_count : &out->to_count, out->to_count + out->cc_count,
                         why))
            return false;
        list = span_skip(list, one.n + 1);
    }
    return true;
}

/* ------------------------------------------------------------------ header fields */

/* RFC 5436 2.7: what says where the notification comes from is not the script's. */
static bool
is_unsafe(const char *name)
{
    static const char *const names[] = {
        "auto-submitted", "bcc",          "content-disposition",
        "content-id",     "content-type", "content-transfer-encoding",
        "date",           "from",         "message-id",
        "mime-version",   "received",     "reply-to",
        "return-path",    "sender",       "resent-from",
        "resent-to",      "resent-date",  "in-reply-to",
        "references",     "x-sieve",      "delivered-to"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcasecmp(names[i], name) == 0)
            return true;
    return strncasecmp(name, "resent-", 7) == 0;
}

static bool
add_header(const char *name, const char *value, struct arena *arena, struct mailto *out,
           const char **why)
{
    size_t n = strlen(name) + strlen(value) + 3;

    if (is_unsafe(name))
        return true;
    if (out->header_count == MAILTO_HEADERS_MAX) {
        *why = "it has too many header fields";
        return false;
    }
    char *line = arena_alloc(arena, n);
    if (line == NULL)
        return false;
    char first = name[0] >= 'a' && name[0] <= 'z' ? (char)(name[0] & ~0x20) : name[0];
    line[0] = first;
    memcpy(line + 1, name + 1, strlen(name) - 1);
    memcpy(line + strlen(name), ": ", 2);
    memcpy(line + strlen(name) + 2, value, strlen(value) + 1);
    out->headers[out->header_count++] = line;
    return true;
}

static bool
take_header(struct span name, struct span value, struct arena *arena, struct mailto *out,
            const char **why)
{
    const char *key = decode(name, arena), *text = decode(value, arena);

    if (key == NULL || text == NULL || !sieve_field_name_is_valid(span_of(key))) {
        *why = "it has something that is no header field";
        return false;
    }
    if (strcasecmp(key, "to") == 0 || strcasecmp(key, "cc") == 0)
        return add_addresses(value, arena, out, (key[0] | 0x20) == 'c', why);
    if (strcasecmp(key, "body") == 0) {
        out->body = out->body == NULL ? text : out->body;
        return true;
    }
    if (!is_one_line(text)) {
        *why = "a header field in it has a line end";
        return false;
    }
    if (strcasecmp(key, "subject") == 0) {
        out->subject = out->subject == NULL ? text : out->subject;
        return true;
    }
    return add_header(key, text, arena, out, why);
}

static bool
take_headers(struct span rest, struct arena *arena, struct mailto *out, const char **why)
{
    while (rest.n > 0) {
        struct span pair = {rest.p, span_find(rest, '&')};
        size_t equals = span_find(pair, '=');
        struct span name = {pair.p, equals};
        if (equals == pair.n) {
            *why = "a header field in it has no '='";
            return false;
        }
        if (!take_header(name, span_skip(pair, equals + 1), arena, out, why))
            return false;
        rest = span_skip(rest, pair.n + 1);
    }
    return true;
}

bool
mailto_parse(struct span uri, struct arena *arena, struct mailto *out, const char **why)
{
    *out = (struct mailto){0};
    *why = "out of memory";
    if (!span_has_prefix_fold(uri, SPAN("mailto:"))) {
        *why = "only mailto: is supported";
        return false;
    }
    struct span rest = span_skip(uri, 7);
    struct span to = {rest.p, span_find(rest, '?')};
    return add_addresses(to, arena, out, false, why) &&
           take_headers(span_skip(rest, to.n + 1), arena, out, why);
}
