/* SPDX-License-Identifier: MIT
 *
 * The door of the store: jobs in, results out. A job comes in pieces, its message as a descriptor
 * with the last of them. A store that says what no store says ends the role; main starts another.
 */
#include "sender_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "doorstep/door_frames.h"

#define QUEUE_MAX (64u << 20)
#define JOBS_MAX 100000 /* the store keeps to far fewer */
#define JOB_ARENA_MAX (4 * RELAY_PACKED_MAX)

/* --- jobs --- */

static void
job_free(struct job *j)
{
    HASH_DEL(j->sender->store.jobs, j);
    buf_release(&j->packed);
    arena_release(&j->arena);
    if (j->fd >= 0)
        close(j->fd);
    free(j);
}

static struct job *
job_new(struct sender *s, uint64_t id)
{
    struct job *j = HASH_COUNT(s->store.jobs) < JOBS_MAX ? calloc(1, sizeof(*j)) : NULL;

    if (j == NULL)
        return NULL;
    j->sender = s;
    j->id = id;
    j->fd = -1;
    HASH_ADD(hh, s->store.jobs, id, sizeof(j->id), j);
    if (j->hh.tbl == NULL) { /* no memory: not in the table */
        free(j);
        return NULL;
    }
    buf_init(&j->packed, RELAY_PACKED_MAX);
    arena_init(&j->arena, JOB_ARENA_MAX);
    return j;
}

/* --- results --- */

/* A result that cannot be told would leave the store waiting: it shall rather hear of our end. */
void
job_done(struct job *j, const struct relay_result *result)
{
    struct sender *s = j->sender;
    struct buf packed;
    struct pack p;

    buf_init(&packed, RELAY_PACKED_MAX);
    pack_init(&p, &packed);
    relay_result_pack(result, &p);
    if (p.full ||
        !door_keeper_send_pieces(&s->store.keeper, RELAY_RESULT, j->id, buf_span(&packed), -1))
        sender_end(s, EX_OSERR, "a result cannot be told");
    buf_release(&packed);
    job_free(j);
}

void
job_fail(struct job *j, const char *host, const struct relay_answer *why)
{
    struct relay_answer answers[RELAY_RECIPIENTS_MAX];
    uint32_t count = j->wire.recipient_count;

    for (uint32_t i = 0; i < count; i++)
        answers[i] = *why;
    job_done(j, &(struct relay_result){
                    .host = host, .tls = "", .answers = answers, .answer_count = count});
}

/* --- jobs from the store; false: no store says this --- */

static void
begin(struct job *j)
{
    struct route *r = routes_find(j->sender, j->wire.route);

    if (j->fd < 0 && !j->wire.is_question)
        job_fail(j, "",
                 &(struct relay_answer){.state = RELAY_DEFERRED,
                                        .enhanced = "4.3.0",
                                        .text = "no descriptor is free for the message"});
    else if (r == NULL)
        job_fail(j, "",
                 &(struct relay_answer){.state = RELAY_DEFERRED,
                                        .enhanced = "4.3.5",
                                        .text = "there is no such route"});
    else
        route_add(r, j);
}

static bool
take_whole(struct job *j)
{
    struct unpack u;

    unpack_init(&u, buf_span(&j->packed));
    relay_job_unpack(&j->wire, &j->arena, &u);
    if (!unpack_done(&u))
        return false;
    buf_release(&j->packed);
    begin(j);
    return true;
}

static bool
take_send(struct sender *s, struct door_frame *f)
{
    struct unpack u;
    struct job *j;
    uint8_t more;

    unpack_init(&u, f->body);
    more = unpack_u8(&u);
    HASH_FIND(hh, s->store.jobs, &f->id, sizeof(f->id), j);
    if (u.broken || more > 1 || (more == 1 && f->fd >= 0) || (j != NULL && j->route != NULL))
        return false;
    if (j == NULL)
        j = job_new(s, f->id);
    if (j == NULL || !buf_append_span(&j->packed, u.rest))
        return false;
    j->fd = f->fd;
    f->fd = -1;
    return more == 1 || take_whole(j);
}

/* One that has just been answered is no longer there. */
static bool
take_cancel(struct sender *s, const struct door_frame *f)
{
    struct job *j;

    HASH_FIND(hh, s->store.jobs, &f->id, sizeof(f->id), j);
    if (j != NULL) {
        route_forget(j);
        job_free(j);
    }
    return f->body.n == 0 && f->fd < 0;
}

static bool
take_frame(void *arg, struct door_frame *f)
{
    if (f->type == RELAY_SEND)
        return take_send(arg, f);
    return f->type == RELAY_CANCEL && take_cancel(arg, f);
}

static void
on_lost(void *arg, enum door_result how)
{
    if (how == DOOR_CLOSED)
        sender_end(arg, EXIT_SUCCESS, "the store is gone");
    else
        sender_end(arg, EX_PROTOCOL, "the store said what no store says");
}

bool
sender_door_open(struct sender *s, int fd)
{
    static const struct door_keeper_calls calls = {.take = take_frame, .lost = on_lost};

    s->store.keeper = (struct door_keeper){.loop = s->loop, .calls = &calls, .arg = s};
    return door_keeper_open(&s->store.keeper, door_new(fd, QUEUE_MAX));
}
