/* SPDX-License-Identifier: MIT
 *
 * See drivers.h.
 */
#include "drivers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the one that fails ---- */

struct failing {
    struct store base;
    struct store *inner; /* owned */
    unsigned left;
    enum outcome_kind kind;
    bool happened;
};

struct failing_staged {
    struct store_staged base;
    struct store_staged *inner;
};

static struct failing *
failing_of(struct store *st)
{
    return (struct failing *)st;
}

static bool
fails(struct store *st, const char *call, struct outcome *why)
{
    struct failing *f = failing_of(st);

    f->inner->is_journaled = st->is_journaled;
    if (f->left == 0 || --f->left > 0)
        return false;
    f->happened = true;
    outcome_set(why, f->kind, "%s was told to fail", call);
    return true;
}

static struct store_staged *
inner_of(struct store_staged *staged)
{
    return ((struct failing_staged *)staged)->inner;
}

static bool
failing_open(struct store *st, struct outcome *why)
{
    (void)st, (void)why;
    return true;
}

static void
failing_close(struct store *st)
{
    store_close(failing_of(st)->inner);
}

static enum store_result
failing_stage(struct store *st, const struct store_mail *mail, struct store_staged **staged,
              struct store_ref *ref, struct store_wait *wait, struct outcome *why)
{
    struct failing_staged *s;

    if (fails(st, "stage", why))
        return STORE_FAILED;
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        abort();
    enum store_result result = store_stage(failing_of(st)->inner, mail, &s->inner, ref, wait, why);
    if (result == STORE_DONE)
        *staged = &s->base;
    else
        free(s);
    return result;
}

static bool
failing_place(struct store *st, const struct store_staged *staged, struct buf *out)
{
    return store_place(failing_of(st)->inner, ((const struct failing_staged *)staged)->inner, out);
}

static int
failing_sync_fd(struct store *st, struct outcome *why)
{
    return fails(st, "sync_fd", why) ? -1 : store_sync_fd(failing_of(st)->inner, why);
}

static enum store_result
failing_restore(struct store *st, const struct store_mail *mail, const struct store_ref *ref,
                struct span place, char *mailbox, struct store_wait *wait, struct outcome *why)
{
    if (fails(st, "restore", why))
        return STORE_FAILED;
    return store_restore(failing_of(st)->inner, mail, ref, place, mailbox, wait, why);
}

static void
failing_restore_end(struct store *st)
{
    store_restore_end(failing_of(st)->inner);
}

static bool
failing_sync(struct store *st, struct store_staged *staged, struct outcome *why)
{
    return !fails(st, "sync", why) && store_sync(failing_of(st)->inner, inner_of(staged), why);
}

static bool
failing_publish(struct store *st, struct store_staged *staged, struct outcome *why)
{
    return !fails(st, "publish", why) &&
           store_publish(failing_of(st)->inner, inner_of(staged), why);
}

static bool
failing_commit(struct store *st, struct outcome *why)
{
    return !fails(st, "commit", why) && store_commit(failing_of(st)->inner, why);
}

static void
failing_discard(struct store *st, struct store_staged *staged)
{
    store_discard(failing_of(st)->inner, inner_of(staged));
    free(staged);
}

static void
failing_forget(struct store *st, struct store_staged *staged)
{
    store_forget(failing_of(st)->inner, inner_of(staged));
    free(staged);
}

static bool
failing_scan(struct store *st, const char *mailbox, store_entry_fn fn, void *arg,
             struct outcome *why)
{
    return !fails(st, "scan", why) && store_scan(failing_of(st)->inner, mailbox, fn, arg, why);
}

static bool
failing_stamp(struct store *st, const char *mailbox, uint64_t *stamp)
{
    return store_stamp(failing_of(st)->inner, mailbox, stamp);
}

static struct message *
failing_read(struct store *st, const char *mailbox, const char *name, struct outcome *why)
{
    return fails(st, "read", why) ? NULL : store_read(failing_of(st)->inner, mailbox, name, why);
}

static bool
failing_set_flags(struct store *st, const char *mailbox, const char *name, unsigned flags,
                  struct outcome *why)
{
    return !fails(st, "set_flags", why) &&
           store_set_flags(failing_of(st)->inner, mailbox, name, flags, why);
}

static bool
failing_remove(struct store *st, const char *mailbox, const char *name, struct outcome *why)
{
    return !fails(st, "remove", why) && store_remove(failing_of(st)->inner, mailbox, name, why);
}

static bool
failing_move(struct store *st, const char *from, const char *name, const char *to,
             struct store_ref *moved, struct outcome *why)
{
    return !fails(st, "move", why) && store_move(failing_of(st)->inner, from, name, to, moved, why);
}

