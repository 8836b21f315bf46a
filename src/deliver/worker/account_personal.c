/* SPDX-License-Identifier: MIT
 *
 * What an account's owner wrote: see account_personal_priv.h.
 */
#include "account_personal_priv.h"

#include <string.h>

#include "doorstep/log.h"

/* ---- opening ---- */

static void
log_rescue(const struct open_account *oa, const struct personal_rescued *r)
{
    log_event(LOG_LEVEL_ERROR, "personal_damaged", "account", oa->key, "cause", r->cause, "aside",
              r->aside, "scripts", log_num((long long)r->scripts), "active",
              r->has_active ? "yes" : "no", "facts", log_num((long long)r->facts), "effect",
              "what could not be read is in the file set aside alone", NULL);
}

static struct personal *
open_one(struct open_account *oa, bool create, struct outcome *why)
{
    struct personal_rescued rescued;
    struct personal *p = personal_open(oa->folder, create, &rescued, why);

    if (rescued.is_damaged)
        log_rescue(oa, &rescued);
    return p;
}

struct personal *
account_personal(struct open_account *oa, bool create, struct outcome *why)
{
    if (oa->personal != NULL && personal_is_damaged(oa->personal))
        account_personal_close(oa);
    if (oa->personal != NULL)
        return oa->personal;
    if (index_has_personal(oa->index) && !account_personal_move(oa, why))
        return NULL;
    if (oa->lacks_personal && !create) {
        outcome_set(why, OUTCOME_NOT_FOUND, NULL);
        return NULL;
    }
    oa->personal = open_one(oa, create, why);
    oa->lacks_personal = oa->personal == NULL && why->kind == OUTCOME_NOT_FOUND;
    return oa->personal;
}

void
account_personal_close(struct open_account *oa)
{
    personal_close(oa->personal);
    oa->personal = NULL;
}

/* ---- what an older program kept in the index ---- */

struct moving {
    struct personal *p;
    struct outcome *why;
    bool ok;
};

/* What is there already was moved before. A text that is not what was stored is kept, but it is not
 * active. */
static bool
move_script(void *arg, const char *name, struct span text, const char *hash, time_t changed,
            bool is_active)
{
    struct personal_script s = {.changed = changed}, there;
    struct moving *m = arg;

    if (strlen(name) >= sizeof s.name || personal_script_find(m->p, name, &there, NULL, m->why))
        return true;
    strcpy(s.name, name);
    m->ok = personal_script_put(m->p, &s, text, m->why) &&
            personal_script_find(m->p, name, &s, NULL, m->why);
    if (m->ok && is_active && strcmp(s.hash, hash) == 0 &&
        !personal_script_find(m->p, NULL, &there, NULL, m->why))
        m->ok = personal_script_activate(m->p, name, m->why);
    return m->ok;
}

static bool
move_use(void *arg, const char *mailbox, const char *special_use)
{
    char there[PERSONAL_USE_SIZE];
    struct moving *m = arg;

    m->ok = personal_use_find(m->p, mailbox, there, m->why);
    if (m->ok && there[0] == '\0' && personal_use_check(special_use))
        m->ok = personal_use_set(m->p, mailbox, special_use, m->why);
    return m->ok;
}

static bool
move_annotation(void *arg, const char *mailbox, const char *name, struct span value)
{
    struct moving *m = arg;
    struct buf there;

    buf_init(&there, PERSONAL_ANNOTATION_MAX);
    if (!personal_annotation_find(m->p, mailbox, name, &there, m->why))
        m->ok = personal_annotation_set(m->p, mailbox, name, &value, m->why);
    buf_release(&there);
    return m->ok;
}

/* CORRUPT: what can be read of a damaged index was moved. */
static bool
move_all(struct open_account *oa, struct personal *p, struct outcome *why)
{
    static const struct index_personal_fns fns = {move_script, move_use, move_annotation};
    struct moving m = {p, why, true};
    struct outcome damage;

    if (!personal_begin(p, why))
        return false;
    bool is_whole = index_personal(oa->index, &fns, &m, &damage);
    if (m.ok && (is_whole || damage.kind == OUTCOME_CORRUPT) && personal_commit(p, why)) {
        if (!is_whole)
            *why = damage;
        return is_whole;
    }
    if (m.ok && !is_whole && damage.kind != OUTCOME_CORRUPT)
        *why = damage;
    personal_rollback(p);
    return false;
}

bool
account_personal_move(struct open_account *oa, struct outcome *why)
{
    struct personal *p = open_one(oa, true, why);
    bool ok = p != NULL && move_all(oa, p, why);

    personal_close(p);
    ok = ok && index_personal_clear(oa->index, why);
    if (ok) {
        oa->lacks_personal = false;
        log_event(LOG_LEVEL_INFO, "personal_moved", "account", oa->key, NULL);
    } else {
        log_event(LOG_LEVEL_ERROR, "personal_not_moved", "account", oa->key, "cause", why->cause,
                  NULL);
    }
    return ok;
}

/* ---- mailboxes ---- */

void
account_personal_use(struct open_account *oa, const char *mailbox, char out[PERSONAL_USE_SIZE])
{
    struct outcome ignored;
    struct personal *p = account_personal(oa, false, &ignored);

    if (p == NULL || !personal_use_find(p, mailbox, out, &ignored))
        out[0] = '\0';
}

/* What is said about a mailbox is said about `to` as well; to NULL: about it no more. */
static bool
change(struct open_account *oa, const char *mailbox, const char *to, bool with_below,
       struct outcome *why)
{
    struct personal *p = account_personal(oa, false, why);
    bool changed = false;

    if (p == NULL)
        return why->kind == OUTCOME_NOT_FOUND;
    if (!personal_begin(p, why))
        return false;
    bool ok = to != NULL ? personal_mailbox_copy(p, mailbox, to, &changed, why)
                         : personal_mailbox_forget(p, mailbox, with_below, &changed, why);
    if (ok && changed)
        return personal_commit(p, why);
    personal_rollback(p);
    return ok;
}

bool
account_personal_copy(struct open_account *oa, const char *from, const char *to,
                      struct outcome *why)
{
    return change(oa, from, to, true, why);
}

bool
account_personal_forget(struct open_account *oa, const char *mailbox, bool with_below,
                        struct outcome *why)
{
    return change(oa, mailbox, NULL, with_below, why);
}
