/* SPDX-License-Identifier: MIT
 *
 * Header fields for mail that is new: encoded (RFC 2047), folded at 76 columns (RFC 5322 2.2.3).
 * No value can end its field early: line ends and control octets in it become blanks.
 */
#include "relay_priv.h"

#include "doorstep/addresslist.h"
#include "doorstep/charset.h"
#include "doorstep/words.h"

#define ID_OCTETS 800 /* what is much longer would be cut */

static bool
is_control(char c)
{
    return ((unsigned char)c < 32 && c != '\t') || c == 127;
}

/* A copy without what could end the field. */
static bool
one_line(struct span value, struct buf *out)
{
    bool ok = true;

    value = span_trim(value);
    for (size_t i = 0; ok && i < value.n; i++)
        ok = buf_append_char(out, is_control(value.p[i]) ? ' ' : value.p[i]);
    return ok;
}

bool
field_print_raw(struct buf *out, const char *name, struct span value)
{
    struct buf line;

    buf_init(&line, value.n + 1);
    bool ok = one_line(value, &line);
    if (ok && line.len > 0)
        ok = buf_printf(out, "%s: ", name) &&
             words_fold(buf_span(&line), strlen(name) + 2, "\r\n", out) &&
             buf_append_str(out, "\r\n");
    buf_release(&line);
    return ok;
}

/* What is not ASCII is no id (RFC 5322 3.6.4), and has no other form in a header; what fits no line
 * cannot be said. */
bool
field_print_ids(struct buf *out, const char *name, struct span value)
{
    struct buf ids;
    bool ok = true;

    buf_init(&ids, value.n + 1);
    while (ok && value.n > 0) {
        size_t n = 0;
        while (n < value.n && strchr(" \t\r\n", value.p[n]) == NULL)
            n++;
        struct span word = {value.p, n};
        if (n > 0 && n <= ID_OCTETS && utf8_is_ascii(word))
            ok = (ids.len == 0 || buf_append_char(&ids, ' ')) && buf_append_span(&ids, word);
        value = span_skip(value, n + 1);
    }
    ok = ok && field_print_raw(out, name, buf_span(&ids));
    buf_release(&ids);
    return ok;
}

bool
field_print_address(struct buf *out, const char *name, const char *prefix, const char *address)
{
    struct buf value;

    buf_init(&value, strlen(prefix) + strlen(address) + 1);
    bool ok = buf_append_str(&value, prefix) && buf_append_str(&value, address) &&
              field_print_raw(out, name, buf_span(&value));
    buf_release(&value);
    return ok;
}

bool
field_print_text(struct buf *out, const char *name, struct span value)
{
    value = span_trim(value);
    return value.n == 0 ||
           (buf_printf(out, "%s: ", name) && words_print(value, strlen(name) + 2, "\r\n", out) &&
            buf_append_str(out, "\r\n"));
}

/* ------------------------------------------------------------------ mailboxes */

static bool
is_atoms(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (strchr("()<>[]:;@\\,.\"", s.p[i]) != NULL)
            return false;
    return true;
}

static bool
append_quoted(struct buf *out, struct span s)
{
    bool ok = buf_append_char(out, '"');

    for (size_t i = 0; ok && i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            ok = buf_append_char(out, '\\');
        ok = ok && buf_append_char(out, is_control(s.p[i]) ? ' ' : s.p[i]);
    }
    return ok && buf_append_char(out, '"');
}

static bool
append_name(struct buf *out, struct span name, size_t column)
{
    if (!utf8_is_ascii(name))
        return words_print(name, column, "\r\n", out);
    return is_atoms(name) ? buf_append_span(out, name) : append_quoted(out, name);
}

static bool
is_dot_atom(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (is_control(s.p[i]) || strchr(" \t()<>[]:;@\\,\"", s.p[i]) != NULL)
            return false;
    return s.n > 0 && s.p[0] != '.' && s.p[s.n - 1] != '.' && memmem(s.p, s.n, "..", 2) == NULL;
}

static bool
append_mailbox(struct buf *out, const struct addresslist_item *item, size_t column)
{
    bool is_named = item->has_name && item->name.n > 0;
    bool ok = !is_named || (append_name(out, item->name, column) && buf_append_str(out, " <"));

    ok = ok && (is_dot_atom(item->local) ? buf_append_span(out, item->local)
                                         : append_quoted(out, item->local));
    if (item->domain.n > 0)
        ok = ok && buf_append_char(out, '@') && buf_append_span(out, item->domain);
    return ok && (!is_named || buf_append_char(out, '>'));
}

bool
field_print_mailboxes(struct buf *out, const char *name, struct span value)
{
    struct addresslist list;
    struct addresslist_item item;
    enum addresslist_kind kind;
    bool ok = true, is_first = true;

    addresslist_init(&list, value);
    while (ok && (kind = addresslist_next(&list, &item)) != ADDRESSLIST_END) {
        if (kind != ADDRESSLIST_MAILBOX || item.local.n == 0)
            continue;
        ok = (is_first ? buf_printf(out, "%s: ", name) : buf_append_str(out, ",\r\n ")) &&
             append_mailbox(out, &item, is_first ? strlen(name) + 2 : 1);
        is_first = false;
    }
    addresslist_release(&list);
    return ok && (is_first || buf_append_str(out, "\r\n"));
}

/* ------------------------------------------------------------------ dates */

bool
field_print_date(struct buf *out, const char *name, time_t when)
{
    static const char days[] = "SunMonTueWedThuFriSat",
                      months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;

    if (gmtime_r(&when, &tm) == NULL)
        return false;
    return buf_printf(out, "%s: %.3s, %d %.3s %04d %02d:%02d:%02d +0000\r\n", name,
                      days + (ptrdiff_t)tm.tm_wday * 3, tm.tm_mday,
                      months + (ptrdiff_t)tm.tm_mon * 3, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                      tm.tm_sec);
}
