/* SPDX-License-Identifier: MIT
 *
 * Starts processes, carries their frames, notices their end, and starts them again: after 100 ms,
 * then twice as long each time up to 30 s, from the beginning when one has lived for a minute.
 * A sorter or an auth role waits 2 s at most: its crash may be what a stranger sent, and must not
 * stop everybody.
 */
#include "supervise_priv.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/log.h"

#include "pages_priv.h"
#include "spawn_priv.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 30000
#define BACKOFF_SORTER_MAX_MS 2000
#define BACKOFF_FORGIVEN_MS 60000
#define CLEAN_MIN_MS 1000 /* one that ends as it should, but sooner, does not turn in a circle */
#define DISMISS_MS 100    /* for one that is ending already: its own end is the one to be told */
#define QUEUE_MAX (1 << 20)

const char *
supervise_name(enum role_kind kind)
{
    static const char *const names[] = {
        [ROLE_EDGE] = "edge",         [ROLE_STORE] = "store",
        [ROLE_SORTER] = "sorter",     [ROLE_HAND] = "hand",
        [ROLE_METRICS] = "metrics",   [ROLE_AUTH] = "auth",
        [ROLE_OUTBOUND] = "outbound", [ROLE_RELAY] = "relay",
        [ROLE_RUNNER] = "runner",     [ROLE_PASSTHROUGH] = "passthrough",
    };

    return names[kind];
}

unsigned
supervise_metrics_role(enum role_kind kind)
{
    static const unsigned roles[] = {
        [ROLE_EDGE] = METRICS_ROLE_EDGE,         [ROLE_STORE] = METRICS_ROLE_STORE,
        [ROLE_SORTER] = METRICS_ROLE_SORTER,     [ROLE_HAND] = METRICS_ROLE_HAND,
        [ROLE_METRICS] = METRICS_ROLE_METRICS,   [ROLE_AUTH] = METRICS_ROLE_AUTH,
        [ROLE_OUTBOUND] = METRICS_ROLE_OUTBOUND, [ROLE_RELAY] = METRICS_ROLE_RELAY,
        [ROLE_RUNNER] = METRICS_ROLE_RUNNER,     [ROLE_PASSTHROUGH] = METRICS_ROLE_PASSTHROUGH,
    };

    return roles[kind];
}

/* Of a process that was dismissed and is still there, or of a restart. */
static void
on_due(void *arg)
{
    struct role *r = arg;

    if (r->pid == 0) {
        roles_start(r);
        return;
    }
    log_event(LOG_LEVEL_WARNING, "dismissed", "role", supervise_name(r->kind), "slot",
              log_num(r->slot), "pid", log_num(r->pid), NULL);
    supervise_kill(r);
}

struct role *
supervise_add(struct daemon *d, enum role_kind kind, uint32_t slot)
{
    struct role *r = calloc(1, sizeof(*r));

    if (r != NULL)
        r->timer = loop_timer_new(d->loop, on_due, r);
    if (r == NULL || r->timer == NULL) {
        log_event(LOG_LEVEL_ERROR, "out_of_memory", "role", supervise_name(kind), NULL);
        free(r);
        return NULL;
    }
    r->daemon = d;
    r->kind = kind;
    r->slot = slot;
    r->generation = d->generation;
    r->store_end = -1;
    r->backoff_ms = BACKOFF_FIRST_MS;
    r->next = d->roles;
    d->roles = r;
    return r;
}

void
supervise_remove(struct role *r)
{
    struct role **at = &r->daemon->roles;

    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    if (r->pid > 0) {
        kill(r->pid, SIGKILL);
        waitpid(r->pid, NULL, 0);
    }
    pages_return(r);
    door_keeper_close(&r->keeper);
    loop_timer_free(r->timer);
    if (r->store_end >= 0)
        close(r->store_end);
    free(r);
}

void
supervise_step(struct role *r, enum role_state state)
{
    static const unsigned next[] = {
        [ROLE_WAITING] = 1u << ROLE_STARTING,
        [ROLE_STARTING] = 1u << ROLE_SERVING | 1u << ROLE_WAITING | 1u << ROLE_LEAVING,
        [ROLE_SERVING] = 1u << ROLE_WAITING | 1u << ROLE_LEAVING,
        [ROLE_LEAVING] = 1u << ROLE_WAITING,
    };
    static const char *const names[] = {"waiting", "starting", "serving", "leaving"};

    bool is_allowed = (next[r->state] & 1u << state) != 0;

    assert(is_allowed);
    (void)is_allowed;
    log_event(LOG_LEVEL_DEBUG, "role", "role", supervise_name(r->kind), "slot", log_num(r->slot),
              "pid", log_num(r->pid), "from", names[r->state], "to", names[state], NULL);
    r->state = state;
}

/* --- doors --- */

static bool
take_frame(void *arg, struct door_frame *frame)
{
    return roles_take_frame(arg, frame);
}

/* A process that has closed its door is ending: SIGCHLD says how. */
static void
on_lost(void *arg, enum door_result how)
{
    struct role *r = arg;

    if (how != DOOR_BROKEN)
        return;
    log_event(LOG_LEVEL_ERROR, "door_broken", "role", supervise_name(r->kind), "pid",
              log_num(r->pid), NULL);
    supervise_kill(r);
    r->is_sacked = false; /* its own fault */
}

void
supervise_send(struct role *r, enum door_frame_type type, uint64_t id, struct span body, int fd)
{
    if (r->keeper.door == NULL || door_keeper_send(&r->keeper, type, id, body, fd))
        return;
    log_event(LOG_LEVEL_WARNING, "door_refuses", "role", supervise_name(r->kind), "pid",
              log_num(r->pid), "frame", log_num(type), NULL);
    supervise_kill(r);
}

