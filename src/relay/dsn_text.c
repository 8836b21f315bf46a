/* SPDX-License-Identifier: MIT
 *
 * The part of a report that people read: what became of the message, for whom, what the far side
 * said, and what can be done about it.
 */
#include "dsn_priv.h"

#include "relay_priv.h"

#define SHOWN_MAX 100 /* recipients; the part for programs has all */

struct group {
    enum dsn_action action;
    const char *one, *many, *end;
};

static const struct group groups[] = {
    {DSN_FAILED, "Your message could not be delivered to this recipient:",
     "Your message could not be delivered to these recipients:",
     "Nothing more will be tried: who should have it must be sent it again."},
    {DSN_DELAYED, "Your message has not yet been delivered to this recipient:",
     "Your message has not yet been delivered to these recipients:",
     "It will be tried again by itself. There is no need to send it once more."},
    {DSN_DELIVERED, "Your message was delivered into the mailbox of this recipient:",
     "Your message was delivered into the mailboxes of these recipients:",
     "You asked to be told. It does not mean that anybody has read it."},
    {DSN_RELAYED, "Your message was handed on for this recipient:",
     "Your message was handed on for these recipients:",
     "You asked to be told. The system that has it now does not report what becomes of it,\n"
     "unless it fails."},
    {DSN_EXPANDED, "Your message was passed on to all who stand behind this address:",
     "Your message was passed on to all who stand behind these addresses:",
     "You asked to be told. If it does not reach one of them you may hear of that."},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ------------------------------------------------------------------ advice */

/* RFC 3463 3: by subject and detail, the longest that fits. */
static const struct {
    const char *status, *advice;
} rows[] = {
    {"1.1", "There is no mailbox of that name. Is the address spelled right?"},
    {"1.2", "There is no such domain. Is what stands behind the @ spelled right?"},
    {"1.10", "That domain takes no mail. Is what stands behind the @ spelled right?"},
    {"1.6", "The mailbox has moved. Ask the recipient for the new address."},
    {"1.", "Something is wrong with the address. Is it spelled right?"},
    {"2.1", "The mailbox takes no mail at present. Reach the recipient in another way."},
    {"2.2", "The mailbox is full. Tell the recipient in another way, or send it again later."},
    {"2.3", "The message is too big for that mailbox. Send less, or in parts."},
    {"3.4", "The message is too big for the other side. Send less, or in parts."},
    {"4.6", "The message went in circles. The postmaster of that domain should know."},
    {"4.7", "No server of the recipient's took it in time. Send it again later."},
    {"4.", "The recipient's server could not be reached. Send it again later."},
    {"6.7", "The other side does not take addresses outside ASCII. Use another address."},
    {"6.", "The other side cannot take what the message holds. Send it in a simpler form."},
    {"7.", "The other side does not want it, by a rule of its own. Its words above may say which;\n"
           "    if they do not help, ask the recipient in another way, or your postmaster."},
};

/* NULL: nobody knows. */
static const char *
advice_of(const struct dsn_recipient *r)
{
    char status[DSN_STATUS_SIZE];

    if (r->action != DSN_FAILED)
        return NULL;
    dsn_status(r, status);
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t n = strlen(rows[i].status);
        bool is_whole = rows[i].status[n - 1] != '.';
        if (strncmp(status + 2, rows[i].status, n) == 0 && (!is_whole || status[2 + n] == '\0'))
            return rows[i].advice;
    }
    return NULL;
}

/* ------------------------------------------------------------------ recipients */

static bool
print_reply(const struct dsn_recipient *r, struct buf *out)
{
    struct span name = dsn_remote_name(r->remote);
    bool ok = true;

    if (r->code == 0 && r->text[0] == '\0')
        return true;
    if (r->code == 0)
        ok = buf_append_str(out, "    ");
    else if (r->remote[0] == '\0')
        ok = buf_append_str(out, "    It was answered: ");
    else
        ok = buf_printf(out, "    %.*s answered: ", (int)name.n, name.p);
    if (r->code != 0)
        ok = ok && buf_printf(out, "%u ", r->code % 1000u) &&
             dsn_append_clean(out, r->enhanced, true) &&
             (r->enhanced[0] == '\0' || buf_append_char(out, ' '));
    return ok && dsn_append_clean(out, r->text, false) && buf_append_char(out, '\n');
}

static bool
print_retry(const struct dsn_recipient *r, struct buf *out)
{
    if (r->action != DSN_DELAYED || r->retry_until == 0)
        return true;
    return buf_append_str(out, "    ") &&
           field_print_date(out, "It is tried until", r->retry_until);
}

/* The address as the sender wrote it, where that is known. */
static const char *
shown_address(const struct dsn_recipient *r)
{
    const char *semicolon = strchr(r->orcpt, ';');

    return semicolon == NULL || semicolon[1] == '\0' ? r->address : semicolon + 1;
}

static bool
print_recipient(const struct dsn_recipient *r, struct buf *out)
{
    bool is_success = r->action != DSN_FAILED && r->action != DSN_DELAYED;
    const char *advice = advice_of(r);

    return buf_append_str(out, "  ") && dsn_append_clean(out, shown_address(r), false) &&
           buf_append_char(out, '\n') && (is_success || print_reply(r, out)) &&
           print_retry(r, out) && (advice == NULL || buf_printf(out, "    %s\n", advice)) &&
           buf_append_char(out, '\n');
}

static uint32_t
count_of(const struct dsn *d, enum dsn_action action)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < d->recipient_count; i++)
        n += d->recipients[i].action == action;
    return n;
}

static bool
print_group(const struct dsn *d, const struct group *g, struct buf *out)
{
    uint32_t count = count_of(d, g->action), shown = 0;

    if (count == 0)
        return true;
    bool ok = buf_printf(out, "%s\n\n", count == 1 ? g->one : g->many);
    for (uint32_t i = 0; ok && i < d->recipient_count && shown < SHOWN_MAX; i++) {
        if (d->recipients[i].action != g->action)
            continue;
        shown++;
        ok = print_recipient(&d->recipients[i], out);
    }
    if (count > shown)
        ok = ok && buf_printf(out, "  and %u more\n\n", count - shown);
    return ok && buf_printf(out, "%s\n\n", g->end);
}

/* ------------------------------------------------------------------ the whole */

bool
dsn_print_text(const struct dsn *d, bool returns_whole, struct buf *out)
{
    bool ok = buf_printf(out, "This is the mail system at %s.\n\n", d->hostname);

    for (size_t i = 0; ok && i < COUNT(groups); i++)
        ok = print_group(d, &groups[i], out);
    return ok && buf_printf(out,
                            "Behind this text are the details for your mail program or postmaster, "
                            "and %s.\n",
                            returns_whole ? "your message" : "the header of your message");
}
