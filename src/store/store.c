/* SPDX-License-Identifier: MIT
 *
 * The front of every store: finds the driver, checks what callers ask (mailbox names, names of
 * messages, delivery ids), keeps the list of what is staged, and hands on. Drivers so see
 * only checked names, and a caller sees the same rules whatever keeps the mail.
 */
#include "doorstep/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store_priv.h"

static const struct store_driver *const built_in[] = {&store_maildir, &store_mbox};

const struct store_driver *
store_driver_find(const char *name, const char *plugin_dir, struct outcome *why)
{
    for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++) {
        if (strcmp(built_in[i]->name, name) == 0)
            return built_in[i];
    }
    return store_plugin_find(plugin_dir != NULL ? plugin_dir : "", name, why);
}

bool
store_load_driver(const char *name, const char *plugin_dir, struct outcome *why)
{
    return store_driver_find(name, plugin_dir, why) != NULL;
}

static void
store_release(struct store *st)
{
    free((char *)st->path);
    free((char *)st->root);
    free((char *)st->who.user);
    free((char *)st->who.domain);
    free((char *)st->who.home);
    free(st);
}

static bool
store_fill(struct store *st, const struct store_account *who, struct outcome *why)
{
    st->who.user = strdup(who->user);
    st->who.domain = strdup(who->domain);
    st->who.home = strdup(who->home != NULL ? who->home : "");
    if (st->who.user == NULL || st->who.domain == NULL || st->who.home == NULL)
        return outcome_set(why, OUTCOME_OVERLOAD, "no memory to open a store");
    return store_path_fill(st, st->settings->path, why);
}

struct store *
store_new(const struct store_driver *driver, const struct settings_store *settings,
          const struct store_account *who, struct outcome *why)
{
    struct store *st = calloc(1, driver->size);

    if (st == NULL) {
        outcome_set(why, OUTCOME_OVERLOAD, "no memory to open a store");
        return NULL;
    }
    st->driver = driver;
    st->can = driver->can;
    st->settings = settings;
    if (store_fill(st, who, why) && driver->open(st, why))
        return st;
    store_release(st);
    return NULL;
}

struct store *
store_open(const struct settings_store *settings, const char *plugin_dir,
           const struct store_account *who, struct outcome *why)
{
    const struct store_driver *driver = store_driver_find(settings->driver, plugin_dir, why);

    return driver != NULL ? store_new(driver, settings, who, why) : NULL;
}

void
store_close(struct store *st)
{
    if (st == NULL)
        return;
    while (st->staged != NULL) {
        if (st->staged->state == STAGED_COMMITTED)
            store_forget(st, st->staged);
        else
            store_discard(st, st->staged);
    }
    st->driver->close(st);
    store_release(st);
}

unsigned
store_can(const struct store *st)
{
    return st->can;
}

/* ---- delivery ---- */

static enum store_result
store_keep(struct store *st, enum store_result result, struct store_staged *staged)
{
    if (result != STORE_DONE)
        return result;
    staged->state = STAGED_WRITTEN;
    staged->next = st->staged;
    st->staged = staged;
    return result;
}

enum store_result
store_stage(struct store *st, const struct store_mail *mail, struct store_staged **staged,
            struct store_ref *ref, struct store_wait *wait, struct outcome *why)
{
    struct store_mail checked;

    *staged = NULL;
    *wait = (struct store_wait){.fd = -1, .ms = 100};
    memset(ref, 0, sizeof(*ref));
    if (!store_check_mail(mail, &checked, why))
        return STORE_FAILED;
    enum store_result result = st->driver->stage(st, &checked, staged, ref, wait, why);
    return store_keep(st, result, *staged);
}

enum store_result
store_stage_link(struct store *st, const struct store_mail *mail, const struct store_staged *other,
                 struct store_staged **staged, struct store_ref *ref, struct outcome *why)
{
    struct store_mail checked;

    *staged = NULL;
    memset(ref, 0, sizeof(*ref));
    if ((st->can & STORE_CAN_HARDLINK) == 0) {
        store_cannot(why, st, "share files");
        return STORE_FAILED;
    }
    if (!store_check_mail(mail, &checked, why))
        return STORE_FAILED;
    enum store_result result = st->driver->stage_link(st, &checked, other, staged, ref, why);
    return store_keep(st, result, *staged);
}

bool
store_sync(struct store *st, struct store_staged *staged, struct outcome *why)
{
    assert(staged->state == STAGED_WRITTEN);
    return st->driver->sync(st, staged, why);
}

bool
store_publish(struct store *st, struct store_staged *staged, struct outcome *why)
{
    assert(staged->state == STAGED_WRITTEN);
    if (!st->driver->publish(st, staged, why))
        return false;
    staged->state = STAGED_PUBLISHED;
    return true;
}

bool
store_commit(struct store *st, struct outcome *why)
{
    if (!st->driver->commit(st, why))
        return false;
    for (struct store_staged *s = st->staged; s != NULL; s = s->next) {
        if (s->state == STAGED_PUBLISHED)
            s->state = STAGED_COMMITTED;
    }
    return true;
}

