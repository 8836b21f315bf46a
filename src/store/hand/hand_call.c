/* SPDX-License-Identifier: MIT
 *
 * One call through a hand's door and its reply: see hand_call_priv.h.
 */
#include "hand_call_priv.h"

#include <unistd.h>

#include "doorstep/door_frames.h"

bool
hand_give_up(struct hand *h, struct outcome *why, const char *what)
{
    door_free(h->door);
    h->door = NULL;
    return outcome_set(why, OUTCOME_SYSTEM, "hand of %s@%s %s", h->base.who.user,
                       h->base.who.domain, what);
}

struct pack *
hand_call_begin(struct hand *h, enum hand_verb verb)
{
    buf_reset(&h->body);
    pack_init(&h->pack, &h->body);
    pack_u8(&h->pack, (uint8_t)verb);
    return &h->pack;
}

bool
hand_reply_begin(struct unpack *u, const struct door_frame *f, enum hand_result *result,
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

bool
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
    if (hand_reply_begin(u, &f, result, why))
        return *result == HAND_DONE || *result == HAND_MORE;
    *result = HAND_FAILED;
    return hand_give_up(h, why, "sent no reply");
}

bool
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
