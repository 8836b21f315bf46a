/* SPDX-License-Identifier: MIT
 *
 * The store's side of a hand: a driver whose every call travels through a door to a process that
 * has the account owner's uid, and is carried out there by the real driver. The hand is trusted no
 * more than the owner: what it answers is checked, and when it dies or takes too long this store
 * fails every call from then on, until it is closed and opened with another hand.
 */
#include "hand_call_priv.h"

#include <sys/socket.h>
#include <unistd.h>

#define HAND_QUEUE_MAX 262144

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

static bool
hand_stamp(struct store *st, const char *mailbox, uint64_t *stamp)
{
    struct hand *h = hand_of(st);
    enum hand_result result;
    struct outcome unused;
    struct unpack u;
    int fd;

    pack_str(hand_call_begin(h, HAND_STAMP), mailbox);
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
    struct pack *p = hand_call_begin(h, HAND_READ);
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
    struct pack *p = hand_call_begin(hand_of(st), HAND_SET_FLAGS);

    pack_str(p, mailbox);
    pack_str(p, name);
    pack_u32(p, flags);
    return hand_call_plain(hand_of(st), why);
}

static bool
hand_call_names(struct store *st, enum hand_verb verb, const char *a, const char *b,
                struct outcome *why)
{
    struct pack *p = hand_call_begin(hand_of(st), verb);

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
hand_move(struct store *st, const char *from, const char *name, const char *to,
          struct store_ref *moved, struct outcome *why)
{
    struct hand *h = hand_of(st);
    struct pack *p = hand_call_begin(h, HAND_MOVE);
    enum hand_result result;
    struct unpack u;
    int fd;

    pack_str(p, from);
    pack_str(p, name);
    pack_str(p, to);
    bool ok = hand_call(h, -1, &u, &result, &fd, why);
    if (fd >= 0)
        close(fd);
    if (!ok)
        return false;
    unpack_str(&u, moved->name, sizeof(moved->name));
    if (result == HAND_DONE && unpack_done(&u) && moved->name[0] != '\0')
        return true;
    return hand_give_up(h, why, "sent another reply than asked");
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

    pack_u64(hand_call_begin(hand_of(st), HAND_TIDY), (uint64_t)now);
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
    .move = hand_move,
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
    struct pack *p = hand_call_begin(h, HAND_OPEN);
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
    if (h->door == NULL)
        outcome_set(why, OUTCOME_OVERLOAD, "no memory for the door of a hand");
    else if (open_call(h, plugin_dir, why))
        return st;
    store_close(st);
    return NULL;
}
