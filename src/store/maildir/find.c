/* SPDX-License-Identifier: MIT
 *
 * Where is a message now? Its base name is known, its directory and flags are not: readers move
 * files from new/ to cur/ and rename them as they like. The usual spellings are tried first, each
 * one system call; then cur/ is read.
 */
#include "maildir_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const usual[] = {":2,S", ":2,", "", ":2,RS", ":2,FS"};

bool
maildir_place_is(struct maildir_dir *dir, const char *base, const char *flags,
                 struct maildir_place *out)
{
    struct stat st;
    int n = snprintf(out->name, sizeof(out->name), "%s%s", base, flags);

    out->dir = dir;
    return n > 0 && (size_t)n < sizeof(out->name) &&
           fstatat(dir->fd, out->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* The same; *error is kept where the look itself fails: a file that cannot be looked at is not
 * gone. */
static bool
place_look(struct maildir_dir *dir, const char *base, const char *flags, struct maildir_place *out,
           int *error)
{
    errno = 0;
    if (maildir_place_is(dir, base, flags, out))
        return true;
    if (errno != 0 && errno != ENOENT)
        *error = errno;
    return false;
}

static bool
place_search(struct maildir_dir *dir, const char *base, struct maildir_place *out, int *error)
{
    size_t n = strlen(base);
    int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *e;
    bool found = false;

    if (d == NULL) {
        *error = errno;
        if (fd >= 0)
            close(fd);
        return false;
    }
    while (!found && (errno = 0, e = readdir(d)) != NULL) {
        if (strncmp(e->d_name, base, n) == 0 && (e->d_name[n] == ':' || e->d_name[n] == '\0'))
            found = place_look(dir, e->d_name, "", out, error);
    }
    if (e == NULL && errno != 0)
        *error = errno;
    closedir(d);
    return found;
}

bool
maildir_find(struct maildir *md, const char *mailbox, const char *base, struct maildir_place *out,
             struct outcome *why)
{
    struct maildir_dir *dir;
    int error = 0;

    if (!maildir_exists(md, why))
        return false;
    dir = maildir_dir_get(md, mailbox, "new", why);
    if (dir == NULL)
        return false;
    if (place_look(dir, base, "", out, &error))
        return true;
    dir = maildir_dir_get(md, mailbox, "cur", why);
    if (dir == NULL)
        return false;
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (place_look(dir, base, usual[i], out, &error))
            return true;
    }
    /* Once more: readdir(3) may miss a file that is renamed while it reads. */
    if (place_search(dir, base, out, &error) || place_search(dir, base, out, &error))
        return true;
    errno = error;
    return error != 0 ? maildir_errno(md, why, "look for", base)
                      : outcome_set(why, OUTCOME_NOT_FOUND, "no message %s", base);
}
