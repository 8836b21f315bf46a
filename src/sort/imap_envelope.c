/* SPDX-License-Identifier: MIT
 *
 * ENVELOPE (RFC 9051 7.5.2): ten values from one header block. Values are as they were sent:
 * encoded words are the client's to decode. Sender and Reply-To that are absent or empty repeat
 * From.
 */
#include "doorstep/addresslist.h"
#include "doorstep/charset.h"
#include "doorstep/field.h"

#include "imap_priv.h"

enum envelope_index {
    ENVELOPE_DATE,
    ENVELOPE_SUBJECT,
    ENVELOPE_FROM,
    ENVELOPE_SENDER,
    ENVELOPE_REPLY_TO,
    ENVELOPE_TO,
    ENVELOPE_CC,
    ENVELOPE_BCC,
    ENVELOPE_IN_REPLY_TO,
    ENVELOPE_MESSAGE_ID,
    ENVELOPE_COUNT
};

#define TEXT_MAX 8192 /* of a value that is no address list; what is behind it is cut off */

struct envelope_row {
    const char *name;
    unsigned share; /* sixteenths of the octets that address lists may take; 0: no address list */
};

static const struct envelope_row rows[ENVELOPE_COUNT] = {
    [ENVELOPE_DATE] = {"Date", 0},
    [ENVELOPE_SUBJECT] = {"Subject", 0},
    [ENVELOPE_FROM] = {"From", 1},
    [ENVELOPE_SENDER] = {"Sender", 1},
    [ENVELOPE_REPLY_TO] = {"Reply-To", 1},
    [ENVELOPE_TO] = {"To", 7},
    [ENVELOPE_CC] = {"Cc", 5},
    [ENVELOPE_BCC] = {"Bcc", 1},
    [ENVELOPE_IN_REPLY_TO] = {"In-Reply-To", 0},
    [ENVELOPE_MESSAGE_ID] = {"Message-ID", 0},
};

#define CLOSING_MAX 24 /* " (NIL NIL NIL NIL)" of a group's end, and ")" */

/* "(name route local domain)"; a group begins with its name in the local part and no domain. */
static bool
print_item(enum addresslist_kind kind, const struct addresslist_item *item, struct buf *out)
{
    if (kind == ADDRESSLIST_GROUP_END)
        return buf_append_str(out, "(NIL NIL NIL NIL)");
    if (kind == ADDRESSLIST_GROUP_BEGIN)
        return buf_append_str(out, "(NIL NIL ") && imap_print_string(item->name, out) &&
               buf_append_str(out, " NIL)");
    bool fits = buf_append_char(out, '(');
    if (item->has_name)
        fits = fits && imap_print_string(item->name, out);
    else
        fits = fits && buf_append_str(out, "NIL");
    fits = fits && buf_append_char(out, ' ');
    if (item->route.n > 0)
        fits = fits && imap_print_string(item->route, out);
    else
        fits = fits && buf_append_str(out, "NIL");
    fits = fits && buf_append_char(out, ' ') && imap_print_string(item->local, out);
    fits = fits && buf_append_char(out, ' ') && imap_print_string(item->domain, out);
    return fits && buf_append_char(out, ')');
}

/* Forget what was printed since `from`. */
static void
cut_back(struct buf *out, size_t from)
{
    out->len = from;
    if (out->data != NULL)
        out->data[from] = '\0';
}

/* Print the items of one field up to the size `end`; the last that does not fit is taken back. */
static bool
print_items(struct addresslist *list, size_t end, struct buf *out)
{
    struct addresslist_item item;
    enum addresslist_kind kind;

    while ((kind = addresslist_next(list, &item)) != ADDRESSLIST_END) {
        size_t before = out->len;
        if (print_item(kind, &item, out) && out->len + CLOSING_MAX <= end)
            continue;
        cut_back(out, before);
        if (kind == ADDRESSLIST_GROUP_END || (list->in_group && kind == ADDRESSLIST_MAILBOX))
            buf_append_str(out, "(NIL NIL NIL NIL)"); /* CLOSING_MAX kept room for it */
        return false;
    }
    return !list->is_truncated;
}

/* NIL when there is no address at all. */
static bool
print_list(struct span value, size_t octets_max, struct buf *out, bool *is_truncated)
{
    struct addresslist list;
    size_t before = out->len, end = before + octets_max;

    if (end > out->max)
        end = out->max;
    if (!buf_append_char(out, '('))
        return false;
    addresslist_init(&list, value);
    *is_truncated = !print_items(&list, end, out) || *is_truncated;
    addresslist_release(&list);
    if (out->len > before + 1)
        return buf_append_char(out, ')');
    cut_back(out, before);
    return buf_append_str(out, "NIL");
}

static bool
print_text(struct span value, struct buf *out, bool *is_truncated)
{
    *is_truncated = *is_truncated || value.n > TEXT_MAX;
    return imap_print_nstring(utf8_cut(value, TEXT_MAX), out);
}

/* The first field of each name counts (RFC 5322 3.6 allows only one). */
static void
find_fields(struct span block, struct span values[ENVELOPE_COUNT])
{
    struct field f;
    enum field_result result;

    while ((result = field_next(&block, &f)) != FIELD_END)
        for (int i = 0; result == FIELD_OK && i < ENVELOPE_COUNT; i++)
            if (values[i].p == NULL && field_is(&f, rows[i].name))
                values[i] = f.value;
}

bool
imap_print_envelope(struct span block, size_t octets_max, struct buf *out, bool *is_truncated)
{
    struct span values[ENVELOPE_COUNT] = {{NULL, 0}};

    find_fields(block, values);
    if (values[ENVELOPE_SENDER].n == 0)
        values[ENVELOPE_SENDER] = values[ENVELOPE_FROM];
    if (values[ENVELOPE_REPLY_TO].n == 0)
        values[ENVELOPE_REPLY_TO] = values[ENVELOPE_FROM];
    bool fits = buf_append_char(out, '(');
    for (int i = 0; i < ENVELOPE_COUNT && fits; i++) {
        if (i > 0)
            fits = buf_append_char(out, ' ');
        if (rows[i].share == 0)
            fits = fits && print_text(values[i], out, is_truncated);
        else
            fits =
                fits && print_list(values[i], octets_max / 16 * rows[i].share, out, is_truncated);
    }
    return fits && buf_append_char(out, ')');
}
