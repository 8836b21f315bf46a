/* SPDX-License-Identifier: MIT
 *
 * Acknowledged mail that waits for better times: see kept_priv.h.
 */
#include "kept_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "doorstep/arena.h"
#include "doorstep/log.h"

#include "spool_priv.h"

#define AGAIN_MS 60000
#define RECORD_ARENA (64 * 1024 * 1024)

/* ---- taking in ---- */

static void
kept_free(struct kept *k)
{
    spool_file_unref(k->spool);
    message_unref(k->bytes);
    buf_release(&k->record);
    free(k);
}

static struct kept *
kept_new(const struct account *a, uint16_t type, const struct outcome *why)
{
    struct kept *k = calloc(1, sizeof *k);

    if (k == NULL)
        return NULL;
    k->account = *a;
    k->type = type;
    k->why = *why;
    buf_init(&k->record, RECORD_CHANGE_MAX);
    return k;
}

static void
take_in(struct worker *w, struct kept *k, bool ok)
{
    if (!ok) {
        w->lost_kept = true;
        if (k != NULL)
            kept_free(k);
        return;
    }
    DL_APPEND(w->kept, k);
    atomic_fetch_add(&w->kept_count, 1);
    log_event(LOG_LEVEL_ERROR, "kept", "id", k->id, "user", k->account.user, "domain",
              k->account.domain, "cause", k->why.cause, NULL);
}

/* The bytes go into a file of its own, so that no two parts share its end. Where the disk refuses
 * even that they stay in memory and in the journal. */
static bool
keep_bytes(struct worker *w, struct kept *k, struct message *bytes)
{
    const char *state_dir = w->with.settings->state_dir;
    struct outcome why;

    id_make(k->spool_id);
    k->spool = spool_file_new(state_dir, k->spool_id);
    if (k->spool == NULL)
        return false;
    if (spool_file_keep(k->spool, bytes, &why))
        return true;
    spool_file_unref(k->spool);
    k->spool = NULL;
    k->spool_id[0] = '\0';
    k->bytes = message_ref(bytes);
    return true;
}

static bool
pack_message(struct worker *w, struct kept *k, const struct restore *one)
{
    struct record_message m = *one->message;
    struct record_part part = *one->part;

    part.mailbox = one->mailbox;
    k->uid = one->uid;
    memcpy(k->id, m.id, sizeof k->id);
    memcpy(k->name, part.ref.name, sizeof k->name);
    snprintf(k->mailbox, sizeof k->mailbox, "%s", one->mailbox);
    k->octets = one->bytes != NULL ? message_traits(one->bytes)->octets : 0;
    if (one->bytes != NULL && !keep_bytes(w, k, one->bytes))
        return false;
    if (one->bytes != NULL) {
        m.spool = k->spool_id;
    } else if (m.spool[0] != '\0') { /* it could not be read now */
        snprintf(k->spool_id, sizeof k->spool_id, "%s", m.spool);
        k->spool = spool_file_found(w->with.settings->state_dir, m.spool);
    }
    return record_message_repack(&k->record, &m, &part, one->uid_validity, one->uid);
}

void
kept_add_message(struct worker *w, const struct restore *part, const struct outcome *why)
{
    struct kept *k = kept_new(&part->part->account, RECORD_KEPT, why);

    take_in(w, k, k != NULL && pack_message(w, k, part));
}

void
kept_add_ledger(struct worker *w, const struct record_ledger *l, struct span record,
                const struct outcome *why)
{
    struct kept *k = kept_new(&l->account, RECORD_LEDGER, why);

    if (k != NULL)
        memcpy(k->id, l->id, sizeof k->id);
    take_in(w, k, k != NULL && buf_append_span(&k->record, record));
}

void
kept_add_change(struct worker *w, const struct account *a, const struct change *c,
                const struct outcome *why)
{
    struct kept *k = kept_new(a, RECORD_CHANGE, why);

    if (k != NULL)
        memcpy(k->id, c->id, sizeof k->id);
    take_in(w, k, k != NULL && record_change_pack(&k->record, a, c));
}

/* ---- in the journal ---- */

static bool
write_record(struct worker *w, struct kept *k, uint64_t *segment, struct outcome *why)
{
    bool spilled;
    const struct span parts[] = {buf_span(&k->record),
                                 k->bytes != NULL ? message_inline(k->bytes, &spilled) : SPAN_NONE};

    return checkpoint_add(w, k->type, parts, 2, k->spool, segment, why);
}

bool
kept_carry(struct worker *w, uint64_t below, struct outcome *why)
{
    struct kept *k;
    bool ok = true, any = false;

    DL_FOREACH(w->kept, k)
    {
        if (!ok || k->segment >= below)
            continue;
        ok = write_record(w, k, &k->carried, why);
        any = any || ok;
    }
    /* Also after a failure: the journal has borrowed what was added. */
    struct outcome unsynced;
    if (any && !journal_sync(w->journal, &unsynced)) {
        *why = unsynced;
        return false;
    }
    DL_FOREACH(w->kept, k)
    {
        if (k->carried != 0)
            k->segment = k->carried;
        k->carried = 0;
    }
    return ok;
}

uint64_t
kept_oldest(const struct worker *w)
{
    const struct kept *k;
    uint64_t oldest = UINT64_MAX;

    DL_FOREACH(w->kept, k)
    {
        if (k->segment < oldest)
            oldest = k->segment;
    }
    return oldest;
}

/* ---- trying again ---- */

/* Others were delivered meanwhile, and seen: it gets the next UID, and the journal knows that one
 * before anybody sees it. */
