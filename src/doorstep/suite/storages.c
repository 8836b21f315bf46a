/* SPDX-License-Identifier: MIT
 *
 * Lists (RFC 6134) and scripts that settings say where to find: sieve_extlists_list and
 * sieve_script with what stands below their names, and sieve_dir, sieve, sieve_global of Dovecot
 * 2.3. Behind them lie folders, or dictionaries in files: a line with the key, a line with the
 * value, in turn.
 */
#include "suite_priv.h"

#include <limits.h>
#include <stdlib.h>
#include <strings.h>

#include "doorstep/list_name.h"

#define DICTIONARY_OCTETS_MAX ((size_t)16 << 20)
#define LOOKUP_OCTETS_MAX 1024 /* of a value that is looked for on a list */

/* ------------------------------------------------------------------ names of settings */

/* "first second,third": the next word of *rest. In a URI a comma is a part of it. */
static bool
next_name(struct span *rest, struct span *name)
{
    bool is_uri = false;
    size_t n = 0;

    while (rest->n > 0 && strchr(" \t,", rest->p[0]) != NULL)
        *rest = span_skip(*rest, 1);
    for (; n < rest->n && strchr(is_uri ? " \t" : " \t,", rest->p[n]) == NULL; n++)
        is_uri = is_uri || rest->p[n] == ':';
    *name = (struct span){rest->p, n};
    *rest = span_skip(*rest, n);
    return n > 0;
}

/* "sieve_script/NAME/LEAF" and its like. NULL: unset. */
static const char *
setting_below(struct suite *s, const char *group, struct span name, const char *leaf)
{
    char setting[512];

    if (name.n > 256)
        return NULL;
    snprintf(setting, sizeof(setting), "%s/%.*s/%s", group, (int)name.n, name.p, leaf);
    return suite_setting(s, setting);
}

/* The file of a dictionary: whatever ends in "path" below the name, since a dictionary is a named
 * block of its own there. NULL: there is none. */
static const char *
dictionary_of(const struct suite *s, const char *group, struct span name)
{
    size_t n = strlen(group);

    for (const struct suite_setting *i = s->settings; i != NULL; i = i->next) {
        struct span rest = span_of(i->name);
        if (i->value == NULL || rest.n < n + name.n + 2 + 4 || memcmp(rest.p, group, n) != 0 ||
            memcmp(rest.p + n + 1, name.p, name.n) != 0 || rest.p[n + 1 + name.n] != '/')
            continue;
        if (memcmp(rest.p + rest.n - 4, "path", 4) == 0)
            return i->value;
    }
    return NULL;
}

/* Below the suite's own folder unless it is absolute. */
static bool
resolve(const struct suite *s, const char *value, char *path)
{
    bool is_absolute = value[0] == '/';

    return snprintf(path, PATH_MAX, "%s%s%s", is_absolute ? "" : s->folder, is_absolute ? "" : "/",
                    value) < PATH_MAX;
}

/* ------------------------------------------------------------------ dictionaries */

static struct span
next_line(struct span *rest)
{
    struct span line = {rest->p, span_find(*rest, '\n')};

    *rest = span_skip(*rest, line.n + 1);
    return line;
}

/* Line ends and tabs in a value are an octet 1 and a letter. */
static bool
append_value(struct buf *out, struct span s)
{
    bool ok = true;

    for (size_t i = 0; ok && i < s.n; i++) {
        char c = s.p[i];
        if (c == '\001' && i + 1 < s.n) {
            static const char letters[] = "ntr1", octets[] = "\n\t\r\001";
            const char *hit = strchr(letters, s.p[++i]);
            c = hit == NULL || *hit == '\0' ? s.p[i] : octets[hit - letters];
        }
        ok = buf_append_char(out, c);
    }
    return ok;
}

static bool
is_value_of(struct span text, struct span key, struct buf *out)
{
    while (text.n > 0) {
        struct span name = next_line(&text), value = next_line(&text);
        if (span_equal(name, key))
            return out == NULL || append_value(out, value);
    }
    return false;
}

/* Slashes in a key's last part are written "\|", backslashes twice. */
static bool
append_key(struct buf *out, const char *prefix, struct span name)
{
    bool ok = buf_append_str(out, prefix);

    for (size_t i = 0; ok && i < name.n; i++)
        ok = name.p[i] == '/'    ? buf_append_str(out, "\\|")
             : name.p[i] == '\\' ? buf_append_str(out, "\\\\")
                                 : buf_append_char(out, name.p[i]);
    return ok;
}

/* The value is appended to out unless that is NULL. TEMPFAIL: the file cannot be read. */
static enum sieve_answer
look_up(const struct suite *s, const char *file, const char *prefix, struct span name,
        struct buf *out)
{
    enum sieve_answer answer = SIEVE_TEMPFAIL;
    char path[PATH_MAX];
    struct buf text, key;

    buf_init(&text, DICTIONARY_OCTETS_MAX);
    buf_init(&key, strlen(prefix) + 2 * name.n + 1);
    if (resolve(s, file, path) && suite_read(path, &text) && append_key(&key, prefix, name))
        answer = is_value_of(buf_span(&text), buf_span(&key), out) ? SIEVE_YES : SIEVE_NO;
    buf_release(&key);
    buf_release(&text);
    return answer;
}

