/* SPDX-License-Identifier: MIT
 *
 * Accounts that a worker has open: see account_priv.h.
 */
#include "account_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/log.h"

#include "account_personal_priv.h"
#include "change_priv.h"
#include "loan_priv.h"
#include "moved_on_priv.h"
#include "reconcile_priv.h"
#include "rows_priv.h"
#include "worker_priv.h"

#define HAND_WAIT_MS 5
#define WAL_OCTETS_CLOSED (256 * 1024)
#define LOOK_MS 1000 /* how often an open index is asked whether its file is still there */

static void
account_free(struct worker *w, struct open_account *oa)
{
    atomic_fetch_sub(w->open_total, 1);
    rows_drop(w, oa);
    index_close(oa->index);
    personal_close(oa->personal);
    store_close(oa->store);
    hand_request_free(oa->hand);
    free(oa->folder);
    free(oa);
}

static void
account_drop(struct worker *w, struct open_account *oa)
{
    HASH_DEL(w->open, oa);
    account_free(w, oa);
}

bool
account_mark(struct open_account *oa, struct outcome *why)
{
    if (oa->needs_mark && oa->index != NULL && !index_mark(oa->index, why))
        return false;
    oa->needs_mark = false;
    return true;
}

void
account_checkpoint(struct open_account *oa, uint64_t wal_octets)
{
    struct outcome why;

    if (oa->index != NULL && !index_checkpoint(oa->index, wal_octets, &why))
        log_event(LOG_LEVEL_WARNING, "wal_not_written_back", "account", oa->key, "cause", why.cause,
                  NULL);
}

bool
account_close(struct worker *w, struct open_account *oa, struct outcome *why)
{
    if (oa->loan.is_lent)
        return outcome_set(why, OUTCOME_BUSY, "the index of %s is being written back", oa->key);
    if (!rows_flush(w, oa, why))
        return false;
    (void)account_mark(oa, why); /* without it, only a later loss of rows is noticed less well */
    account_checkpoint(oa, WAL_OCTETS_CLOSED);
    account_drop(w, oa);
    return true;
}

void
account_close_all(struct worker *w)
{
    struct open_account *oa, *next;

    HASH_ITER(hh, w->open, oa, next)
    {
        account_drop(w, oa);
    }
}

static size_t
print_key(char *key, size_t size, const char *user, const char *domain)
{
    int n = snprintf(key, size, "%s@%s", user, domain);

    return n < 0 || (size_t)n >= size ? size - 1 : (size_t)n;
}

static struct open_account *
find_open(struct worker *w, const char *user, const char *domain)
{
    char key[ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE];
    struct open_account *oa;

    size_t n = print_key(key, sizeof key, user, domain);
    HASH_FIND(hh, w->open, key, n, oa);
    return oa;
}

void
account_sends(struct worker *w, const struct account *a, uint64_t *items, uint64_t *octets)
{
    const struct open_account *oa = find_open(w, a->user, a->domain);

    *items = oa != NULL ? oa->send_items : 0;
    *octets = oa != NULL ? oa->send_octets : 0;
}

bool
account_is_lent(struct worker *w, const char *user, const char *domain)
{
    const struct open_account *oa = find_open(w, user, domain);

    return oa != NULL && oa->loan.is_lent;
}

void
account_forget_name(struct worker *w, const char *user, const char *domain)
{
    struct open_account *oa = find_open(w, user, domain);

    if (oa != NULL)
        account_drop(w, oa);
}

/* Room for one more, of all workers together: the longest unused of ours goes, unless we have so
 * few that the others must give way. Accounts of the batch and those waited for stay. */
static void
make_room(struct worker *w)
{
    struct open_account *oa, *next;
    struct outcome why; /* of one that stays: rows_flush() logs it */

    HASH_ITER(hh, w->open, oa, next)
    {
        if (atomic_load(w->open_total) < w->open_max || HASH_COUNT(w->open) <= w->open_least)
            return;
        if (!oa->in_batch && oa->aside == 0)
            account_close(w, oa, &why);
    }
}

static struct open_account *
account_new(struct worker *w, const struct account *a, struct outcome *why)
{
    const struct settings *s = w->with.settings;
    char key[ACCOUNT_USER_SIZE + ACCOUNT_DOMAIN_SIZE];
    size_t n = print_key(key, sizeof key, a->user, a->domain);
    struct open_account *oa = calloc(1, sizeof *oa + n + 1);

    if (oa == NULL)
        goto fail;
    memcpy(oa->key, key, n);
    oa->account = *a;
    oa->who = (struct store_account){oa->account.user, oa->account.domain, oa->account.home};
    oa->domain = settings_find_domain(s, a->domain);
    if (oa->domain != NULL)
        oa->store_settings = settings_find_store(s, oa->domain->store);
    if (oa->store_settings == NULL) {
        outcome_set(why, OUTCOME_SYSTEM, "no store is configured for %s", a->domain);
        free(oa);
        return NULL;
    }
    if (asprintf(&oa->folder, "%s/accounts/%s/%s", s->state_dir, a->domain, a->user) < 0) {
        oa->folder = NULL;
        free(oa);
        goto fail;
    }
    atomic_fetch_add(w->open_total, 1);
    return oa;
fail:
    outcome_set(why, OUTCOME_SYSTEM, "no memory for account %s@%s", a->user, a->domain);
    return NULL;
}

