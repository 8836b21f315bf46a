/* SPDX-License-Identifier: MIT
 *
 * mkdir -p, step by step with descriptors: a folder that was just made is opened without following
 * a symlink before it is given away, so nobody can have it swapped for another in between.
 */
#include "folders_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/log.h"

/* The folder `name` in `parent`, made when it is missing; its descriptor, or -1 with errno. */
static int
open_step(int parent, const char *name, mode_t mode, const struct identity *owner)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0 || errno != ENOENT)
        return fd;
    if (mkdirat(parent, name, mode) != 0 && errno != EEXIST)
        return -1;
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fchmod(fd, mode) == 0 && (owner == NULL || fchown(fd, owner->uid, owner->gid) == 0))
        return fd;
    close(fd);
    return -1;
}

bool
folders_make(const char *path, mode_t mode, const struct identity *owner)
{
    char copy[PATH_MAX];
    char *rest = copy, *name;
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
        errno = ENAMETOOLONG, rest = NULL;
    while (fd >= 0 && rest != NULL && (name = strsep(&rest, "/")) != NULL) {
        int next;

        if (name[0] == '\0')
            continue;
        next = open_step(fd, name, mode, owner);
        close(fd);
        fd = next;
    }
    if (fd >= 0 && path[0] == '/') {
        close(fd);
        return true;
    }
    log_event(LOG_LEVEL_ERROR, "folder", "path", path, "error", strerror(errno), NULL);
    return false;
}

bool
folders_make_parent(const char *path, mode_t mode, const struct identity *owner)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 0 : (size_t)(slash - path);

    if (n == 0)
        return true; /* "/" is there */
    if (n >= sizeof(parent)) {
        log_event(LOG_LEVEL_ERROR, "folder", "path", path, "error", strerror(ENAMETOOLONG), NULL);
        return false;
    }
    memcpy(parent, path, n);
    parent[n] = '\0';
    return folders_make(parent, mode, owner);
}

bool
folders_literal(const char *path_template, char *out, size_t size)
{
    size_t n = strcspn(path_template, "%");

    if (path_template[n] == '\0') /* no %: trailing slashes are no step of their own */
        while (n > 1 && path_template[n - 1] == '/')
            n--;
    while (n > 0 && path_template[n - 1] != '/')
        n--;
    while (n > 1 && path_template[n - 1] == '/')
        n--;
    if (n == 0 || n >= size)
        return false;
    memcpy(out, path_template, n);
    out[n] = '\0';
    return true;
}

bool
folders_is_in_use(const struct settings *s, const struct settings_store *store)
{
    for (size_t i = 0; i < s->domain_count; i++) {
        if (strcmp(s->domains[i].store, store->name) == 0)
            return true;
    }
    return false;
}

bool
folders_make_mail(const struct settings *s, const struct identity *owner)
{
    char path[PATH_MAX];

    for (size_t i = 0; i < s->store_count; i++) {
        if (!folders_is_in_use(s, &s->stores[i]) ||
            !folders_literal(s->stores[i].path, path, sizeof(path)))
            continue;
        if (!folders_make(path, 0755, owner))
            return false;
    }
    return true;
}
