/* SPDX-License-Identifier: MIT
 *
 * Trace fields: see trace_priv.h. "for" only when the transaction has one recipient, so that a
 * blind copy stays blind (RFC 5321 7.6); the protocol's name as RFC 3848 and RFC 6531 4.3 list
 * them; TLS in a comment behind the client, where other MTAs have it too.
 */
#include "trace_priv.h"

#include <stdio.h>
#include <string.h>

/* Nothing that others say gets into the field with its parentheses. */
#define FRONT " (Doorstep front) with "

/* What a peer named itself, without anything that could end a line or a comment. */
static bool
put_clean(struct buf *out, const char *s)
{
    for (size_t n = 0; *s != '\0' && n < 255; s++, n++) {
        unsigned char c = (unsigned char)*s;
        bool odd = c <= ' ' || c == 127 || c == '(' || c == ')' || c == '\\';
        if (!buf_append_char(out, odd ? '?' : *s))
            return false;
    }
    return true;
}

static bool
put_address(struct buf *out, const struct address *a)
{
    size_t before = out->len;

    if (!address_print(a, out))
        return false;
    for (size_t i = before; i < out->len; i++)
        if ((unsigned char)out->data[i] < ' ' || out->data[i] == 127)
            out->data[i] = '?';
    return true;
}

/* The base name, S under TLS and A behind a log-in: UTF8SMTPSA, LMTPA. */
static bool
put_protocol(struct buf *out, const struct envelope *e)
{
    const char *name = "SMTP";

    if (e->protocol == PROTOCOL_LMTP)
        name = e->smtputf8 ? "UTF8LMTP" : "LMTP";
    else if (e->protocol == PROTOCOL_ESMTP)
        name = e->smtputf8 ? "UTF8SMTP" : "ESMTP";
    if (e->protocol == PROTOCOL_SMTP)
        return buf_append_str(out, name);
    return buf_append_str(out, name) && (*e->tls_version == '\0' || buf_append_char(out, 'S')) &&
           (*e->login == '\0' || buf_append_char(out, 'A'));
}

/* "(mail.example.org [192.0.2.1])"; nothing for a unix socket. */
static bool
put_client(struct buf *out, const struct envelope *e)
{
    if (*e->client_ip == '\0')
        return true;
    bool ok = buf_append_str(out, " (");
    if (*e->client_name != '\0')
        ok = ok && put_clean(out, e->client_name) && buf_append_char(out, ' ');
    return ok && buf_append_char(out, '[') && put_clean(out, e->client_ip) &&
           buf_append_str(out, "])");
}

/* What stands in a comment, of our own words but told by the edge. */
static bool
put_comment_text(struct buf *out, const char *s)
{
    for (size_t n = 0; *s != '\0' && n < 255; s++, n++) {
        bool odd =
            (unsigned char)*s < ' ' || (unsigned char)*s >= 127 || strchr("()\\", *s) != NULL;
        if (!buf_append_char(out, odd ? '?' : *s))
            return false;
    }
    return true;
}

/* "(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384)"; a proxy may have told the version alone. */
static bool
put_tls(struct buf *out, const struct envelope *e)
{
    if (*e->tls_version == '\0')
        return true;
    return buf_append_str(out, "\r\n\t(using ") && put_comment_text(out, e->tls_version) &&
           (*e->tls_cipher == '\0' ||
            (buf_append_str(out, " with cipher ") && put_comment_text(out, e->tls_cipher))) &&
           buf_append_str(out, ")");
}

/* RFC 5322 3.3, always in English. */
static bool
put_date(struct buf *out, time_t when)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;

    localtime_r(&when, &tm);
    long offset = tm.tm_gmtoff / 60;
    char sign = offset < 0 ? '-' : '+';
    if (offset < 0)
        offset = -offset;
    return buf_printf(out, "%.3s, %d %.3s %d %02d:%02d:%02d %c%02ld%02ld", days + 3 * tm.tm_wday,
                      tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                      tm.tm_sec, sign, offset / 60, offset % 60);
}

static bool
put_received(struct buf *out, const struct trace_options *o, const struct envelope *e,
             const struct envelope_recipient *to)
{
    bool ok = buf_append_str(out, "Received: from ") &&
              put_clean(out, *e->helo == '\0' ? "unknown" : e->helo) && put_client(out, e) &&
              put_tls(out, e) && buf_printf(out, "\r\n\tby %s", o->hostname) &&
              buf_append_str(out, o->is_front ? FRONT : " (Doorstep) with ") &&
              put_protocol(out, e) && buf_append_str(out, " id ") && buf_append_str(out, o->id);

    if (ok && e->recipient_count == 1)
        ok = buf_append_str(out, "\r\n\tfor <") && put_address(out, &to->address) &&
             buf_append_char(out, '>');
    return ok && buf_append_str(out, ";\r\n\t") && put_date(out, o->when.tv_sec) &&
           buf_append_str(out, "\r\n");
}

static bool
put_delivered_to(struct buf *out, const struct trace_options *o,
                 const struct envelope_recipient *to)
{
    return !o->delivered_to || (buf_append_str(out, "Delivered-To: ") &&
                                put_address(out, &to->address) && buf_append_str(out, "\r\n"));
}

bool
trace_build(const struct trace_options *options, const struct envelope *e,
            const struct envelope_recipient *to, struct buf *out)
{
    buf_reset(out);
    bool ok = buf_append_str(out, "Return-Path: <") && put_address(out, &e->reverse_path) &&
              buf_append_str(out, ">\r\n");
    return ok && put_delivered_to(out, options, to) && put_received(out, options, e, to);
}

bool
trace_build_passage(const struct trace_options *options, const struct envelope *e,
                    const struct envelope_recipient *to, struct buf *out)
{
    buf_reset(out);
    return put_delivered_to(out, options, to) && put_received(out, options, e, to);
}

/* Up to the first line end that no blank follows (RFC 5322 2.2.3). */
static size_t
field_length(struct span text)
{
    for (size_t i = 0; i + 2 < text.n; i++)
        if (text.p[i] == '\r' && text.p[i + 1] == '\n' && text.p[i + 2] != ' ' &&
            text.p[i + 2] != '\t')
            return i + 2;
    return 0;
}

static size_t
front_field_length(struct span text)
{
    size_t length = field_length(text);
    bool is_front = span_has_prefix_fold(text, SPAN("Received: from ")) &&
                    memmem(text.p, length, FRONT, strlen(FRONT)) != NULL;

    return is_front ? length : 0;
}

size_t
trace_front_length(struct span message)
{
    struct span rest = {message.p, message.n < TRACE_MAX ? message.n : TRACE_MAX};
    size_t whole = rest.n, n;

    while ((n = front_field_length(rest)) > 0)
        rest = span_skip(rest, n);
    return whole - rest.n;
}
