/* SPDX-License-Identifier: MIT
 *
 * The hand's side: a loop that takes one call after the other from the door and lets the real
 * driver carry it out, with the account owner's uid, which the process has already. Calls come from
 * the store, which is trusted with this account; a frame that is damaged or out of place still ends
 * the hand, because one of the two is broken then.
 */
#include "hand_serve_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "doorstep/door_frames.h"

#define SERVE_QUEUE_MAX (4u << 20)

void
serve_reply_begin(struct serve *s, enum hand_result result)
{
    buf_reset(&s->body);
    pack_init(&s->reply, &s->body);
    pack_u8(&s->reply, (uint8_t)result);
}

void
serve_reply_send(struct serve *s, int fd)
{
    if (s->reply.full || !door_send(s->door, HAND_REPLY, s->id, buf_span(&s->body), fd))
        s->is_lost = true;
    while (!s->is_lost && door_queued(s->door) > 0) {
        if (!door_wait(s->door, true, HAND_TIMEOUT_MS) || door_flush(s->door) == DOOR_CLOSED)
            s->is_lost = true;
    }
}

void
serve_reply_failed(struct serve *s, const struct outcome *why)
{
    serve_reply_begin(s, HAND_FAILED);
    outcome_pack(why, &s->reply);
    serve_reply_send(s, -1);
}

void
serve_reply_plain(struct serve *s, bool ok, const struct outcome *why)
{
    if (!ok) {
        serve_reply_failed(s, why);
        return;
    }
    serve_reply_begin(s, HAND_DONE);
    serve_reply_send(s, -1);
}

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
        serve_reply_failed(s, &why);
        return true;
    }
    serve_reply_begin(s, HAND_DONE);
    pack_u32(&s->reply, store_can(s->st));
    serve_reply_send(s, -1);
    return true;
}

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
        serve_reply_failed(s, &why);
        return true;
    }
    serve_reply_begin(s, HAND_DONE);
    pack_u64(&s->reply, stamp);
    serve_reply_send(s, -1);
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
    serve_reply_begin(s, HAND_DONE);
    if (m != NULL && hand_pack_message(m, &s->reply, &fd, &why))
        serve_reply_send(s, fd);
    else
        serve_reply_failed(s, &why);
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
    serve_reply_plain(s, store_set_flags(s->st, mailbox, name, flags, &why), &why);
    return true;
}

static bool
serve_move(struct serve *s, struct unpack *u)
{
    char from[STORE_MAILBOX_SIZE], name[STORE_REF_SIZE], to[STORE_MAILBOX_SIZE];
    struct store_ref moved;
    struct outcome why;

    unpack_str(u, from, sizeof(from));
    unpack_str(u, name, sizeof(name));
    unpack_str(u, to, sizeof(to));
    if (!unpack_done(u))
        return false;
    if (!store_move(s->st, from, name, to, &moved, &why)) {
        serve_reply_failed(s, &why);
        return true;
    }
    serve_reply_begin(s, HAND_DONE);
    pack_str(&s->reply, moved.name);
    serve_reply_send(s, -1);
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
    serve_reply_plain(s, fn(s->st, a, b, &why), &why);
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
    serve_reply_plain(s, fn(s->st, mailbox, &why), &why);
    return true;
}

static bool
serve_tidy(struct serve *s, struct unpack *u)
{
    uint64_t now = unpack_u64(u);

    if (!unpack_done(u))
        return false;
    store_tidy(s->st, (time_t)now);
    serve_reply_plain(s, true, NULL);
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
    case HAND_MOVE:
        return serve_move(s, u);
    }
    return false;
}

/* One call; the frame's body is the door's until the next receive, which comes after the reply. */
static int
serve_one(struct serve *s, int idle_ms)
{
    struct door_frame f = {.fd = -1};
    struct unpack u;

    switch (door_await(s->door, idle_ms, &f)) {
    case DOOR_OK:
        break;
    case DOOR_AGAIN: /* nobody has needed it for so long */
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
        status = serve_one(s, (int)idle_ms);
    if (s == NULL)
        close(door_fd);
    if (s != NULL) {
        door_free(s->door);
        store_close(s->st);
        buf_release(&s->body);
    }
    free(s);
    return status;
}
