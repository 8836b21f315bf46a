/* SPDX-License-Identifier: MIT
 *
 * What each action sends, to whom, and from whom (RFC 5228 4.2, RFC 5230 5, RFC 5436 2, RFC 5429
 * 2.1). Nothing is sent to the null reverse-path.
 */
#include "relay_priv.h"

#include <stdio.h>
#include <strings.h>

#include "doorstep/addresslist.h"
#include "doorstep/field.h"

/* ------------------------------------------------------------------ pieces */

struct span
relay_field(struct span message, const char *name)
{
    struct field f;
    enum field_result result;

    while ((result = field_next(&message, &f)) != FIELD_END)
        if (result == FIELD_OK && field_is(&f, name))
            return f.value;
    return SPAN_NONE;
}

struct span
relay_header(struct span message)
{
    struct span rest = message;
    struct field f;

    while (field_next(&rest, &f) != FIELD_END)
        continue;
    return (struct span){message.p, message.n - rest.n};
}

static bool
stands_in(const char *boundary, struct span text)
{
    return text.n > 0 && memmem(text.p, text.n, boundary, strlen(boundary)) != NULL;
}

void
relay_make_boundary(const char *id, struct span message, struct span text,
                    char out[RELAY_BOUNDARY_SIZE])
{
    unsigned n = 0;

    do {
        snprintf(out, RELAY_BOUNDARY_SIZE, "%u=%.50s", n++, id);
    } while (stands_in(out, message) || stands_in(out, text));
}

bool
relay_print_origin(const struct relay_origin *o, struct buf *out)
{
    return buf_printf(out, "Message-ID: <%s@%s>\r\n", o->id, o->user->hostname) &&
           field_print_date(out, "Date", o->now);
}

static const char *
setting(const struct relay_origin *o, const char *name)
{
    const char *value = o->setting == NULL ? NULL : o->setting(o->arg, name);

    return value == NULL || value[0] == '\0' ? NULL : value;
}

/* ------------------------------------------------------------------ vacation */

static bool
print_vacation(const struct relay_origin *o, const struct sieve_vacation *v, struct buf *out)
{
    const struct sieve_reply *r = &v->reply;
    const char *from = r->from == NULL ? o->user->address : r->from;
    const char *to = r->to_field == NULL ? r->to : r->to_field;

    return relay_print_origin(o, out) && field_print_mailboxes(out, "From", span_of(from)) &&
           field_print_mailboxes(out, "To", span_of(to)) &&
           field_print_text(out, "Subject", span_of(r->subject)) &&
           field_print_ids(out, "In-Reply-To", span_of(v->in_reply_to)) &&
           field_print_ids(out, "References", span_of(v->references)) &&
           buf_append_str(out, "Auto-Submitted: auto-replied (vacation)\r\n"
                               "Precedence: bulk\r\n"
                               "X-Auto-Response-Suppress: All\r\n"
                               "MIME-Version: 1.0\r\n") &&
           body_print_entity(out, r->text, r->is_mime);
}

/* ------------------------------------------------------------------ notify */

static bool
print_list(struct buf *out, const char *name, struct sieve_strings list)
{
    struct buf all;
    bool ok = true;

    buf_init(&all, 1 << 20);
    for (uint32_t i = 0; ok && i < list.count; i++)
        ok = (i == 0 || buf_append_str(&all, ", ")) && buf_append_str(&all, list.items[i]);
    ok = ok && field_print_mailboxes(out, name, buf_span(&all));
    buf_release(&all);
    return ok;
}

/* "Name: value", as the URI has them. */
static bool
print_header(struct buf *out, const char *header)
{
    struct span line = span_of(header), name = {header, span_find(line, ':')};
    char text[128];

    if (name.n == line.n || name.n >= sizeof(text))
        return true;
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    return field_print_text(out, text, span_skip(line, name.n + 1));
}

/* RFC 5436 2.7.1: whose doing it was. */
static bool
print_owner(const struct relay_origin *o, struct buf *out)
{
    struct buf value;

    buf_init(&value, 4096);
    bool ok = buf_append_str(&value, "auto-notified; owner-email=\"");
    for (const char *c = o->user->address; ok && *c != '\0'; c++)
        ok = (strchr("\"\\", *c) == NULL || buf_append_char(&value, '\\')) &&
             buf_append_char(&value, *c);
    ok = ok && buf_append_char(&value, '"') &&
         field_print_raw(out, "Auto-Submitted", buf_span(&value));
    buf_release(&value);
    return ok;
}

