/* SPDX-License-Identifier: MIT
 *
 * The account's folder on disk: made with its parents, and the setting aside of a damaged database.
 */
#include "index_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* make_level() - one folder; `path` is cut at `end` for the moment. */
static bool
make_level(char *path, char *end, struct outcome *why)
{
    char cut = *end;
    *end = '\0';
    bool ok = mkdir(path, 0700) == 0 || errno == EEXIST || outcome_errno(why, errno, "mkdir", path);
    *end = cut;
    return ok;
}

bool
index_folder_make(const char *path, struct outcome *why)
{
    char copy[PATH_MAX];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof(copy))
        return outcome_errno(why, ENAMETOOLONG, "mkdir", path);
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return true;
    memcpy(copy, path, n + 1);
    for (char *p = copy + 1; p <= copy + n; p++)
        if ((*p == '/' || *p == '\0') && p[-1] != '/' && !make_level(copy, p, why))
            return false;
    return true;
}

/* set_aside_one() - a missing file is no failure. */
static bool
set_aside_one(const char *folder, const char *suffix, const char *stamp, struct outcome *why)
{
    char from[PATH_MAX], to[PATH_MAX];
    int a = snprintf(from, sizeof(from), "%s/index.sqlite%s", folder, suffix);
    int b = snprintf(to, sizeof(to), "%s/index.sqlite.damaged-%s%s", folder, stamp, suffix);
    if (a >= (int)sizeof(from) || b >= (int)sizeof(to))
        return outcome_errno(why, ENAMETOOLONG, "rename", folder);
    if (rename(from, to) != 0 && errno != ENOENT)
        return outcome_errno(why, errno, "rename", from);
    return true;
}

bool
index_set_aside(const char *folder, struct outcome *why)
{
    char name[PATH_MAX], stamp[64];
    struct timespec now = clock_wall();
    struct stat st;
    snprintf(name, sizeof(name), "%s/index.sqlite", folder);
    if (lstat(name, &st) != 0)
        return errno == ENOENT ? outcome_set(why, OUTCOME_NOT_FOUND, "no file %s", name)
                               : outcome_errno(why, errno, "stat", name);
    snprintf(stamp, sizeof(stamp), "%lld.%09ld", (long long)now.tv_sec, now.tv_nsec);
    /* The main file last: while it has its name, a second try finds all of them. */
    return set_aside_one(folder, "-journal", stamp, why) &&
           set_aside_one(folder, "-wal", stamp, why) && set_aside_one(folder, "", stamp, why) &&
           db_sync_folder(folder, why);
}

bool
index_remove(const char *folder, struct outcome *why)
{
    static const char *const names[] = {"index.sqlite", "index.sqlite-wal", "index.sqlite-journal",
                                        INDEX_MARK_NAME};
    char path[PATH_MAX];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (snprintf(path, sizeof(path), "%s/%s", folder, names[i]) >= (int)sizeof(path))
            return outcome_errno(why, ENAMETOOLONG, "unlink", folder);
        if (unlink(path) != 0 && errno != ENOENT)
            return outcome_errno(why, errno, "unlink", path);
    }
    rmdir(folder); /* stays when something else lies there: damaged ones that were set aside */
    return true;
}
