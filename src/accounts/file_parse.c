/* SPDX-License-Identifier: MIT
 *
 * An accounts file, one account a line, fields as in passwd(5) between colons:
 *
 *     name:password-hash:quota:quota-messages:flags
 *
 * name: the local part. password-hash: as crypt(5) or argon2id write it, or empty. quota: octets,
 * with K, M, G or T for powers of 1024; "none"; empty for the domain's. quota-messages: a number,
 * "none", or empty. flags: "disabled" and "forward=ROUTE", with a comma between, or nothing. Fields
 * at the end may be missing. Empty lines and lines that begin with # say nothing.
 * docs/man/doorstep-accounts.5 is the long form.
 */
#include "file_priv.h"

#include <string.h>

#define FIELDS 5
#define MEMORY_MAX ((size_t)1024 * 1024 * 1024)
#define HASH_MAX 255

enum field { FIELD_NAME, FIELD_HASH, FIELD_QUOTA, FIELD_QUOTA_MESSAGES, FIELD_FLAGS };

/* split() - false with more than FIELDS; those that are missing are empty. */
static bool
split(struct span line, struct span fields[FIELDS])
{
    for (int i = 0; i < FIELDS; i++) {
        size_t n = span_find(line, ':');
        fields[i] = (struct span){line.p, n};
        if (n == line.n) {
            for (i++; i < FIELDS; i++)
                fields[i] = SPAN_NONE;
            return true;
        }
        line = span_skip(line, n + 1);
    }
    return false;
}

static unsigned
unit_shift(char c)
{
    static const char units[] = "KMGT";
    const char *at = c == '\0' ? NULL : strchr(units, c & ~0x20);
    return at == NULL ? 0 : 10 * (unsigned)(at - units + 1);
}

/* parse_quota() - *out keeps the domain's value where the field is empty. */
static bool
parse_quota(struct span field, bool with_unit, uint64_t *out)
{
    unsigned long long number;
    unsigned shift = 0;
    if (field.n == 0)
        return true;
    if (span_equal_fold(field, SPAN("none"))) {
        *out = UINT64_MAX;
        return true;
    }
    if (with_unit)
        shift = unit_shift(field.p[field.n - 1]);
    if (shift > 0)
        field.n--;
    if (!span_parse_u64(field, (unsigned long long)INT64_MAX >> shift, &number))
        return false;
    *out = (uint64_t)number << shift;
    return true;
}

static bool
is_hash(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
            return false;
    return s.n <= HASH_MAX;
}

static bool
parse_route(struct span s, struct span *out)
{
    *out = s;
    return s.n > 0 && s.n < ACCOUNT_ROUTE_SIZE && is_hash(s);
}

static bool
parse_flag(struct span flag, struct file_entry *e, struct span *forward)
{
    static const struct span route = SPAN("forward=");
    if (flag.n >= route.n && memcmp(flag.p, route.p, route.n) == 0)
        return parse_route(span_skip(flag, route.n), forward);
    e->enabled = false;
    return span_equal(flag, SPAN("disabled"));
}

static bool
parse_flags(struct span field, struct file_entry *e, struct span *forward)
{
    *forward = SPAN_NONE;
    e->enabled = true;
    while (field.n > 0) {
        size_t n = span_find(field, ',');
        if (!parse_flag((struct span){field.p, n}, e, forward) || n + 1 == field.n)
            return false;
        field = span_skip(field, n < field.n ? n + 1 : n);
    }
    return true;
}

/* parse_fields() - what is wrong with the line, or NULL; the entry's user is not filled. */
static const char *
parse_fields(const struct span fields[FIELDS], const struct settings_domain *domain,
             char user[ACCOUNT_USER_SIZE], struct file_entry *e, struct span *forward)
{
    *e = (struct file_entry){.quota = domain->quota, .quota_messages = domain->quota_messages};
    if (span_find(fields[FIELD_NAME], '@') < fields[FIELD_NAME].n)
        return "name: write it without @ and domain";
    if (!account_name_fold(fields[FIELD_NAME], !domain->case_sensitive, user, ACCOUNT_USER_SIZE))
        return "name: no account can have it";
    if (!is_hash(fields[FIELD_HASH]))
        return "password-hash: not printable, or too long";
    if (!parse_quota(fields[FIELD_QUOTA], true, &e->quota))
        return "quota: a size like 2G, none, or empty";
    if (!parse_quota(fields[FIELD_QUOTA_MESSAGES], false, &e->quota_messages))
        return "quota-messages: a number, none, or empty";
    if (!parse_flags(fields[FIELD_FLAGS], e, forward))
        return "flags: disabled, forward=ROUTE, both with a comma between, or empty";
    return NULL;
}

static bool
keep(struct file_table *t, const struct file_entry *read, const char *user, struct span hash,
     struct span forward)
{
    struct file_entry *e = arena_alloc(&t->arena, sizeof(*e));
    char *name = arena_copy(&t->arena, span_of(user));
    char *kept_hash = arena_copy(&t->arena, hash);
    char *route = arena_copy(&t->arena, forward);
    if (e == NULL || name == NULL || kept_hash == NULL || route == NULL)
        return false;
    *e = *read;
    e->user = name;
    e->hash = kept_hash;
    e->forward = route;
    HASH_ADD_KEYPTR(hh, t->entries, e->user, strlen(name), e);
    return e->hh.tbl != NULL;
}

/* take_line() - false only without memory; *what is set when the line is bad. */
static bool
take_line(struct file_table *t, struct span line, const struct settings_domain *domain,
          const char **what)
{
    struct span fields[FIELDS], forward;
    struct file_entry entry;
    char user[ACCOUNT_USER_SIZE];
    *what = NULL;
    line = span_trim(line);
    if (line.n == 0 || line.p[0] == '#')
        return true;
    if (line.n > ACCOUNTS_FILE_LINE_MAX)
        *what = "line is too long";
    else if (!split(line, fields))
        *what = "too many fields";
    else
        *what = parse_fields(fields, domain, user, &entry, &forward);
    if (*what != NULL)
        return true;
    if (file_table_find(t, user) == NULL)
        return keep(t, &entry, user, fields[FIELD_HASH], forward);
    *what = "name: stands above already";
    return true;
}

bool
file_table_parse(struct file_table *t, struct span text, const struct settings_domain *domain,
                 file_complaint_fn complain, void *arg)
{
    *t = (struct file_table){0};
    arena_init(&t->arena, MEMORY_MAX);
    for (unsigned number = 1; text.n > 0; number++) {
        const char *what;
        size_t n = span_find(text, '\n');
        if (!take_line(t, (struct span){text.p, n}, domain, &what))
            return false;
        if (what != NULL)
            complain(arg, number, what);
        text = span_skip(text, n + 1);
    }
    return true;
}

struct file_entry *
file_table_find(const struct file_table *t, const char *user)
{
    struct file_entry *e;
    HASH_FIND(hh, t->entries, user, strlen(user), e);
    return e;
}

void
file_table_release(struct file_table *t)
{
    HASH_CLEAR(hh, t->entries);
    arena_release(&t->arena);
}
