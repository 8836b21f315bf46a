/* SPDX-License-Identifier: MIT
 *
 * What a script refused after all, told to the sender as a failed disposition of the recipient's
 * (RFC 5429 2.2.1): the script's own words, message/disposition-notification (RFC 8098 3), and the
 * message.
 */
#include "dsn_priv.h"

#include "doorstep/charset.h"
#include "relay_priv.h"

#define TEXT_MAX ((size_t)1 << 20)

static bool
print_reason(const char *boundary, const char *reason, struct buf *out)
{
    struct buf text;

    buf_init(&text, TEXT_MAX);
    bool ok = buf_printf(&text,
                         "The message was refused by the recipient's mail filtering program.\r\n"
                         "The reason given was as follows:\r\n\r\n%s",
                         reason) &&
              dsn_print_boundary(boundary, "", out) && body_print_text(out, buf_span(&text)) &&
              buf_append_str(out, "\r\n");
    buf_release(&text);
    return ok;
}

/* RFC 6533 3: an address that is not ASCII has a form in 7 bits. */
static bool
print_disposition(const struct dsn *d, const char *boundary, struct buf *out)
{
    const struct dsn_recipient *r = &d->recipients[0];

    return dsn_print_boundary(boundary, "", out) &&
           buf_printf(out,
                      "Content-Type: message/disposition-notification\r\n\r\n"
                      "Reporting-UA: %s; Doorstep\r\n",
                      d->hostname) &&
           dsn_print_original_recipient(r, false, out) &&
           dsn_print_address(out, "Final-Recipient", SPAN_NONE, span_of(r->address), false) &&
           field_print_ids(out, "Original-Message-ID", relay_field(d->original, "Message-ID")) &&
           buf_append_str(out, "Disposition: automatic-action/MDN-sent-automatically; deleted\r\n"
                               "\r\n");
}

bool
dsn_print_refusal(const struct dsn *d, const char *reason, struct buf *out)
{
    char boundary[RELAY_BOUNDARY_SIZE];
    size_t before = out->len;
    struct buf parts;

    relay_make_boundary(d->id, d->original, span_of(reason), boundary);
    buf_init(&parts, out->max);
    bool ok = print_reason(boundary, reason, &parts) && print_disposition(d, boundary, &parts) &&
              dsn_print_original(d, boundary, &parts);
    const struct dsn_heading heading = {"Automatically rejected mail", " (rejected)",
                                        "disposition-notification",
                                        utf8_is_ascii(buf_span(&parts))};
    ok = ok && dsn_print_header(d, &heading, boundary, out) &&
         buf_append_span(out, buf_span(&parts));
    buf_release(&parts);
    if (!ok)
        out->len = before;
    return ok;
}
