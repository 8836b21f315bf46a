/* SPDX-License-Identifier: MIT
 *
 * The front of what a journal asks of a store: where a delivery will lie, what to sync later, and
 * after a crash the deliveries themselves. Checked as in store.c; records come from a disk.
 */
#include "doorstep/store.h"

#include <assert.h>

#include "store_priv.h"

void
store_use_journal(struct store *st)
{
    assert((st->can & STORE_CAN_RESTORE) != 0);
    st->is_journaled = true;
}

bool
store_place(struct store *st, const struct store_staged *staged, struct buf *out)
{
    assert(staged->state == STAGED_WRITTEN);
    return st->driver->place == NULL || st->driver->place(st, staged, out);
}

int
store_sync_fd(struct store *st, struct outcome *why)
{
    if (st->driver->sync_fd != NULL)
        return st->driver->sync_fd(st, why);
    store_cannot(why, st, "name its file system");
    return -1;
}

enum store_result
store_restore(struct store *st, const struct store_mail *mail, const struct store_ref *ref,
              struct span place, char *mailbox, struct store_wait *wait, struct outcome *why)
{
    struct store_mail checked;

    *wait = (struct store_wait){.fd = -1, .ms = 100};
    mailbox[0] = '\0';
    if ((st->can & STORE_CAN_RESTORE) == 0) {
        store_cannot(why, st, "restore deliveries");
        return STORE_FAILED;
    }
    if (!store_check_mail(mail, &checked, why) || !store_check_name(ref->name, why))
        return STORE_FAILED;
    /* Written with LF they would lose octets; no record of ours says so. */
    if (!ref->is_crlf && store_keeps_bytes(&checked)) {
        outcome_set(why, OUTCOME_CORRUPT, "%s: these octets are not stored with LF", ref->name);
        return STORE_FAILED;
    }
    return st->driver->restore(st, &checked, ref, place, mailbox, wait, why);
}

void
store_restore_end(struct store *st)
{
    if (st->driver->restore_end != NULL)
        st->driver->restore_end(st);
}