/* RFC 5436 2.7: what the receiver's program shows. */
static bool
print_marks(const struct relay_origin *o, const struct sieve_notify *n, struct buf *out)
{
    static const char *const words[] = {"High", "Normal", "Low"};
    static const char *const priorities[] = {"1 (Highest)", "3 (Normal)", "5 (Lowest)"};
    int i = n->importance == NULL ? 1 : n->importance[0] - '1';

    i = i < 0 || i > 2 ? 1 : i;
    return print_owner(o, out) &&
           buf_printf(out, "X-Priority: %s\r\nImportance: %s\r\n", priorities[i], words[i]);
}

static bool
print_notify(const struct relay_origin *o, const struct sieve_notify *n, struct buf *out)
{
    const struct sieve_reply *r = &n->reply;
    const char *from = r->from == NULL ? o->user->postmaster : r->from;
    bool ok = relay_print_origin(o, out) && print_marks(o, n, out) &&
              field_print_mailboxes(out, "From", span_of(from)) &&
              print_list(out, "To", n->recipients) && print_list(out, "Cc", n->carbon) &&
              field_print_text(out, "Subject", span_of(r->subject));

    for (uint32_t i = 0; ok && i < n->headers.count; i++)
        ok = print_header(out, n->headers.items[i]);
    return ok && buf_append_str(out, "Precedence: bulk\r\nMIME-Version: 1.0\r\n") &&
           body_print_entity(out, r->text, r->is_mime);
}

/* ------------------------------------------------------------------ redirect */

bool
relay_print_head(const struct relay_origin *o, const struct sieve_action *a, struct buf *out)
{
    return a->kind != SIEVE_REDIRECT ||
           field_print_address(out, "X-Sieve-Redirected-From", "", o->user->address);
}

/* The message as it is, without the trace of our own delivery. */
static bool
print_redirect(const struct relay_origin *o, const struct sieve_action *a, struct buf *out)
{
    return relay_print_head(o, a, out) && sieve_edition_print(a->edition, out);
}

const char *
relay_chosen_address(const struct relay_origin *o, const char *name, const char *otherwise)
{
    const char *choice = setting(o, name);
    const struct {
        const char *name, *value;
    } rows[] = {
        {"sender", o->envelope->sender},
        {"recipient", o->envelope->recipient},
        {"orig_recipient", o->envelope->original_recipient},
        {"user_email", o->user->address},
        {"postmaster", o->user->postmaster},
    };

    if (choice == NULL)
        return otherwise;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcasecmp(rows[i].name, choice) == 0)
            return rows[i].value[0] == '\0' ? otherwise : rows[i].value;
    return choice;
}

/* ------------------------------------------------------------------ for callers */

bool
relay_sends(const struct relay_origin *o, const struct sieve_action *a)
{
    switch (a->kind) {
    case SIEVE_REDIRECT:
        return a->details.redirect.address != NULL;
    case SIEVE_REJECT:
    case SIEVE_EREJECT:
        return o->envelope->sender[0] != '\0';
    case SIEVE_VACATION:
        return a->details.vacation.withheld == NULL && a->details.vacation.reply.to[0] != '\0';
    case SIEVE_NOTIFY:
        return a->details.notify.withheld == NULL;
    case SIEVE_REPORT:
        return true;
    case SIEVE_KEEP:
    case SIEVE_FILEINTO:
    case SIEVE_DISCARD:
    case SIEVE_PIPE:
    case SIEVE_MARK:
    case SIEVE_ACTION_KINDS:
        return false;
    }
    return false;
}

/* RFC 6009 6.1, 7.1: who asks for reports gets them. */
static bool
asks_for_reports(const struct sieve_redirect *r)
{
    return r->notify != NULL || r->ret != NULL || r->has_by;
}

static bool
is_on(const struct relay_origin *o, const char *name)
{
    const char *value = setting(o, name);

    return value != NULL && strcasecmp(value, "yes") == 0;
}

