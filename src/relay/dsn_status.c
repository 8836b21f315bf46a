/* SPDX-License-Identifier: MIT
 *
 * message/delivery-status (RFC 3464 2) and message/global-delivery-status (RFC 6533 4.1): the
 * fields of a report that programs read.
 */
#include "dsn_priv.h"

#include <ctype.h>
#include <stdio.h>

#include "doorstep/charset.h"
#include "relay_priv.h"

#define VALUE_MAX 8192

/* ------------------------------------------------------------------ what others said */

/* C1, what turns or hides text (bidirectional controls, joiners, tags), line separators. */
static bool
is_unsafe(uint32_t c)
{
    return (c >= 0x80 && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xad ||
           c == 0xfeff || c >= 0xe0000;
}

bool
dsn_append_clean(struct buf *out, const char *text, bool ascii_only)
{
    struct span s = utf8_cut(span_of(text), DSN_TEXT_MAX);
    bool ok = true;

    if (s.n == 0)
        s = (struct span){text, strnlen(text, DSN_TEXT_MAX)};
    while (ok && s.n > 0) {
        uint32_t c = utf8_next(&s);
        if (c < 32 || c == 127)
            ok = buf_append_char(out, ' ');
        else if (c == UTF8_WRONG || is_unsafe(c) || (ascii_only && c > 127))
            ok = buf_append_char(out, '?');
        else
            ok = utf8_append(out, c);
    }
    return ok;
}

static bool
is_status(const char *s)
{
    int n = 0;
    unsigned subject, detail;

    return s[0] >= '2' && s[0] <= '5' && strlen(s) < DSN_STATUS_SIZE &&
           sscanf(s + 1, ".%3u.%3u%n", &subject, &detail, &n) == 2 && s[1 + n] == '\0' &&
           strspn(s, "0123456789.") == strlen(s);
}

void
dsn_status(const struct dsn_recipient *r, char out[DSN_STATUS_SIZE])
{
    bool is_said = is_status(r->enhanced);
    char class = '2';

    if (r->action == DSN_DELAYED || (r->action == DSN_FAILED && r->code < 500 && r->code >= 400))
        class = '4';
    else if (r->action == DSN_FAILED)
        class = is_said && r->enhanced[0] == '4' ? '4' : '5';
    if (is_said && r->enhanced[0] == class)
        snprintf(out, DSN_STATUS_SIZE, "%s", r->enhanced);
    else
        snprintf(out, DSN_STATUS_SIZE, "%c.0.0", class);
}

struct span
dsn_remote_name(const char *remote)
{
    struct span s = span_of(remote);
    bool is_literal = s.n > 0 && s.p[0] == '[';
    const char *others = is_literal ? ".:%" : "-._";
    size_t n = is_literal;

    while (n < s.n && (isalnum((unsigned char)s.p[n]) || strchr(others, s.p[n]) != NULL))
        n++;
    if (is_literal)
        n = n < s.n && s.p[n] == ']' ? n + 1 : 0;
    if (n == 0 || memchr(s.p, '/', s.n) != NULL)
        return SPAN("localhost");
    return (struct span){s.p, n < ADDRESS_DOMAIN_MAX ? n : ADDRESS_DOMAIN_MAX};
}

/* ------------------------------------------------------------------ addresses */

/* RFC 6533 3: utf-8-addr-xtext. */
static bool
append_xtext_address(struct buf *out, struct span address)
{
    bool ok = true;

    while (ok && address.n > 0) {
        uint32_t c = utf8_next(&address);
        if (c == UTF8_WRONG)
            ok = buf_append_char(out, '?');
        else if (c <= ' ' || c >= 127 || strchr("\\+=", (int)c) != NULL)
            ok = buf_printf(out, "\\x{%02X}", c);
        else
            ok = buf_append_char(out, (char)c);
    }
    return ok;
}

/* Addresses are kept as they are, but for what ends a field (RFC 3464 2.3.2). */
static bool
append_plain_address(struct buf *out, struct span address)
{
    bool ok = true;

    for (size_t i = 0; ok && i < address.n; i++) {
        unsigned char c = (unsigned char)address.p[i];
        ok = buf_append_char(out, c < 32 || c == 127 ? '?' : (char)c);
    }
    return ok;
}

/* In 7 bits the type utf-8 has one form alone. */
bool
dsn_print_address(struct buf *out, const char *name, struct span type, struct span address,
                  bool is_utf8)
{
    struct buf value;

    if (!utf8_is_ascii(address))
        type = SPAN("utf-8");
    else if (type.n == 0 || !utf8_is_ascii(type))
        type = SPAN("rfc822");
    bool is_plain = !span_equal_fold(type, SPAN("utf-8")) || (is_utf8 && utf8_is_valid(address));
    buf_init(&value, VALUE_MAX);
    bool ok = buf_append_span(&value, type) && buf_append_str(&value, "; ") &&
              (is_plain ? append_plain_address(&value, address)
                        : append_xtext_address(&value, address)) &&
              field_print_raw(out, name, buf_span(&value));
    buf_release(&value);
    return ok;
}

bool
dsn_print_original_recipient(const struct dsn_recipient *r, bool is_utf8, struct buf *out)
{
    struct span orcpt = span_of(r->orcpt);
    struct span type = {orcpt.p, span_find(orcpt, ';')};

    if (type.n == orcpt.n)
        return true;
    return dsn_print_address(out, "Original-Recipient", span_trim(type),
                             span_trim(span_skip(orcpt, type.n + 1)), is_utf8);
}

/* ------------------------------------------------------------------ fields */

static bool
print_value(struct buf *out, const char *name, const char *type, const char *text, bool ascii_only)
{
    struct buf value;

    buf_init(&value, VALUE_MAX);
    bool ok = buf_append_str(&value, type) && dsn_append_clean(&value, text, ascii_only) &&
              field_print_raw(out, name, buf_span(&value));
    buf_release(&value);
    return ok;
}

static bool
print_message_fields(const struct dsn *d, struct buf *out)
{
    return (d->envid[0] == '\0' || print_value(out, "Original-Envelope-Id", "", d->envid, true)) &&
           print_value(out, "Reporting-MTA", "dns; ", d->hostname, true) &&
           (d->received_from[0] == '\0' ||
            print_value(out, "Received-From-MTA", "dns; ", d->received_from, true)) &&
           (d->arrived == 0 || field_print_date(out, "Arrival-Date", d->arrived)) &&
           (d->deliver_by == 0 || field_print_date(out, "Deliver-By-Date", d->deliver_by));
}

/* An address as a literal (RFC 5321 4.1.3). */
static bool
print_remote(const struct dsn_recipient *r, struct buf *out)
{
    struct span name = dsn_remote_name(r->remote);
    bool is_ipv6 = name.n > 1 && name.p[0] == '[' && span_find(name, ':') < name.n;

    return r->remote[0] == '\0' ||
           buf_printf(out, "Remote-MTA: dns; %s%.*s\r\n", is_ipv6 ? "[IPv6:" : "",
                      (int)name.n - is_ipv6, name.p + is_ipv6);
}

/* RFC 3461 9.2; where no reply came, our own words. */
static bool
print_diagnostic(const struct dsn_recipient *r, bool is_utf8, struct buf *out)
{
    char type[64];

    if (r->code == 0 && r->text[0] == '\0')
        return true;
    if (r->code == 0)
        snprintf(type, sizeof(type), "x-doorstep; ");
    else
        snprintf(type, sizeof(type), "smtp; %u %s%s", r->code % 1000u,
                 is_status(r->enhanced) ? r->enhanced : "", is_status(r->enhanced) ? " " : "");
    return print_value(out, "Diagnostic-Code", type, r->text, !is_utf8);
}

static bool
print_recipient(const struct dsn_recipient *r, bool is_utf8, struct buf *out)
{
    static const char *const actions[] = {
        [DSN_FAILED] = "failed",   [DSN_DELAYED] = "delayed",   [DSN_DELIVERED] = "delivered",
        [DSN_RELAYED] = "relayed", [DSN_EXPANDED] = "expanded",
    };
    char status[DSN_STATUS_SIZE];

    dsn_status(r, status);
    return buf_append_str(out, "\r\n") && dsn_print_original_recipient(r, is_utf8, out) &&
           dsn_print_address(out, "Final-Recipient", SPAN_NONE, span_of(r->address), is_utf8) &&
           buf_printf(out, "Action: %s\r\nStatus: %s\r\n", actions[r->action], status) &&
           print_remote(r, out) && print_diagnostic(r, is_utf8, out) &&
           (r->last_attempt == 0 || field_print_date(out, "Last-Attempt-Date", r->last_attempt)) &&
           (r->action != DSN_DELAYED || r->retry_until == 0 ||
            field_print_date(out, "Will-Retry-Until", r->retry_until));
}

bool
dsn_print_status(const struct dsn *d, bool is_utf8, struct buf *out)
{
    bool ok = print_message_fields(d, out);

    for (uint32_t i = 0; ok && i < d->recipient_count; i++)
        ok = print_recipient(&d->recipients[i], is_utf8, out);
    return ok;
}
