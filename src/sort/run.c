/* SPDX-License-Identifier: MIT
 *
 * The sorter's role: messages in through the door, facts out (door_frames.h). It holds no file of
 * its own and keeps nothing of a message; whoever sends what no frame is has been taken over, and
 * the role ends.
 */
#include "doorstep/sort.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/door_frames.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"

#include "sorter_priv.h"

#define WINDOW 65536                   /* octets read from a descriptor at once */
#define QUEUE_MAX (4 * DOOR_BODY_MAX)  /* of frames that wait for the store */
#define ARENA_MAX (4 * SORT_FACTS_MAX) /* facts with their padding */
#define WHOLE_MAX (80 * 1024 * 1024)   /* a message that comes inline */
#define RUNS_ARENA_MAX (64 * 1024 * 1024)
#define RUN_ARENA_MAX (8 * 1024 * 1024)
#define PROGRAMS_MAX (32 * 1024 * 1024)

struct charsets *
sort_prepare(void)
{
    struct charsets *set = charsets_new();

    if (set != NULL)
        charsets_open_all(set);
    tzset();
    return set;
}

enum sorter_result
sorter_flush(struct sorter *so)
{
    for (;;) {
        switch (door_flush(so->door)) {
        case DOOR_OK:
            return SORTER_GOES_ON;
        case DOOR_AGAIN:
            door_wait(so->door, true, -1);
            break;
        case DOOR_CLOSED:
            return SORTER_IS_DONE;
        case DOOR_BROKEN:
            return SORTER_IS_BROKEN;
        }
    }
}

static enum sorter_result
send_piece(struct sorter *so, uint16_t type, uint64_t id, struct span piece)
{
    if (!door_put(so->door, type, id, piece))
        return SORTER_IS_DONE;
    return door_queued(so->door) > DOOR_BODY_MAX ? sorter_flush(so) : SORTER_GOES_ON;
}

enum sorter_result
sorter_send(struct sorter *so, uint16_t type, uint64_t id, struct span packed)
{
    struct span rest = packed;
    enum sorter_result result = SORTER_GOES_ON;
    struct buf *frame = &so->frame;

    do {
        size_t n = rest.n < DOOR_BODY_MAX - 1 ? rest.n : DOOR_BODY_MAX - 1;
        buf_reset(frame);
        bool ok = buf_append_char(frame, n < rest.n) && buf_append(frame, rest.p, n);
        rest = span_skip(rest, n);
        result = ok ? send_piece(so, type, id, buf_span(frame)) : SORTER_IS_BROKEN;
    } while (rest.n > 0 && result == SORTER_GOES_ON);
    return result;
}

static enum sorter_result
send_facts(struct sorter *so, uint64_t id, const struct facts *facts)
{
    struct pack p;

    buf_reset(&so->packed);
    pack_init(&p, &so->packed);
    facts_pack(facts, &p);
    return p.full ? SORTER_IS_BROKEN : sorter_send(so, SORT_FACTS, id, buf_span(&so->packed));
}

static enum sorter_result
answer(struct sorter *so, uint64_t id, bool is_readable)
{
    struct facts facts;

    if (!sort_scan_finish(so->scan, &so->arena, &facts) || !is_readable)
        facts = (struct facts){.flags = FACTS_UNKNOWN};
    enum sorter_result result = send_facts(so, id, &facts);
    arena_reset(&so->arena);
    return result;
}

static bool
has_runs(const struct sorter *so, uint64_t id)
{
    return so->run_count > 0 && so->runs_id == id;
}

static enum sorter_result
answer_inline(struct sorter *so, uint64_t id)
{
    enum sorter_result result = answer(so, id, true);

    if (result == SORTER_GOES_ON && so->run_count > 0)
        result = has_runs(so, id) ? sorter_file(so, id, buf_span(&so->whole)) : SORTER_IS_BROKEN;
    buf_reset(&so->whole);
    return result;
}

static enum sorter_result
file_mapped(struct sorter *so, uint64_t id, int fd, uint64_t octets)
{
    void *p = octets == 0 ? MAP_FAILED : mmap(NULL, octets, PROT_READ, MAP_PRIVATE, fd, 0);

    if (p == MAP_FAILED)
        return SORTER_IS_BROKEN;
    enum sorter_result result = sorter_file(so, id, (struct span){p, octets});
    munmap(p, octets);
    return result;
}

typedef bool (*take_fn)(struct sorter *so, struct span piece);

static bool
take_message(struct sorter *so, struct span piece)
{
    sort_scan_feed(so->scan, piece.p, piece.n);
    return so->run_count == 0 || buf_append_span(&so->whole, piece);
}

static bool
take_script(struct sorter *so, struct span piece)
{
    return buf_append_span(&so->script, piece);
}

/* Octets that came with the request, and what SORT_MORE brings. */
static enum sorter_result
read_inline(struct sorter *so, uint64_t id, uint64_t octets, struct span first, take_fn take)
{
    struct span piece = first;

    for (;;) {
        if (piece.n > octets || !take(so, piece))
            return SORTER_IS_BROKEN;
        octets -= piece.n;
        if (octets == 0)
            return SORTER_GOES_ON;
        struct door_frame frame;
        enum sorter_result result = sorter_receive(so, &frame);
        if (result != SORTER_GOES_ON)
            return result;
        if (frame.fd >= 0)
            close(frame.fd);
        if (frame.type != SORT_MORE || frame.id != id || frame.body.n == 0 || frame.fd >= 0)
            return SORTER_IS_BROKEN;
        piece = frame.body;
    }
}

