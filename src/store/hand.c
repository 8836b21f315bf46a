/* SPDX-License-Identifier: MIT
 *
 * The store's side of a hand: a driver whose every call travels through a door to a process that
 * has the account owner's uid, and is carried out there by the real driver. The hand is trusted no
 * more than the owner: what it answers is checked, and when it dies or takes too long this store
 * fails every call from then on, until it is closed and opened with another hand.
 */
#include "hand_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doorstep/door.h"
#include "doorstep/door_frames.h"

#define HAND_QUEUE_MAX 262144

struct hand {
    struct store base;
    struct door *door; /* owned; NULL once it is given up */
    uint64_t last_id;
    struct buf body; /* of the call being made */
    struct pack pack;
};

struct hand_staged {
    struct store_staged base;
    uint64_t handle; /* the hand's name for it */
};

static struct hand *
hand_of(struct store *st)
{
    return (struct hand *)st;
}

/* From here on every call fails, and the other side sees the door close and ends. */
static bool
hand_give_up(struct hand *h, struct outcome *why, const char *what)
{
    door_free(h->door);
    h->door = NULL;
    return outcome_set(why, OUTCOME_SYSTEM, "hand of %s@%s %s", h->base.who.user,
                       h->base.who.domain, what);
}

static struct pack *
call_begin(struct hand *h, enum hand_verb verb)
{
    buf_reset(&h->body);
    pack_init(&h->pack, &h->body);
    pack_u8(&h->pack, (uint8_t)verb);
    return &h->pack;
}

/* The result of a reply; HAND_FAILED fills `why`. false: not a reply. */
static bool
reply_begin(struct unpack *u, const struct door_frame *f, enum hand_result *result,
            struct outcome *why)
{
    unpack_init(u, f->body);
    *result = (enum hand_result)unpack_u8(u);
    if (f->type != HAND_REPLY || u->broken || *result > HAND_MORE)
        return false;
    if (*result == HAND_FAILED) {
        outcome_unpack(why, u);
        return unpack_done(u) && !outcome_is_success(why);
    }
    return true;
}

/* One call, one reply: true for HAND_DONE and HAND_MORE, with u behind the result; *fd is owned by
 * the caller then. */
static bool
hand_call(struct hand *h, int fd, struct unpack *u, enum hand_result *result, int *reply_fd,
          struct outcome *why)
{
    struct door_frame f = {.fd = -1};

    *result = HAND_FAILED;
    *reply_fd = -1;
    if (h->door == NULL)
        return outcome_set(why, OUTCOME_SYSTEM, "hand of %s@%s is gone", h->base.who.user,
                           h->base.who.domain);
    if (h->pack.full)
        return outcome_set(why, OUTCOME_SYSTEM, "call to the hand is too long");
    switch (
        door_call(h->door, HAND_CALL, ++h->last_id, buf_span(&h->body), fd, HAND_TIMEOUT_MS, &f)) {
    case DOOR_OK:
        break;
    case DOOR_AGAIN:
        return hand_give_up(h, why, "took too long");
    case DOOR_CLOSED:
        return hand_give_up(h, why, "died");
    case DOOR_BROKEN:
        return hand_give_up(h, why, "sent no frame");
    }
    *reply_fd = f.fd;
    if (reply_begin(u, &f, result, why))
        return *result == HAND_DONE || *result == HAND_MORE;
    *result = HAND_FAILED;
    return hand_give_up(h, why, "sent no reply");
}

/* A call that gives nothing back. */
static bool
hand_call_plain(struct hand *h, struct outcome *why)
{
    enum hand_result result;
    struct unpack u;
    int fd;
    bool ok = hand_call(h, -1, &u, &result, &fd, why);

    if (fd >= 0)
        close(fd);
    if (ok && (result != HAND_DONE || !unpack_done(&u)))
        return hand_give_up(h, why, "sent another reply than asked");
    return ok;
}

static bool
hand_open(struct store *st, struct outcome *why)
{
    (void)st, (void)why; /* store_open_by_hand() goes on with the door */
    return true;
}

static void
hand_close(struct store *st)
{
    struct hand *h = hand_of(st);

    door_free(h->door);
    buf_release(&h->body);
}

