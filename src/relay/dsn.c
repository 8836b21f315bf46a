/* SPDX-License-Identifier: MIT
 *
 * A report as a message: multipart/report (RFC 6522) of a text, the status, and the message that it
 * is about (RFC 3464 2). Where its addresses or header are UTF-8 the types of RFC 6533 are used: as
 * they are on a way that takes SMTPUTF8, encoded in 7 bits on others.
 */
#include "dsn_priv.h"

#include "doorstep/charset.h"
#include "doorstep/words.h"
#include "relay_priv.h"

#define HEADER_MAX ((size_t)64 * 1024) /* octets of the original's header that are returned */

bool
dsn_wanted(const char *reverse_path, unsigned notify, enum dsn_action action)
{
    unsigned wanted = notify == 0 ? NOTIFY_FAILURE | NOTIFY_DELAY : notify;

    if (reverse_path[0] == '\0' || (wanted & NOTIFY_NEVER) != 0)
        return false;
    switch (action) {
    case DSN_FAILED:
        return (wanted & NOTIFY_FAILURE) != 0;
    case DSN_DELAYED:
        return (wanted & NOTIFY_DELAY) != 0;
    case DSN_DELIVERED:
    case DSN_RELAYED:
    case DSN_EXPANDED:
        return (wanted & NOTIFY_SUCCESS) != 0;
    }
    return false;
}

/* ------------------------------------------------------------------ what is in it */

static bool
has_action(const struct dsn *d, enum dsn_action action)
{
    for (uint32_t i = 0; i < d->recipient_count; i++)
        if (d->recipients[i].action == action)
            return true;
    return false;
}

/* To the last line that is there whole. */
static struct span
returned_header(const struct dsn *d)
{
    struct span header = relay_header(d->original);

    if (header.n <= HEADER_MAX && header.n < d->original.n)
        return header;
    header.n = header.n < HEADER_MAX ? header.n : HEADER_MAX;
    while (header.n > 0 && header.p[header.n - 1] != '\n')
        header.n--;
    return header;
}

static bool
is_global(struct span header)
{
    return !utf8_is_ascii(header) && utf8_is_valid(header);
}

static bool
has_utf8_address(const struct dsn *d)
{
    bool found = !utf8_is_ascii(span_of(d->sender));

    for (uint32_t i = 0; !found && i < d->recipient_count; i++)
        found = !utf8_is_ascii(span_of(d->recipients[i].address)) ||
                !utf8_is_ascii(span_of(d->recipients[i].orcpt));
    return found;
}

bool
dsn_needs_smtputf8(const struct dsn *d)
{
    return d->may_utf8 && (has_utf8_address(d) || is_global(returned_header(d)));
}

/* message/rfc822 has no encoding that would hold all octets (RFC 2046 5.2.1). */
static bool
returns_whole(const struct dsn *d)
{
    if (!has_action(d, DSN_FAILED) || d->ret == RET_HDRS || d->original.n != d->original_octets ||
        d->original.n > DSN_ORIGINAL_MAX)
        return false;
    return !body_has_long_line(d->original) &&
           (d->original.n == 0 || memchr(d->original.p, '\0', d->original.n) == NULL);
}

/* ------------------------------------------------------------------ parts */

bool
dsn_print_boundary(const char *boundary, const char *end, struct buf *out)
{
    return buf_printf(out, "--%s%s\r\n", boundary, end);
}

static bool
print_explanation(const struct dsn *d, const char *boundary, struct buf *out)
{
    struct buf text;

    buf_init(&text, (size_t)1 << 20);
    bool ok = dsn_print_text(d, returns_whole(d), &text);
    bool is_ascii = utf8_is_ascii(buf_span(&text)) && !body_has_long_line(buf_span(&text));
    ok = ok && dsn_print_boundary(boundary, "", out) &&
         buf_printf(out,
                    "Content-Description: Notification\r\n"
                    "Content-Type: text/plain; charset=utf-8\r\n"
                    "Content-Transfer-Encoding: %s\r\n\r\n",
                    is_ascii ? "7bit" : "quoted-printable") &&
         (is_ascii ? body_print_lines(out, buf_span(&text))
                   : body_print_quoted(out, buf_span(&text))) &&
         buf_append_str(out, "\r\n");
    buf_release(&text);
    return ok;
}

static bool
print_report(const struct dsn *d, const char *boundary, struct buf *out)
{
    struct buf fields;

    buf_init(&fields, out->max);
    bool ok = dsn_print_status(d, dsn_needs_smtputf8(d), &fields);
    bool is_ascii = utf8_is_ascii(buf_span(&fields));
    ok = ok && dsn_print_boundary(boundary, "", out) &&
         buf_printf(out,
                    "Content-Description: Delivery report\r\n"
                    "Content-Type: message/%sdelivery-status\r\n%s\r\n",
                    is_ascii ? "" : "global-",
                    is_ascii ? "" : "Content-Transfer-Encoding: 8bit\r\n") &&
         buf_append_span(out, buf_span(&fields)) && buf_append_str(out, "\r\n");
    buf_release(&fields);
    return ok;
}

