/* SPDX-License-Identifier: MIT
 *
 * multipart/report (RFC 6522) that scripts want: what a refused sender is told (dsn_refusal.c), and
 * reports of abuse (RFC 5965).
 */
#include "relay_priv.h"

#include <stdio.h>

#include "doorstep/charset.h"
#include "doorstep/dsn.h"

#define ORIGINAL_MAX ((size_t)64 << 20)
#define ORCPT_MAX 8192

/* What holds 8-bit parts says so itself (RFC 2045 6.4). */
static const char *
encoding_line(bool is_ascii)
{
    return is_ascii ? "" : "Content-Transfer-Encoding: 8bit\r\n";
}

struct heading {
    const char *from, *to, *type;
    bool is_ascii; /* all that follows */
    char boundary[RELAY_BOUNDARY_SIZE];
};

static bool
print_boundary(const struct heading *h, struct buf *out, const char *end)
{
    return buf_printf(out, "--%s%s\r\n", h->boundary, end);
}

static bool
print_header(const struct heading *h, struct buf *out)
{
    return field_print_mailboxes(out, "From", span_of(h->from)) &&
           field_print_mailboxes(out, "To", span_of(h->to)) &&
           buf_printf(out,
                      "MIME-Version: 1.0\r\n"
                      "Content-Type: multipart/report; report-type=%s;\r\n"
                      " boundary=\"%s\"\r\n%s\r\n",
                      h->type, h->boundary, encoding_line(h->is_ascii));
}

static bool
print_original(const struct heading *h, struct span message, bool headers_only, struct buf *out)
{
    struct span shown = headers_only ? relay_header(message) : message;

    return print_boundary(h, out, "") &&
           buf_printf(out, "Content-Type: %s\r\n%s\r\n",
                      headers_only ? "text/rfc822-headers" : "message/rfc822",
                      encoding_line(utf8_is_ascii(shown))) &&
           body_print_lines(out, shown) && buf_append_str(out, "\r\n") &&
           print_boundary(h, out, "--");
}

/* ------------------------------------------------------------------ refusals */

static bool
print_refusal(const struct relay_origin *o, const struct sieve_action *a, struct span message,
              struct buf *out)
{
    const struct sieve_envelope *e = o->envelope;
    struct buf orcpt;

    buf_init(&orcpt, ORCPT_MAX);
    bool ok =
        e->original_recipient[0] == '\0' || buf_printf(&orcpt, "rfc822;%s", e->original_recipient);
    const struct dsn_recipient to = {.address = e->recipient,
                                     .orcpt = buf_str(&orcpt),
                                     .action = DSN_FAILED,
                                     .enhanced = "",
                                     .text = "",
                                     .remote = ""};
    const struct dsn d = {.hostname = o->user->hostname,
                          .postmaster = o->user->postmaster,
                          .id = o->id,
                          .sender = e->sender,
                          .envid = "",
                          .received_from = "",
                          .now = o->now,
                          .original = message,
                          .original_octets = message.n,
                          .may_utf8 = !utf8_is_ascii(span_of(e->sender)),
                          .recipients = &to,
                          .recipient_count = 1};
    ok = ok && dsn_print_refusal(&d, a->details.reject.text, out);
    buf_release(&orcpt);
    return ok;
}

bool
report_print_refusal(const struct relay_origin *o, const struct sieve_action *a, struct buf *out)
{
    struct buf message;

    buf_init(&message, ORIGINAL_MAX);
    bool ok =
        sieve_edition_print(a->edition, &message) && print_refusal(o, a, buf_span(&message), out);
    buf_release(&message);
    return ok;
}

/* ------------------------------------------------------------------ abuse */

static bool
print_path(struct buf *out, const char *name, const char *path)
{
    struct buf value;

    buf_init(&value, strlen(path) + 3);
    bool ok = buf_printf(&value, "<%s>", path) && field_print_raw(out, name, buf_span(&value));
    buf_release(&value);
    return ok;
}

/* Paths keep their brackets here (RFC 5965 3.2). */
static bool
print_feedback(const struct relay_origin *o, const struct sieve_action *a, struct buf *out)
{
    return buf_append_str(out, "Content-Type: message/feedback-report\r\n\r\nVersion: 1\r\n") &&
           buf_printf(out, "Feedback-Type: %s\r\n", a->details.report.feedback) &&
           buf_append_str(out, "User-Agent: Doorstep/" DOORSTEP_VERSION "\r\n") &&
           print_path(out, "Original-Mail-From", o->envelope->sender) &&
           print_path(out, "Original-Rcpt-To", o->envelope->recipient) &&
           buf_append_str(out, "\r\n");
}

static bool
print_abuse(const struct relay_origin *o, const struct sieve_action *a, struct span message,
            struct buf *out)
{
    struct span subject = relay_field(message, "Subject");
    const char *from = relay_chosen_address(o, "sieve_report_from", o->user->postmaster);
    char line[512];

    struct heading h = {from, a->details.report.address, "feedback-report",
                        utf8_is_ascii(message) && utf8_is_ascii(span_of(a->details.report.text)),
                        ""};
    relay_make_boundary(o->id, message, span_of(a->details.report.text), h.boundary);
    snprintf(line, sizeof(line), "Report: %.*s", subject.n < 400 ? (int)subject.n : 400,
             subject.p == NULL ? "" : subject.p);
    return relay_print_origin(o, out) && field_print_text(out, "Subject", span_of(line)) &&
           buf_append_str(out, "Auto-Submitted: auto-generated (report)\r\n") &&
           print_header(&h, out) && print_boundary(&h, out, "") &&
           body_print_text(out, span_of(a->details.report.text)) && buf_append_str(out, "\r\n") &&
           print_boundary(&h, out, "") && print_feedback(o, a, out) &&
           print_original(&h, message, a->details.report.headers_only, out);
}

bool
report_print_abuse(const struct relay_origin *o, const struct sieve_action *a, struct buf *out)
{
    struct buf message;

    buf_init(&message, ORIGINAL_MAX);
    bool ok =
        sieve_edition_print(a->edition, &message) && print_abuse(o, a, buf_span(&message), out);
    buf_release(&message);
    return ok;
}
