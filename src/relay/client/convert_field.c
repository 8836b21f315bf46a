/* SPDX-License-Identifier: MIT
 *
 * One header field with raw octets above 127, printed in ASCII: text and the names of people in
 * encoded words (RFC 2047), values of parameters as RFC 2231 has them. What nobody can say in ASCII
 * - an address, an identifier, a boundary - is not printed at all, and its message is refused.
 */
#include "convert_priv.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "doorstep/addresslist.h"
#include "doorstep/charset.h"
#include "doorstep/field.h"
#include "doorstep/params.h"
#include "doorstep/words.h"

#define PARAMETER_MAX 900 /* octets of one line; none is cut into sections (RFC 2231 3) */
#define ARENA_MAX (4 * MIME_FIELD_MAX)

static bool
is_one_of(struct span name, const char *const *names)
{
    while (*names != NULL && !span_equal_fold(name, span_of(*names)))
        names++;
    return *names != NULL;
}

/* ------------------------------------------------------------------ text */

static bool
print_text(struct span utf8, size_t column, struct buf *out)
{
    return words_print(utf8, column, "\r\n", out);
}

/* Of a charset that nobody named. */
static bool
print_guessed(struct span octets, size_t column, struct buf *out)
{
    struct buf text;

    buf_init(&text, 4 * MIME_FIELD_MAX);
    bool ok = charset_guess_to_utf8(octets, &text) && print_text(buf_span(&text), column, out);
    buf_release(&text);
    return ok;
}

/* ------------------------------------------------------------------ addresses */

static bool
print_quoted(struct span s, struct buf *out)
{
    bool ok = buf_append_char(out, '"');

    for (size_t i = 0; ok && i < s.n; i++)
        ok = (strchr("\"\\", s.p[i]) == NULL || buf_append_char(out, '\\')) &&
             buf_append_char(out, s.p[i]);
    return ok && buf_append_char(out, '"');
}

/* A phrase; each name begins a line. */
static bool
print_name(struct span name, struct buf *out)
{
    if (name.n > PARAMETER_MAX)
        return false;
    return utf8_is_ascii(name) ? print_quoted(name, out) : print_guessed(name, 1, out);
}

static bool
print_mailbox(const struct addresslist_item *item, struct buf *out)
{
    if (item->local.n == 0 || item->domain.n == 0 || item->route.n > 0 ||
        !utf8_is_ascii(item->local) || !utf8_is_ascii(item->domain) ||
        item->local.n + item->domain.n > PARAMETER_MAX / 2)
        return false;
    bool ok = !item->has_name || (print_name(item->name, out) && buf_append_str(out, "\r\n "));
    return ok && buf_append_char(out, '<') &&
           (item->is_quoted ? print_quoted(item->local, out) : buf_append_span(out, item->local)) &&
           buf_append_char(out, '@') && buf_append_span(out, item->domain) &&
           buf_append_char(out, '>');
}

static bool
print_item(enum addresslist_kind kind, const struct addresslist_item *item, bool *is_next,
           struct buf *out)
{
    bool ok = kind == ADDRESSLIST_GROUP_END || !*is_next || buf_append_char(out, ',');

    *is_next = kind != ADDRESSLIST_GROUP_BEGIN;
    if (kind == ADDRESSLIST_GROUP_END)
        return buf_append_char(out, ';');
    ok = ok && buf_append_str(out, "\r\n ");
    if (kind == ADDRESSLIST_GROUP_BEGIN)
        return ok && item->name.n > 0 && print_name(item->name, out) && buf_append_char(out, ':');
    return ok && print_mailbox(item, out);
}

static bool
print_addresses(struct span value, struct buf *out)
{
    struct addresslist list;
    struct addresslist_item item;
    enum addresslist_kind kind;
    bool ok = true, is_next = false;

    addresslist_init(&list, value);
    while (ok && (kind = addresslist_next(&list, &item)) != ADDRESSLIST_END)
        ok = print_item(kind, &item, &is_next, out);
    ok = ok && is_next && !list.is_truncated;
    addresslist_release(&list);
    return ok;
}

/* ------------------------------------------------------------------ parameters */

static bool
is_token(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 127 || strchr("()<>@,;:\\\"/[]?=*'%", s.p[i]) != NULL)
            return false;
    return s.n > 0;
}

/* RFC 2231 4 and 7. */
static bool
print_extended(struct span value, struct buf *out)
{
    struct buf text;

    buf_init(&text, 4 * PARAMETER_MAX);
    bool ok = charset_guess_to_utf8(value, &text) && buf_append_str(out, "utf-8''");
    for (size_t i = 0; ok && i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        ok = isalnum(c) && c < 128 ? buf_append_char(out, (char)c) : buf_printf(out, "%%%02X", c);
    }
    buf_release(&text);
    return ok;
}

