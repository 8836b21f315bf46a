/* SPDX-License-Identifier: MIT
 *
 * Parts of addresses (RFC 5228 2.7.4, RFC 5233), the addresses of header fields, each read once a
 * run, and what a script may name as an address, a header field or a mailbox.
 */
#include "run_priv.h"

#include "doorstep/address.h"

/* ------------------------------------------------------------------ parts */

/* The detail begins behind the first delimiter; there may be none. */
static bool
split_detail(const struct sieve_run *r, struct span local, size_t *at)
{
    const char *delimiters = r->in.user == NULL ? "" : r->in.user->delimiters;

    for (*at = 0; *at < local.n; ++*at)
        if (local.p[*at] != '\0' && strchr(delimiters, local.p[*at]) != NULL)
            return true;
    return false;
}

bool
sieve_address_part(struct sieve_run *r, const struct sieve_op *op, const struct sieve_address *a,
                   struct span *out)
{
    const struct sieve_tagged *t = sieve_op_tag(op, SIEVE_SLOT_ADDRESS_PART);
    enum sieve_address_part part =
        t == NULL ? SIEVE_ADDRESS_ALL : (enum sieve_address_part)t->tag->id;
    size_t at;

    *out = a->all;
    if (part == SIEVE_ADDRESS_ALL)
        return true;
    if (!a->is_valid) /* of what is no address there are no parts */
        return false;
    if (part == SIEVE_ADDRESS_LOCAL || part == SIEVE_ADDRESS_DOMAIN) {
        *out = part == SIEVE_ADDRESS_LOCAL ? a->local : a->domain;
        return true;
    }
    bool has_detail = split_detail(r, a->local, &at);
    switch (part) {
    case SIEVE_ADDRESS_ALL:
    case SIEVE_ADDRESS_LOCAL:
    case SIEVE_ADDRESS_DOMAIN:
        break;
    case SIEVE_ADDRESS_USER:
        *out = (struct span){a->local.p, at};
        break;
    case SIEVE_ADDRESS_DETAIL:
        *out = span_skip(a->local, at + 1);
        break;
    }
    return part != SIEVE_ADDRESS_DETAIL || has_detail;
}

/* ------------------------------------------------------------------ addresses of a field */

/* What was written with quotes is the same address only with them (RFC 5322 3.4.1). */
static void
append_local(struct buf *out, const struct addresslist_item *item)
{
    if (!item->is_quoted) {
        buf_append_span(out, item->local);
        return;
    }
    buf_append_char(out, '"');
    for (size_t i = 0; i < item->local.n; i++) {
        if (item->local.p[i] == '"' || item->local.p[i] == '\\')
            buf_append_char(out, '\\');
        buf_append_char(out, item->local.p[i]);
    }
    buf_append_char(out, '"');
}

static bool
copy_address(struct sieve_run *r, const struct addresslist_item *item, struct sieve_address *out)
{
    struct buf *whole = sieve_run_buf(r);

    append_local(whole, item);
    if (item->domain.n > 0 && buf_append_char(whole, '@'))
        buf_append_span(whole, item->domain);
    out->all = (struct span){sieve_run_copy(r, buf_span(whole)), whole->len};
    out->local = (struct span){sieve_run_copy(r, item->local), item->local.n};
    out->domain = (struct span){sieve_run_copy(r, item->domain), item->domain.n};
    out->is_valid = item->local.n > 0 && item->domain.n > 0;
    return out->all.p != NULL && out->local.p != NULL && out->domain.p != NULL;
}

struct kept_addresses *
field_addresses(struct sieve_run *r, const struct sieve_field *f)
{
    struct kept_addresses *k = f->memo->addresses;

    if (k != NULL)
        return k;
    k = sieve_run_alloc(r, sizeof(*k));
    if (k == NULL)
        return NULL;
    addresslist_init(&k->list, f->value);
    k->end = &k->first;
    k->next = r->address_lists;
    r->address_lists = k;
    f->memo->addresses = k;
    return k;
}

