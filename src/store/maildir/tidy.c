/* SPDX-License-Identifier: MIT
 *
 * Housekeeping: files in tmp/ that nobody touched for 36 hours are the remains of deliveries that
 * died (maildir(5)), and folders that were deleted but not emptied. Nothing else is ever removed
 * here.
 */
#include "maildir_priv.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef void (*tidy_fn)(struct maildir *md, int dir, const char *name, time_t before);

/* fn for each name in a folder that is ours. */
static void
tidy_each(struct maildir *md, int parent, const char *path, tidy_fn fn, time_t before)
{
    int fd = beneath_folder(parent, path);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *e;

    if (d == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            fn(md, fd, e->d_name, before);
    }
    closedir(d);
}

static bool
tidy_is_staged(const struct maildir *md, const char *name)
{
    for (const struct store_staged *s = md->base.staged; s != NULL; s = s->next) {
        const struct maildir_staged *m = (const struct maildir_staged *)s;
        if (m->tmp[0] != '\0' && strcmp(m->tmp + strlen("tmp/"), name) == 0)
            return true;
    }
    return false;
}

/* The change time tells of a link or rename, the access time of a slow writer's reader. */
static void
tidy_old_file(struct maildir *md, int dir, const char *name, time_t before)
{
    struct stat st;

    if (name[0] == '.' || tidy_is_staged(md, name))
        return;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return;
    if (st.st_mtime < before && st.st_ctime < before && st.st_atime < before)
        unlinkat(dir, name, 0);
}

static void
tidy_remove(struct maildir *md, int dir, const char *name, time_t before)
{
    (void)md, (void)before;
    unlinkat(dir, name, 0); /* a directory stays, and with it the folder */
}

void
maildir_empty(int parent, const char *folder)
{
    static const char *const subs[] = {"new", "cur", "tmp"};
    int fd = beneath_folder(parent, folder);

    if (fd < 0)
        return;
    for (size_t i = 0; i < sizeof(subs) / sizeof(subs[0]); i++) {
        tidy_each(NULL, fd, subs[i], tidy_remove, 0);
        unlinkat(fd, subs[i], AT_REMOVEDIR);
    }
    close(fd);
    tidy_each(NULL, parent, folder, tidy_remove, 0); /* maildirfolder, other programs' caches */
    unlinkat(parent, folder, AT_REMOVEDIR);
}

static void
tidy_folder(struct maildir *md, int dir, const char *name, time_t before)
{
    char mailbox[STORE_MAILBOX_SIZE];
    char path[NAME_MAX + 8];

    if (strncmp(name, MAILDIR_TRASH, strlen(MAILDIR_TRASH)) == 0) {
        maildir_empty(dir, name);
        return;
    }
    if (!maildir_folder_decode(name, mailbox))
        return;
    snprintf(path, sizeof(path), "%s/tmp", name);
    tidy_each(md, dir, path, tidy_old_file, before);
}

void
maildir_tidy(struct store *st, time_t now)
{
    struct maildir *md = maildir_of(st);
    time_t before = now - (time_t)(st->settings->tmp_max_age / 1000);
    struct outcome why;

    if (!maildir_exists(md, &why))
        return;
    tidy_each(md, md->fd, "tmp", tidy_old_file, before);
    tidy_each(md, md->fd, ".", tidy_folder, before);
}
