/* SPDX-License-Identifier: MIT
 *
 * Deliveries by a hand: stage to forget, each a call. A handle here is the number that the hand
 * gave to its own.
 */
#include "hand_call_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    struct pack *p = hand_call_begin(h, HAND_STAGE);
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

enum store_result
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
    pack_u64(hand_call_begin(hand_of(st), verb), ((struct hand_staged *)staged)->handle);
    return hand_call_plain(hand_of(st), why);
}

bool
hand_sync(struct store *st, struct store_staged *staged, struct outcome *why)
{
    return staged_call(st, HAND_SYNC, staged, why);
}

bool
hand_publish(struct store *st, struct store_staged *staged, struct outcome *why)
{
    return staged_call(st, HAND_PUBLISH, staged, why);
}

bool
hand_commit(struct store *st, struct outcome *why)
{
    hand_call_begin(hand_of(st), HAND_COMMIT);
    return hand_call_plain(hand_of(st), why);
}

/* A hand that is gone has discarded what was staged: its store was closed. */
void
hand_discard(struct store *st, struct store_staged *staged)
{
    struct outcome unused;

    staged_call(st, HAND_DISCARD, staged, &unused);
    free(staged);
}

void
hand_forget(struct store *st, struct store_staged *staged)
{
    struct outcome unused;

    staged_call(st, HAND_FORGET, staged, &unused);
    free(staged);
}
