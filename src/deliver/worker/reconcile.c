/* SPDX-License-Identifier: MIT
 *
 * Bringing the index in line with the store: see reconcile_priv.h. Names only are compared here;
 * bytes of messages that other programs brought go to a sorter, never through this process's
 * own eyes.
 */
#include "reconcile_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/log.h"

#include "trace_priv.h"
#include "worker_priv.h"

#define FACTS_ARENA (16 * 1024 * 1024)

struct scan {
    struct index_reconcile *r;
    struct outcome *why;
    bool failed;
};

static bool
on_entry(void *arg, const struct store_entry *e)
{
    struct scan *s = arg;

    if (!index_reconcile_entry(s->r, e, s->why))
        s->failed = true;
    return !s->failed;
}

/* Inside a transaction. */
static bool
compare(struct open_account *oa, const char *name, int64_t mailbox, struct index_changes *changes,
        struct outcome *why)
{
    struct outcome scanned = {0};
    struct scan s = {.why = why, .r = index_reconcile_begin(oa->index, mailbox, why)};

    if (s.r == NULL)
        return false;
    if ((store_can(oa->store) & STORE_CAN_FLAGS) == 0)
        index_reconcile_trust_flags(s.r, 0); /* an mbox lists none: the index's flags stay */
    bool complete = store_scan(oa->store, name, on_entry, &s, &scanned) && !s.failed;
    bool ended = index_reconcile_end(s.r, complete, changes, why);
    if (!complete && !s.failed)
        *why = scanned;
    return complete && ended;
}

static void
log_changes(const struct open_account *oa, const char *name, const struct index_changes *c)
{
    if (c->added + c->reflagged + c->removed > 0)
        log_event(LOG_LEVEL_INFO, "reconciled", "account", oa->key, "mailbox", name, "added",
                  log_num((long long)c->added), "reflagged", log_num((long long)c->reflagged),
                  "removed", log_num((long long)c->removed), NULL);
}

/* UIDs that were given here stand in no journal: they are on stable storage before anybody sees
 * them.
 */
static bool
commit(struct open_account *oa, const struct index_changes *c, struct outcome *why)
{
    return c->added + c->reflagged + c->removed > 0 ? index_commit(oa->index, why)
                                                    : index_commit_unsynced(oa->index, why);
}

bool
reconcile_mailbox(struct open_account *oa, const char *name, struct index_mailbox *box,
                  struct index_changes *changes, struct outcome *why)
{
    struct index_changes made = {0};
    uint64_t stamp = 0; /* taken before the scan: what changes meanwhile is seen the next time */

    if (store_stamp(oa->store, name, &stamp) && stamp != 0 && stamp == box->stamp)
        return true;
    if (!index_begin(oa->index, why))
        return false;
    bool ok = compare(oa, name, box->id, &made, why) &&
              index_mailbox_set_stamp(oa->index, box->id, stamp, why) && commit(oa, &made, why);
    if (!ok) {
        index_rollback(oa->index);
        return false;
    }
    log_changes(oa, name, &made);
    if (changes != NULL)
        *changes = made;
    return index_mailbox_find(oa->index, name, box, why);
}

struct folder {
    struct folder *next;
    int64_t id; /* row in the index */
    char name[STORE_MAILBOX_SIZE];
    bool seen;
};

struct folders {
    struct folder *list;
    bool failed;
};

static bool
add_folder(struct folders *f, const char *name, int64_t id)
{
    struct folder *one = calloc(1, sizeof *one);

    if (one == NULL) {
        f->failed = true;
        return false;
    }
    one->id = id;
    snprintf(one->name, sizeof one->name, "%s", name);
    one->next = f->list;
    f->list = one;
    return true;
}

static bool
on_indexed(void *arg, const struct index_mailbox *m)
{
    return add_folder(arg, m->name, m->id);
}

static bool
on_stored(void *arg, const char *mailbox)
{
    return add_folder(arg, mailbox, 0);
}

static void
free_folders(struct folders *f)
{
    while (f->list != NULL) {
        struct folder *next = f->list->next;
        free(f->list);
        f->list = next;
    }
}

static struct folder *
find_folder(struct folders *f, const char *name)
{
    for (struct folder *one = f->list; one != NULL; one = one->next)
        if (strcmp(one->name, name) == 0)
            return one;
    return NULL;
}

static bool
remove_vanished(struct open_account *oa, const struct folders *indexed, struct outcome *why)
{
    for (struct folder *one = indexed->list; one != NULL; one = one->next) {
        if (one->seen || strcmp(one->name, "INBOX") == 0)
            continue;
        bool ok = index_begin(oa->index, why) && index_mailbox_delete(oa->index, one->id, why) &&
                  index_commit(oa->index, why);
        if (!ok) {
            index_rollback(oa->index);
            return false;
        }
        log_event(LOG_LEVEL_INFO, "mailbox_vanished", "account", oa->key, "mailbox", one->name,
                  NULL);
    }
    return true;
}

