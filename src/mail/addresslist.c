/* SPDX-License-Identifier: MIT
 *
 * Address lists: see addresslist.h. What an item is shows only at its end ("a" may become a name, a
 * local part or a group), so words are collected in two forms at once: as a phrase, and as a local
 * part without the white space that obsolete syntax allows around its dots. Each call takes
 * at least one octet, and each octet is looked at a few times at most.
 */
#include "doorstep/addresslist.h"

#include "doorstep/field.h"

#define SPECIALS "()<>[]:;@\\,.\"" /* RFC 5322 3.2.3 */

void
addresslist_init(struct addresslist *list, struct span value)
{
    *list = (struct addresslist){.rest = value};
    buf_init(&list->phrase, value.n + 1);
    buf_init(&list->local, value.n + 1);
    buf_init(&list->domain, value.n + 1);
    buf_init(&list->route, value.n + 1);
}

void
addresslist_release(struct addresslist *list)
{
    buf_release(&list->phrase);
    buf_release(&list->local);
    buf_release(&list->domain);
    buf_release(&list->route);
}

static void
reset_item(struct addresslist *list, struct addresslist_item *out)
{
    *out = (struct addresslist_item){.name = SPAN_NONE};
    buf_reset(&list->phrase);
    buf_reset(&list->local);
    buf_reset(&list->domain);
    buf_reset(&list->route);
    list->has_quotes = false;
}

struct addresslist_words { /* what stands before '<', '@', ':', ',' or ';' */
    bool any;
    bool after_dot;
    struct span comment;
};

static bool
append_both(struct addresslist *list, struct span text)
{
    return buf_append_span(&list->phrase, text) && buf_append_span(&list->local, text);
}

/* A quoted string is read twice: its meaning goes to both forms. */
static bool
take_quoted_word(struct addresslist *list)
{
    struct span again = list->rest;

    list->has_quotes = true;
    return token_take_quoted(&again, &list->phrase) && token_take_quoted(&list->rest, &list->local);
}

/* Take one word or dot. An octet that fits nowhere is taken alone, so that the list moves on. */
static bool
take_word(struct addresslist *list, bool had_space, struct addresslist_words *w)
{
    bool is_dot = list->rest.p[0] == '.';
    bool fits = true;

    if (had_space && w->any)
        fits = buf_append_char(&list->phrase, ' ');
    if (had_space && w->any && !is_dot && !w->after_dot)
        fits = buf_append_char(&list->local, ' ') && fits;
    w->any = true;
    w->after_dot = is_dot;
    if (list->rest.p[0] == '"')
        return take_quoted_word(list) && fits;
    struct span atom = token_take_until(&list->rest, SPECIALS);
    if (atom.n == 0) {
        atom = (struct span){list->rest.p, 1};
        list->rest = span_skip(list->rest, 1);
    }
    return append_both(list, atom) && fits;
}

/* Collect words up to one of stops, which stays in the list. */
static bool
take_words(struct addresslist *list, struct span stops, struct addresslist_words *w)
{
    bool fits = true;

    *w = (struct addresslist_words){.comment = SPAN_NONE};
    for (;;) {
        bool had_space = token_skip_cfws(&list->rest, &w->comment);
        if (list->rest.n == 0 || span_find(stops, list->rest.p[0]) < stops.n)
            return fits;
        fits = take_word(list, had_space, w) && fits;
    }
}

/* Domain: atoms and dots or a literal, white space and comments between them dropped. */
static bool
take_domain(struct addresslist *list, struct buf *out, struct span *comment)
{
    bool fits = true;

    for (;;) {
        token_skip_cfws(&list->rest, comment);
        struct span s = list->rest;
        if (s.n > 0 && s.p[0] == '[') {
            size_t n = span_find(s, ']');
            s.n = n < s.n ? n + 1 : n;
            fits = field_unfold(s, out) && fits;
            list->rest = span_skip(list->rest, s.n);
            return fits;
        }
        s = token_take_until(&list->rest, SPECIALS);
        if (s.n == 0 && token_take_char(&list->rest, '.'))
            s = SPAN(".");
        bool follows_atom = out->len > 0 && out->data[out->len - 1] != '.';
        if (s.n == 0)
            return fits;
        if (s.p[0] != '.' && follows_atom) /* a second word: no domain any more */
            return fits;
        fits = buf_append_span(out, s) && fits;
    }
}

/* Skip what is left of an item up to ',' or ';' (and up to '>' when that comes first, in a
 * bracket). */
static void
skip_rest(struct addresslist *list, bool in_bracket, struct span *comment)
{
    struct buf nowhere;

    buf_init(&nowhere, 0);
    for (;;) {
        token_skip_cfws(&list->rest, comment);
        if (list->rest.n == 0)
            return;
        char c = list->rest.p[0];
        if (c == ',' || c == ';' || (c == '>' && in_bracket))
            return;
        if (c == '"')
            token_take_quoted(&list->rest, &nowhere);
        else
            list->rest = span_skip(list->rest, 1);
    }
}

