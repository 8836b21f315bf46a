/* SPDX-License-Identifier: MIT
 *
 * The hand's side: a loop that takes one call after the other from the door and lets the real
 * driver carry it out, with the account owner's uid, which the process has already. Calls come from
 * the store, which is trusted with this account; a frame that is damaged or out of place still ends
 * the hand, because one of the two is broken then.
 */
#include "hand_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "doorstep/door.h"
#include "doorstep/door_frames.h"
#include "store_priv.h"

#define SERVE_QUEUE_MAX (4u << 20)
#define SERVE_REPLY_FULL 32768 /* octets of entries in one frame of a listing */

struct serve {
    struct door *door;
    struct store *st; /* NULL before HAND_OPEN */
    struct settings_store settings;
    char driver[64];
    char path[STORE_PATH_MAX + 1];
    uint64_t id; /* of the call being served */
    struct buf body;
    struct pack reply;
    bool is_lost; /* the store is gone or broken: end */
    uint64_t last_handle;
    size_t staged_count;
    struct serve_staged {
        uint64_t handle;
        struct store_staged *staged;
    } staged[HAND_STAGED_MAX];
};

static void
reply_begin(struct serve *s, enum hand_result result)
{
    buf_reset(&s->body);
    pack_init(&s->reply, &s->body);
    pack_u8(&s->reply, (uint8_t)result);
}

/* The queue is flushed before the next call is read, so a slow store slows its hand. */
static void
reply_send(struct serve *s, int fd)
{
    if (s->reply.full || !door_send(s->door, HAND_REPLY, s->id, buf_span(&s->body), fd))
        s->is_lost = true;
    while (!s->is_lost && door_queued(s->door) > 0) {
        if (!door_wait(s->door, true, HAND_TIMEOUT_MS) || door_flush(s->door) == DOOR_CLOSED)
            s->is_lost = true;
    }
}

static void
reply_failed(struct serve *s, const struct outcome *why)
{
    reply_begin(s, HAND_FAILED);
    outcome_pack(why, &s->reply);
    reply_send(s, -1);
}

static void
reply_plain(struct serve *s, bool ok, const struct outcome *why)
{
    if (!ok) {
        reply_failed(s, why);
        return;
    }
    reply_begin(s, HAND_DONE);
    reply_send(s, -1);
}

/* ---- open ---- */

static bool
unpack_settings(struct serve *s, struct unpack *u)
{
    struct settings_store *set = &s->settings;

    unpack_str(u, s->driver, sizeof(s->driver));
    unpack_str(u, s->path, sizeof(s->path));
    set->name = set->driver = s->driver;
    set->path = s->path;
    set->crlf = unpack_u8(u) != 0;
    set->lock_count = unpack_u8(u);
    if (set->lock_count > sizeof(set->lock) / sizeof(set->lock[0]))
        return false;
    for (size_t i = 0; i < set->lock_count; i++) {
        uint8_t lock = unpack_u8(u);
        if (lock > STORE_LOCK_FLOCK)
            return false;
        set->lock[i] = (enum store_lock)lock;
    }
    set->lock_timeout = unpack_u64(u);
    set->tmp_max_age = unpack_u64(u);
    return !u->broken;
}

static bool
serve_open(struct serve *s, struct unpack *u)
{
    char plugin_dir[STORE_PATH_MAX + 1], user[512], domain[512], home[STORE_PATH_MAX + 1];
    struct store_account who = {user, domain, home};
    struct outcome why;

    if (s->st != NULL || !unpack_settings(s, u))
        return false;
    unpack_str(u, plugin_dir, sizeof(plugin_dir));
    unpack_str(u, user, sizeof(user));
    unpack_str(u, domain, sizeof(domain));
    unpack_str(u, home, sizeof(home));
    if (!unpack_done(u))
        return false;
    s->st = store_open(&s->settings, plugin_dir, &who, &why);
    if (s->st == NULL) {
        reply_failed(s, &why);
        return true;
    }
    reply_begin(s, HAND_DONE);
    pack_u32(&s->reply, store_can(s->st));
    reply_send(s, -1);
    return true;
}

