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

struct envelope_value { /* where a field was found; value.p is NULL: nowhere */
    struct span name;
    struct span value;
    struct span rest; /* of the block behind it */
    bool is_repeated; /* there is another of that name in rest */
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

/* Items of the field, and of its namesakes behind it: RFC 5322 3.6 forbids those, and all their
 * addresses count. */
static bool
print_fields(const struct envelope_value *v, size_t end, struct buf *out)
{
    struct span rest = v->rest;
    struct field f = {.value = v->value, .name = v->name};
    bool fits = true;

    do {
        struct addresslist list;
        if (!span_equal_fold(f.name, v->name))
            continue;
        addresslist_init(&list, f.value);
        fits = print_items(&list, end, out);
        addresslist_release(&list);
    } while (fits && v->is_repeated && field_next(&rest, &f) != FIELD_END);
    return fits;
}

/* NIL when there is no address at all. */
static bool
print_list(const struct envelope_value *v, size_t octets_max, struct buf *out, bool *is_truncated)
{
    size_t before = out->len, end = before + octets_max;

    if (end > out->max)
        end = out->max;
    if (!buf_append_char(out, '('))
        return false;
    *is_truncated = !print_fields(v, end, out) || *is_truncated;
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

static void
find_fields(struct span block, struct envelope_value values[ENVELOPE_COUNT])
{
    struct field f;
    enum field_result result;

    while ((result = field_next(&block, &f)) != FIELD_END) {
        for (int i = 0; result == FIELD_OK && i < ENVELOPE_COUNT; i++) {
            if (!field_is(&f, rows[i].name))
                continue;
            if (values[i].value.p == NULL)
                values[i] = (struct envelope_value){f.name, f.value, block, false};
            else
                values[i].is_repeated = true;
        }
    }
}

/* Append what was printed before. */
static bool
repeat(size_t at, size_t n, struct buf *out)
{
    return buf_reserve(out, n) && buf_append(out, out->data + at, n);
}

bool
imap_print_envelope(struct span block, size_t octets_max, struct buf *out, bool *is_truncated)
{
    struct envelope_value values[ENVELOPE_COUNT] = {{.is_repeated = false}};
    size_t from = 0, from_octets = 0; /* where it was printed */

    find_fields(block, values);
    bool fits = buf_append_char(out, '(');
    for (int i = 0; i < ENVELOPE_COUNT && fits; i++) {
        size_t room = octets_max / 16 * rows[i].share;
        if (i > 0)
            fits = buf_append_char(out, ' ');
        if (i == ENVELOPE_FROM)
            from = out->len;
        if (i == ENVELOPE_SENDER)
            from_octets = out->len - 1 - from;
        if ((i == ENVELOPE_SENDER || i == ENVELOPE_REPLY_TO) && values[i].value.n == 0)
            fits = fits && repeat(from, from_octets, out);
        else if (rows[i].share == 0)
            fits = fits && print_text(values[i].value, out, is_truncated);
        else
            fits = fits && print_list(&values[i], room, out, is_truncated);
    }
    return fits && buf_append_char(out, ')');
}