struct returned { /* the last part */
    const char *description, *type;
    struct span octets;
    const char *encoding;
    bool (*print)(struct buf *out, struct span text);
};

static struct returned
whole_message(const struct dsn *d)
{
    bool is_ascii = utf8_is_ascii(d->original);
    struct returned r = {"Undelivered message", "message/rfc822", d->original,
                         is_ascii ? "7bit" : "8bit", body_print_lines};

    if (is_global(relay_header(d->original))) {
        r.type = "message/global";
        if (!d->may_utf8) {
            r.encoding = "base64";
            r.print = body_print_base64;
        }
    }
    return r;
}

static struct returned
header_alone(const struct dsn *d)
{
    struct span header = returned_header(d);
    struct returned r = {"Header of the message", "text/rfc822-headers", header, "7bit",
                         body_print_lines};

    if (is_global(header))
        r.type = "message/global-headers";
    if (is_global(header) && d->may_utf8 && !body_has_long_line(header)) {
        r.encoding = "8bit";
    } else if (!utf8_is_ascii(header) || body_has_long_line(header) ||
               memchr(header.p == NULL ? "" : header.p, '\0', header.n) != NULL) {
        r.encoding = "quoted-printable";
        r.print = body_print_quoted;
    }
    return r;
}

bool
dsn_print_original(const struct dsn *d, const char *boundary, struct buf *out)
{
    struct returned r = returns_whole(d) ? whole_message(d) : header_alone(d);

    return dsn_print_boundary(boundary, "", out) &&
           buf_printf(out,
                      "Content-Description: %s\r\nContent-Type: %s\r\n"
                      "Content-Transfer-Encoding: %s\r\n\r\n",
                      r.description, r.type, r.encoding) &&
           r.print(out, r.octets) && buf_append_str(out, "\r\n") &&
           dsn_print_boundary(boundary, "--", out);
}

/* ------------------------------------------------------------------ header */

static const char *
subject_of(const struct dsn *d)
{
    if (has_action(d, DSN_FAILED))
        return "Your message could not be delivered";
    if (has_action(d, DSN_DELAYED))
        return "Your message is delayed";
    return "Your message was delivered";
}

/* What cannot be written on a way without SMTPUTF8 is shown as a group's name (RFC 6857 3.1.8). */
static bool
print_to(const struct dsn *d, struct buf *out)
{
    struct buf name;

    if (d->may_utf8 || utf8_is_ascii(span_of(d->sender)))
        return field_print_mailboxes(out, "To", span_of(d->sender));
    buf_init(&name, 4096);
    bool ok = words_print(span_of(d->sender), 4, "\r\n", &name) &&
              buf_printf(out, "To: %s:;\r\n", buf_str(&name));
    buf_release(&name);
    return ok;
}

bool
dsn_print_header(const struct dsn *d, const struct dsn_heading *h, const char *boundary,
                 struct buf *out)
{
    return buf_printf(out, "Message-ID: <%s@%s>\r\n", d->id, d->hostname) &&
           field_print_date(out, "Date", d->now) &&
           buf_printf(out, "From: Mail Delivery Subsystem <%s>\r\n", d->postmaster) &&
           print_to(d, out) && field_print_text(out, "Subject", span_of(h->subject)) &&
           field_print_ids(out, "References", relay_field(d->original, "Message-ID")) &&
           buf_printf(out,
                      "Auto-Submitted: auto-replied%s\r\n"
                      "Precedence: bulk\r\n"
                      "MIME-Version: 1.0\r\n"
                      "Content-Type: multipart/report; report-type=%s;\r\n"
                      " boundary=\"%s\"\r\n%s\r\n",
                      h->comment, h->report_type, boundary,
                      h->is_ascii ? "" : "Content-Transfer-Encoding: 8bit\r\n");
}

bool
dsn_print(const struct dsn *d, struct buf *out)
{
    char boundary[RELAY_BOUNDARY_SIZE];
    size_t before = out->len;
    struct buf parts;

    relay_make_boundary(d->id, d->original, SPAN_NONE, boundary);
    buf_init(&parts, out->max);
    bool ok = print_explanation(d, boundary, &parts) && print_report(d, boundary, &parts) &&
              dsn_print_original(d, boundary, &parts);
    const struct dsn_heading heading = {subject_of(d), "", "delivery-status",
                                        utf8_is_ascii(buf_span(&parts))};
    ok = ok && dsn_print_header(d, &heading, boundary, out) &&
         buf_append_span(out, buf_span(&parts));
    buf_release(&parts);
    if (!ok)
        out->len = before;
    return ok;
}
