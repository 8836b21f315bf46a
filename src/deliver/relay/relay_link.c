/* SPDX-License-Identifier: MIT
 *
 * The door to the relay role: see relay_link_priv.h.
 */
#include "relay_link_priv.h"

#include <stdlib.h>

#include "doorstep/door_frames.h"
#include "doorstep/log.h"

#include "role_questions_priv.h"

#define QUEUE_MAX (64u << 20) /* unsent: packed jobs; messages travel by descriptor */
#define RESULT_ARENA_MAX (16u << 20)

struct relay_link {
    struct role_questions role; /* jobs that have no result yet */
    uint64_t job_ms;
    struct relay_link_hooks hooks;
};

struct sent_job {
    struct role_question question; /* first */
    uint32_t recipients;
    relay_link_fn fn;
    void *arg;
};

/* ---- results ---- */

static void
end_job(struct sent_job *j, const struct relay_result *result)
{
    relay_link_fn fn = j->fn;
    void *arg = j->arg;

    role_question_end(&j->question);
    free(j);
    fn(arg, result);
}

static bool
on_answered(struct role_question *q, struct span packed, int fd)
{
    struct sent_job *j = (struct sent_job *)q;
    struct relay_result result;
    struct arena arena;
    struct unpack u;

    arena_init(&arena, RESULT_ARENA_MAX);
    unpack_init(&u, packed);
    relay_result_unpack(&result, &arena, &u);
    bool is_good = unpack_done(&u) && result.answer_count == j->recipients && fd < 0;
    if (is_good)
        end_job(j, &result);
    arena_release(&arena);
    return is_good;
}

static void
on_late(struct role_question *q)
{
    log_event(LOG_LEVEL_ERROR, "relay_job_late", "job", log_num((long long)q->id), NULL);
    role_door_send(&q->questions->door, RELAY_CANCEL, q->id, SPAN_NONE, -1);
    end_job((struct sent_job *)q, NULL);
}

static void
on_lost(struct role_question *q, const char *cause)
{
    (void)cause; /* the log has it */
    end_job((struct sent_job *)q, NULL);
}

static void
on_replace(void *arg)
{
    struct relay_link *l = arg;

    l->hooks.replace(l->hooks.arg);
}

/* ---- jobs ---- */

static struct sent_job *
sent_job_new(struct relay_link *l, uint32_t recipients, relay_link_fn fn, void *arg)
{
    struct sent_job *j = malloc(sizeof *j);

    if (j == NULL)
        return NULL;
    *j = (struct sent_job){.recipients = recipients, .fn = fn, .arg = arg};
    if (role_question_begin(&l->role, &j->question, l->job_ms))
        return j;
    free(j);
    return NULL;
}

static void
forget_unsent(struct sent_job *j)
{
    role_question_end(&j->question);
    free(j);
}

bool
relay_link_send(struct relay_link *l, const struct relay_job *job, int fd, relay_link_fn fn,
                void *arg)
{
    struct buf packed;
    struct pack p;

    if (!relay_link_is_connected(l))
        return false;
    buf_init(&packed, RELAY_PACKED_MAX);
    pack_init(&p, &packed);
    relay_job_pack(job, &p);
    struct sent_job *j = p.full ? NULL : sent_job_new(l, job->recipient_count, fn, arg);
    bool ok = j != NULL && door_keeper_send_pieces(&l->role.door.keeper, RELAY_SEND, j->question.id,
                                                   buf_span(&packed), fd);
    buf_release(&packed);
    if (j != NULL && !ok) {
        forget_unsent(j);
        role_door_lose(&l->role.door, "it does not read", true);
    }
    return ok;
}

bool
relay_link_is_connected(const struct relay_link *l)
{
    return role_door_is_here(&l->role.door);
}

void
relay_link_connect(struct relay_link *l, int door_fd)
{
    if (role_door_open(&l->role.door, door_fd))
        l->hooks.connected(l->hooks.arg);
}

struct relay_link *
relay_link_new(struct loop *loop, uint64_t job_ms, const struct relay_link_hooks *hooks)
{
    static const struct role_questions_kind kind = {
        .role = "relay",
        .queue_max = QUEUE_MAX,
        .answer = RELAY_RESULT,
        .answer_max = RELAY_PACKED_MAX,
        .answered = on_answered,
        .late = on_late,
        .lost = on_lost,
        .replace = on_replace,
    };
    struct relay_link *l = calloc(1, sizeof *l);

    if (l == NULL)
        return NULL;
    l->job_ms = job_ms;
    l->hooks = *hooks;
    role_questions_init(&l->role, loop, &kind, l);
    return l;
}

void
relay_link_free(struct relay_link *l)
{
    if (l == NULL)
        return;
    role_questions_release(&l->role, "the store ends");
    free(l);
}
