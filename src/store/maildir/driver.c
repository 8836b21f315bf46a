/* SPDX-License-Identifier: MIT
 *
 * The Maildir driver: one row a method. A delivery is an unnamed file (O_TMPFILE) that gets its
 * name in new/ by linkat(2), complete or not at all; where unnamed files are refused it starts in
 * tmp/.
 */
#include "maildir_priv.h"

const struct store_driver store_maildir = {
    .abi = STORE_DRIVER_ABI,
    .name = "maildir",
    .size = sizeof(struct maildir),
    .can = STORE_CAN_FLAGS | STORE_CAN_FOLDERS | STORE_CAN_HARDLINK | STORE_CAN_DELETE |
           STORE_CAN_RESTORE,
    .open = maildir_open,
    .close = maildir_close,
    .stage = maildir_stage,
    .stage_link = maildir_stage_link,
    .sync_fd = maildir_sync_fd,
    .restore = maildir_restore,
    .restore_end = maildir_restore_end,
    .sync = maildir_sync,
    .publish = maildir_publish,
    .commit = maildir_commit,
    .discard = maildir_discard,
    .forget = maildir_forget,
    .scan = maildir_scan,
    .stamp = maildir_stamp,
    .read = maildir_read,
    .where = maildir_where,
    .set_flags = maildir_set_flags,
    .remove = maildir_remove,
    .move = maildir_move,
    .mailbox_list = maildir_mailbox_list,
    .mailbox_create = maildir_mailbox_create,
    .mailbox_rename = maildir_mailbox_rename,
    .mailbox_delete = maildir_mailbox_delete,
    .tidy = maildir_tidy,
};