/* ---- delivery ---- */

struct call_mail { /* a store_mail and the memory for its strings */
    struct store_mail mail;
    char mailbox[STORE_MAILBOX_SIZE];
    char return_path[HAND_RETURN_PATH_SIZE];
    char id[HAND_ID_SIZE];
};

static bool
unpack_mail(struct unpack *u, struct call_mail *c)
{
    unpack_str(u, c->mailbox, sizeof(c->mailbox));
    c->mail.trace = unpack_span(u, HAND_TRACE_MAX);
    c->mail.keep_bytes = unpack_u8(u) != 0;
    unpack_str(u, c->return_path, sizeof(c->return_path));
    unpack_str(u, c->id, sizeof(c->id));
    c->mail.received.tv_sec = (time_t)unpack_u64(u);
    c->mail.received.tv_nsec = unpack_u32(u);
    c->mail.flags = unpack_u32(u);
    c->mail.mailbox = c->mailbox;
    c->mail.return_path = c->return_path;
    c->mail.id = c->id;
    return !u->broken && c->mail.received.tv_nsec < 1000000000;
}

static void
reply_staged(struct serve *s, struct store_staged *staged, const struct store_ref *ref)
{
    struct serve_staged *slot = &s->staged[s->staged_count++];

    *slot = (struct serve_staged){++s->last_handle, staged};
    reply_begin(s, HAND_DONE);
    pack_u64(&s->reply, slot->handle);
    hand_pack_ref(ref, &s->reply);
    reply_send(s, -1);
}

static bool
serve_stage(struct serve *s, struct unpack *u, int fd)
{
    struct call_mail c = {0};
    struct store_staged *staged;
    struct store_wait wait;
    struct store_ref ref;
    struct outcome why;

    if (!unpack_mail(u, &c) || s->staged_count == HAND_STAGED_MAX) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    c.mail.msg = hand_unpack_message(u, fd, &why);
    if (c.mail.msg == NULL || !unpack_done(u)) {
        message_unref(c.mail.msg);
        return false;
    }
    switch (store_stage(s->st, &c.mail, &staged, &ref, &wait, &why)) {
    case STORE_DONE:
        reply_staged(s, staged, &ref);
        break;
    case STORE_FAILED:
        reply_failed(s, &why);
        break;
    case STORE_LATER:
        reply_begin(s, HAND_LATER);
        pack_u32(&s->reply, wait.ms);
        reply_send(s, -1);
        break;
    }
    message_unref(c.mail.msg);
    return true;
}

static struct serve_staged *
staged_find(struct serve *s, struct unpack *u)
{
    uint64_t handle = unpack_u64(u);

    for (size_t i = 0; unpack_done(u) && i < s->staged_count; i++) {
        if (s->staged[i].handle == handle)
            return &s->staged[i];
    }
    return NULL;
}

static bool
serve_sync(struct serve *s, struct unpack *u)
{
    struct serve_staged *slot = staged_find(s, u);
    struct outcome why;

    if (slot == NULL || slot->staged->state != STAGED_WRITTEN)
        return false;
    reply_plain(s, store_sync(s->st, slot->staged, &why), &why);
    return true;
}

static bool
serve_publish(struct serve *s, struct unpack *u)
{
    struct serve_staged *slot = staged_find(s, u);
    struct outcome why;

    if (slot == NULL || slot->staged->state != STAGED_WRITTEN)
        return false;
    reply_plain(s, store_publish(s->st, slot->staged, &why), &why);
    return true;
}

static bool
serve_end_of(struct serve *s, struct unpack *u, void (*end)(struct store *, struct store_staged *))
{
    struct serve_staged *slot = staged_find(s, u);

    if (slot == NULL)
        return false;
    end(s->st, slot->staged);
    *slot = s->staged[--s->staged_count];
    reply_plain(s, true, NULL);
    return true;
}