static bool
read_address(struct sieve_run *r, struct kept_addresses *k)
{
    struct addresslist_item item;
    enum addresslist_kind kind;

    do
        kind = addresslist_next(&k->list, &item);
    while (kind == ADDRESSLIST_GROUP_BEGIN || kind == ADDRESSLIST_GROUP_END);
    if (kind == ADDRESSLIST_END) {
        addresslist_release(&k->list);
        k->is_over = true;
        return true;
    }
    struct kept_address *a = k->is_cut ? NULL : sieve_run_alloc(r, sizeof(*a));
    k->is_cut = a == NULL || !copy_address(r, &item, &a->address);
    if (k->is_cut)
        return sieve_run_fail(r, NULL, "the addresses of a header field take too much memory");
    *k->end = a;
    k->end = &a->next;
    return true;
}

bool
next_address(struct sieve_run *r, struct kept_addresses *k, const struct kept_address **at)
{
    bool is_last = *at == NULL ? k->first == NULL : (*at)->next == NULL;

    if (is_last && !k->is_over && !read_address(r, k))
        return false;
    *at = *at == NULL ? k->first : (*at)->next;
    return true;
}

void
release_addresses(struct sieve_run *r)
{
    for (struct kept_addresses *k = r->address_lists; k != NULL; k = k->next)
        if (!k->is_over)
            addresslist_release(&k->list);
    r->address_lists = NULL;
}

/* ------------------------------------------------------------------ constants of a script */

static bool
is_address(struct span s)
{
    struct arena arena;
    struct address a;

    arena_init(&arena, 8192);
    bool ok = address_parse_mailbox(s, ADDRESS_ALLOW_UTF8, &arena, &a) == ADDRESS_OK;
    arena_release(&arena);
    return ok;
}

/* "Name <local@domain>" or local@domain (RFC 5228 2.4.2.3). */
bool
sieve_address_is_valid(struct span s)
{
    s = span_trim(s);
    if (s.n > 0 && s.p[s.n - 1] == '>') {
        size_t at = s.n;
        while (at > 0 && s.p[at - 1] != '<')
            at--;
        s = at == 0 ? s : (struct span){s.p + at, s.n - at - 1};
    }
    return is_address(s);
}

bool
sieve_check_address(struct sieve_check *c, const struct sieve_value *v)
{
    struct span s;

    for (uint32_t i = 0; i < v->count; i++)
        if (sieve_text_constant(&v->strings[i], &s) && !sieve_address_is_valid(s))
            return sieve_check_error(c, sieve_text_place(&v->strings[i]),
                                     "'%.*s' is no mail address", s.n < 80 ? (int)s.n : 80, s.p);
    return true;
}

bool
sieve_field_name_is_valid(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 32 || s.p[i] >= 127 || s.p[i] == ':')
            return false;
    return s.n > 0;
}

bool
sieve_check_field_names(struct sieve_check *c, const struct sieve_value *v)
{
    struct span s;

    for (uint32_t i = 0; i < v->count; i++)
        if (sieve_text_constant(&v->strings[i], &s) && !sieve_field_name_is_valid(s))
            return sieve_check_error(c, sieve_text_place(&v->strings[i]),
                                     "'%.*s' is no name of a header field",
                                     s.n < 80 ? (int)s.n : 80, s.p);
    return true;
}

void
sieve_check_tested_fields(struct sieve_check *c, const struct sieve_value *v)
{
    struct span s;

    for (uint32_t i = 0; i < v->count; i++)
        if (sieve_text_constant(&v->strings[i], &s) && !sieve_field_name_is_valid(s))
            sieve_check_warning(c, sieve_text_place(&v->strings[i]),
                                "no header field can be named '%.*s'", s.n < 80 ? (int)s.n : 80,
                                s.p);
}

bool
sieve_mailbox_is_valid(struct span s)
{
    return s.n > 0 && s.n <= 1024 && memchr(s.p, '\0', s.n) == NULL &&
           memchr(s.p, '\r', s.n) == NULL && memchr(s.p, '\n', s.n) == NULL && utf8_is_valid(s);
}

bool
sieve_check_mailbox(struct sieve_check *c, const struct sieve_value *v)
{
    struct span s;

    for (uint32_t i = 0; i < v->count; i++)
        if (sieve_text_constant(&v->strings[i], &s) && !sieve_mailbox_is_valid(s))
            return sieve_check_error(c, sieve_text_place(&v->strings[i]),
                                     "'%.*s' is no name of a mailbox", s.n < 80 ? (int)s.n : 80,
                                     s.p);
    return true;
}
