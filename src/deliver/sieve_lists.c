/* SPDX-License-Identifier: MIT
 *
 * Lists of scripts: see sieve_lists_priv.h.
 */
#include "sieve_lists_priv.h"

#include <stdlib.h>
#include <string.h>

#include "doorstep/list_name.h"
#include "doorstep/log.h"
#include "doorstep/settings.h"
#include "doorstep/table.h"

#include "filing_priv.h"

#define FILE_MAX ((size_t)64 * 1024 * 1024)

struct member {
    UT_hash_handle hh;
    const char *line; /* as it was written; lies behind value */
    char value[];     /* in lower case (ASCII) */
};

struct sieve_list {
    char *name; /* as list_name_print() has it */
    struct member *members;
};

struct sieve_lists {
    size_t count;
    struct sieve_list list[];
};

static void
lower(char *s)
{
    for (; *s != '\0'; s++)
        if (*s >= 'A' && *s <= 'Z')
            *s |= 0x20;
}

static bool
add(struct sieve_list *l, struct span value)
{
    struct member *m = calloc(1, sizeof *m + 2 * (value.n + 1)), *there;

    if (m == NULL)
        return false;
    memcpy(m->value, value.p, value.n);
    lower(m->value);
    m->line = memcpy(m->value + value.n + 1, value.p, value.n);
    HASH_FIND_STR(l->members, m->value, there);
    if (there == NULL)
        HASH_ADD_STR(l->members, value, m);
    bool is_in = there == NULL && m->hh.tbl != NULL;
    if (!is_in)
        free(m);
    return is_in || there != NULL;
}

static bool
add_lines(struct sieve_list *l, struct span text)
{
    struct span value;
    bool ok = true;

    while (ok && list_next_value(&text, &value))
        ok = add(l, value);
    return ok;
}

static bool
read_list(struct sieve_list *l, const struct settings_sieve_list *s)
{
    struct buf text;

    buf_init(&text, FILE_MAX);
    bool ok = global_file_read(s->file, &text);
    if (ok && !add_lines(l, buf_span(&text))) {
        log_event(LOG_LEVEL_ERROR, "list_not_read", "path", s->file, "cause", "out of memory",
                  NULL);
        ok = false;
    }
    buf_reset(&text);
    if (ok && list_name_print(span_of(s->name), &text))
        l->name = strdup(buf_str(&text));
    buf_release(&text);
    return ok && l->name != NULL;
}

static void
list_release(struct sieve_list *l)
{
    struct member *m, *next;

    HASH_ITER(hh, l->members, m, next)
    {
        HASH_DEL(l->members, m);
        free(m);
    }
    free(l->name);
}

struct sieve_lists *
sieve_lists_read(const struct settings *s)
{
    if (s->sieve_list_count == 0)
        return NULL;
    struct sieve_lists *l = calloc(1, sizeof *l + s->sieve_list_count * sizeof l->list[0]);
    for (size_t i = 0; l != NULL && i < s->sieve_list_count; i++) {
        l->list[l->count] = (struct sieve_list){.name = NULL};
        if (read_list(&l->list[l->count], &s->sieve_lists[i]))
            l->count++;
        else
            list_release(&l->list[l->count]);
    }
    return l;
}

void
sieve_lists_free(struct sieve_lists *l)
{
    for (size_t i = 0; l != NULL && i < l->count; i++)
        list_release(&l->list[i]);
    free(l);
}

const struct sieve_list *
sieve_lists_find(const struct sieve_lists *l, const char *name)
{
    for (size_t i = 0; l != NULL && i < l->count; i++)
        if (strcmp(l->list[i].name, name) == 0)
            return &l->list[i];
    return NULL;
}

const char *
sieve_lists_value(const struct sieve_lists *l, const char *name, const char *value)
{
    const struct sieve_list *list = sieve_lists_find(l, name);
    struct member *m = NULL;
    char *key = list == NULL ? NULL : strdup(value);

    if (key == NULL)
        return NULL;
    lower(key);
    HASH_FIND_STR(list->members, key, m);
    free(key);
    return m == NULL ? NULL : m->line;
}

bool
sieve_list_print(const struct sieve_list *l, struct buf *out)
{
    bool ok = true;

    for (const struct member *m = l->members; ok && m != NULL; m = m->hh.next)
        ok = buf_append_str(out, m->line) && buf_append_char(out, '\n');
    return ok;
}