bool
reconcile_folders(struct worker *w, struct open_account *oa, struct outcome *why)
{
    struct folders indexed = {0}, stored = {0};
    struct index_mailbox box;

    /* An INBOX without mail stands in no journal: its UIDVALIDITY is on stable storage before
     * anybody sees it. */
    bool ok = account_mailbox(w, oa, "INBOX", true, &box, why) &&
              (box.messages > 0 || index_sync(oa->index, why)) &&
              index_mailbox_list(oa->index, on_indexed, &indexed, why) &&
              store_mailbox_list(oa->store, on_stored, &stored, why);
    if (ok && (indexed.failed || stored.failed))
        ok = outcome_set(why, OUTCOME_SYSTEM, "no memory");
    for (struct folder *one = stored.list; ok && one != NULL; one = one->next) {
        struct folder *known = find_folder(&indexed, one->name);
        if (known != NULL)
            known->seen = true;
        else
            ok = account_mailbox(w, oa, one->name, true, &box, why);
    }
    ok = ok && remove_vanished(oa, &indexed, why);
    free_folders(&indexed);
    free_folders(&stored);
    return ok;
}

struct missing { /* UIDs without facts */
    uint32_t *uids;
    unsigned count;
    unsigned max;
    uint32_t next;
};

static bool
on_message(void *arg, const struct index_message *m)
{
    struct missing *missing = arg;

    if (m->facts_known)
        return true;
    if (missing->count == missing->max) {
        missing->next = m->uid;
        return false;
    }
    missing->uids[missing->count++] = m->uid;
    return true;
}

/* Line ends of our trace prefix, which is `octets` long when each is counted as CRLF. */
static uint64_t
trace_lines(const struct message *bytes, uint64_t octets, bool is_crlf)
{
    char text[TRACE_MAX];
    ssize_t n = message_read(bytes, 0, text, sizeof text);
    uint64_t lines = 0, counted = 0;

    for (ssize_t i = 0; i < n && counted < octets; i++) {
        lines += text[i] == '\n';
        counted += text[i] == '\n' && !is_crlf ? 2 : 1;
    }
    return lines;
}

static uint64_t
less(uint64_t from, uint64_t by)
{
    return from > by ? from - by : 0;
}

/* A sorter that reads a stored file counts from its first octet, the index from behind our trace
 * prefix (facts.h): as if the sorter had seen the message as it was received. */
static void
count_from_behind_trace(struct facts *f, uint64_t octets, uint64_t lines)
{
    f->octets = less(f->octets, octets);
    f->lines = less(f->lines, lines);
    f->header_octets = less(f->header_octets, octets);
    for (uint32_t i = 0; i < f->part_count; i++) {
        f->parts[i].header_start = less(f->parts[i].header_start, octets);
        f->parts[i].body_start = less(f->parts[i].body_start, octets);
        f->parts[i].lines_before = less(f->parts[i].lines_before, lines);
    }
}

static bool
set_facts(struct open_account *oa, const struct index_message *m, const struct message *bytes,
          struct facts *facts, struct outcome *why)
{
    uint64_t octets = facts->octets, lines = facts->lines;

    if (m->ref.trace_octets > 0)
        count_from_behind_trace(facts, m->ref.trace_octets,
                                trace_lines(bytes, m->ref.trace_octets, m->ref.is_crlf));
    return index_set_facts(oa->index, m->mailbox, m->uid, facts, octets, lines, why);
}

/* Inside a transaction. A message that cannot be read now keeps its row without facts; the next
 * look tries again. */
static bool
find_facts(struct worker *w, struct open_account *oa, const struct index_mailbox *box, uint32_t uid,
           struct outcome *why)
{
    struct arena arena;
    struct facts facts = {.flags = FACTS_UNKNOWN};
    struct index_message m;
    struct message *bytes = NULL;
    struct outcome reading;

    arena_init(&arena, FACTS_ARENA);
    bool ok = index_message_find(oa->index, box->id, uid, &arena, &m, why);
    if (ok)
        bytes = store_read(oa->store, box->name, m.ref.name, &reading);
    if (bytes != NULL && sorters_wait(w->with.sorters, bytes, &arena, &facts))
        ok = set_facts(oa, &m, bytes, &facts, why);
    message_unref(bytes);
    arena_release(&arena);
    return ok;
}

static bool
find_all_facts(struct worker *w, struct open_account *oa, const struct index_mailbox *box,
               const struct missing *missing, struct outcome *why)
{
    if (missing->count == 0)
        return true;
    bool ok = index_begin(oa->index, why);
    for (unsigned i = 0; ok && i < missing->count; i++)
        ok = find_facts(w, oa, box, missing->uids[i], why);
    ok = ok && index_commit(oa->index, why);
    if (!ok)
        index_rollback(oa->index);
    return ok;
}

bool
reconcile_facts(struct worker *w, struct open_account *oa, const struct index_mailbox *box,
                unsigned max, uint32_t *from, struct outcome *why)
{
    struct missing missing = {.max = max, .uids = calloc(max, sizeof(uint32_t))};

    if (missing.uids == NULL)
        return outcome_set(why, OUTCOME_SYSTEM, "no memory");
    bool ok = index_message_list(oa->index, box->id, *from, false, on_message, &missing, why) &&
              find_all_facts(w, oa, box, &missing, why);
    *from = missing.next;
    free(missing.uids);
    return ok;
}
