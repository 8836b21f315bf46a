/* SPDX-License-Identifier: MIT
 *
 * The door to a role of filters: see filters_priv.h.
 */
#include "filters_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uthash.h>

#include "doorstep/clock.h"
#include "doorstep/door.h"
#include "doorstep/door_frames.h"
#include "doorstep/log.h"

#define QUEUE_MAX (80u << 20) /* unsent: a message in memory (64M) */
#define RESULT_MAX (FILTER_HEADER_MAX * 2 + (4u << 20))
#define FRAMES_A_TURN 64
#define COPY_SIZE 65536
#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

const struct filter_driver filter_milter = {
    .role = "outbound", .ask = FILTER_MESSAGE, .more = FILTER_MORE, .answer = FILTER_RESULT};
const struct filter_driver filter_program = {
    .role = "runner", .ask = PROGRAM_RUN, .more = PROGRAM_MORE, .answer = PROGRAM_RESULT};

struct asked { /* a message that is out */
    struct filters *filters;
    uint64_t id;
    bool must;
    char name[ID_SIZE];  /* of the delivery, for the log */
    struct arena *arena; /* the asker's */
    filters_fn fn;
    void *arg;
    struct message *msg; /* a reference: what is lent stays; or NULL */
    struct buf packed;   /* of the result, as it arrives */
    struct loop_timer *deadline;
    UT_hash_handle hh;
};

struct filters {
    const struct filter_driver *driver;
    struct loop *loop;
    filters_replace_fn replace;
    void *arg;
    struct door *door; /* NULL: none there now */
    struct loop_watch *watch;
    uint64_t last_id;
    struct asked *asked; /* table by id */
};

/* --- answers --- */

static void
end_asked(struct asked *a, const struct filter_result *result, int body_fd)
{
    HASH_DEL(a->filters->asked, a);
    loop_timer_free(a->deadline);
    a->fn(a->arg, result, body_fd);
    message_unref(a->msg);
    buf_release(&a->packed);
    free(a);
}

/* No answer, or one that says so: the policy of the session decides. */
static void
say_policy(bool must, const char *id, const char *cause, filters_fn fn, void *arg)
{
    struct filter_result r = {.quarantine = "", .reason = "", .flags = ""};

    r.verdict = must ? FILTER_LOST : FILTER_PASS;
    outcome_set(&r.why, must ? OUTCOME_FILTER_DEFERRED : OUTCOME_OK, "%s", cause);
    if (!must)
        log_event(LOG_LEVEL_WARNING, "unfiltered", "id", id, "cause", cause, NULL);
    fn(arg, &r, -1);
}

static void
end_by_policy(struct asked *a, const char *cause)
{
    filters_fn fn = a->fn;
    void *arg = a->arg;
    bool must = a->must;
    char name[ID_SIZE];

    memcpy(name, a->name, sizeof name);
    HASH_DEL(a->filters->asked, a);
    loop_timer_free(a->deadline);
    message_unref(a->msg);
    buf_release(&a->packed);
    free(a);
    say_policy(must, name, cause, fn, arg);
}

static void
close_door(struct filters *f)
{
    loop_watch_free(f->watch);
    door_free(f->door);
    f->watch = NULL;
    f->door = NULL;
}

static void
lose_all(struct filters *f, const char *cause)
{
    uint64_t last = f->last_id;
    struct asked *a, *next;

    HASH_ITER(hh, f->asked, a, next)
    {
        if (a->id <= last) {
            end_by_policy(a, cause);
            next = f->asked; /* the table may have changed; begin anew */
        }
    }
}

static void
lose_role(struct filters *f, const char *cause, bool is_broken)
{
    log_event(is_broken ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "filters_lost", "role",
              f->driver->role, "reason", cause, NULL);
    close_door(f);
    if (is_broken)
        f->replace(f->arg);
    lose_all(f, cause);
}

static void
on_deadline(void *arg)
{
    struct asked *a = arg;

    end_by_policy(a, "the filters take too long");
}

/* --- results --- */