/* ---- delivery ---- */

static void
pack_mail(const struct store_mail *mail, struct pack *p)
{
    pack_str(p, mail->mailbox);
    pack_span(p, mail->trace);
    pack_u8(p, mail->keep_bytes);
    pack_str(p, mail->return_path);
    pack_str(p, mail->id);
    pack_u64(p, (uint64_t)mail->received.tv_sec);
    pack_u32(p, (uint32_t)mail->received.tv_nsec);
    pack_u32(p, mail->flags);
}

static enum store_result
stage_reply(struct hand *h, enum hand_result result, bool ok, struct unpack *u,
            struct hand_staged *s, struct store_ref *ref, struct store_wait *wait,
            struct outcome *why)
{
    if (result == HAND_LATER) {
        *wait = (struct store_wait){.fd = -1, .ms = unpack_u32(u)};
        if (unpack_done(u) && wait->ms <= HAND_TIMEOUT_MS)
            return STORE_LATER;
        hand_give_up(h, why, "sent no reply");
        return STORE_FAILED;
    }
    if (!ok)
        return STORE_FAILED;
    s->handle = unpack_u64(u);
    hand_unpack_ref(ref, u);
    if (result == HAND_DONE && unpack_done(u) && ref->name[0] != '\0')
        return STORE_DONE;
    hand_give_up(h, why, "sent another reply than asked");
    return STORE_FAILED;
}

static enum store_result
stage_call(struct hand *h, const struct store_mail *mail, struct hand_staged *s,
           struct store_ref *ref, struct store_wait *wait, struct outcome *why)
{
    struct pack *p = call_begin(h, HAND_STAGE);
    enum hand_result result;
    struct unpack u;
    int fd, reply_fd;

    pack_mail(mail, p);
    if (!hand_pack_message(mail->msg, p, &fd, why))
        return STORE_FAILED;
    bool ok = hand_call(h, fd, &u, &result, &reply_fd, why);
    if (fd >= 0)
        close(fd);
    if (reply_fd >= 0)
        close(reply_fd);
    return stage_reply(h, result, ok, &u, s, ref, wait, why);
}

static enum store_result
hand_stage(struct store *st, const struct store_mail *mail, struct store_staged **staged,
           struct store_ref *ref, struct store_wait *wait, struct outcome *why)
{
    struct hand_staged *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        outcome_set(why, OUTCOME_OVERLOAD, "no memory to stage a delivery");
        return STORE_FAILED;
    }
    enum store_result result = stage_call(hand_of(st), mail, s, ref, wait, why);
    if (result == STORE_DONE)
        *staged = &s->base;
    else
        free(s);
    return result;
}

static bool
staged_call(struct store *st, enum hand_verb verb, struct store_staged *staged, struct outcome *why)
{
    pack_u64(call_begin(hand_of(st), verb), ((struct hand_staged *)staged)->handle);
    return hand_call_plain(hand_of(st), why);
}

static bool
hand_sync(struct store *st, struct store_staged *staged, struct outcome *why)
{
    return staged_call(st, HAND_SYNC, staged, why);
}

static bool
hand_publish(struct store *st, struct store_staged *staged, struct outcome *why)
{
    return staged_call(st, HAND_PUBLISH, staged, why);
}

static bool
hand_commit(struct store *st, struct outcome *why)
{
    call_begin(hand_of(st), HAND_COMMIT);
    return hand_call_plain(hand_of(st), why);
}

/* A hand that is gone has discarded what was staged: its store was closed. */
static void
hand_discard(struct store *st, struct store_staged *staged)
{
    struct outcome unused;

    staged_call(st, HAND_DISCARD, staged, &unused);
    free(staged);
}

static void
hand_forget(struct store *st, struct store_staged *staged)
{
    struct outcome unused;

    staged_call(st, HAND_FORGET, staged, &unused);
    free(staged);
}

/* ---- listings ---- */

typedef bool (*hand_item_fn)(struct unpack *u, void *arg);