/* --- processes --- */

/* Takes fd, our end. */
static bool
open_door(struct role *r, int fd)
{
    static const struct door_keeper_calls calls = {.take = take_frame, .lost = on_lost};

    r->keeper = (struct door_keeper){.loop = r->daemon->loop, .calls = &calls, .arg = r};
    return door_keeper_open(&r->keeper, door_new(fd, QUEUE_MAX));
}

/* Sockets of filters and next hops have paths; a look-up reads what the system says of names;
 * programs are files. */
static bool
needs_files(enum role_kind kind)
{
    return kind == ROLE_STORE || kind == ROLE_HAND || kind == ROLE_OUTBOUND || kind == ROLE_RELAY ||
           kind == ROLE_RUNNER || kind == ROLE_PASSTHROUGH;
}

bool
supervise_spawn(struct role *r, const struct identity *as)
{
    const struct spawn_order order = {
        .role = supervise_name(r->kind),
        .as = as,
        .root = as != NULL && !needs_files(r->kind) ? r->daemon->state.empty : NULL,
        .is_quiet = r->daemon->is_offline,
        .logs_json = r->daemon->settings->log_json,
    };
    int ends[2];

    assert(r->pid == 0);
    supervise_step(r, ROLE_STARTING);
    r->has_go = r->is_sacked = false;
    r->started_ms = clock_ms();
    r->cpu_us = 0;
    if (door_pair(ends)) {
        if (open_door(r, ends[0]))
            r->pid = spawn_role(&order, ends[1], pages_lend(r));
        close(ends[1]);
    }
    if (r->pid > 0) {
        metrics_count(METRIC_ROLE_STARTS, supervise_metrics_role(r->kind), 1);
        return true;
    }
    pages_return(r);
    log_event(LOG_LEVEL_ERROR, "spawn", "role", order.role, "error", strerror(errno), NULL);
    r->pid = 0;
    door_keeper_close(&r->keeper);
    supervise_restart(r, false);
    return false;
}

void
supervise_kill(struct role *r)
{
    r->is_sacked = true;
    if (r->pid > 0)
        kill(r->pid, SIGKILL);
}

void
supervise_dismiss(struct role *r)
{
    loop_timer_start(r->timer, DISMISS_MS);
}

static uint64_t
backoff(struct role *r, bool is_clean)
{
    bool reads_strangers = r->kind == ROLE_SORTER || r->kind == ROLE_AUTH || r->kind == ROLE_RELAY;
    uint64_t max = reads_strangers ? BACKOFF_SORTER_MAX_MS : BACKOFF_MAX_MS;
    uint64_t lived = clock_ms() - r->started_ms, wait;

    if (is_clean)
        return lived < CLEAN_MIN_MS ? BACKOFF_FIRST_MS : 0;
    if (lived >= BACKOFF_FORGIVEN_MS)
        r->backoff_ms = BACKOFF_FIRST_MS;
    wait = r->backoff_ms;
    r->backoff_ms = wait * 2 < max ? wait * 2 : max;
    return wait;
}

void
supervise_restart(struct role *r, bool is_clean)
{
    uint64_t wait = backoff(r, is_clean);

    supervise_step(r, ROLE_WAITING);
    loop_timer_start(r->timer, wait);
    log_event(is_clean ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING, "restart", "role",
              supervise_name(r->kind), "slot", log_num(r->slot), "wait_ms",
              log_num((long long)wait), NULL);
}

/* As it should, or because we wanted it; a crash stays one even if our signal came right behind. */
static bool
ended_well(const struct role *r, int status)
{
    if (WIFEXITED(status))
        return WEXITSTATUS(status) == 0;
    return r->is_sacked && WTERMSIG(status) == SIGKILL;
}

static bool
log_end(const struct role *r, int status)
{
    bool is_clean = ended_well(r, status);
    const char *signal_name = WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : NULL;

    log_event(is_clean ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, "role_ended", "role",
              supervise_name(r->kind), "slot", log_num(r->slot), "pid", log_num(r->pid), "status",
              WIFEXITED(status) ? log_num(WEXITSTATUS(status)) : "-", "signal",
              signal_name != NULL ? signal_name : "-", "lived_ms",
              log_num((long long)(clock_ms() - r->started_ms)), NULL);
    return is_clean;
}

/* One process that has ended; false when there is none. */
static bool
reap_one(struct daemon *d)
{
    for (struct role *r = d->roles; r != NULL; r = r->next) {
        int status;

        if (r->pid <= 0 || waitpid(r->pid, &status, WNOHANG) != r->pid)
            continue;
        bool is_clean = log_end(r, status);

        metrics_count(METRIC_ROLE_DEATHS, supervise_metrics_role(r->kind), !is_clean);
        r->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
        r->pid = 0;
        loop_timer_stop(r->timer); /* it needs no signal any more */
        door_keeper_close(&r->keeper);
        pages_return(r);
        roles_on_ended(r, is_clean);
        return true;
    }
    return false;
}

void
supervise_reap(struct daemon *d)
{
    while (reap_one(d))
        ; /* the list may have changed: look again from its head */
}

struct role *
supervise_find(struct daemon *d, enum role_kind kind, uint32_t slot)
{
    for (struct role *r = d->roles; r != NULL; r = r->next) {
        if (r->kind == kind && r->slot == slot)
            return r;
    }
    return NULL;
}

unsigned
supervise_count(const struct daemon *d, enum role_kind kind)
{
    unsigned count = 0;

    for (const struct role *r = d->roles; r != NULL; r = r->next)
        count += r->kind == kind && r->pid > 0;
    return count;
}