static bool
renew_uid(struct worker *w, struct kept *k, const struct record_message *m, struct restore *one,
          struct outcome *why)
{
    enum index_uid_state state = INDEX_UID_PASSED;
    struct index_mailbox box;
    struct open_account *oa;
    struct store_wait wait;

    if (account_look(w, &k->account, true, &oa, &wait, why) != ACCOUNT_OPEN ||
        !account_mailbox(w, oa, one->mailbox, true, &box, why))
        return false;
    if (box.uid_validity == one->uid_validity &&
        !index_uid_state(oa->index, box.id, one->uid, &state, why))
        return false;
    if (state == INDEX_UID_FREE)
        return true;
    if (!index_reserve_uid(oa->index, box.id, &one->uid, why))
        return false;
    one->uid_validity = box.uid_validity;
    k->uid = one->uid;
    buf_reset(&k->record);
    return record_message_repack(&k->record, m, one->part, one->uid_validity, one->uid) &&
           write_record(w, k, &k->segment, why) && journal_sync(w->journal, why);
}

static bool
retry_message(struct worker *w, struct kept *k, struct arena *arena, struct outcome *why)
{
    struct record_message m;
    bool gone = false;

    /* A copy: the record is written anew under it. */
    char *copy = arena_copy(arena, buf_span(&k->record));
    if (copy == NULL || !record_message_unpack(&m, (struct span){copy, k->record.len}, arena))
        return outcome_set(why, OUTCOME_SYSTEM, "no memory for a record");
    struct message *bytes = NULL; /* what is durable in its store lacks its row alone */
    if (k->bytes != NULL)
        bytes = message_ref(k->bytes);
    else if (!m.parts[0].is_durable)
        bytes = restore_bytes(w->with.settings->state_dir, &m, &gone, why);
    if (bytes == NULL && !m.parts[0].is_durable)
        return gone && outcome_set(why, OUTCOME_SYSTEM, "its bytes are not in spool/");
    struct restore one = {
        .worker = w,
        .message = &m,
        .part = &m.parts[0],
        .bytes = bytes,
        .mailbox = m.parts[0].mailbox,
        .uid_validity = m.parts[0].uid_validity,
        .uid = m.parts[0].uid,
    };
    bool ok = renew_uid(w, k, &m, &one, why) && restore_part(&one, why);
    message_unref(bytes);
    return ok;
}

static bool
retry_ledger(struct worker *w, struct kept *k, struct arena *arena, struct outcome *why)
{
    struct record_ledger l;
    struct open_account *oa;
    struct store_wait wait;

    return record_ledger_unpack(&l, buf_span(&k->record), arena) &&
           account_look(w, &k->account, true, &oa, &wait, why) != ACCOUNT_FAILED &&
           !oa->loan.is_lent && restore_ledger(w, oa, &l, why);
}

static bool
retry_change(struct worker *w, struct kept *k, struct arena *arena, struct outcome *why)
{
    struct account account;
    struct change c;
    struct open_account *oa;
    struct store_wait wait;

    return record_change_unpack(&account, &c, buf_span(&k->record), arena) &&
           account_look(w, &k->account, true, &oa, &wait, why) == ACCOUNT_OPEN &&
           change_apply(oa, &c, why);
}

static bool
retry(struct worker *w, struct kept *k, struct outcome *why)
{
    struct arena arena;
    bool ok;

    outcome_set(why, OUTCOME_BUSY, "%s@%s is not ready", k->account.user, k->account.domain);
    arena_init(&arena, RECORD_ARENA);
    if (k->type == RECORD_LEDGER)
        ok = retry_ledger(w, k, &arena, why);
    else if (k->type == RECORD_CHANGE)
        ok = retry_change(w, k, &arena, why);
    else
        ok = retry_message(w, k, &arena, why);
    arena_release(&arena);
    return ok;
}

static void
drop(struct worker *w, struct kept *k)
{
    DL_DELETE(w->kept, k);
    atomic_fetch_sub(&w->kept_count, 1);
    kept_free(k);
}

unsigned
kept_retry(struct worker *w)
{
    struct kept *k, *next;
    unsigned done = 0;

    w->kept_again_ms = clock_ms() + AGAIN_MS;
    DL_FOREACH_SAFE(w->kept, k, next)
    {
        struct outcome why;
        if (!retry(w, k, &why)) {
            k->why = why;
            continue;
        }
        log_event(LOG_LEVEL_INFO, "kept_done", "id", k->id, "user", k->account.user, "domain",
                  k->account.domain, "uid", log_num(k->uid), NULL);
        drop(w, k);
        done++;
    }
    return done;
}

unsigned
kept_idle(struct worker *w)
{
    uint64_t now = clock_ms();

    if (w->kept == NULL || w->journal == NULL)
        return JOB_WAIT_FOREVER;
    if (w->kept_again_ms == 0)
        w->kept_again_ms = now + AGAIN_MS;
    if (now >= w->kept_again_ms)
        kept_retry(w);
    now = clock_ms();
    return w->kept == NULL           ? JOB_WAIT_FOREVER
           : now >= w->kept_again_ms ? 0
                                     : (unsigned)(w->kept_again_ms - now);
}

/* ---- end ---- */

void
kept_forget(struct worker *w, const char *user, const char *domain)
{
    struct kept *k, *next;

    DL_FOREACH_SAFE(w->kept, k, next)
    {
        if (strcmp(k->account.user, user) == 0 && strcmp(k->account.domain, domain) == 0)
            drop(w, k);
    }
}

void
kept_free_all(struct worker *w)
{
    struct kept *k, *next;

    DL_FOREACH_SAFE(w->kept, k, next)
    {
        DL_DELETE(w->kept, k);
        if (k->spool != NULL)
            spool_file_leave(k->spool);
        k->spool = NULL;
        kept_free(k);
    }
}