static bool
serve_commit(struct serve *s, struct unpack *u)
{
    struct outcome why;

    if (!unpack_done(u))
        return false;
    reply_plain(s, store_commit(s->st, &why), &why);
    return true;
}

/* ---- listings ---- */

static bool
listing_flush(struct serve *s, size_t when)
{
    if (s->body.len > when) {
        reply_send(s, -1);
        reply_begin(s, HAND_MORE);
    }
    return !s->is_lost;
}

static bool
on_entry(void *arg, const struct store_entry *e)
{
    struct serve *s = arg;

    hand_pack_entry(e, &s->reply);
    return listing_flush(s, SERVE_REPLY_FULL);
}

static bool
on_mailbox(void *arg, const char *mailbox)
{
    struct serve *s = arg;

    pack_str(&s->reply, mailbox);
    return listing_flush(s, SERVE_REPLY_FULL);
}

static bool
serve_scan(struct serve *s, struct unpack *u)
{
    char mailbox[STORE_MAILBOX_SIZE];
    struct outcome why;

    unpack_str(u, mailbox, sizeof(mailbox));
    if (!unpack_done(u))
        return false;
    reply_begin(s, HAND_MORE);
    bool ok = store_scan(s->st, mailbox, on_entry, s, &why);
    listing_flush(s, 1);
    reply_plain(s, ok, &why);
    return true;
}

static bool
serve_list(struct serve *s, struct unpack *u)
{
    struct outcome why;

    if (!unpack_done(u))
        return false;
    reply_begin(s, HAND_MORE);
    bool ok = store_mailbox_list(s->st, on_mailbox, s, &why);
    listing_flush(s, 1);
    reply_plain(s, ok, &why);
    return true;
}

/* ---- single calls ---- */

static bool
serve_stamp(struct serve *s, struct unpack *u)
{
    char mailbox[STORE_MAILBOX_SIZE];
    struct outcome why;
    uint64_t stamp;

    unpack_str(u, mailbox, sizeof(mailbox));
    if (!unpack_done(u))
        return false;
    if (!store_stamp(s->st, mailbox, &stamp)) {
        outcome_set(&why, OUTCOME_NOT_FOUND, "no stamp");
        reply_failed(s, &why);
        return true;
    }
    reply_begin(s, HAND_DONE);
    pack_u64(&s->reply, stamp);
    reply_send(s, -1);
    return true;
}

static bool
serve_read(struct serve *s, struct unpack *u)
{
    char mailbox[STORE_MAILBOX_SIZE], name[STORE_REF_SIZE];
    struct outcome why;
    int fd = -1;

    unpack_str(u, mailbox, sizeof(mailbox));
    unpack_str(u, name, sizeof(name));
    if (!unpack_done(u))
        return false;
    struct message *m = store_read(s->st, mailbox, name, &why);
    reply_begin(s, HAND_DONE);
    if (m != NULL && hand_pack_message(m, &s->reply, &fd, &why))
        reply_send(s, fd);
    else
        reply_failed(s, &why);
    if (fd >= 0)
        close(fd);
    message_unref(m);
    return true;
}

static bool
serve_set_flags(struct serve *s, struct unpack *u)
{
    char mailbox[STORE_MAILBOX_SIZE], name[STORE_REF_SIZE];
    struct outcome why;

    unpack_str(u, mailbox, sizeof(mailbox));
    unpack_str(u, name, sizeof(name));
    uint32_t flags = unpack_u32(u);
    if (!unpack_done(u))
        return false;
    reply_plain(s, store_set_flags(s->st, mailbox, name, flags, &why), &why);
    return true;
}

typedef bool (*names_fn)(struct store *st, const char *a, const char *b, struct outcome *why);
typedef bool (*name_fn)(struct store *st, const char *a, struct outcome *why);

static bool
serve_names(struct serve *s, struct unpack *u, names_fn fn)
{
    char a[STORE_MAILBOX_SIZE], b[STORE_MAILBOX_SIZE];
    struct outcome why;

    unpack_str(u, a, sizeof(a));
    unpack_str(u, b, sizeof(b));
    if (!unpack_done(u))
        return false;
    reply_plain(s, fn(s->st, a, b, &why), &why);
    return true;
}

