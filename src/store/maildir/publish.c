/* SPDX-License-Identifier: MIT
 *
 * Second half of a delivery: the file gets its name, by which every reader sees it whole; and the
 * way back, for as long as the delivery was not forgotten.
 */
#include "maildir_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNDO_TRIES 8 /* looks for a delivery that is to be taken back */

/* linkat() by descriptor alone needs CAP_DAC_READ_SEARCH on older kernels (ENOENT without). */
static bool
publish_unnamed(struct maildir *md, struct maildir_staged *s)
{
    char link[32];

    if (!md->no_empty_path) {
        if (linkat(s->file->fd, "", s->dir->fd, s->name, AT_EMPTY_PATH) == 0)
            return true;
        if (errno != ENOENT && errno != EPERM)
            return false;
        md->no_empty_path = true;
    }
    snprintf(link, sizeof(link), "/proc/self/fd/%d", s->file->fd);
    return linkat(AT_FDCWD, link, s->dir->fd, s->name, AT_SYMLINK_FOLLOW) == 0;
}

/* A file system without hard links. Names are unique, so nothing is replaced where the kernel
 * cannot promise that. */
static bool
publish_by_rename(struct maildir *md, struct maildir_staged *s)
{
    if (renameat2(md->fd, s->tmp, s->dir->fd, s->name, RENAME_NOREPLACE) < 0 &&
        (errno != EINVAL || renameat(md->fd, s->tmp, s->dir->fd, s->name) < 0))
        return false;
    s->tmp[0] = '\0';
    return true;
}

/* From tmp/. What link(2) says is not believed: NFS answers EEXIST when the reply to a success was
 * lost, and tmp/ may have been swapped under us. Our file having two names is the truth. */
static bool
publish_named(struct maildir *md, struct maildir_staged *s)
{
    struct stat st;
    int done = linkat(md->fd, s->tmp, s->dir->fd, s->name, 0);
    int error = errno;

    if (fstat(s->file->fd, &st) < 0)
        return false;
    if (st.st_nlink == 2) {
        unlinkat(md->fd, s->tmp, 0);
        s->tmp[0] = '\0';
        return true;
    }
    if (done < 0 && (error == EPERM || error == EOPNOTSUPP || error == ENOSYS))
        return publish_by_rename(md, s);
    if (done == 0)
        unlinkat(s->dir->fd, s->name, 0);
    errno = done < 0 ? error : EIO;
    return false;
}

bool
maildir_publish(struct store *st, struct store_staged *staged, struct outcome *why)
{
    struct maildir *md = maildir_of(st);
    struct maildir_staged *s = (struct maildir_staged *)staged;
    bool done = s->tmp[0] != '\0' ? publish_named(md, s) : publish_unnamed(md, s);

    if (!done) {
        bool is_gone = errno == ENOENT || errno == ESTALE;
        maildir_errno(md, why, "link into", s->dir->path);
        if (is_gone) { /* the folder was removed while we held it */
            why->kind = OUTCOME_SYSTEM;
            maildir_dirs_forget(md);
        }
        return false;
    }
    /* No early write-back (sync_file_range(2)) here, in the way of the answer: measured, it makes a
     * small delivery longer by half, and shorter only a syncfs(2) that nobody waits for. */
    maildir_dir_changed(md, s->dir);
    maildirsize_note(md, s->dir->path, (long long)s->stored_octets, 1);
    return true;
}

static void
staged_free(struct maildir_staged *s)
{
    struct maildir_file *f = s->file;

    s->dir->users--;
    free(s);
    if (--f->users > 0)
        return;
    if (f->fd >= 0)
        close(f->fd);
    free(f);
}

/* A reader may have moved it to cur/ and flagged it already, and may do so again between our look
 * and our hand. */
static bool
undo_moved(struct maildir *md, const struct maildir_staged *s)
{
    char mailbox[STORE_MAILBOX_SIZE] = "INBOX";
    char base[NAME_MAX + 1];
    char folder[NAME_MAX + 8];
    struct maildir_place place;
    struct outcome why;

    snprintf(folder, sizeof(folder), "%.*s", (int)strcspn(s->dir->path, "/"), s->dir->path);
    if (folder[0] == '.' && !maildir_folder_decode(folder, mailbox))
        return false;
    snprintf(base, sizeof(base), "%.*s", (int)s->base_length, s->name);
    for (int i = 0; i < UNDO_TRIES; i++) {
        if (maildir_find(md, mailbox, base, &place, &why) &&
            unlinkat(place.dir->fd, place.name, 0) == 0) {
            maildir_dir_changed(md, place.dir);
            return true;
        }
    }
    return false;
}

static void
publish_undo(struct maildir *md, struct maildir_staged *s)
{
    if (unlinkat(s->dir->fd, s->name, 0) < 0 && !undo_moved(md, s))
        return;
    maildir_dir_changed(md, s->dir);
    maildirsize_note(md, s->dir->path, -(long long)s->stored_octets, -1);
}

void
maildir_discard(struct store *st, struct store_staged *staged)
{
    struct maildir *md = maildir_of(st);
    struct maildir_staged *s = (struct maildir_staged *)staged;

    if (staged->state != STAGED_WRITTEN)
        publish_undo(md, s);
    else if (s->tmp[0] != '\0')
        unlinkat(md->fd, s->tmp, 0);
    staged_free(s);
    maildirsize_changed(md);
}

void
maildir_forget(struct store *st, struct store_staged *staged)
{
    staged_free((struct maildir_staged *)staged);
    maildirsize_changed(maildir_of(st)); /* by the last of a batch */
}