/* Accounts of an "any" domain begin with their first delivery, as many as accounts_max allows, and
 * so does a postmaster that nobody has made. */
static bool
claim(struct worker *w, struct open_account *oa, struct outcome *why)
{
    if (strcmp(oa->domain->accounts, "any") != 0 && strcmp(oa->account.user, "postmaster") != 0)
        return true;
    struct accounts *accounts = directory_lock(w->with.directory);
    bool ok = accounts_any_claim(accounts, oa->account.user, oa->account.domain, why);
    directory_unlock(w->with.directory);
    return ok;
}

bool
account_uid_validity(struct worker *w, uint32_t at_least, uint32_t *out, struct outcome *why)
{
    struct accounts *accounts = directory_lock(w->with.directory);
    bool ok = accounts_uid_validity(accounts, at_least, out, why);

    directory_unlock(w->with.directory);
    if (!ok && (why->kind == OUTCOME_CORRUPT || why->kind == OUTCOME_UNREADABLE))
        why->kind = OUTCOME_SYSTEM; /* accounts.sqlite is; this index is sound */
    return ok;
}

static bool
next_validity(void *worker, uint32_t *validity, struct outcome *why)
{
    return account_uid_validity(worker, 0, validity, why);
}

/* What the journal says of UIDVALIDITYs is old from now on. */
static bool
record_renewal(struct worker *w, const struct open_account *oa, struct outcome *why)
{
    struct change c = {.kind = CHANGE_VALIDITY, .mailbox = "", .to = ""};

    if (w->journal == NULL || change_record(w, &oa->account, &c, why))
        return true;
    if (why->kind != OUTCOME_DISK_FULL)
        return false;
    /* A full journal is freed only when this account's rows can be written. */
    log_event(LOG_LEVEL_WARNING, "renewal_not_recorded", "account", oa->key, NULL);
    return true;
}

bool
account_mend(struct worker *w, struct open_account *oa, struct outcome *why)
{
    if (!index_has_lost_rows(oa->index))
        return true;
    log_event(LOG_LEVEL_ERROR, "rows_lost", "account", oa->key, NULL);
    oa->inbox = 0;
    if (!record_renewal(w, oa, why) || !index_begin(oa->index, why))
        return false;
    bool ok =
        index_renew_validity(oa->index, next_validity, w, why) && index_commit(oa->index, why);
    if (!ok)
        index_rollback(oa->index);
    /* Out of the WAL: one that is lost again would take the old UIDVALIDITY back. */
    return ok && index_mark(oa->index, why) && index_checkpoint(oa->index, 0, why);
}

/* Before the replay is done, nobody can say what is lost. */
static bool
mend_opened(struct worker *w, struct open_account *oa, struct outcome *why)
{
    if (w->journal == NULL)
        return true;
    if (account_mend(w, oa, why)) {
        struct outcome later; /* it is tried again where it is needed */
        moved_on(w, oa);
        if (index_has_personal(oa->index))
            (void)account_personal_move(oa, &later);
        return true;
    }
    index_close(oa->index);
    oa->index = NULL;
    return false;
}

static void
log_unreadable(const struct open_account *oa, const struct outcome *why)
{
    log_event(LOG_LEVEL_ERROR, "index_unreadable", "account", oa->key, "cause", why->cause,
              "effect", "tried again", NULL);
}

static bool has_mail(struct worker *w, struct open_account *oa);

static bool
open_index(struct worker *w, struct open_account *oa, bool create, struct outcome *why)
{
    oa->index = index_open(oa->folder, false, why);
    if (oa->index == NULL && why->kind == OUTCOME_UNREADABLE) {
        log_unreadable(oa, why);
        oa->index = index_open(oa->folder, false, why);
    }
    if (oa->index != NULL)
        return mend_opened(w, oa, why);
    if (why->kind == OUTCOME_CORRUPT)
        return account_renew_index(w, oa, why);
    if (why->kind != OUTCOME_NOT_FOUND || !create || !claim(w, oa, why))
        return false;
    if (has_mail(w, oa) && !record_renewal(w, oa, why)) /* its index was lost */
        return false;
    oa->index = index_open(oa->folder, true, why);
    return oa->index != NULL;
}

