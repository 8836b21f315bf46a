/* SPDX-License-Identifier: MIT
 *
 * From settings to a sandbox: which folders a store or a hand may change.
 */
#include "role_priv.h"

#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/log.h"

#include "folders_priv.h"
#include "sandbox.h"

#define ROOTS_MAX 64

struct roots { /* owned copies, for the time of one call */
    char text[ROOTS_MAX][PATH_MAX];
    const char *paths[ROOTS_MAX];
    size_t count;
};

static bool
is_required(const struct settings *s)
{
    return s->sandbox == SANDBOX_REQUIRED;
}

bool
role_confine_edge(const struct settings *s)
{
    return sandbox_enter(SANDBOX_EDGE, NULL, is_required(s));
}

bool
role_confine_sorter(const struct settings *s)
{
    return sandbox_enter(SANDBOX_SORTER, NULL, is_required(s));
}

static bool
add_root(struct roots *r, const char *path)
{
    if (r->count == ROOTS_MAX || strlen(path) >= PATH_MAX) {
        log_event(LOG_LEVEL_ERROR, "sandbox", "error", "too many store sections", "path", path,
                  NULL);
        return false;
    }
    strcpy(r->text[r->count], path);
    r->paths[r->count] = r->text[r->count];
    r->count++;
    return true;
}

static bool
add_mail(struct roots *r, const struct settings *s)
{
    char path[PATH_MAX];

    for (size_t i = 0; i < s->store_count; i++) {
        if (folders_literal(s->stores[i].path, path, sizeof(path)) && !add_root(r, path))
            return false;
    }
    return true;
}

/* Mail below %{home}: this process can only reach the home of its own uid anyway. */
static bool
add_home(struct roots *r)
{
    const struct passwd *user = getpwuid(geteuid());

    return user == NULL || user->pw_dir[0] != '/' || add_root(r, user->pw_dir);
}

static bool
confine(enum sandbox_role role, const struct settings *s, struct roots *r)
{
    const struct sandbox_roots roots = {r->paths, r->count};

    return sandbox_enter(role, &roots, is_required(s));
}

bool
role_confine_store(const struct settings *s)
{
    struct roots r = {.count = 0};

    return add_root(&r, s->state_dir) && add_mail(&r, s) && (geteuid() == 0 || add_home(&r)) &&
           confine(SANDBOX_STORE, s, &r);
}

bool
role_confine_hand(const struct settings *s)
{
    struct roots r = {.count = 0};

    return add_mail(&r, s) && add_home(&r) && confine(SANDBOX_HAND, s, &r);
}
