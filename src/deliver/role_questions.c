/* SPDX-License-Identifier: MIT
 *
 * Questions to a role: see role_questions_priv.h.
 */
#include "role_questions_priv.h"

#include "doorstep/pack.h"

/* The octets outlive the question, for what is read from them points to them. */
static bool
take_whole(struct role_question *q, int fd)
{
    struct role_questions *r = q->questions;
    struct buf whole = q->packed;

    buf_init(&q->packed, 0);
    bool is_good = r->kind.answered(q, buf_span(&whole), fd);
    buf_release(&whole);
    return is_good;
}

static bool
on_frame(void *arg, struct door_frame *frame)
{
    struct role_questions *r = arg;
    struct role_question *q;
    struct unpack u;

    HASH_FIND(hh, r->open, &frame->id, sizeof frame->id, q);
    unpack_init(&u, frame->body);
    uint8_t more = unpack_u8(&u);
    if (frame->type != r->kind.answer || u.broken || more > 1 || (more == 1 && frame->fd >= 0))
        return false;
    if (q == NULL)
        return frame->id <= r->last_id; /* it came too late */
    return buf_append_span(&q->packed, u.rest) && (more == 1 || take_whole(q, frame->fd));
}

/* Those that are open now, the oldest first: who hears of it may ask another one. */
static void
on_lost(void *arg, const char *cause)
{
    struct role_questions *r = arg;
    const uint64_t last = r->last_id;

    while (r->open != NULL && r->open->id <= last)
        r->kind.lost(r->open, cause);
}

static void
on_replace(void *arg)
{
    struct role_questions *r = arg;

    r->kind.replace(r->arg);
}

static void
on_deadline(void *arg)
{
    struct role_question *q = arg;

    q->questions->kind.late(q);
}

bool
role_question_begin(struct role_questions *r, struct role_question *q, uint64_t timeout_ms)
{
    *q = (struct role_question){.questions = r, .id = ++r->last_id};
    buf_init(&q->packed, r->kind.answer_max);
    q->deadline = loop_timer_new(r->door.loop, on_deadline, q);
    if (q->deadline == NULL)
        return false;
    HASH_ADD(hh, r->open, id, sizeof q->id, q);
    if (q->hh.tbl != NULL) {
        loop_timer_start(q->deadline, timeout_ms);
        return true;
    }
    loop_timer_free(q->deadline);
    return false;
}

void
role_question_end(struct role_question *q)
{
    HASH_DEL(q->questions->open, q);
    loop_timer_free(q->deadline);
    buf_release(&q->packed);
}

void
role_questions_init(struct role_questions *r, struct loop *loop,
                    const struct role_questions_kind *kind, void *arg)
{
    static const struct role_door_calls calls = {
        .take = on_frame, .lost = on_lost, .replace = on_replace};

    *r = (struct role_questions){.kind = *kind, .arg = arg};
    r->door = (struct role_door){
        .loop = loop, .role = kind->role, .queue_max = kind->queue_max, .calls = &calls, .arg = r};
}

void
role_questions_release(struct role_questions *r, const char *cause)
{
    role_door_close(&r->door);
    on_lost(r, cause);
}