static bool
print_parameter(const struct param *p, struct buf *out)
{
    bool is_ascii = utf8_is_ascii(p->value);
    size_t before = out->len;

    if (!is_token(p->name) || (!is_ascii && span_equal_fold(p->name, SPAN("boundary"))))
        return false;
    bool ok = buf_append_str(out, ";\r\n ") && buf_append_span(out, p->name);
    if (p->is_extended)
        ok = ok && is_ascii && buf_append_str(out, "*=") && buf_append_span(out, p->value);
    else if (is_ascii)
        ok = ok && buf_append_char(out, '=') && print_quoted(p->value, out);
    else
        ok = ok && buf_append_str(out, "*=") && print_extended(p->value, out);
    return ok && out->len - before <= PARAMETER_MAX;
}

/* Before the first ';' stands no octet that would have to be encoded. */
static bool
print_parameters(struct span value, struct buf *out)
{
    struct span first = {value.p, span_find(value, ';')};
    struct params *params = calloc(1, sizeof(*params));
    struct arena arena;

    arena_init(&arena, ARENA_MAX);
    bool ok = params != NULL && utf8_is_ascii(first) && first.n <= PARAMETER_MAX;
    if (ok) {
        params_parse(span_skip(value, first.n), &arena, params);
        ok = !params->is_truncated && params->count > 0 && buf_append_span(out, span_trim(first));
    }
    for (size_t i = 0; ok && i < params->count; i++)
        ok = print_parameter(&params->item[i], out);
    arena_release(&arena);
    free(params);
    return ok;
}

/* ------------------------------------------------------------------ fields */

static const char *const lists[] = {
    "From",      "To",        "Cc",         "Bcc",           "Sender",          "Reply-To",
    "Resent-To", "Resent-Cc", "Resent-Bcc", "Resent-Sender", "Resent-Reply-To", "Resent-From",
    NULL,
};

static const char *const parametrized[] = {"Content-Type", "Content-Disposition", NULL};

/* Dates, identifiers, traces: an encoded word is no part of their grammar. */
static bool
is_structured(struct span name)
{
    static const char *const names[] = {
        "Return-Path",    "Received",
        "Date",           "Message-ID",
        "References",     "In-Reply-To",
        "Content-ID",     "Content-Transfer-Encoding",
        "MIME-Version",   "Disposition-Notification-To",
        "DKIM-Signature", "Authentication-Results",
        "Auto-Submitted", NULL,
    };
    static const char *const beginnings[] = {"Resent-", "List-", "ARC-", "X-Original-"};
    bool found = is_one_of(name, names);

    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
        found = found || span_has_prefix_fold(name, span_of(beginnings[i]));
    return found || !utf8_is_ascii(name) ||
           (name.n > 0 && name.p[0] == '-'); /* no boundary by encoding */
}

/* A control octet that is no part of a fold: some take it for the end of a value, some for nothing.
 */
static bool
has_stray_control(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        size_t end = i;

        while (end < s.n && s.p[end] == '\r') /* more than one are a line end still */
            end++;
        bool is_fold = end < s.n && s.p[end] == '\n';
        if ((c < ' ' && c != '\t' && !is_fold) || c == 127)
            return true;
        i = is_fold ? end : i;
    }
    return false;
}

static bool
print_value(const struct field *f, struct span value, struct buf *out)
{
    if (field_is(f, "Content-Type") && has_stray_control(f->value))
        return false; /* its boundary would not stay the one that the parts have */
    if (is_one_of(f->name, lists))
        return print_addresses(value, out);
    if (is_one_of(f->name, parametrized))
        return print_parameters(value, out);
    return !is_structured(f->name) && print_guessed(value, f->name.n + 2, out);
}

bool
convert_print_field(const struct field *f, struct buf *out)
{
    size_t before = out->len;
    struct buf line;

    buf_init(&line, MIME_FIELD_MAX);
    bool ok = field_unfold(f->value, &line) && buf_append_span(out, f->name) &&
              buf_append_str(out, ": ") && print_value(f, buf_span(&line), out) &&
              buf_append_str(out, "\r\n");
    buf_release(&line);
    if (!ok)
        out->len = before;
    return ok;
}

enum convert_saying
convert_try_field(const struct field *f)
{
    enum convert_saying result = CONVERT_CAN_SAY;
    struct buf scratch;

    buf_init(&scratch, 8 * MIME_FIELD_MAX);
    errno = 0;
    if (!convert_print_field(f, &scratch))
        result = errno == ENOMEM ? CONVERT_NO_MEMORY : CONVERT_CANNOT_SAY; /* malloc(3) says so */
    buf_release(&scratch);
    return result;
}