bool
account_renew_index(struct worker *w, struct open_account *oa, struct outcome *why)
{
    w->renewals++;
    log_event(LOG_LEVEL_ERROR, "index_damaged", "account", oa->key, "cause", why->cause, NULL);
    index_close(oa->index);
    oa->index = NULL;
    oa->inbox = 0;
    if (!record_renewal(w, oa, why))
        return false;
    if (!index_set_aside(oa->folder, why) && why->kind != OUTCOME_NOT_FOUND)
        return false;
    oa->index = index_open(oa->folder, true, why);
    return oa->index != NULL;
}

/* The connection stays: it keeps no page that it could not read, and UIDs that rows which wait have
 * been promised are known to it alone. */
bool
account_recover_index(struct worker *w, struct open_account *oa, struct outcome *why)
{
    if (why->kind == OUTCOME_CORRUPT)
        return account_renew_index(w, oa, why);
    if (why->kind != OUTCOME_UNREADABLE)
        return false;
    log_unreadable(oa, why);
    return true;
}

/* Files of a system account belong to its uid: where the store is somebody else, a hand does the
 * driver's work. */
static bool
needs_hand(const struct account *a)
{
    return a->is_system && a->uid != geteuid();
}

static enum account_result
open_by_hand(struct worker *w, struct open_account *oa, struct store_wait *wait,
             struct outcome *why)
{
    if (oa->hand == NULL)
        oa->hand = hands_ask(w->with.hands, &oa->account);
    if (oa->hand != NULL && hand_request_state(oa->hand) == HAND_ASKED) {
        *wait = (struct store_wait){-1, HAND_WAIT_MS};
        return ACCOUNT_LATER;
    }
    int fd = oa->hand == NULL ? -1 : hand_request_take(oa->hand);
    hand_request_free(oa->hand);
    oa->hand = NULL;
    if (fd < 0) {
        outcome_set(why, OUTCOME_SYSTEM, "no hand for %s (uid %u)", oa->key,
                    (unsigned)oa->account.uid);
        return ACCOUNT_FAILED;
    }
    oa->is_journalled = false; /* its file system is out of our reach */
    oa->store =
        store_open_by_hand(fd, oa->store_settings, w->with.settings->plugin_dir, &oa->who, why);
    return oa->store == NULL ? ACCOUNT_FAILED : ACCOUNT_OPEN;
}

/* The syncer brings to stable storage what the journal holds until then. */
static bool
add_file_system(struct worker *w, struct open_account *oa)
{
    struct outcome ignored; /* without it, each delivery is synced by itself */
    int fd = store_sync_fd(oa->store, &ignored);

    return fd >= 0 && syncer_add(w->with.syncer, fd);
}

static bool
open_store(struct worker *w, struct open_account *oa, struct outcome *why)
{
    if (oa->store != NULL)
        return true;
    oa->store = store_open(oa->store_settings, w->with.settings->plugin_dir, &oa->who, why);
    if (oa->store == NULL)
        return false;
    oa->is_journalled = (store_can(oa->store) & STORE_CAN_RESTORE) != 0 && add_file_system(w, oa);
    if (oa->is_journalled)
        store_use_journal(oa->store);
    return true;
}

static bool
on_any(void *arg, const struct store_entry *e)
{
    (void)e;
    *(bool *)arg = true;
    return false;
}

/* Its mail is still there. (One that needs a hand is taken in with its next delivery.) */
static bool
has_mail(struct worker *w, struct open_account *oa)
{
    struct outcome ignored;
    bool found = false;

    if (!needs_hand(&oa->account) && open_store(w, oa, &ignored))
        store_scan(oa->store, "INBOX", on_any, &found, &ignored);
    return found;
}

static enum account_result
open_parts(struct worker *w, struct open_account *oa, bool create, struct store_wait *wait,
           struct outcome *why)
{
    if (oa->index == NULL && !open_index(w, oa, create, why)) {
        /* An account whose index is gone is no new one. */
        bool is_lost = !create && why->kind == OUTCOME_NOT_FOUND &&
                       (personal_exists(oa->folder) || has_mail(w, oa));
        if (!is_lost || !open_index(w, oa, true, why))
            return ACCOUNT_FAILED;
    }
    if (oa->store == NULL && needs_hand(&oa->account))
        return open_by_hand(w, oa, wait, why);
    return open_store(w, oa, why) ? ACCOUNT_OPEN : ACCOUNT_FAILED;
}

/* Somebody took the file away under us: rows that are written to it now would be lost with it. */
static void
drop_removed(struct open_account *oa)
{
    uint64_t now = clock_ms();

    if (oa->index == NULL || oa->in_batch || now - oa->looked_ms < LOOK_MS)
        return;
    oa->looked_ms = now;
    if (oa->personal != NULL && personal_was_removed(oa->personal))
        account_personal_close(oa);
    if (!index_was_removed(oa->index))
        return;
    log_event(LOG_LEVEL_ERROR, "index_removed", "account", oa->key, NULL);
    index_close(oa->index);
    oa->index = NULL;
    oa->inbox = 0;
    oa->needs_mark = false;
}

