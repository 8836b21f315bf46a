/* SPDX-License-Identifier: MIT
 *
 * Flags and keywords: see flags_priv.h.
 */
#include "flags_priv.h"

#include <string.h>
#include <strings.h>

#include "doorstep/store.h"

#define KEYWORD_MAX 128 /* octets of one */

static const struct {
    unsigned flag;
    const char *name;
} names[] = {{STORE_SEEN, "\\Seen"},       {STORE_ANSWERED, "\\Answered"},
             {STORE_FLAGGED, "\\Flagged"}, {STORE_DELETED, "\\Deleted"},
             {STORE_DRAFT, "\\Draft"},     {STORE_FORWARDED, "$Forwarded"}};

json_t *
flags_json(unsigned flags)
{
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if ((flags & names[i].flag) != 0)
            json_array_append_new(list, json_string(names[i].name));
    return list;
}

json_t *
keywords_json(const char *keywords)
{
    json_t *list = json_array();
    struct span rest = span_of(keywords);

    while (rest.n > 0) {
        size_t n = span_find(rest, ' ');
        if (n > 0)
            json_array_append_new(list, json_stringn(rest.p, n));
        rest = span_skip(rest, n + 1);
    }
    return list;
}

static unsigned
system_flag(const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcasecmp(name, names[i].name) == 0)
            return names[i].flag;
    return 0;
}

/* flag-keyword = atom: what IMAP can send without quotes. */
static bool
is_keyword(const char *name)
{
    size_t n = strlen(name);

    if (n == 0 || n > KEYWORD_MAX || strpbrk(name, "(){%*\"\\]") != NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        if (name[i] <= ' ' || name[i] >= 127)
            return false;
    return true;
}

/* The list without this keyword. */
static void
drop_keyword(struct buf *keywords, const char *name)
{
    size_t at = 0;

    while (at < keywords->len) {
        struct span rest = span_skip(buf_span(keywords), at);
        struct span word = {rest.p, span_find(rest, ' ')};
        size_t length = word.n < rest.n ? word.n + 1 : word.n; /* with the space */
        if (!span_equal_fold(word, span_of(name))) {
            at += length;
            continue;
        }
        memmove(keywords->data + at, keywords->data + at + length, rest.n - length);
        keywords->len -= length;
    }
    if (keywords->len > 0 && keywords->data[keywords->len - 1] == ' ')
        keywords->len--;
    if (keywords->data != NULL)
        keywords->data[keywords->len] = '\0';
}

static bool
has_keyword(const struct buf *keywords, const char *name)
{
    struct span rest = buf_span(keywords);

    while (rest.n > 0) {
        struct span word = {rest.p, span_find(rest, ' ')};
        if (span_equal_fold(word, span_of(name)))
            return true;
        rest = span_skip(rest, word.n + 1);
    }
    return false;
}

static bool
change_one(const char *name, bool add, unsigned *flags, struct buf *keywords)
{
    unsigned flag = system_flag(name);

    if (flag != 0) {
        *flags = add ? *flags | flag : *flags & ~flag;
        return true;
    }
    if (!is_keyword(name))
        return false;
    if (!add)
        drop_keyword(keywords, name);
    else if (!has_keyword(keywords, name))
        return buf_printf(keywords, "%s%s", keywords->len > 0 ? " " : "", name);
    return true;
}

bool
flags_add(const char *name, unsigned *flags, struct buf *keywords)
{
    return change_one(name, true, flags, keywords);
}

static const char *
change_all(const json_t *list, bool add, unsigned *flags, struct buf *keywords)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name == NULL)
            return "";
        if (!change_one(name, add, flags, keywords))
            return name;
    }
    return NULL;
}

const char *
flags_edit(const json_t *add, const json_t *remove, unsigned *flags, struct buf *keywords)
{
    const char *bad = change_all(add, true, flags, keywords);

    return bad != NULL ? bad : change_all(remove, false, flags, keywords);
}
