/* SPDX-License-Identifier: MIT
 *
 * Counting a mailbox anew, for fsck: its counters are kept by every change, and are wrong only when
 * the file was damaged or changed by somebody else.
 */
#include "index_priv.h"

#include <assert.h>

static bool
read_counts(struct index *ix, int64_t mailbox, struct mailbox_state *out, struct outcome *why)
{
    struct db_statement *s =
        db_prepare(ix->db,
                   "SELECT count(*), coalesce(sum(flags & 1 = 0), 0), coalesce(sum(octets), 0), "
                   "coalesce(sum(stored_octets), 0) FROM messages WHERE mailbox = ?",
                   why);
    if (s == NULL)
        return false;
    db_bind_int(s, 1, mailbox);
    if (!db_next_row(s, why))
        return false;
    struct row row = {.s = s};
    out->messages = index_row_max(&row, 0, UID_MAX);
    out->unseen = index_row_max(&row, 1, UID_MAX);
    out->octets = index_row_u64(&row, 2);
    out->stored_octets = index_row_u64(&row, 3);
    db_reset(s);
    return index_row_ok(&row, why);
}

bool
index_mailbox_recount(struct index *ix, int64_t id, struct outcome *why)
{
    assert(ix->in_transaction);
    struct mailbox_state counted, *state = mailbox_state_load(ix, id, why);
    if (state == NULL || !read_counts(ix, id, &counted, why))
        return false;
    ix->now.messages += counted.messages - state->messages;
    ix->now.stored_octets += counted.stored_octets - state->stored_octets;
    state->messages = counted.messages;
    state->unseen = counted.unseen;
    state->octets = counted.octets;
    state->stored_octets = counted.stored_octets;
    state->is_dirty = true;
    return true;
}
