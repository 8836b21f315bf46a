/* SPDX-License-Identifier: MIT
 *
 * Where an account's mail lies: the path template of the configuration, filled in, and cut where
 * the operator's literal part ends. Below that cut the names come from mail addresses, and the
 * drivers open them with doorstep/beneath.h only.
 */
#include "store_priv.h"

#include <stdlib.h>
#include <string.h>

#include "doorstep/buf.h"

/* An account's name as one step of a path. Accounts were checked when they were made; a second
 * look costs nothing where the first would have to fail only once. */
static bool
path_value_check(const char *value)
{
    return value[0] != '\0' && value[0] != '.' && strchr(value, '/') == NULL;
}

static bool
path_no_way_up(const char *path)
{
    while (*path != '\0') {
        size_t n = strcspn(path, "/");
        if ((n == 1 && path[0] == '.') || (n == 2 && path[0] == '.' && path[1] == '.'))
            return false;
        path += n;
        path += strspn(path, "/");
    }
    return true;
}

/* %{home} holds slashes, so it may only begin a template. */
static const char *
path_variable(const struct store_account *who, struct span name, bool first)
{
    if (span_equal(name, SPAN("user")))
        return path_value_check(who->user) ? who->user : NULL;
    if (span_equal(name, SPAN("domain")))
        return path_value_check(who->domain) ? who->domain : NULL;
    if (span_equal(name, SPAN("home")) && first)
        return who->home[0] == '/' && path_no_way_up(who->home) ? who->home : NULL;
    return NULL;
}

static bool
path_expand(const struct store_account *who, const char *template, struct buf *out)
{
    const char *p = template;

    while (*p != '\0') {
        size_t n = strcspn(p, "%");
        if (!buf_append(out, p, n))
            return false;
        p += n;
        if (*p == '\0')
            break;
        size_t end = strcspn(p, "}");
        if (p[1] != '{' || p[end] == '\0')
            return false;
        struct span name = {p + 2, end - 2};
        const char *value = path_variable(who, name, p == template);
        if (value == NULL || !buf_append_str(out, value))
            return false;
        p += end + 1;
    }
    return out->len > 0 && out->data[0] == '/';
}

/* Octets of the path that make the root: up to the last slash before the first value, or the
 * home folder; without any value all but the last step. */
static size_t
path_root_length(const struct store_account *who, const char *template, const char *path)
{
    size_t literal = strcspn(template, "%");

    if (literal == 0)
        return strlen(who->home);
    if (literal > strlen(path))
        literal = strlen(path);
    while (literal > 1 && path[literal - 1] != '/')
        literal--;
    return literal > 1 ? literal - 1 : 1;
}

bool
store_path_fill(struct store *st, const char *template, struct outcome *why)
{
    struct buf path;
    bool ok = false;

    buf_init(&path, STORE_PATH_MAX);
    if (path_expand(&st->who, template, &path)) {
        while (path.len > 1 && path.data[path.len - 1] == '/')
            path.data[--path.len] = '\0';
        size_t root = path_root_length(&st->who, template, path.data);
        size_t skip = root + strspn(path.data + root, "/");
        st->path = strdup(path.data);
        st->root = strndup(path.data, root);
        st->below = st->path != NULL ? st->path + skip : NULL;
        ok =
            st->path != NULL && st->root != NULL && *st->below != '\0' && path_no_way_up(st->below);
    }
    buf_release(&path);
    if (!ok)
        outcome_set(why, OUTCOME_SYSTEM, "path template %s does not fit account %s@%s", template,
                    st->who.user, st->who.domain);
    return ok;
}