/* What answers the null path has it too: nothing can go in circles (RFC 5230 5.1, RFC 8098 2.1). */
static const char *
sender_of(const struct relay_origin *o, const struct sieve_action *a)
{
    if (o->envelope->sender[0] == '\0')
        return "";
    if (a->kind == SIEVE_REDIRECT && asks_for_reports(&a->details.redirect))
        return o->user->address;
    if (a->kind == SIEVE_REDIRECT)
        return relay_chosen_address(o, "sieve_redirect_envelope_from", o->envelope->sender);
    if (a->kind == SIEVE_NOTIFY)
        return relay_chosen_address(o, "sieve_notify_mailto_envelope_from", o->user->postmaster);
    if (a->kind == SIEVE_VACATION && is_on(o, "sieve_vacation_send_from_recipient"))
        return o->envelope->recipient;
    return "";
}

/* RFC 5436 2.7: the address in :from, unless a setting says otherwise. */
static bool
append_notify_sender(const struct sieve_action *a, struct buf *out)
{
    const char *from = a->details.notify.reply.from;
    struct addresslist list;
    struct addresslist_item item;
    bool ok = true;

    addresslist_init(&list, span_of(from));
    if (addresslist_next(&list, &item) == ADDRESSLIST_MAILBOX)
        ok = buf_append_span(out, item.local) &&
             (item.domain.n == 0 ||
              (buf_append_char(out, '@') && buf_append_span(out, item.domain)));
    addresslist_release(&list);
    return ok;
}

static bool
is_sent_by_from(const struct relay_origin *o, const struct sieve_action *a)
{
    return a->kind == SIEVE_NOTIFY && a->details.notify.reply.from != NULL &&
           o->envelope->sender[0] != '\0' &&
           setting(o, "sieve_notify_mailto_envelope_from") == NULL;
}

bool
relay_reverse_path(const struct relay_origin *o, const struct sieve_action *a, struct buf *out)
{
    struct span path = span_trim(span_of(sender_of(o, a)));

    if (is_sent_by_from(o, a))
        return append_notify_sender(a, out);
    if (path.n > 1 && path.p[0] == '<' && path.p[path.n - 1] == '>')
        path = (struct span){path.p + 1, path.n - 2};
    return buf_append_span(out, path);
}

const char *
relay_recipient(const struct relay_origin *o, const struct sieve_action *a, uint32_t i)
{
    const struct sieve_notify *n = &a->details.notify;

    switch (a->kind) {
    case SIEVE_REDIRECT:
        return i == 0 ? a->details.redirect.address : NULL;
    case SIEVE_REJECT:
    case SIEVE_EREJECT:
        return i == 0 ? o->envelope->sender : NULL;
    case SIEVE_VACATION:
        return i == 0 ? a->details.vacation.reply.to : NULL;
    case SIEVE_NOTIFY:
        if (i < n->recipients.count)
            return n->recipients.items[i];
        i -= n->recipients.count;
        return i < n->carbon.count ? n->carbon.items[i] : NULL;
    case SIEVE_REPORT:
        return i == 0 ? a->details.report.address : NULL;
    case SIEVE_KEEP:
    case SIEVE_FILEINTO:
    case SIEVE_DISCARD:
    case SIEVE_PIPE:
    case SIEVE_MARK:
    case SIEVE_ACTION_KINDS:
        return NULL;
    }
    return NULL;
}

bool
relay_print(const struct relay_origin *o, const struct sieve_action *a, struct buf *out)
{
    switch (a->kind) {
    case SIEVE_REDIRECT:
        return print_redirect(o, a, out);
    case SIEVE_REJECT:
    case SIEVE_EREJECT:
        return report_print_refusal(o, a, out);
    case SIEVE_VACATION:
        return print_vacation(o, &a->details.vacation, out);
    case SIEVE_NOTIFY:
        return print_notify(o, &a->details.notify, out);
    case SIEVE_REPORT:
        return report_print_abuse(o, a, out);
    case SIEVE_KEEP:
    case SIEVE_FILEINTO:
    case SIEVE_DISCARD:
    case SIEVE_PIPE:
    case SIEVE_MARK:
    case SIEVE_ACTION_KINDS:
        return false;
    }
    return false;
}
