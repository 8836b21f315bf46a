/* SPDX-License-Identifier: MIT
 *
 * What answers need of the message that they answer, and RFC 8580 (fcc).
 */
#include "reply_priv.h"

#include "../extensions_priv.h"
#include "doorstep/addresslist.h"
#include "doorstep/field.h"

#define REFERENCES_MAX 4096

/* ------------------------------------------------------------------ arguments */

/* The reader of lists takes what mail has in it; what a script writes has to be right: a domain
 * that can be one, and quotes around blanks. */
static bool
is_mailbox(const struct addresslist_item *item, bool has_quotes)
{
    struct buf probe;

    if (item->local.n == 0 || (!has_quotes && memchr(item->local.p, ' ', item->local.n) != NULL))
        return false;
    buf_init(&probe, 1024);
    bool ok = buf_append_str(&probe, "x@") && buf_append_span(&probe, item->domain) &&
              sieve_address_is_valid(buf_span(&probe));
    buf_release(&probe);
    return ok;
}

bool
reply_mailboxes_are_valid(struct span value)
{
    bool has_quotes = memchr(value.n > 0 ? value.p : "", '"', value.n) != NULL;
    struct addresslist list;
    struct addresslist_item item;
    enum addresslist_kind kind;
    bool ok = memchr(value.n > 0 ? value.p : "", '\n', value.n) == NULL;
    size_t count = 0;

    addresslist_init(&list, value);
    while (ok && (kind = addresslist_next(&list, &item)) != ADDRESSLIST_END) {
        ok = kind == ADDRESSLIST_MAILBOX && is_mailbox(&item, has_quotes);
        count++;
    }
    addresslist_release(&list);
    return ok && count > 0;
}

bool
reply_check_mailboxes(struct sieve_check *c, const struct sieve_value *value)
{
    struct span s;

    if (!sieve_text_constant(value->strings, &s) || reply_mailboxes_are_valid(s))
        return true;
    return sieve_check_error(c, value->at, "'%.*s' is no mail address", s.n < 80 ? (int)s.n : 80,
                             s.p);
}

bool
reply_check_entity(struct sieve_check *c, struct sieve_place at, struct span entity)
{
    struct field f;

    for (;;) {
        switch (field_next(&entity, &f)) {
        case FIELD_END:
            return true;
        case FIELD_BROKEN:
            return sieve_check_error(c, at, "the MIME header has a line that is no field");
        case FIELD_OK:
            if (!utf8_is_ascii(f.value))
                return sieve_check_error(c, at, "the MIME header has 8-bit characters");
            break;
        }
    }
}

/* ------------------------------------------------------------------ the message */

bool
reply_field(struct sieve_run *r, const char *name, bool is_decoded, struct span *out)
{
    const struct sieve_fields *fields = sieve_message_fields(r);

    *out = SPAN_NONE;
    for (uint32_t i = 0; i < fields->count; i++)
        if (span_equal_fold(fields->items[i].name, span_of(name)))
            return sieve_field_value(r, &fields->items[i], is_decoded, out);
    return true;
}

const char *
reply_one_line(struct sieve_run *r, struct span s, size_t n)
{
    struct buf line;

    buf_init(&line, s.n + 1);
    for (size_t i = 0; i < n && s.n > 0; i++) {
        uint32_t c = utf8_next(&s);
        utf8_append(&line, c == UTF8_WRONG || c < 32 || c == 127 ? ' ' : c);
    }
    const char *kept = sieve_run_copy(r, span_trim(buf_span(&line)));
    buf_release(&line);
    return kept;
}

/* The last ids fit best: those at the beginning fall away when there are too many. */
static struct span
last_references(struct span s)
{
    while (s.n > REFERENCES_MAX) {
        size_t n = span_find(span_skip(s, 1), '<') + 1;
        s = span_skip(s, n);
    }
    return s;
}

bool
reply_thread(struct sieve_run *r, const char **in_reply_to, const char **references)
{
    struct span id, old;

    if (!reply_field(r, "Message-ID", false, &id) || !reply_field(r, "References", false, &old))
        return false;
    if (old.n == 0 && !reply_field(r, "In-Reply-To", false, &old))
        return false;
    struct buf *all = sieve_run_buf(r);
    old = last_references(old);
    buf_append_span(all, old);
    if (id.n > 0)
        buf_printf(all, "%s%.*s", old.n > 0 ? " " : "", (int)id.n, id.p);
    *references = id.n == 0 ? "" : reply_one_line(r, buf_span(all), 2 * REFERENCES_MAX);
    *in_reply_to = reply_one_line(r, id, REFERENCES_MAX);
    return *references != NULL && *in_reply_to != NULL;
}

/* The value is a token; parameters and comments may follow (RFC 3834 5). */
bool
reply_is_automatic(struct sieve_run *r, bool *out)
{
    struct span value;

    if (!reply_field(r, "Auto-Submitted", false, &value))
        return false;
    token_skip_cfws(&value, NULL);
    struct span token = token_take_until(&value, ";(");
    *out = token.n > 0 && !span_equal_fold(token, SPAN("no"));
    return true;
}

/* ------------------------------------------------------------------ fcc */

static bool
check_fcc(struct sieve_check *c, struct sieve_op *op, const struct sieve_value *value)
{
    (void)op;
    return sieve_check_mailbox(c, value);
}

static const struct sieve_tag fcc_tags[] = {
    {"fcc", SIEVE_TAKES_STRING, SIEVE_SLOT_FCC, SIEVE_ON_FCC, 0, check_fcc},
    {0},
};

const struct sieve_extension sieve_fcc = {.name = "fcc", .tags = fcc_tags};

bool
reply_fcc(struct sieve_run *r, const struct sieve_op *op, const struct sieve_storage **out)
{
    const struct sieve_tagged *t = sieve_op_tag(op, SIEVE_SLOT_FCC);
    struct span mailbox;

    *out = NULL;
    if (t == NULL)
        return true;
    struct sieve_storage *storage = sieve_run_alloc(r, sizeof(*storage));
    if (storage == NULL || !sieve_value_string(r, &t->value, &mailbox) ||
        !sieve_run_storage(r, op, mailbox, storage))
        return false;
    *out = storage;
    return true;
}