/* "@a,@b:" before the local part (RFC 5322 4.4). */
static bool
take_route(struct addresslist *list)
{
    bool fits = true;

    for (;;) {
        token_skip_cfws(&list->rest, NULL);
        if (token_take_char(&list->rest, ','))
            continue;
        if (!token_take_char(&list->rest, '@'))
            break;
        if (list->route.len > 0)
            fits = buf_append_char(&list->route, ',') && fits;
        fits = buf_append_char(&list->route, '@') && fits;
        buf_reset(&list->domain);
        fits = take_domain(list, &list->domain, NULL) && fits;
        fits = buf_append_span(&list->route, buf_span(&list->domain)) && fits;
    }
    buf_reset(&list->domain);
    token_take_char(&list->rest, ':');
    return fits;
}

/* The inside of "<...>" and the bracket that closes it. What it adds to the phrase is not wanted:
 * the caller knows where the name ends. */
static bool
take_angle(struct addresslist *list, struct addresslist_item *out, struct span *comment)
{
    struct addresslist_words w;

    token_take_char(&list->rest, '<');
    buf_reset(&list->local);
    list->has_quotes = false;
    bool fits = take_route(list);
    fits = take_words(list, SPAN("@>,;"), &w) && fits;
    if (token_take_char(&list->rest, '@'))
        fits = take_domain(list, &list->domain, NULL) && fits;
    skip_rest(list, true, NULL);
    token_take_char(&list->rest, '>');
    skip_rest(list, false, comment);
    out->route = buf_span(&list->route);
    return fits;
}

/* ':' behind words: a group. Inside a group it is broken, and what it named is dropped. */
static bool
begin_group(struct addresslist *list, struct addresslist_item *out)
{
    token_take_char(&list->rest, ':');
    if (list->in_group)
        return false;
    list->in_group = true;
    out->name = buf_span(&list->phrase);
    out->has_name = true;
    return true;
}

static void
take_mailbox(struct addresslist *list, struct addresslist_words *w, struct addresslist_item *out)
{
    bool fits = true;

    if (list->rest.n > 0 && list->rest.p[0] == '<') {
        size_t name_length = list->phrase.len;
        fits = take_angle(list, out, &w->comment);
        out->has_name = w->any;
        out->name = (struct span){list->phrase.data, name_length};
    } else {
        if (token_take_char(&list->rest, '@'))
            fits = take_domain(list, &list->domain, &w->comment);
        skip_rest(list, false, &w->comment);
    }
    if (!out->has_name && w->comment.p != NULL) {
        buf_reset(&list->phrase);
        fits = field_unfold(span_trim(w->comment), &list->phrase) && fits;
        out->name = buf_span(&list->phrase);
        out->has_name = true;
    }
    out->local = buf_span(&list->local);
    out->is_quoted = list->has_quotes;
    out->domain = buf_span(&list->domain);
    list->is_truncated = list->is_truncated || !fits;
}

static enum addresslist_kind
end_group(struct addresslist *list)
{
    list->in_group = false;
    return ADDRESSLIST_GROUP_END;
}

enum addresslist_kind
addresslist_next(struct addresslist *list, struct addresslist_item *out)
{
    for (;;) {
        struct addresslist_words w;
        reset_item(list, out);
        token_skip_cfws(&list->rest, NULL);
        if (list->rest.n == 0 || list->count == ADDRESSLIST_MAX) {
            list->is_truncated = list->is_truncated || list->rest.n > 0;
            return list->in_group ? end_group(list) : ADDRESSLIST_END;
        }
        if (token_take_char(&list->rest, ','))
            continue;
        if (token_take_char(&list->rest, ';')) {
            if (list->in_group)
                return end_group(list);
            continue;
        }
        list->is_truncated = !take_words(list, SPAN("<@:,;"), &w) || list->is_truncated;
        if (list->rest.n > 0 && list->rest.p[0] == ':') {
            if (!begin_group(list, out))
                continue;
            list->count++;
            return ADDRESSLIST_GROUP_BEGIN;
        }
        list->count++;
        take_mailbox(list, &w, out);
        return ADDRESSLIST_MAILBOX;
    }
}

/* ------------------------------------------------------------------ of a header block */

static bool
append_first(struct span value, struct buf *out)
{
    struct addresslist list;
    struct addresslist_item item;
    enum addresslist_kind kind;
    size_t len = out->len;
    bool ok = false;

    addresslist_init(&list, value);
    do
        kind = addresslist_next(&list, &item);
    while (kind != ADDRESSLIST_END && (kind != ADDRESSLIST_MAILBOX || item.local.n == 0));
    if (kind == ADDRESSLIST_MAILBOX)
        ok = buf_append_span(out, item.local) &&
             (item.domain.n == 0 ||
              (buf_append_char(out, '@') && buf_append_span(out, item.domain)));
    if (!ok)
        out->len = len;
    addresslist_release(&list);
    return ok;
}

bool
addresslist_first(struct span block, const char *name, struct buf *out)
{
    struct field f;
    enum field_result result;
    bool found = false;

    while (!found && (result = field_next(&block, &f)) != FIELD_END)
        found = result == FIELD_OK && field_is(&f, name) && append_first(f.value, out);
    return found;
}