/* The next frame of a listing under way. */
static bool
listing_next(struct hand *h, struct unpack *u, enum hand_result *result, struct outcome *why)
{
    struct door_frame f = {.fd = -1};
    enum door_result got;

    do {
        if (!door_wait(h->door, false, HAND_TIMEOUT_MS))
            return hand_give_up(h, why, "took too long");
        got = door_receive(h->door, &f);
    } while (got == DOOR_AGAIN);
    if (got == DOOR_OK && f.fd >= 0)
        close(f.fd);
    if (got != DOOR_OK || f.id != h->last_id || !reply_begin(u, &f, result, why))
        return hand_give_up(h, why, "broke off a listing");
    return *result != HAND_FAILED;
}

/* All frames are read even when the caller has enough: the door must be clean for the next call. */
static bool
hand_listing(struct hand *h, hand_item_fn item, void *arg, struct outcome *why)
{
    enum hand_result result;
    struct unpack u;
    bool more = true;
    int fd;
    bool ok = hand_call(h, -1, &u, &result, &fd, why);

    if (fd >= 0)
        close(fd);
    while (ok && result == HAND_MORE) {
        while (!u.broken && u.rest.n > 0) {
            bool wanted = item(&u, more ? arg : NULL);
            more = more && wanted;
        }
        if (u.broken)
            return hand_give_up(h, why, "sent a damaged listing");
        ok = listing_next(h, &u, &result, why);
    }
    if (ok && (result != HAND_DONE || !unpack_done(&u)))
        return hand_give_up(h, why, "sent a damaged listing");
    return ok;
}

struct scan_call {
    store_entry_fn fn;
    void *arg;
};

/* arg NULL: only skip it. */
static bool
scan_item(struct unpack *u, void *arg)
{
    const struct scan_call *call = arg;
    char name[STORE_REF_SIZE];
    struct store_entry e;

    hand_unpack_entry(&e, name, u);
    return !u->broken && call != NULL && call->fn(call->arg, &e);
}

static bool
hand_scan(struct store *st, const char *mailbox, store_entry_fn fn, void *arg, struct outcome *why)
{
    struct scan_call call = {fn, arg};

    pack_str(call_begin(hand_of(st), HAND_SCAN), mailbox);
    return hand_listing(hand_of(st), scan_item, &call, why);
}

struct list_call {
    store_mailbox_fn fn;
    void *arg;
};

static bool
list_item(struct unpack *u, void *arg)
{
    const struct list_call *call = arg;
    char name[STORE_MAILBOX_SIZE];

    unpack_str(u, name, sizeof(name));
    if (!u->broken && !store_mailbox_name_check(name))
        u->broken = true;
    return !u->broken && call != NULL && call->fn(call->arg, name);
}

static bool
hand_mailbox_list(struct store *st, store_mailbox_fn fn, void *arg, struct outcome *why)
{
    struct list_call call = {fn, arg};

    call_begin(hand_of(st), HAND_LIST);
    return hand_listing(hand_of(st), list_item, &call, why);
}

/* ---- single calls ---- */

static bool
hand_stamp(struct store *st, const char *mailbox, uint64_t *stamp)
{
    struct hand *h = hand_of(st);
    enum hand_result result;
    struct outcome unused;
    struct unpack u;
    int fd;

    pack_str(call_begin(h, HAND_STAMP), mailbox);
    bool ok = hand_call(h, -1, &u, &result, &fd, &unused);
    if (fd >= 0)
        close(fd);
    *stamp = ok ? unpack_u64(&u) : 0;
    return ok && unpack_done(&u);
}

static struct message *
hand_read(struct store *st, const char *mailbox, const char *name, struct outcome *why)
{
    struct hand *h = hand_of(st);
    struct pack *p = call_begin(h, HAND_READ);
    enum hand_result result;
    struct unpack u;
    int fd;

    pack_str(p, mailbox);
    pack_str(p, name);
    if (!hand_call(h, -1, &u, &result, &fd, why)) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    struct message *m = hand_unpack_message(&u, fd, why);
    if (m != NULL && unpack_done(&u))
        return m;
    if (m != NULL)
        hand_give_up(h, why, "sent another reply than asked");
    message_unref(m);
    return NULL;
}

static bool
hand_set_flags(struct store *st, const char *mailbox, const char *name, unsigned flags,
               struct outcome *why)
{
    struct pack *p = call_begin(hand_of(st), HAND_SET_FLAGS);

