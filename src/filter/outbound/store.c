/* SPDX-License-Identifier: MIT
 *
 * The door of the store: messages in, results out. A message lies here only while its filters work
 * on it; what is large is read through the descriptor that the store lends.
 */
#include "outbound_priv.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "doorstep/log.h"

#define QUEUE_MAX (64u << 20)
#define INLINE_MAX (64u << 20) /* the largest message_memory */
#define RESULT_MAX (FILTER_HEADER_MAX * 2 + (4u << 20))

struct question { /* a message that the store asks about */
    uint64_t id;
    char name[FILTER_NAME_SIZE];
    uint64_t octets;
    struct buf bytes; /* of an inline one, until it is whole */
    bool is_unlisted;
    UT_hash_handle hh;
};

/* --- answers --- */

/* The new body as a file that nobody can change any more; -1 without. */
static int
seal_body(struct message *body)
{
    char piece[65536];
    uint64_t done = 0;
    int fd = memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    while (fd >= 0 && done < message_traits(body)->octets) {
        ssize_t n = message_read(body, done, piece, sizeof(piece));

        if (n <= 0 || write(fd, piece, (size_t)n) != n) {
            close(fd);
            return -1;
        }
        done += (uint64_t)n;
    }
    if (fd >= 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool
send_result(struct store_door *d, uint64_t id, const struct filter_result *result,
            struct message *body)
{
    int fd = result->has_new_body ? seal_body(body) : -1;
    struct buf packed;
    struct pack p;
    bool good;

    buf_init(&packed, RESULT_MAX);
    pack_init(&p, &packed);
    filter_result_pack(result, &p);
    good = !p.full && (!result->has_new_body || fd >= 0) &&
           door_keeper_send_pieces(&d->keeper, FILTER_RESULT, id, buf_span(&packed), fd);
    buf_release(&packed);
    if (fd >= 0)
        close(fd);
    return good;
}

static void
question_free(struct store_door *d, struct question *q)
{
    HASH_DEL(d->questions, q);
    buf_release(&q->bytes);
    free(q);
}

void
store_say_result(struct outbound *o, uint64_t id, const struct filter_result *result,
                 struct message *body)
{
    struct store_door *d = &o->store;
    struct filter_result lost = {.verdict = FILTER_LOST, .quarantine = "", .reason = ""};
    struct question *q;

    HASH_FIND(hh, d->questions, &id, sizeof(id), q);
    if (q == NULL || d->keeper.door == NULL)
        return;
    outcome_set(&lost.why, OUTCOME_FILTER_DEFERRED, "the result cannot be told");
    if (!send_result(d, id, result, body))
        (void)send_result(d, id, &lost, NULL);
    question_free(d, q);
}

static void
say_lost(struct store_door *d, uint64_t id, const char *cause)
{
    struct filter_result lost = {.verdict = FILTER_LOST, .quarantine = "", .reason = ""};

    outcome_set(&lost.why, OUTCOME_FILTER_DEFERRED, "%s", cause);
    store_say_result(d->outbound, id, &lost, NULL);
}

/* --- questions --- */

/* Takes msg, NULL without memory. */
static void
ask(struct store_door *d, struct question *q, struct message *msg)
{
    struct session *s = session_of_name(d->outbound, q->name);
    uint64_t id = q->id;

    if (msg == NULL)
        say_lost(d, id, "no memory for a message");
    else if (s == NULL)
        say_lost(d, id, "its session with the filters is unknown");
    else if (!session_ask(s, id, q->name, msg)) /* q may be gone from here on */
        say_lost(d, id, "its session is asked about another message");
    message_unref(msg);
}

static void
ask_when_whole(struct store_door *d, struct question *q)
{
    if (q->bytes.len < q->octets)
        return;
    struct message *msg = message_from_memory(buf_span(&q->bytes));
    buf_release(&q->bytes);
    ask(d, q, msg);
}

static bool
take_message(struct store_door *d, struct door_frame *f)
{
    struct question *q = calloc(1, sizeof(*q));
    struct outcome why;
    struct unpack u;
    bool by_fd;

    if (q == NULL)
        return false;
    q->id = f->id;
    unpack_init(&u, f->body);
    unpack_str(&u, q->name, sizeof(q->name));
    by_fd = unpack_u8(&u) != 0;
    q->octets = unpack_u64(&u);
    buf_init(&q->bytes, INLINE_MAX);
    if (!unpack_done(&u) || (by_fd ? f->fd < 0 : f->fd >= 0 || q->octets > INLINE_MAX)) {
        free(q);
        return false;
    }
    HASH_ADD(hh, d->questions, id, sizeof(q->id), q);
    if (q->is_unlisted) {
        free(q);
        return false;
    }
    if (by_fd) {
        struct message *msg = message_from_fd(f->fd, &why);

        f->fd = -1;
        ask(d, q, msg);
    } else {
        ask_when_whole(d, q);
    }
    return true;
}

static bool
take_more(struct store_door *d, const struct door_frame *f)
{
    struct question *q;

    HASH_FIND(hh, d->questions, &f->id, sizeof(f->id), q);
    if (q == NULL || f->fd >= 0 || f->body.n > q->octets - q->bytes.len || f->body.n == 0 ||
        !buf_append_span(&q->bytes, f->body))
        return false;
    ask_when_whole(d, q);
    return true;
}

static bool
take(void *arg, struct door_frame *f)
{
    if (f->type == FILTER_MESSAGE)
        return take_message(arg, f);
    return f->type == FILTER_MORE && take_more(arg, f);
}

static void
on_lost(void *arg, enum door_result how)
{
    struct store_door *d = arg;

    (void)how;
    store_door_close(d->outbound);
}

void
store_door_close(struct outbound *o)
{
    struct store_door *d = &o->store;
    struct question *q, *next;

    HASH_ITER(hh, d->questions, q, next)
    {
        question_free(d, q); /* its result will be nobody's */
    }
    door_keeper_close(&d->keeper);
}

void
store_door_init(struct outbound *o)
{
    static const struct door_keeper_calls calls = {.take = take, .lost = on_lost};

    o->store.outbound = o;
    o->store.keeper = (struct door_keeper){.loop = o->loop, .calls = &calls, .arg = &o->store};
}

void
store_door_open(struct outbound *o, int door_fd)
{
    store_door_close(o);
    door_keeper_open(&o->store.keeper, door_new(door_fd, QUEUE_MAX));
}
