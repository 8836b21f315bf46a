/* SPDX-License-Identifier: MIT
 *
 * Writing the rows of an account's deliveries: see rows_priv.h.
 */
#include "rows_priv.h"

#include "ledger_priv.h"

#define ADOPTED_ARENA (4 * 1024 * 1024)

/* Trace fields are ours: every line ends in CRLF. */
static uint64_t
count_lines(struct span s)
{
    uint64_t lines = 0;

    while (s.n > 0) {
        size_t at = span_find(s, '\n');
        lines += at < s.n;
        s = span_skip(s, at + 1);
    }
    return lines;
}

static uint64_t
body_lines(const struct delivery_source *source)
{
    if ((source->facts->flags & FACTS_UNKNOWN) != 0)
        return message_traits(source->msg)->lines;
    return source->facts->lines;
}

void
rows_key(const struct delivery *d, uint32_t recipient, char key[INDEX_LEDGER_KEY_SIZE])
{
    const struct envelope *e = d->source->envelope;

    ledger_key(&e->recipients[recipient].address, &e->reverse_path, d->source->msg, key);
}

bool
rows_remember(struct open_account *oa, const struct delivery *d, struct outcome *why)
{
    char key[INDEX_LEDGER_KEY_SIZE];

    for (const struct link *l = d->links; l != NULL; l = l->next_of_parcel) {
        rows_key(d, l->recipient, key);
        if (!index_ledger_add(oa->index, key, d->source->id, d->source->received.tv_sec, why))
            return false;
    }
    return true;
}

static bool
add_row(struct open_account *oa, struct delivery *d, struct outcome *why)
{
    bool unknown = (d->source->facts->flags & FACTS_UNKNOWN) != 0;
    struct index_message m = {
        .mailbox = oa->inbox,
        .keywords = "",
        .received = d->source->received,
        .ref = d->ref,
        .octets = d->ref.wire_octets,
        .lines = body_lines(d->source) + count_lines(buf_span(&d->trace)),
        .digest = message_digest(d->source->msg),
        .delivery_id = d->source->id,
        .facts = unknown ? NULL : d->source->facts,
    };

    if (!index_take_uid(oa->index, oa->inbox, &m.uid, why) || !index_add(oa->index, &m, why))
        return false;
    d->uid = m.uid;
    return !d->source->from_queue || rows_remember(oa, d, why);
}

/* A renewed index has taken the published message in already, without facts: the delivery's own row
 * takes the place of that one. */
static bool
drop_adopted(struct open_account *oa, struct delivery *d, struct outcome *why)
{
    struct arena arena;
    struct index_message m;

    arena_init(&arena, ADOPTED_ARENA);
    bool ok = index_message_find_ref(oa->index, oa->inbox, d->ref.name, &arena, &m, why)
                  ? index_expunge(oa->index, oa->inbox, m.uid, why)
                  : why->kind == OUTCOME_NOT_FOUND;
    arena_release(&arena);
    return ok;
}

static bool
write_all(struct open_account *oa, struct delivery **list, size_t count, bool renewed,
          struct outcome *why)
{
    if (!index_begin(oa->index, why))
        return false;
    for (size_t i = 0; i < count; i++)
        if ((renewed && !drop_adopted(oa, list[i], why)) || !add_row(oa, list[i], why))
            return false;
    uint64_t octets, messages;
    if (!index_usage(oa->index, &octets, &messages, why) || !index_commit(oa->index, why))
        return false;
    for (size_t i = 0; i < count; i++) {
        list[i]->has_usage = true;
        list[i]->usage_octets = octets;
        list[i]->usage_messages = messages;
    }
    return true;
}

bool
rows_write(struct worker *w, struct open_account *oa, struct delivery **list, size_t count,
           struct outcome *why)
{
    if (oa->index == NULL) /* damaged, and not to be renewed */
        return outcome_set(why, OUTCOME_SYSTEM, "%s has no index", oa->key);
    if (account_inbox(w, oa, why) && write_all(oa, list, count, false, why))
        return true;
    index_rollback(oa->index);
    if (why->kind != OUTCOME_CORRUPT || !account_renew_index(w, oa, why))
        return false;
    if (account_inbox(w, oa, why) && write_all(oa, list, count, true, why))
        return true;
    index_rollback(oa->index);
    return false;
}