/* ------------------------------------------------------------------ lists */

static bool
is_same_list(struct span name, struct span wanted)
{
    struct buf text;

    buf_init(&text, name.n + sizeof(LIST_ADDRESS_BOOK));
    bool is_same = list_name_print(name, &text) && span_equal_fold(buf_span(&text), wanted);
    buf_release(&text);
    return is_same;
}

/* The block's name of a list, which may say another one for scripts. */
static bool
find_list(struct suite *s, struct span wanted, struct span *block)
{
    const char *names = suite_setting(s, "sieve_extlists_list");
    struct span rest = span_of(names == NULL ? "" : names);

    while (next_name(&rest, block)) {
        const char *own = setting_below(s, "sieve_extlists_list", *block, "name");
        struct span name = own == NULL ? *block : span_of(own);
        if (is_same_list(name, wanted))
            return true;
    }
    return false;
}

enum sieve_answer
suite_list_is_known(void *arg, struct span list)
{
    struct span block;

    return find_list(arg, list, &block) ? SIEVE_YES : SIEVE_NO;
}

static size_t
longest_lookup(struct suite *s, struct span block)
{
    const char *value = setting_below(s, "sieve_extlists_list", block, "max_lookup_size");

    if (value == NULL)
        value = suite_setting(s, "sieve_extlists_list_max_lookup_size");
    return value == NULL ? LOOKUP_OCTETS_MAX : suite_number(value, false);
}

/* A list without a dictionary is empty. */
enum sieve_answer
suite_list_has(void *arg, struct span list, struct span value, struct buf *found)
{
    struct suite *s = arg;
    struct span block;

    (void)found; /* keys are compared with their case */
    if (!find_list(s, list, &block))
        return SIEVE_NO;
    const char *file = dictionary_of(s, "sieve_extlists_list", block);
    if (file == NULL || value.n > longest_lookup(s, block) ||
        memchr(value.p, '\n', value.n) != NULL)
        return SIEVE_NO;
    return look_up(s, file, "priv/sieve/extlists/", value, NULL);
}

/* ------------------------------------------------------------------ scripts */

/* Two steps: the name says which text, so that a text can be replaced at once. */
static bool
read_from_dictionary(const struct suite *s, const char *file, struct span name, struct buf *out)
{
    struct buf id;

    buf_init(&id, 4096);
    bool ok = look_up(s, file, "priv/sieve/name/", name, &id) == SIEVE_YES &&
              look_up(s, file, "priv/sieve/data/", buf_span(&id), out) == SIEVE_YES;
    buf_release(&id);
    return ok;
}

static bool
read_from_folder(const struct suite *s, const char *folder, struct span name, struct buf *out)
{
    char base[PATH_MAX], path[PATH_MAX];

    return resolve(s, folder, base) && name.n < PATH_MAX &&
           snprintf(path, sizeof(path), "%s/%.*s.sieve", base, (int)name.n, name.p) < PATH_MAX &&
           suite_read(path, out);
}

static bool
read_from_block(struct suite *s, struct span block, enum sieve_location location, struct span name,
                struct buf *out)
{
    const char *wanted = location == SIEVE_GLOBAL ? "global" : "personal";
    const char *type = setting_below(s, "sieve_script", block, "type");
    const char *driver = setting_below(s, "sieve_script", block, "driver");
    const char *path = dictionary_of(s, "sieve_script", block);

    if (path == NULL || strcasecmp(type == NULL ? "personal" : type, wanted) != 0)
        return false;
    if (driver != NULL && strcasecmp(driver, "dict") == 0)
        return read_from_dictionary(s, path, name, out);
    return read_from_folder(s, path, name, out);
}

/* Dovecot 2.3: "[file:|dict:file:]PATH[;option...]". */
static bool
read_from_location(struct suite *s, const char *setting, struct span name, struct buf *out)
{
    const char *value = suite_setting(s, setting);
    struct span all = span_of(value == NULL ? "" : value);
    bool is_dictionary = span_has_prefix_fold(all, SPAN("dict:file:"));

    if (is_dictionary)
        all = span_skip(all, sizeof("dict:file:") - 1);
    else if (span_has_prefix_fold(all, SPAN("file:")))
        all = span_skip(all, sizeof("file:") - 1);
    all.n = span_find(all, ';');
    if (all.n == 0)
        return false;
    const char *path = suite_keep(s, all);
    return is_dictionary ? read_from_dictionary(s, path, name, out)
                         : read_from_folder(s, path, name, out);
}

bool
suite_storage_read(struct suite *s, enum sieve_location location, struct span name, struct buf *out)
{
    static const char *const older[][2] = {
        [SIEVE_PERSONAL] = {"sieve_dir", "sieve"},
        [SIEVE_GLOBAL] = {"sieve_global", "sieve_global_dir"},
    };
    const char *names = suite_setting(s, "sieve_script");
    struct span rest = span_of(names == NULL ? "" : names), block;

    while (next_name(&rest, &block))
        if (read_from_block(s, block, location, name, out))
            return true;
    return read_from_location(s, older[location][0], name, out) ||
           read_from_location(s, older[location][1], name, out);
}