static bool
serve_name(struct serve *s, struct unpack *u, name_fn fn)
{
    char mailbox[STORE_MAILBOX_SIZE];
    struct outcome why;

    unpack_str(u, mailbox, sizeof(mailbox));
    if (!unpack_done(u))
        return false;
    reply_plain(s, fn(s->st, mailbox, &why), &why);
    return true;
}

static bool
serve_tidy(struct serve *s, struct unpack *u)
{
    uint64_t now = unpack_u64(u);

    if (!unpack_done(u))
        return false;
    store_tidy(s->st, (time_t)now);
    reply_plain(s, true, NULL);
    return true;
}

/* false: not a call. fd is taken. */
static bool
serve_verb(struct serve *s, enum hand_verb verb, struct unpack *u, int fd)
{
    if (verb == HAND_STAGE && s->st != NULL)
        return serve_stage(s, u, fd);
    if (fd >= 0) {
        close(fd);
        return false;
    }
    if (verb == HAND_OPEN)
        return serve_open(s, u);
    if (s->st == NULL)
        return false;
    switch (verb) {
    case HAND_OPEN:
    case HAND_STAGE:
        break;
    case HAND_SYNC:
        return serve_sync(s, u);
    case HAND_PUBLISH:
        return serve_publish(s, u);
    case HAND_COMMIT:
        return serve_commit(s, u);
    case HAND_DISCARD:
        return serve_end_of(s, u, store_discard);
    case HAND_FORGET:
        return serve_end_of(s, u, store_forget);
    case HAND_SCAN:
        return serve_scan(s, u);
    case HAND_STAMP:
        return serve_stamp(s, u);
    case HAND_READ:
        return serve_read(s, u);
    case HAND_SET_FLAGS:
        return serve_set_flags(s, u);
    case HAND_REMOVE:
        return serve_names(s, u, store_remove);
    case HAND_LIST:
        return serve_list(s, u);
    case HAND_CREATE:
        return serve_name(s, u, store_mailbox_create);
    case HAND_RENAME:
        return serve_names(s, u, store_mailbox_rename);
    case HAND_DELETE:
        return serve_name(s, u, store_mailbox_delete);
    case HAND_TIDY:
        return serve_tidy(s, u);
    }
    return false;
}

/* One call; the frame's body is the door's until the next receive, which comes after the reply. */
static int
serve_one(struct serve *s)
{
    struct door_frame f = {.fd = -1};
    struct unpack u;

    switch (door_receive(s->door, &f)) {
    case DOOR_OK:
        break;
    case DOOR_AGAIN:
        return -1;
    case DOOR_CLOSED:
        return EX_OK;
    case DOOR_BROKEN:
        return EX_PROTOCOL;
    }
    unpack_init(&u, f.body);
    s->id = f.id;
    enum hand_verb verb = (enum hand_verb)unpack_u8(&u);
    if (f.type != HAND_CALL || u.broken) {
        if (f.fd >= 0)
            close(f.fd);
        return EX_PROTOCOL;
    }
    if (!serve_verb(s, verb, &u, f.fd))
        return EX_PROTOCOL;
    return s->is_lost ? EX_OK : -1;
}

int
store_hand_run(int door_fd, unsigned idle_ms)
{
    struct serve *s = calloc(1, sizeof(*s));
    int status = s != NULL ? -1 : EX_OSERR;

    if (s != NULL) {
        buf_init(&s->body, DOOR_BODY_MAX);
        s->door = door_new(door_fd, SERVE_QUEUE_MAX);
        if (s->door == NULL)
            status = EX_OSERR;
    }
    while (status < 0)
        status = door_wait(s->door, false, (int)idle_ms) ? serve_one(s) : EX_OK;
    if (s == NULL || s->door == NULL)
        close(door_fd);
    else
        door_free(s->door);
    if (s != NULL) {
        store_close(s->st);
        buf_release(&s->body);
    }
    free(s);
    return status;
}
