/* SPDX-License-Identifier: MIT
 *
 * The door to the relay role: see relay_link_priv.h.
 */
#include "relay_link_priv.h"

#include <stdlib.h>
#include <unistd.h>

#include "doorstep/door.h"
#include "doorstep/door_frames.h"
#include "doorstep/log.h"
#include "doorstep/table.h"

#define QUEUE_MAX (64u << 20) /* unsent: packed jobs; messages travel by descriptor */
#define RESULT_ARENA_MAX (16u << 20)
#define FRAMES_A_TURN 64

struct sent_job { /* that has no result yet */
    struct relay_link *link;
    uint64_t id;
    uint32_t recipients;
    relay_link_fn fn;
    void *arg;
    struct buf packed; /* of the result, as it arrives */
    struct loop_timer *deadline;
    UT_hash_handle hh;
};

struct relay_link {
    struct loop *loop;
    uint64_t job_ms;
    struct relay_link_hooks hooks;
    struct door *door; /* NULL: none there now */
    struct loop_watch *watch;
    uint64_t last_id;
    struct sent_job *sent; /* table by id */
};

static void
end_job(struct sent_job *j, const struct relay_result *result)
{
    relay_link_fn fn = j->fn;
    void *arg = j->arg;

    HASH_DEL(j->link->sent, j);
    loop_timer_free(j->deadline);
    buf_release(&j->packed);
    free(j);
    fn(arg, result);
}

static void
close_door(struct relay_link *l)
{
    loop_watch_free(l->watch);
    door_free(l->door);
    l->watch = NULL;
    l->door = NULL;
}

/* Those that are under way now; who hears of it may send another one. */
static void
lose_all(struct relay_link *l)
{
    const uint64_t last = l->last_id;

    while (l->sent != NULL && l->sent->id <= last) /* in the order in which they were sent */
        end_job(l->sent, NULL);
}

static void
lose_role(struct relay_link *l, const char *reason, bool is_broken)
{
    log_event(is_broken ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "relay_lost", "reason", reason,
              "jobs", log_num(HASH_COUNT(l->sent)), NULL);
    close_door(l);
    if (is_broken)
        l->hooks.replace(l->hooks.arg);
    lose_all(l);
}

