/* SPDX-License-Identifier: MIT
 *
 * The mbox driver: one row a method. A delivery takes the mailbox's locks when it is staged and
 * gives them back when it is committed, so that what is published can be cut off again until then.
 * Mail programs flag and remove messages in an mbox by rewriting it; this driver only appends.
 */
#include "mbox_priv.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool
name_ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);

    return n >= m && strcmp(name + n - m, end) == 0;
}

/* With a template like /var/mail/%{user} the mailbox of "ann.lock" would be the lock of "ann". */
static bool
name_is_usable(const char *name)
{
    return strlen(name) <= NAME_MAX - strlen("..doorstep") && !name_ends_with(name, ".lock") &&
           !name_ends_with(name, ".d");
}

static bool
mbox_open(struct store *st, struct outcome *why)
{
    struct mbox *mb = mbox_of(st);
    const char *slash = strrchr(st->below, '/');
    const char *name = slash != NULL ? slash + 1 : st->below;

    mb->dir = -1;
    if (!name_is_usable(name))
        return outcome_set(why, OUTCOME_SYSTEM, "%s: not a name for an mbox", st->path);
    strcpy(mb->name, name);
    return mbox_exists(mb, false, why) || why->kind == OUTCOME_NOT_FOUND;
}

static void
mbox_close(struct store *st)
{
    struct mbox *mb = mbox_of(st);

    mbox_known_release(mb);
    if (mb->dir >= 0)
        close(mb->dir);
}

const struct store_driver store_mbox = {
    .abi = STORE_DRIVER_ABI,
    .name = "mbox",
    .size = sizeof(struct mbox),
    .can = STORE_CAN_FOLDERS | STORE_CAN_RESTORE,
    .open = mbox_open,
    .close = mbox_close,
    .stage = mbox_stage,
    .place = mbox_place,
    .sync_fd = mbox_sync_fd,
    .restore = mbox_restore,
    .restore_end = mbox_restore_end,
    .sync = mbox_sync,
    .publish = mbox_publish,
    .commit = mbox_commit,
    .discard = mbox_discard,
    .forget = mbox_forget,
    .scan = mbox_scan,
    .stamp = mbox_stamp,
    .read = mbox_read,
    .mailbox_list = mbox_mailbox_list,
    .mailbox_create = mbox_mailbox_create,
    .mailbox_rename = mbox_mailbox_rename,
    .mailbox_delete = mbox_mailbox_delete,
};
