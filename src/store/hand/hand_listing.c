/* SPDX-License-Identifier: MIT
 *
 * Listings by a hand: one call, many frames of entries, each checked as if a stranger had sent it.
 */
#include "hand_call_priv.h"

#include <unistd.h>

#include "doorstep/door_frames.h"

typedef bool (*hand_item_fn)(struct unpack *u, void *arg);

/* The next frame of a listing under way. */
static bool
listing_next(struct hand *h, struct unpack *u, enum hand_result *result, struct outcome *why)
{
    struct door_frame f = {.fd = -1};
    enum door_result got = door_await(h->door, HAND_TIMEOUT_MS, &f);

    if (got == DOOR_AGAIN)
        return hand_give_up(h, why, "took too long");
    if (got == DOOR_OK && f.fd >= 0)
        close(f.fd);
    if (got != DOOR_OK || f.id != h->last_id || !hand_reply_begin(u, &f, result, why))
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

bool
hand_scan(struct store *st, const char *mailbox, store_entry_fn fn, void *arg, struct outcome *why)
{
    struct scan_call call = {fn, arg};

    pack_str(hand_call_begin(hand_of(st), HAND_SCAN), mailbox);
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

bool
hand_mailbox_list(struct store *st, store_mailbox_fn fn, void *arg, struct outcome *why)
{
    struct list_call call = {fn, arg};

    hand_call_begin(hand_of(st), HAND_LIST);
    return hand_listing(hand_of(st), list_item, &call, why);
}