/* Hands end when nobody needs them for a while: another one is asked for. */
static void
drop_ended_hand(struct open_account *oa)
{
    if (oa->store == NULL || oa->in_batch || !store_hand_is_gone(oa->store))
        return;
    store_close(oa->store);
    oa->store = NULL;
}

/* What may have changed since it was opened. A new home or uid means another place for the mail. */
static bool
is_current(const struct open_account *oa, const struct account *a)
{
    return oa->account.uid == a->uid && strcmp(oa->account.home, a->home) == 0;
}

/* Last in the order of use. Alone it is that, and the table that its removal would free cannot fail
 * to be made again. */
static void
make_latest(struct worker *w, struct open_account *oa)
{
    if (HASH_COUNT(w->open) == 1)
        return;
    HASH_DEL(w->open, oa);
    HASH_ADD_KEYPTR(hh, w->open, oa->key, strlen(oa->key), oa);
}

static struct open_account *
add_account(struct worker *w, const struct account *a, struct outcome *why)
{
    struct open_account *oa = account_new(w, a, why);

    if (oa == NULL)
        return NULL;
    HASH_ADD_KEYPTR(hh, w->open, oa->key, strlen(oa->key), oa);
    if (oa->hh.tbl != NULL)
        return oa;
    account_free(w, oa);
    outcome_set(why, OUTCOME_SYSTEM, "no memory");
    return NULL;
}

bool
account_reopen_index(struct worker *w, struct open_account *oa, struct outcome *why)
{
    drop_removed(oa);
    return oa->index != NULL || open_index(w, oa, true, why);
}

enum account_result
account_open(struct worker *w, const struct account *a, bool create, struct open_account **out,
             struct store_wait *wait, struct outcome *why)
{
    struct open_account *oa = find_open(w, a->user, a->domain);

    if (oa != NULL && !is_current(oa, a) && !oa->in_batch && oa->aside == 0) {
        if (!account_close(w, oa, why))
            return ACCOUNT_FAILED;
        oa = NULL;
    }
    if (oa != NULL) {
        make_latest(w, oa);
    } else {
        make_room(w);
        oa = add_account(w, a, why);
        if (oa == NULL)
            return ACCOUNT_FAILED;
    }
    *out = oa;
    if (oa->loan.is_lent) {
        *wait = (struct store_wait){-1, LOAN_WAIT_MS};
        return ACCOUNT_LATER;
    }
    oa->account.quota = a->quota;
    oa->account.quota_messages = a->quota_messages;
    drop_removed(oa);
    drop_ended_hand(oa);
    enum account_result result = open_parts(w, oa, create, wait, why);
    if (result == ACCOUNT_FAILED && !oa->in_batch && oa->aside == 0 && oa->rows == NULL)
        account_drop(w, oa);
    return result;
}

enum account_result
account_look(struct worker *w, const struct account *a, bool create, struct open_account **out,
             struct store_wait *wait, struct outcome *why)
{
    enum account_result result = account_open(w, a, create, out, wait, why);

    if (result == ACCOUNT_OPEN && !rows_flush(w, *out, why))
        return ACCOUNT_FAILED;
    return result;
}

static bool
add_mailbox(struct worker *w, struct open_account *oa, const char *name, struct index_mailbox *out,
            struct outcome *why)
{
    uint32_t validity;

    if (!account_uid_validity(w, 0, &validity, why) || !index_begin(oa->index, why))
        return false;
    bool ok = index_mailbox_add(oa->index, name, validity, out, why) &&
              index_commit_unsynced(oa->index, why);
    if (!ok)
        index_rollback(oa->index);
    /* INBOX comes with its first message, and the journal has both. */
    return ok && reconcile_mailbox(oa, name, out, NULL, why) &&
           (strcmp(name, "INBOX") == 0 || index_sync(oa->index, why));
}

bool
account_mailbox(struct worker *w, struct open_account *oa, const char *name, bool create,
                struct index_mailbox *out, struct outcome *why)
{
    if (index_mailbox_find(oa->index, name, out, why))
        return true;
    if (why->kind != OUTCOME_NOT_FOUND || !create)
        return false;
    return add_mailbox(w, oa, name, out, why);
}

bool
account_inbox(struct worker *w, struct open_account *oa, struct outcome *why)
{
    struct index_mailbox inbox;

    if (oa->inbox != 0)
        return true;
    if (!account_mailbox(w, oa, "INBOX", true, &inbox, why))
        return false;
    oa->inbox = inbox.id;
    oa->inbox_validity = inbox.uid_validity;
    return true;
}