static bool
failing_list(struct store *st, store_mailbox_fn fn, void *arg, struct outcome *why)
{
    return !fails(st, "list", why) && store_mailbox_list(failing_of(st)->inner, fn, arg, why);
}

static bool
failing_create(struct store *st, const char *mailbox, struct outcome *why)
{
    return !fails(st, "create", why) && store_mailbox_create(failing_of(st)->inner, mailbox, why);
}

static bool
failing_rename(struct store *st, const char *from, const char *to, struct outcome *why)
{
    return !fails(st, "rename", why) && store_mailbox_rename(failing_of(st)->inner, from, to, why);
}

static bool
failing_delete(struct store *st, const char *mailbox, struct outcome *why)
{
    return !fails(st, "delete", why) && store_mailbox_delete(failing_of(st)->inner, mailbox, why);
}

static const struct store_driver failing_driver = {
    .abi = STORE_DRIVER_ABI,
    .name = "failing",
    .size = sizeof(struct failing),
    .open = failing_open,
    .close = failing_close,
    .stage = failing_stage,
    .place = failing_place,
    .sync_fd = failing_sync_fd,
    .restore = failing_restore,
    .restore_end = failing_restore_end,
    .sync = failing_sync,
    .publish = failing_publish,
    .commit = failing_commit,
    .discard = failing_discard,
    .forget = failing_forget,
    .scan = failing_scan,
    .stamp = failing_stamp,
    .read = failing_read,
    .set_flags = failing_set_flags,
    .remove = failing_remove,
    .move = failing_move,
    .mailbox_list = failing_list,
    .mailbox_create = failing_create,
    .mailbox_rename = failing_rename,
    .mailbox_delete = failing_delete,
};

struct store *
store_failing(struct store *inner, unsigned n, enum outcome_kind kind)
{
    struct outcome why;
    struct store *st = store_new(&failing_driver, inner->settings, &inner->who, &why);

    if (st == NULL)
        abort();
    st->can = store_can(inner) & ~(unsigned)STORE_CAN_HARDLINK;
    failing_of(st)->inner = inner;
    store_failing_arm(st, n, kind);
    return st;
}

void
store_failing_arm(struct store *failing, unsigned n, enum outcome_kind kind)
{
    failing_of(failing)->left = n;
    failing_of(failing)->kind = kind;
    failing_of(failing)->happened = false;
}

bool
store_failing_happened(const struct store *failing)
{
    return ((const struct failing *)failing)->happened;
}

/* ---- the one that keeps nothing ---- */

static bool
empty_open(struct store *st, struct outcome *why)
{
    (void)st, (void)why;
    return true;
}

static void
empty_close(struct store *st)
{
    (void)st;
}

static enum store_result
empty_stage(struct store *st, const struct store_mail *mail, struct store_staged **staged,
            struct store_ref *ref, struct store_wait *wait, struct outcome *why)
{
    (void)st, (void)wait, (void)why;
    *staged = calloc(1, sizeof(**staged));
    if (*staged == NULL)
        abort();
    snprintf(ref->name, sizeof(ref->name), "%s", mail->id);
    ref->stored_octets = ref->wire_octets = store_wire_octets(mail);
    ref->trace_octets = (uint32_t)mail->trace.n;
    ref->is_crlf = true;
    return STORE_DONE;
}

static bool
empty_step(struct store *st, struct store_staged *staged, struct outcome *why)
{
    (void)st, (void)staged, (void)why;
    return true;
}

static bool
empty_commit(struct store *st, struct outcome *why)
{
    (void)st, (void)why;
    return true;
}

static void
empty_end(struct store *st, struct store_staged *staged)
{
    (void)st;
    free(staged);
}

static bool
empty_scan(struct store *st, const char *mailbox, store_entry_fn fn, void *arg, struct outcome *why)
{
    (void)st, (void)fn, (void)arg;
    return strcmp(mailbox, "INBOX") == 0 ||
           outcome_set(why, OUTCOME_NOT_FOUND, "no mailbox %s", mailbox);
}

static struct message *
empty_read(struct store *st, const char *mailbox, const char *name, struct outcome *why)
{
    (void)st, (void)mailbox;
    outcome_set(why, OUTCOME_NOT_FOUND, "no message %s", name);
    return NULL;
}

const struct store_driver store_empty = {
    .abi = STORE_DRIVER_ABI,
    .name = "empty",
    .size = sizeof(struct store),
    .open = empty_open,
    .close = empty_close,
    .stage = empty_stage,
    .sync = empty_step,
    .publish = empty_step,
    .commit = empty_commit,
    .discard = empty_end,
    .forget = empty_end,
    .scan = empty_scan,
    .read = empty_read,
};