/* Read exactly that many octets; a file that is shorter or cannot be read gives no facts. */
static bool
feed_descriptor(struct sorter *so, int fd, uint64_t octets)
{
    uint64_t offset = 0;

    if (!buf_reserve(&so->window, WINDOW))
        return false;
    while (offset < octets) {
        size_t n = octets - offset < WINDOW ? (size_t)(octets - offset) : WINDOW;
        ssize_t got = pread(fd, so->window.data, n, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            log_event(LOG_LEVEL_ERROR, "message-unreadable", "offset", log_num((long long)offset),
                      "errno", log_num(got < 0 ? errno : 0), NULL);
            return false;
        }
        sort_scan_feed(so->scan, so->window.data, (size_t)got);
        offset += (uint64_t)got;
    }
    return true;
}

static enum sorter_result
serve_descriptor(struct sorter *so, uint64_t id, int fd, uint64_t octets)
{
    bool is_readable = feed_descriptor(so, fd, octets);
    enum sorter_result result = answer(so, id, is_readable);

    if (result != SORTER_GOES_ON || so->run_count == 0)
        return result;
    return is_readable && has_runs(so, id) ? file_mapped(so, id, fd, octets) : SORTER_IS_BROKEN;
}

static enum sorter_result
serve_message(struct sorter *so, const struct door_frame *frame)
{
    struct unpack u;

    unpack_init(&u, frame->body);
    unsigned by_fd = unpack_u8(&u);
    uint64_t octets = unpack_u64(&u);
    bool is_request =
        !u.broken && by_fd <= 1 && (by_fd == 1) == (frame->fd >= 0) && octets <= INT64_MAX;
    if (!is_request || (by_fd == 1 && u.rest.n > 0))
        return SORTER_IS_BROKEN;
    if (by_fd == 1)
        return serve_descriptor(so, frame->id, frame->fd, octets);
    uint64_t id = frame->id;
    enum sorter_result result = read_inline(so, id, octets, u.rest, take_message);
    return result == SORTER_GOES_ON ? answer_inline(so, id) : result;
}

static enum sorter_result
serve_check(struct sorter *so, const struct door_frame *frame)
{
    uint64_t id = frame->id;
    char name[SORT_NAME_SIZE];
    struct unpack u;

    unpack_init(&u, frame->body);
    unpack_str(&u, name, sizeof name);
    uint64_t octets = unpack_u64(&u);
    if (u.broken || frame->fd >= 0)
        return SORTER_IS_BROKEN;
    buf_reset(&so->script);
    enum sorter_result result = read_inline(so, id, octets, u.rest, take_script);
    return result == SORTER_GOES_ON ? sorter_check(so, id, name) : result;
}

static enum sorter_result
serve_frame(struct sorter *so, const struct door_frame *frame)
{
    switch (frame->type) {
    case SORT_MESSAGE:
        return serve_message(so, frame);
    case SORT_CHECK:
        return serve_check(so, frame);
    case SORT_RUN:
        return sorter_take_run(so, frame->id, frame->body);
    default:
        return SORTER_IS_BROKEN;
    }
}

static enum sorter_result
serve_one(struct sorter *so)
{
    struct door_frame frame = {.fd = -1};
    enum sorter_result result = sorter_receive(so, &frame);

    if (result != SORTER_GOES_ON)
        return result;
    int fd = frame.fd;
    uint64_t began_us = clock_us();
    result = serve_frame(so, &frame);
    metrics_observe(METRIC_SORTED, METRICS_NO_LABEL, clock_us() - began_us);
    if (fd >= 0)
        close(fd);
    return result;
}

int
sort_run(struct charsets *charsets, int door_fd, const struct sort_options *options)
{
    struct sorter so = {.options = options,
                        .charsets = charsets,
                        .door = door_new(door_fd, QUEUE_MAX),
                        .scan = sort_scan_new(),
                        .programs = programs_new(PROGRAMS_MAX)};
    enum sorter_result result = SORTER_GOES_ON;
    unsigned messages_max = options->messages_max;

    buf_init(&so.window, WINDOW);
    buf_init(&so.script, options->sieve.script_max);
    buf_init(&so.whole, WHOLE_MAX);
    arena_init(&so.runs_arena, RUNS_ARENA_MAX);
    arena_init(&so.run_arena, RUN_ARENA_MAX);
    buf_init(&so.packed, SORT_FACTS_MAX);
    buf_init(&so.frame, DOOR_BODY_MAX);
    arena_init(&so.arena, ARENA_MAX);
    if (so.door == NULL || so.scan == NULL || so.programs == NULL)
        result = SORTER_IS_BROKEN;
    else
        sort_scan_use_charsets(so.scan, charsets);
    for (unsigned served = 0; result == SORTER_GOES_ON; served++) {
        if (messages_max > 0 && served >= messages_max && !door_holds(so.door) && so.held == NULL &&
            so.run_count == 0)
            break; /* with all that came in the last packet answered */
        result = serve_one(&so);
    }
    if (result == SORTER_GOES_ON)
        result = sorter_flush(&so);
    buf_release(&so.packed);
    buf_release(&so.frame);
    buf_release(&so.script);
    buf_release(&so.whole);
    arena_release(&so.runs_arena);
    sieve_run_free(so.sieve);
    arena_release(&so.run_arena);
    programs_free(so.programs);
    free(so.runs);
    sorter_drop_held(&so);
    arena_release(&so.arena);
    buf_release(&so.window);
    sort_scan_free(so.scan);
    door_free(so.door);
    return result == SORTER_IS_BROKEN ? 1 : 0;
}
