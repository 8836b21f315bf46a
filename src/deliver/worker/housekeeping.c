/* SPDX-License-Identifier: MIT
 *
 * What an open account needs once a day, done when its worker has had nothing to do for a second.
 * One that is closed needs nothing: what dies half-way leaves remains in accounts that get mail.
 */
#include "housekeeping_priv.h"

#include "doorstep/clock.h"
#include "doorstep/log.h"
#include "doorstep/relay_queue.h"

#define EVERY_MS (24 * 3600 * 1000u)
#define QUIET_MS 1000
#define FORGET_SLICES 100
#define WAL_OCTETS_QUIET (64 * 1024)

void
housekeeping_do(const struct settings *settings, struct open_account *oa, time_t now)
{
    time_t before = now - (time_t)(settings->ledger_window / 1000);
    struct outcome why;

    if (oa->store != NULL)
        store_tidy(oa->store, now);
    if (oa->index == NULL)
        return;
    account_checkpoint(oa, WAL_OCTETS_QUIET);
    if (index_begin(oa->index, &why) && index_ledger_prune(oa->index, before, &why) &&
        index_commit_unsynced(oa->index, &why)) /* what comes back is pruned again */
        return;
    index_rollback(oa->index);
    log_event(LOG_LEVEL_WARNING, "ledger_not_pruned", "account", oa->key, "cause", why.cause, NULL);
}

static struct open_account *
find_due(struct worker *w, uint64_t now)
{
    struct open_account *oa = w->open;

    while (oa != NULL &&
           (oa->loan.is_lent || (oa->tidied_ms != 0 && now - oa->tidied_ms < EVERY_MS)))
        oa = oa->hh.next;
    return oa;
}

/* What the queue remembers so that no replay sends it twice, as long as the ledger does the same.
 */
static void
forget_sent(struct worker *w, time_t now)
{
    time_t before = now - (time_t)(w->with.settings->ledger_window / 1000);
    struct outcome why;
    bool more = true;

    for (unsigned i = 0; more && i < FORGET_SLICES; i++)
        if (!queue_forget(w->with.queue, before, &more, &why)) {
            log_event(LOG_LEVEL_WARNING, "queue_not_pruned", "cause", why.cause, NULL);
            return;
        }
}

unsigned
housekeeping_idle(struct worker *w)
{
    uint64_t now = clock_ms();

    if (now - w->busy_ms < QUIET_MS)
        return (unsigned)(QUIET_MS - (now - w->busy_ms));
    struct open_account *oa = find_due(w, now);
    if (oa == NULL)
        return JOB_WAIT_FOREVER; /* until there is mail, nothing new is left behind */
    oa->tidied_ms = now;
    housekeeping_do(w->with.settings, oa, clock_wall().tv_sec);
    forget_sent(w, clock_wall().tv_sec);
    return 0;
}
