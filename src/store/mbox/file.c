/* SPDX-License-Identifier: MIT
 *
 * A mailbox file in our hands: opened without following anything, checked to be what mail may be
 * appended to, locked, still the file of that name, and mended if a crash left half a message.
 * Held from the first stage to the last commit of a batch; several deliveries share it.
 */
#include "mbox_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPEN_TRIES 8    /* the file is replaced while we wait for it */
#define READER_TRIES 20 /* times 10 ms */

struct mbox_file *
mbox_file_find(struct mbox *mb, const char *mailbox)
{
    for (struct mbox_file *f = mb->files; f != NULL; f = f->next) {
        if (strcmp(f->mailbox, mailbox) == 0)
            return f;
    }
    return NULL;
}

static void
file_free(struct mbox_file *f)
{
    if (f->record >= 0)
        close(f->record);
    if (f->fd >= 0)
        close(f->fd);
    if (f->dir >= 0)
        close(f->dir);
    free(f);
}

static struct mbox_file *
file_new(const char *mailbox)
{
    struct mbox_file *f = calloc(1, sizeof(*f));

    if (f == NULL)
        return NULL;
    strcpy(f->mailbox, mailbox);
    f->dir = f->fd = f->record = -1;
    return f;
}

static bool
file_open(struct mbox *mb, struct mbox_file *f, bool create, struct outcome *why)
{
    f->fd = beneath_open(f->dir, f->name, O_RDWR, 0);
    if (f->fd < 0 && errno == ENOENT && create) {
        f->fd = beneath_open(f->dir, f->name, O_RDWR | O_CREAT | O_EXCL, 0600);
        f->is_created = f->fd >= 0;
        if (f->fd < 0 && errno == EEXIST) /* another program was faster */
            f->fd = beneath_open(f->dir, f->name, O_RDWR, 0);
    }
    return f->fd >= 0 || mbox_errno(mb, why, "open", f->name);
}

/* Does the name still lead to the file that we locked, and may mail go into it? */
static bool
file_check(const struct mbox *mb, struct mbox_file *f, bool *is_replaced, struct outcome *why)
{
    struct stat named, held;
    const char *fault = beneath_file_fault(f->fd, &held);

    *is_replaced = fstatat(f->dir, f->name, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
                   named.st_ino != held.st_ino || named.st_dev != held.st_dev;
    f->size = f->start = f->origin = f->planned = (uint64_t)held.st_size;
    f->inode = held.st_ino;
    if (fault != NULL && !*is_replaced)
        return outcome_set(why, OUTCOME_SYSTEM, "%s: %s %s", mb->base.path, f->name, fault);
    return !*is_replaced;
}

/* Opened and locked, or not at all. */
static bool
file_lock(struct mbox *mb, struct mbox_file *f, bool create, bool *busy, struct outcome *why)
{
    for (int i = 0; i < OPEN_TRIES; i++) {
        bool is_replaced;
        struct stat st;
        if (!file_open(mb, f, create, why))
            return false;
        const char *fault = beneath_file_fault(f->fd, &st);
        if (fault != NULL && st.st_nlink != 0)
            return outcome_set(why, OUTCOME_SYSTEM, "%s: %s %s", mb->base.path, f->name, fault);
        enum mbox_locked locked = mbox_lock_take(mb, f, why);
        *busy = locked == MBOX_BUSY;
        if (locked != MBOX_LOCKED)
            return false;
        if (file_check(mb, f, &is_replaced, why))
            return true;
        mbox_lock_give(mb, f);
        if (!is_replaced)
            return false;
        close(f->fd);
        f->fd = -1;
    }
    *busy = true;
    return outcome_set(why, OUTCOME_BUSY, "%s is being replaced all the time", mb->base.path);
}

struct mbox_file *
mbox_file_get(struct mbox *mb, const char *mailbox, bool create, bool *busy, struct outcome *why)
{
    struct mbox_file *f = mbox_file_find(mb, mailbox);

    *busy = false;
    if (f != NULL) {
        f->users++;
        return f;
    }
    f = file_new(mailbox);
    if (f == NULL) {
        outcome_set(why, OUTCOME_OVERLOAD, "no memory to open a mailbox");
        return NULL;
    }
    f->is_journaled = mb->base.is_journaled;
    create = create && strcmp(mailbox, "INBOX") == 0;
    f->dir = mbox_folder(mb, mailbox, create, f->name, why);
    if (f->dir < 0 || !file_lock(mb, f, create, busy, why)) {
        file_free(f);
        return NULL;
    }
    if (!mbox_record_repair(mb, f, why)) {
        mbox_lock_give(mb, f);
        file_free(f);
        return NULL;
    }
    f->users = 1;
    f->next = mb->files;
    mb->files = f;
    return f;
}

struct mbox_file *
mbox_file_wait(struct mbox *mb, const char *mailbox, struct outcome *why)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    struct mbox_file *f = NULL;
    bool busy = true;

    for (int i = 0; f == NULL && busy && i < READER_TRIES; i++) {
        if (i > 0)
            nanosleep(&pause, NULL);
        f = mbox_file_get(mb, mailbox, false, &busy, why);
    }
    return f;
}

void
mbox_file_put(struct mbox *mb, struct mbox_file *f)
{
    struct mbox_file **p = &mb->files;
    struct stat st;

    if (--f->users > 0)
        return;
    while (*p != f)
        p = &(*p)->next;
    *p = f->next;
    mbox_cut_gone(f, true);
    if (f->is_dirty)
        (void)!fdatasync(f->fd);
    /* What was set aside behind the end for deliveries that did not happen. A failure costs only
     * these blocks, until the next append. */
    if (f->reserved > 0 && fstat(f->fd, &st) == 0)
        (void)!ftruncate(f->fd, st.st_size);
    mbox_lock_give(mb, f);
    file_free(f);
}