    pack_str(p, mailbox);
    pack_str(p, name);
    pack_u32(p, flags);
    return hand_call_plain(hand_of(st), why);
}

static bool
hand_call_names(struct store *st, enum hand_verb verb, const char *a, const char *b,
                struct outcome *why)
{
    struct pack *p = call_begin(hand_of(st), verb);

    pack_str(p, a);
    if (b != NULL)
        pack_str(p, b);
    return hand_call_plain(hand_of(st), why);
}

static bool
hand_remove(struct store *st, const char *mailbox, const char *name, struct outcome *why)
{
    return hand_call_names(st, HAND_REMOVE, mailbox, name, why);
}

static bool
hand_mailbox_create(struct store *st, const char *mailbox, struct outcome *why)
{
    return hand_call_names(st, HAND_CREATE, mailbox, NULL, why);
}

static bool
hand_mailbox_rename(struct store *st, const char *from, const char *to, struct outcome *why)
{
    return hand_call_names(st, HAND_RENAME, from, to, why);
}

static bool
hand_mailbox_delete(struct store *st, const char *mailbox, struct outcome *why)
{
    return hand_call_names(st, HAND_DELETE, mailbox, NULL, why);
}

static void
hand_tidy(struct store *st, time_t now)
{
    struct outcome unused;

    pack_u64(call_begin(hand_of(st), HAND_TIDY), (uint64_t)now);
    hand_call_plain(hand_of(st), &unused);
}

static const struct store_driver store_hand = {
    .abi = STORE_DRIVER_ABI,
    .name = "hand",
    .size = sizeof(struct hand),
    .open = hand_open,
    .close = hand_close,
    .stage = hand_stage,
    .sync = hand_sync,
    .publish = hand_publish,
    .commit = hand_commit,
    .discard = hand_discard,
    .forget = hand_forget,
    .scan = hand_scan,
    .stamp = hand_stamp,
    .read = hand_read,
    .set_flags = hand_set_flags,
    .remove = hand_remove,
    .mailbox_list = hand_mailbox_list,
    .mailbox_create = hand_mailbox_create,
    .mailbox_rename = hand_mailbox_rename,
    .mailbox_delete = hand_mailbox_delete,
    .tidy = hand_tidy,
};

bool
store_hand_is_gone(const struct store *st)
{
    const struct hand *h = (const struct hand *)st;
    char octet;

    if (st->driver != &store_hand)
        return false;
    return h->door == NULL || recv(door_fd(h->door), &octet, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static bool
open_call(struct hand *h, const char *plugin_dir, struct outcome *why)
{
    struct pack *p = call_begin(h, HAND_OPEN);
    enum hand_result result;
    struct unpack u;
    int fd;

    hand_pack_settings(h->base.settings, p);
    pack_str(p, plugin_dir);
    pack_str(p, h->base.who.user);
    pack_str(p, h->base.who.domain);
    pack_str(p, h->base.who.home);
    bool ok = hand_call(h, -1, &u, &result, &fd, why);
    if (fd >= 0)
        close(fd);
    if (!ok)
        return false;
    /* Files are not shared between owners, and a hand's word is not durable enough to skip syncs.
     */
    h->base.can = unpack_u32(&u) & (STORE_CAN_FLAGS | STORE_CAN_FOLDERS | STORE_CAN_DELETE);
    return unpack_done(&u) || hand_give_up(h, why, "sent another reply than asked");
}

struct store *
store_open_by_hand(int door_fd, const struct settings_store *settings, const char *plugin_dir,
                   const struct store_account *who, struct outcome *why)
{
    struct store *st = store_new(&store_hand, settings, who, why);
    struct hand *h = hand_of(st);

    if (st == NULL) {
        close(door_fd);
        return NULL;
    }
    buf_init(&h->body, DOOR_BODY_MAX);
    h->door = door_new(door_fd, HAND_QUEUE_MAX);
    if (h->door == NULL) {
        close(door_fd);
        outcome_set(why, OUTCOME_OVERLOAD, "no memory for the door of a hand");
    } else if (open_call(h, plugin_dir, why)) {
        return st;
    }
    store_close(st);
    return NULL;
}
