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

#include "doorstep/clock.h"
#include "doorstep/door_frames.h"
#include "doorstep/log.h"

#include "role_questions_priv.h"

#define QUEUE_MAX (80u << 20) /* unsent: a message in memory (64M) */
#define RESULT_MAX (FILTER_HEADER_MAX * 2 + (4u << 20))
#define COPY_SIZE 65536
#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

const struct filter_driver filter_milter = {
    .role = "outbound", .ask = FILTER_MESSAGE, .more = FILTER_MORE, .answer = FILTER_RESULT};
const struct filter_driver filter_program = {
    .role = "runner", .ask = PROGRAM_RUN, .more = PROGRAM_MORE, .answer = PROGRAM_RESULT};
const struct filter_driver filter_passthrough = {
    .role = "passthrough", .ask = PASS_MESSAGE, .more = PASS_MORE, .answer = PASS_RESULT};

struct filters {
    struct role_questions role;
    const struct filter_driver *driver;
    filters_replace_fn replace;
    void *arg;
};

struct asked {                     /* a message that is out */
    struct role_question question; /* first */
    bool must;
    char name[ID_SIZE];  /* of the delivery, for the log */
    struct arena *arena; /* the asker's */
    filters_fn fn;
    void *arg;
    struct message *msg; /* a reference: what is lent stays; or NULL */
};

/* --- answers --- */

static void
asked_free(struct asked *a)
{
    role_question_end(&a->question);
    message_unref(a->msg);
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
end_by_policy(struct role_question *q, const char *cause)
{
    const struct asked a = *(struct asked *)q;

    asked_free((struct asked *)q);
    say_policy(a.must, a.name, cause, a.fn, a.arg);
}

static void
on_late(struct role_question *q)
{
    end_by_policy(q, "the filters take too long");
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
on_answered(struct role_question *q, struct span packed, int fd)
{
    struct asked *a = (struct asked *)q;
    struct filter_result r;
    struct unpack u;

    unpack_init(&u, packed);
    if (!filter_result_unpack(&r, a->arena, &u) || !unpack_done(&u) || !is_possible(a, &r, fd))
        return false;
    if (r.verdict == FILTER_LOST) {
        end_by_policy(q, r.why.cause);
    } else {
        filters_fn fn = a->fn;
        void *arg = a->arg;

        asked_free(a);
        fn(arg, &r, fd);
    }
    return true;
}

static void
on_replace(void *arg)
{
    struct filters *f = arg;

    f->replace(f->arg);
}

/* --- questions --- */

static bool
send_message(struct filters *f, const struct asked *a, struct span words)
{
    bool spilled = false;
    struct span bytes = a->msg != NULL ? message_inline(a->msg, &spilled) : SPAN_NONE;
    int fd = spilled ? door_open_readonly(message_fd(a->msg)) : -1;
    struct buf head;
    struct pack p;

    buf_init(&head, DOOR_BODY_MAX);
    pack_init(&p, &head);
    p.full = !buf_append_span(&head, words);
    pack_u8(&p, spilled ? 1 : 0);
    pack_u64(&p, octets_of(a->msg));
    bool ok = !p.full && (!spilled || fd >= 0) &&
              role_door_send(&f->role.door, f->driver->ask, a->question.id, buf_span(&head), fd);
    buf_release(&head);
    if (fd >= 0)
        close(fd);
    while (ok && bytes.n > 0) {
        struct span piece = {bytes.p, bytes.n < DOOR_BODY_MAX ? bytes.n : DOOR_BODY_MAX};
        ok = role_door_send(&f->role.door, f->driver->more, a->question.id, piece, -1);
        bytes = span_skip(bytes, piece.n);
    }
    return ok;
}

static struct asked *
asked_new(struct filters *f, const struct filters_question *q, struct arena *arena, filters_fn fn,
          void *arg)
{
    struct asked *a = malloc(sizeof *a);

    if (a == NULL)
        return NULL;
    *a = (struct asked){.must = q->must, .arena = arena, .fn = fn, .arg = arg};
    if (!role_question_begin(&f->role, &a->question, q->timeout_ms)) {
        free(a);
        return NULL;
    }
    a->msg = q->msg != NULL ? message_ref(q->msg) : NULL;
    snprintf(a->name, sizeof a->name, "%s", q->id);
    return a;
}

void
filters_ask(struct filters *f, const struct filters_question *q, struct arena *arena, filters_fn fn,
            void *arg)
{
    struct asked *a = role_door_is_here(&f->role.door) ? asked_new(f, q, arena, fn, arg) : NULL;
    char away[64];

    if (a == NULL) {
        snprintf(away, sizeof away, "the %s role is away", f->driver->role);
        say_policy(q->must, q->id, away, fn, arg);
        return;
    }
    if (!send_message(f, a, q->words))
        role_door_lose(&f->role.door, "it does not read", true);
}

void
filters_connect(struct filters *f, int door_fd)
{
    role_door_open(&f->role.door, door_fd);
}

struct filters *
filters_new(const struct filter_driver *driver, struct loop *loop, filters_replace_fn replace,
            void *arg)
{
    const struct role_questions_kind kind = {
        .role = driver->role,
        .queue_max = QUEUE_MAX,
        .answer = driver->answer,
        .answer_max = RESULT_MAX,
        .answered = on_answered,
        .late = on_late,
        .lost = end_by_policy,
        .replace = on_replace,
    };
    struct filters *f = calloc(1, sizeof *f);

    if (f == NULL)
        return NULL;
    f->driver = driver;
    f->replace = replace;
    f->arg = arg;
    role_questions_init(&f->role, loop, &kind, f);
    return f;
}

void
filters_free(struct filters *f)
{
    if (f == NULL)
        return;
    role_questions_release(&f->role, "the store ends");
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
