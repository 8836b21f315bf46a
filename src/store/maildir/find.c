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

static bool
place_search(struct maildir_dir *dir, const char *base, struct maildir_place *out)
{
    size_t n = strlen(base);
    int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *e;
    bool found = false;

    if (d == NULL) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    while (!found && (e = readdir(d)) != NULL) {
        if (strncmp(e->d_name, base, n) == 0 && (e->d_name[n] == ':' || e->d_name[n] == '\0'))
            found = maildir_place_is(dir, e->d_name, "", out);
    }
    closedir(d);
    return found;
}

bool
maildir_find(struct maildir *md, const char *mailbox, const char *base, struct maildir_place *out,
             struct outcome *why)
{
    struct maildir_dir *dir;

    if (!maildir_exists(md, why))
        return false;
    dir = maildir_dir_get(md, mailbox, "new", why);
    if (dir == NULL)
        return false;
    if (maildir_place_is(dir, base, "", out))
        return true;
    dir = maildir_dir_get(md, mailbox, "cur", why);
    if (dir == NULL)
        return false;
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (maildir_place_is(dir, base, usual[i], out))
            return true;
    }
    /* Once more: readdir(3) may miss a file that is renamed while it reads. */
    if (place_search(dir, base, out) || place_search(dir, base, out))
        return true;
    return outcome_set(why, OUTCOME_NOT_FOUND, "no message %s", base);
}
