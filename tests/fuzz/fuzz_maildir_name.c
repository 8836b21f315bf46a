/* SPDX-License-Identifier: MIT
 *
 * File and folder names of a Maildir as other programs leave them: taken apart without harm, and a
 * folder name that is understood is the only spelling of its mailbox.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "maildir/maildir_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char file[NAME_MAX + 1], folder[NAME_MAX + 1], mailbox[STORE_MAILBOX_SIZE], flags[64];
    struct maildir_name name;
    struct outcome why;

    if (size > NAME_MAX)
        return 0;
    memcpy(file, data, size);
    file[size] = '\0';
    if (maildir_name_parse(file, &name)) {
        if (name.base_length == 0 || name.base_length > strlen(file))
            abort();
        maildir_flags_print(name.flags, file, flags);
        if (strncmp(flags, ":2,", 3) != 0 || strlen(flags) >= sizeof(flags))
            abort();
    }
    if (maildir_folder_decode(file, mailbox) &&
        (!store_mailbox_name_check(mailbox) || !maildir_folder_encode(mailbox, folder, &why) ||
         strcmp(folder, file) != 0))
        abort();
    return 0;
}