static bool
is_sealed(int fd, uint64_t octets)
{
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat st;

    return seals >= 0 && (seals & SEALS) == SEALS && fstat(fd, &st) == 0 &&
           (uint64_t)st.st_size == octets;
}

static uint64_t
octets_of(const struct message *msg)
{
    return msg != NULL ? message_traits(msg)->octets : 0;
}

static bool
is_possible(const struct asked *a, const struct filter_result *r, int fd)
{
    uint64_t octets = octets_of(a->msg);

    if (!r->is_changed)
        return !r->has_new_body && fd < 0;
    if (r->has_new_body)
        return fd >= 0 && is_sealed(fd, r->body_octets);
    return fd < 0 && r->body_offset <= octets && r->body_octets == octets - r->body_offset;
}

static bool
take_whole(struct asked *a, int fd)
{
    struct filter_result r;
    struct unpack u;

    unpack_init(&u, buf_span(&a->packed));
    if (!filter_result_unpack(&r, a->arena, &u) || !unpack_done(&u) || !is_possible(a, &r, fd))
        return false;
    if (r.verdict == FILTER_LOST)
        end_by_policy(a, r.why.cause);
    else
        end_asked(a, &r, fd);
    return true;
}

/* false: no outbound role says that. Takes the descriptor. */
static bool
take_frame(struct filters *f, struct door_frame *frame)
{
    struct asked *a;
    struct unpack u;
    bool more, good;

    HASH_FIND(hh, f->asked, &frame->id, sizeof frame->id, a);
    unpack_init(&u, frame->body);
    more = unpack_u8(&u) == 1;
    if (frame->type != f->driver->answer || u.broken || (more && frame->fd >= 0))
        good = false;
    else if (a == NULL)
        good = true; /* it came too late */
    else
        good = buf_append_span(&a->packed, u.rest) && (more || take_whole(a, frame->fd));
    if (frame->fd >= 0)
        close(frame->fd);
    frame->fd = -1;
    return good;
}