static void
watch_door(struct relay_link *l)
{
    loop_watch_set(l->watch, door_queued(l->door) > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void
on_deadline(void *arg)
{
    struct sent_job *j = arg;
    struct relay_link *l = j->link;

    log_event(LOG_LEVEL_ERROR, "relay_job_late", "job", log_num((long long)j->id), NULL);
    if (l->door != NULL && door_send(l->door, RELAY_CANCEL, j->id, SPAN_NONE, -1))
        watch_door(l);
    end_job(j, NULL);
}

/* ---- results ---- */

static bool
take_whole(struct sent_job *j)
{
    struct relay_result result;
    struct arena arena;
    struct unpack u;

    arena_init(&arena, RESULT_ARENA_MAX);
    unpack_init(&u, buf_span(&j->packed));
    relay_result_unpack(&result, &arena, &u);
    bool is_good = unpack_done(&u) && result.answer_count == j->recipients;
    if (is_good)
        end_job(j, &result);
    arena_release(&arena);
    return is_good;
}

/* false: no relay role says that. */
static bool
take_frame(struct relay_link *l, const struct door_frame *frame)
{
    struct sent_job *j;
    struct unpack u;

    HASH_FIND(hh, l->sent, &frame->id, sizeof frame->id, j);
    unpack_init(&u, frame->body);
    uint8_t more = unpack_u8(&u);
    if (frame->type != RELAY_RESULT || frame->fd >= 0 || u.broken || more > 1)
        return false;
    if (j == NULL)
        return frame->id <= l->last_id; /* it came too late */
    return buf_append_span(&j->packed, u.rest) && (more == 1 || take_whole(j));
}

static void
on_door(void *arg, unsigned events)
{
    struct relay_link *l = arg;
    struct door_frame frame;

    if ((events & LOOP_WRITE) != 0)
        door_flush(l->door);
    for (unsigned n = 0; l->door != NULL && (n < FRAMES_A_TURN || door_holds(l->door)); n++) {
        enum door_result got = door_receive(l->door, &frame);

        if (got == DOOR_AGAIN)
            break;
        if (got == DOOR_CLOSED)
            lose_role(l, "it ended", false);
        else if (got != DOOR_OK || !take_frame(l, &frame))
            lose_role(l, "it said what no relay role says", true);
        if (got == DOOR_OK && frame.fd >= 0)
            close(frame.fd);
    }
    if (l->door != NULL)
        watch_door(l);
}

/* ---- jobs ---- */

static bool
send_pieces(struct relay_link *l, uint64_t id, struct span packed, int fd)
{
    struct buf body;
    bool ok = true;

    buf_init(&body, DOOR_BODY_MAX);
    while (ok) {
        size_t n = packed.n < DOOR_BODY_MAX - 1 ? packed.n : DOOR_BODY_MAX - 1;
        bool is_last = n == packed.n;

        buf_reset(&body);
        ok = buf_append_char(&body, is_last ? 0 : 1) && buf_append(&body, packed.p, n) &&
             door_send(l->door, RELAY_SEND, id, buf_span(&body), is_last ? fd : -1);
        packed = span_skip(packed, n);
        if (is_last)
            break;
    }
    buf_release(&body);
    return ok;
}

static struct sent_job *
sent_job_new(struct relay_link *l, uint32_t recipients, relay_link_fn fn, void *arg)
{
    struct sent_job *j = calloc(1, sizeof *j);

    if (j == NULL)
        return NULL;
    *j = (struct sent_job){
        .link = l, .id = ++l->last_id, .recipients = recipients, .fn = fn, .arg = arg};
    buf_init(&j->packed, RELAY_PACKED_MAX);
    j->deadline = loop_timer_new(l->loop, on_deadline, j);
    if (j->deadline != NULL)
        HASH_ADD(hh, l->sent, id, sizeof j->id, j);
    if (j->hh.tbl != NULL) {
        loop_timer_start(j->deadline, l->job_ms);
        return j;
    }
    loop_timer_free(j->deadline);
    free(j);
    return NULL;
}

static void
forget_unsent(struct sent_job *j)
{
    HASH_DEL(j->link->sent, j);
    loop_timer_free(j->deadline);
    free(j);
}

bool
relay_link_send(struct relay_link *l, const struct relay_job *job, int fd, relay_link_fn fn,
                void *arg)
{
    struct buf packed;
    struct pack p;

    if (l->door == NULL)
        return false;
    buf_init(&packed, RELAY_PACKED_MAX);
    pack_init(&p, &packed);
    relay_job_pack(job, &p);
    struct sent_job *j = p.full ? NULL : sent_job_new(l, job->recipient_count, fn, arg);
    bool ok = j != NULL && send_pieces(l, j->id, buf_span(&packed), fd);
    buf_release(&packed);
    if (j != NULL && !ok) {
        forget_unsent(j);
        lose_role(l, "it does not read", true);
    }
    if (ok)
        watch_door(l);
    return ok;
}

bool
relay_link_is_connected(const struct relay_link *l)
{
    return l->door != NULL;
}

void
relay_link_connect(struct relay_link *l, int door_fd)
{
    if (l->door != NULL)
        lose_role(l, "replaced", false);
    l->door = door_new(door_fd, QUEUE_MAX);
    if (l->door == NULL) {
        close(door_fd);
        return;
    }
    l->watch = loop_watch_new(l->loop, door_fd, LOOP_READ, on_door, l);
    if (l->watch == NULL)
        close_door(l);
    else
        l->hooks.connected(l->hooks.arg);
}

struct relay_link *
relay_link_new(struct loop *loop, uint64_t job_ms, const struct relay_link_hooks *hooks)
{
    struct relay_link *l = calloc(1, sizeof *l);

    if (l != NULL)
        *l = (struct relay_link){.loop = loop, .job_ms = job_ms, .hooks = *hooks};
    return l;
}

void
relay_link_free(struct relay_link *l)
{
    if (l == NULL)
        return;
    if (l->door != NULL)
        close_door(l);
    lose_all(l);
    free(l);
}
