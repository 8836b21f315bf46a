/* SPDX-License-Identifier: MIT
 *
 * The hand's side of deliveries: the store's handles are numbers here, each looked up before it is
 * used.
 */
#include "hand_serve_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    serve_reply_begin(s, HAND_DONE);
    pack_u64(&s->reply, slot->handle);
    hand_pack_ref(ref, &s->reply);
    serve_reply_send(s, -1);
}

bool
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
        serve_reply_failed(s, &why);
        break;
    case STORE_LATER:
        serve_reply_begin(s, HAND_LATER);
        pack_u32(&s->reply, wait.ms);
        serve_reply_send(s, -1);
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

bool
serve_sync(struct serve *s, struct unpack *u)
{
    struct serve_staged *slot = staged_find(s, u);
    struct outcome why;

    if (slot == NULL || slot->staged->state != STAGED_WRITTEN)
        return false;
    serve_reply_plain(s, store_sync(s->st, slot->staged, &why), &why);
    return true;
}

bool
serve_publish(struct serve *s, struct unpack *u)
{
    struct serve_staged *slot = staged_find(s, u);
    struct outcome why;

    if (slot == NULL || slot->staged->state != STAGED_WRITTEN)
        return false;
    serve_reply_plain(s, store_publish(s->st, slot->staged, &why), &why);
    return true;
}

bool
serve_end_of(struct serve *s, struct unpack *u, void (*end)(struct store *, struct store_staged *))
{
    struct serve_staged *slot = staged_find(s, u);

    if (slot == NULL)
        return false;
    end(s->st, slot->staged);
    *slot = s->staged[--s->staged_count];
    serve_reply_plain(s, true, NULL);
    return true;
}

bool
serve_commit(struct serve *s, struct unpack *u)
{
    struct outcome why;

    if (!unpack_done(u))
        return false;
    serve_reply_plain(s, store_commit(s->st, &why), &why);
    return true;
}
