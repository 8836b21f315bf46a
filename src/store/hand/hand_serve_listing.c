/* SPDX-License-Identifier: MIT
 *
 * The hand's side of listings: entries gathered into frames.
 */
#include "hand_serve_priv.h"

#include <string.h>

#define SERVE_REPLY_FULL 32768 /* octets of entries in one frame of a listing */

static bool
listing_flush(struct serve *s, size_t when)
{
    if (s->body.len > when) {
        serve_reply_send(s, -1);
        serve_reply_begin(s, HAND_MORE);
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

bool
serve_scan(struct serve *s, struct unpack *u)
{
    char mailbox[STORE_MAILBOX_SIZE];
    struct outcome why;

    unpack_str(u, mailbox, sizeof(mailbox));
    if (!unpack_done(u))
        return false;
    serve_reply_begin(s, HAND_MORE);
    bool ok = store_scan(s->st, mailbox, on_entry, s, &why);
    listing_flush(s, 1);
    serve_reply_plain(s, ok, &why);
    return true;
}

bool
serve_list(struct serve *s, struct unpack *u)
{
    struct outcome why;

    if (!unpack_done(u))
        return false;
    serve_reply_begin(s, HAND_MORE);
    bool ok = store_mailbox_list(s->st, on_mailbox, s, &why);
    listing_flush(s, 1);
    serve_reply_plain(s, ok, &why);
    return true;
}