static void
on_door(void *arg, unsigned events)
{
    struct filters *f = arg;
    struct door_frame frame;

    if ((events & LOOP_WRITE) != 0)
        door_flush(f->door);
    for (unsigned n = 0; f->door != NULL && (n < FRAMES_A_TURN || door_holds(f->door)); n++) {
        enum door_result got = door_receive(f->door, &frame);

        if (got == DOOR_AGAIN)
            break;
        if (got == DOOR_CLOSED)
            lose_role(f, "it ended", false);
        else if (got != DOOR_OK || !take_frame(f, &frame))
            lose_role(f, "it said what no role of filters says", true);
    }
    if (f->door != NULL)
        loop_watch_set(f->watch, door_queued(f->door) > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

/* --- questions --- */

/* A descriptor that can only read: no writable one leaves the store. */
static int
reopen_readonly(int fd)
{
    char path[32];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static bool
send_message(struct filters *f, const struct asked *a, struct span words)
{
    bool spilled = false;
    struct span bytes = a->msg != NULL ? message_inline(a->msg, &spilled) : SPAN_NONE;
    int fd = spilled ? reopen_readonly(message_fd(a->msg)) : -1;
    struct buf head;
    struct pack p;

    buf_init(&head, DOOR_BODY_MAX);
    pack_init(&p, &head);
    p.full = !buf_append_span(&head, words);
    pack_u8(&p, spilled ? 1 : 0);
    pack_u64(&p, octets_of(a->msg));
    bool ok = !p.full && (!spilled || fd >= 0) &&
              door_send(f->door, f->driver->ask, a->id, buf_span(&head), fd);
    buf_release(&head);
    if (fd >= 0)
        close(fd);
    while (ok && bytes.n > 0) {
        struct span piece = {bytes.p, bytes.n < DOOR_BODY_MAX ? bytes.n : DOOR_BODY_MAX};
        ok = door_send(f->door, f->driver->more, a->id, piece, -1);
        bytes = span_skip(bytes, piece.n);
    }
    return ok;
}

static struct asked *
asked_new(struct filters *f, const struct filters_question *q, struct arena *arena, filters_fn fn,
          void *arg)
{
    struct asked *a = calloc(1, sizeof *a);

    if (a == NULL)
        return NULL;
    *a = (struct asked){.filters = f, .id = ++f->last_id, .arena = arena, .fn = fn, .arg = arg};
    a->deadline = loop_timer_new(f->loop, on_deadline, a);
    if (a->deadline != NULL)
        HASH_ADD(hh, f->asked, id, sizeof a->id, a);
    if (a->hh.tbl == NULL) {
        loop_timer_free(a->deadline);
        free(a);
        return NULL;
    }
    a->msg = q->msg != NULL ? message_ref(q->msg) : NULL;
    a->must = q->must;
    snprintf(a->name, sizeof a->name, "%s", q->id);
    buf_init(&a->packed, RESULT_MAX);
    loop_timer_start(a->deadline, q->timeout_ms);
    return a;
}

void
filters_ask(struct filters *f, const struct filters_question *q, struct arena *arena, filters_fn fn,
            void *arg)
{
    struct asked *a = f->door != NULL ? asked_new(f, q, arena, fn, arg) : NULL;
    char away[64];

    if (a == NULL) {
        snprintf(away, sizeof away, "the %s role is away", f->driver->role);
        say_policy(q->must, q->id, away, fn, arg);
        return;
    }
    if (!send_message(f, a, q->words)) {
        lose_role(f, "it does not read", true);
        return;
    }
    if (door_queued(f->door) > 0)
        loop_watch_set(f->watch, LOOP_READ | LOOP_WRITE);
}

void
filters_connect(struct filters *f, int door_fd)
{
    if (f->door != NULL)
        lose_role(f, "replaced", false);
    f->door = door_new(door_fd, QUEUE_MAX);
    if (f->door == NULL) {
        close(door_fd);
        return;
    }
    f->watch = loop_watch_new(f->loop, door_fd, LOOP_READ, on_door, f);
    if (f->watch == NULL)
        close_door(f);
}

struct filters *
filters_new(const struct filter_driver *driver, struct loop *loop, filters_replace_fn replace,
            void *arg)
{
    struct filters *f = calloc(1, sizeof *f);

    if (f == NULL)
        return NULL;
    *f = (struct filters){.driver = driver, .loop = loop, .replace = replace, .arg = arg};
    return f;
}

void
filters_free(struct filters *f)
{
    if (f == NULL)
        return;
    close_door(f);
    lose_all(f, "the store ends");
    free(f);
}

/* --- the new message --- */

static bool
copy_body(const struct filter_result *r, int body_fd, const struct message *original,
          struct message *m, struct outcome *why)
{
    char *piece = malloc(COPY_SIZE);
    uint64_t done = 0;
    ssize_t n = 1;

    if (piece == NULL)
        return outcome_set(why, OUTCOME_OVERLOAD, "no memory to copy a message");
    while (done < r->body_octets && n > 0) {
        n = r->has_new_body ? pread(body_fd, piece, COPY_SIZE, (off_t)done)
                            : message_read(original, r->body_offset + done, piece, COPY_SIZE);
        if (n > 0 && !message_append(m, piece, (size_t)n, why)) {
            free(piece);
            return false;
        }
        done += n > 0 ? (uint64_t)n : 0;
    }
    free(piece);
    return done == r->body_octets ||
           outcome_set(why, OUTCOME_FILTER_DEFERRED, "a filtered body cannot be read");
}

bool
filters_apply(const struct filter_result *r, int body_fd, const struct message *original,
              uint64_t octets_max, struct message *m, struct outcome *why)
{
    if (r->header.n > octets_max || r->body_octets > octets_max - r->header.n)
        return outcome_set(why, OUTCOME_TOO_BIG, "the filters made it too big");
    if (!message_append(m, r->header.p, r->header.n, why) ||
        !copy_body(r, body_fd, original, m, why))
        return false;
    message_seal(m);
    return true;
}