static void
store_drop(struct store *st, struct store_staged *staged)
{
    struct store_staged **p = &st->staged;

    while (*p != staged) {
        assert(*p != NULL);
        p = &(*p)->next;
    }
    *p = staged->next;
}

void
store_discard(struct store *st, struct store_staged *staged)
{
    store_drop(st, staged);
    st->driver->discard(st, staged);
}

void
store_forget(struct store *st, struct store_staged *staged)
{
    store_drop(st, staged);
    st->driver->forget(st, staged);
}

/* ---- reading and changing ---- */

bool
store_scan(struct store *st, const char *mailbox, store_entry_fn fn, void *arg, struct outcome *why)
{
    mailbox = store_check_mailbox(mailbox, why);
    return mailbox != NULL && st->driver->scan(st, mailbox, fn, arg, why);
}

bool
store_stamp(struct store *st, const char *mailbox, uint64_t *stamp)
{
    struct outcome why;

    mailbox = store_check_mailbox(mailbox, &why);
    return mailbox != NULL && st->driver->stamp != NULL && st->driver->stamp(st, mailbox, stamp);
}

struct message *
store_read(struct store *st, const char *mailbox, const char *name, struct outcome *why)
{
    mailbox = store_check_message(mailbox, name, why);
    return mailbox != NULL ? st->driver->read(st, mailbox, name, why) : NULL;
}

bool
store_where(struct store *st, const char *mailbox, const char *name, struct buf *out)
{
    struct outcome why;

    mailbox = store_check_message(mailbox, name, &why);
    if (mailbox != NULL && st->driver->where != NULL && st->driver->where(st, mailbox, name, out))
        return true;
    buf_reset(out);
    return buf_append_str(out, st->path);
}

bool
store_set_flags(struct store *st, const char *mailbox, const char *name, unsigned flags,
                struct outcome *why)
{
    mailbox = store_check_message(mailbox, name, why);
    if (mailbox == NULL)
        return false;
    if (st->driver->set_flags == NULL)
        return store_cannot(why, st, "set flags");
    return st->driver->set_flags(st, mailbox, name, flags, why);
}

bool
store_remove(struct store *st, const char *mailbox, const char *name, struct outcome *why)
{
    mailbox = store_check_message(mailbox, name, why);
    if (mailbox == NULL)
        return false;
    if (st->driver->remove == NULL)
        return store_cannot(why, st, "remove single messages");
    return st->driver->remove(st, mailbox, name, why);
}

bool
store_move(struct store *st, const char *from, const char *name, const char *to,
           struct store_ref *moved, struct outcome *why)
{
    from = store_check_message(from, name, why);
    to = from != NULL ? store_check_mailbox(to, why) : NULL;
    if (to == NULL)
        return false;
    if (st->driver->move == NULL)
        return store_cannot(why, st, "move single messages");
    return st->driver->move(st, from, name, to, moved, why);
}

/* ---- mailboxes ---- */

bool
store_mailbox_list(struct store *st, store_mailbox_fn fn, void *arg, struct outcome *why)
{
    if (st->driver->mailbox_list != NULL)
        return st->driver->mailbox_list(st, fn, arg, why);
    fn(arg, "INBOX");
    return true;
}

/* For create, rename and delete, which leave INBOX alone. */
static const char *
mailbox_to_change(const struct store *st, const char *mailbox, struct outcome *why)
{
    if ((st->can & STORE_CAN_FOLDERS) == 0) {
        store_cannot(why, st, "keep mailboxes besides INBOX");
        return NULL;
    }
    mailbox = store_check_mailbox(mailbox, why);
    if (mailbox == NULL || strcmp(mailbox, "INBOX") != 0)
        return mailbox;
    outcome_set(why, OUTCOME_BAD_REQUEST, "INBOX always exists and keeps its name");
    return NULL;
}

bool
store_mailbox_create(struct store *st, const char *mailbox, struct outcome *why)
{
    mailbox = mailbox_to_change(st, mailbox, why);
    return mailbox != NULL && st->driver->mailbox_create(st, mailbox, why);
}

bool
store_mailbox_rename(struct store *st, const char *from, const char *to, struct outcome *why)
{
    from = mailbox_to_change(st, from, why);
    if (from == NULL)
        return false;
    to = mailbox_to_change(st, to, why);
    if (to == NULL)
        return false;

    size_t n = strlen(from);
    if (strncmp(from, to, n) == 0 && (to[n] == '/' || to[n] == '\0'))
        return outcome_set(why, OUTCOME_BAD_REQUEST, "a mailbox cannot move below itself");
    return st->driver->mailbox_rename(st, from, to, why);
}

bool
store_mailbox_delete(struct store *st, const char *mailbox, struct outcome *why)
{
    mailbox = mailbox_to_change(st, mailbox, why);
    return mailbox != NULL && st->driver->mailbox_delete(st, mailbox, why);
}

void
store_tidy(struct store *st, time_t now)
{
    if (st->driver->tidy != NULL)
        st->driver->tidy(st, now);
}
