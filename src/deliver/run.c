/* SPDX-License-Identifier: MIT
 *
 * The store role from start to end: what main sends, what it needs before it serves, and draining.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/door_frames.h"
#include "doorstep/log.h"

#include "deliver_priv.h"
#include "filing_priv.h"

#define CUT_OFF_S 5       /* for batches that are being written when main dies */
#define PREDECESSOR_S 20  /* for a store that does so, on a busy machine */
#define PAUSE_NS 10000000 /* between two looks at it */
#define MAIN_QUEUE_MAX (1024 * 1024)
#define RELAY_JOB_MS UINT64_C(14400000) /* a long message on a slow line */
#define RELAY_DRAIN_MS 3000             /* for next hops that are about to answer */

static void
end_role(struct deliver *d, int status)
{
    d->exit_status = status;
    loop_stop(d->loop);
}

static bool
tell_main(struct deliver *d, uint16_t type, uint64_t id, struct span body)
{
    return door_keeper_send(&d->main, type, id, body, -1);
}

static bool
send_want_hand(void *arg, uint64_t id, struct span body)
{
    return tell_main(arg, STORE_WANT_HAND, id, body);
}

static void
tell_slot(struct deliver *d, uint16_t type, uint32_t slot)
{
    struct buf body;
    struct pack p;

    buf_init(&body, 16);
    pack_init(&p, &body);
    pack_u32(&p, slot);
    tell_main(d, type, 0, buf_span(&body));
    buf_release(&body);
}

static void
send_kill_sorter(void *arg, uint32_t slot)
{
    tell_slot(arg, STORE_KILL_SORTER, slot);
}

static void
send_kill_auth(void *arg)
{
    tell_slot(arg, STORE_KILL_AUTH, 0);
}

static void
send_kill_outbound(void *arg)
{
    tell_slot(arg, STORE_KILL_OUTBOUND, 0);
}

static void
send_kill_runner(void *arg, uint32_t slot)
{
    tell_slot(arg, STORE_KILL_RUNNER, slot);
}

static void
send_kill_passthrough(void *arg)
{
    tell_slot(arg, STORE_KILL_PASSTHROUGH, 0);
}

static void
send_kill_relay(void *arg)
{
    tell_slot(arg, STORE_KILL_RELAY, 0);
}

static void
on_relay(void *arg)
{
    struct deliver *d = arg;

    if (d->scheduler != NULL)
        scheduler_look(d->scheduler);
}

void
deliver_kill_edge(struct deliver *d, uint32_t slot)
{
    tell_slot(d, STORE_KILL_EDGE, slot);
}

static bool
start_control(struct deliver *d)
{
    const uid_t allowed[] = {geteuid()};

    if (d->control_fd < 0)
        return true;
    d->control = control_new(d->loop, d->control_fd, allowed, 1, operation_handle, d);
    d->control_fd = -1;
    return d->control != NULL;
}

/* The store of a main that was killed ends what it has begun. Until then its journal and its
 * accounts are not ours: both would publish the same message. Its lock goes with the process. */
static bool
wait_for_predecessor(struct deliver *d, struct outcome *why)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    const uint64_t end = clock_ms() + PREDECESSOR_S * 1000;
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/store.lock", d->settings->state_dir);
    d->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (d->lock_fd < 0)
        return outcome_errno(why, errno, "open", path);
    while (flock(d->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK || clock_ms() >= end)
            return outcome_errno(why, errno, "lock", path);
        nanosleep(&pause, NULL);
    }
    return true;
}

/* A damaged queue holds up nobody's mail: what can be read of it goes on, and all of it is kept for
 * whoever can make more of it. */
static struct queue *
open_queue(const char *state_dir, struct outcome *why)
{
    struct queue *q = queue_open(state_dir, why);
    struct queue_rescued rescued;

    if (q != NULL || why->kind != OUTCOME_CORRUPT)
        return q;
    const struct outcome damage = *why;
    if (!queue_rescue(state_dir, clock_wall().tv_sec, &rescued, why))
        return NULL;
    log_event(LOG_LEVEL_ERROR, "queue_set_aside", "folder", rescued.folder, "cause", damage.cause,
              "rescued", log_num((long long)rescued.items), "lost",
              log_num((long long)rescued.lost), NULL);
    return queue_open(state_dir, why);
}

static void
on_disk(void *arg, bool is_full)
{
    (void)is_full;
    edges_tell_disk(arg);
}

static bool
start_parts(struct deliver *d, struct outcome *why)
{
    if (!wait_for_predecessor(d, why))
        return false;
    d->directory = directory_new(d->settings, d->loop, why);
    if (d->directory == NULL)
        return false;
    d->logins = logins_new(d->settings, d->loop, d->directory, send_kill_auth, d);
    if (d->logins == NULL)
        return outcome_set(why, OUTCOME_SYSTEM, "no memory");
    if (d->auth_fd >= 0)
        logins_add(d->logins, d->auth_fd);
    d->auth_fd = -1;
    d->log = delivery_log_open(d->settings->state_dir, d->settings->delivery_log_keep, why);
    if (d->log == NULL)
        return false;
    d->syncer = syncer_new(d->settings->state_dir, why);
    if (d->syncer == NULL)
        return false;
    d->queue = open_queue(d->settings->state_dir, why);
    if (d->queue == NULL)
        return false;
    const struct worker_services with = {
        d->settings, d->loop, d->directory, d->sorters, d->hands, d->syncer, d->queue,
    };
    d->workers = workers_start(&with, why);
    if (d->workers == NULL)
        return false;
    d->usage = usage_new(d->loop, d->workers);
    d->active = active_new(d->loop, d->workers, d->settings->sieve.script_size);
    d->rates = rates_new(&d->settings->limits);
    d->clerk = job_thread_start("clerk", &(struct job_hooks){0}, d);
    if (d->clerk != NULL)
        delivery_log_gather(d->log, d->loop, d->clerk);
    if (d->clerk != NULL)
        d->disk = disk_new(d->settings, d->loop, d->clerk, on_disk, d);
    return (d->usage != NULL && d->active != NULL && d->rates != NULL && d->disk != NULL &&
            start_control(d)) ||
           outcome_set(why, OUTCOME_SYSTEM, "no memory");
}

/* Not before the replay is over: what it finds of the last run's mail is in the queue then. One
 * that was asked for a single task sends nothing. */
static bool
start_sending(struct deliver *d)
{
    const struct scheduler_with with = {d->settings, d->loop, d->queue,
                                        d->relay,    d->log,  &d->senders};

    if (d->is_offline || d->is_draining)
        return true;
    d->scheduler = scheduler_start(&with);
    d->asks = d->scheduler == NULL ? NULL : asks_new(d->loop, d->scheduler);
    if (d->asks == NULL)
        log_event(LOG_LEVEL_ERROR, "cannot_start", "cause", "no memory to send mail", NULL);
    return d->asks != NULL;
}

static void
on_recovered(struct deliver *d, bool ok)
{
    recovery_free(d->recovery);
    d->recovery = NULL;
    ok = ok && start_sending(d);
    d->is_serving = ok;
    operations_serve(d);
    if (!ok) {
        d->running--;
        end_role(d, EXIT_FAILURE);
        return;
    }
    edges_serve(d);
    tell_main(d, ROLE_READY, 0, SPAN_NONE);
    deliver_done_running(d);
}

static void
go(struct deliver *d, bool is_offline)
{
    struct outcome why;

    d->is_offline = is_offline;
    bool ok = start_parts(d, &why);
    if (ok) {
        d->running++;
        d->recovery = recovery_start(d, on_recovered);
        ok = d->recovery != NULL || outcome_set(&why, OUTCOME_SYSTEM, "no memory");
        d->running -= !ok;
    }
    if (ok)
        return;
    log_event(LOG_LEVEL_ERROR, "cannot_start", "cause", why.cause, NULL);
    end_role(d, EXIT_FAILURE);
}

static void
on_drain_deadline(void *arg)
{
    struct deliver *d = arg;

    /* A 250 was durable when it was said; what has no answer yet is tried again by its MTA. */
    log_event(LOG_LEVEL_WARNING, "drain_cut", "running", log_num(d->running), NULL);
    _exit(EXIT_SUCCESS);
}

void
deliver_end_when_drained(struct deliver *d)
{
    if (d->is_draining && d->running == 0 && !edges_have_unsent(d))
        end_role(d, EXIT_SUCCESS);
}

static void
on_relay_drained(void *arg)
{
    deliver_done_running(arg);
}

static void
drain_relay(struct deliver *d)
{
    if (d->scheduler == NULL)
        return;
    d->running++;
    scheduler_drain(d->scheduler, RELAY_DRAIN_MS, on_relay_drained, d);
}

static void
drain(struct deliver *d, uint32_t ms)
{
    d->is_draining = true;
    drain_relay(d);
    control_free(d->control);
    d->control = NULL;
    d->drain_timer = loop_timer_new(d->loop, on_drain_deadline, d);
    loop_timer_start(d->drain_timer, ms);
    deliver_end_when_drained(d);
}

void
deliver_done_running(struct deliver *d)
{
    d->running--;
    deliver_end_when_drained(d);
}

/* The door to the auth role; before MAIN_GO there is nothing yet that could use it. */
static void
take_auth_door(struct deliver *d, int fd)
{
    if (d->logins != NULL) {
        logins_add(d->logins, fd);
        return;
    }
    if (d->auth_fd >= 0)
        close(d->auth_fd);
    d->auth_fd = fd;
}

/* A frame with a descriptor to keep. */
static bool
take_descriptor(struct deliver *d, struct door_frame *f)
{
    struct unpack u;
    uint32_t slot = 0;

    unpack_init(&u, f->body);
    if (f->type == MAIN_EDGE_DOOR || f->type == MAIN_SORTER_DOOR || f->type == MAIN_RUNNER_DOOR ||
        f->type == MAIN_METRICS_PAGE)
        slot = unpack_u32(&u);
    if (u.broken || f->fd < 0)
        return false;
    switch (f->type) {
    case MAIN_EDGE_DOOR:
        edge_add(d, slot, f->fd);
        break;
    case MAIN_SORTER_DOOR:
        sorters_add(d->sorters, slot, f->fd);
        break;
    case MAIN_AUTH_DOOR:
        take_auth_door(d, f->fd);
        break;
    case MAIN_OUTBOUND_DOOR:
        filters_connect(d->filters, f->fd);
        break;
    case MAIN_RUNNER_DOOR:
        runners_connect(d->runners, slot, f->fd);
        break;
    case MAIN_PASSTHROUGH_DOOR:
        filters_connect(d->passthrough, f->fd);
        break;
    case MAIN_RELAY_DOOR:
        relay_link_connect(d->relay, f->fd);
        break;
    case MAIN_CONTROL:
        d->control_fd = f->fd;
        break;
    case MAIN_METRICS_PAGE:
        metrics_book_add(d->metrics, slot, f->fd);
        break;
    default:
        return false;
    }
    f->fd = -1;
    return true;
}

static bool
take_from_main(void *arg, struct door_frame *f)
{
    struct deliver *d = arg;
    struct unpack u;

    unpack_init(&u, f->body);
    switch (f->type) {
    case MAIN_EDGE_DOOR:
    case MAIN_SORTER_DOOR:
    case MAIN_AUTH_DOOR:
    case MAIN_OUTBOUND_DOOR:
    case MAIN_RELAY_DOOR:
    case MAIN_RUNNER_DOOR:
    case MAIN_PASSTHROUGH_DOOR:
    case MAIN_CONTROL:
    case MAIN_METRICS_PAGE:
        return take_descriptor(d, f);
    case MAIN_SRS_SECRETS:
        senders_take_secrets(&d->senders, f->body);
        return true;
    case MAIN_HAND_DOOR:
        hands_answer(d->hands, f->id, f->fd);
        f->fd = -1;
        return true;
    case MAIN_GO:
        if (d->workers == NULL)
            go(d, unpack_u8(&u) != 0);
        return true;
    case MAIN_DRAIN:
        if (!d->is_draining)
            drain(d, unpack_u32(&u));
        return true;
    }
    return false;
}

static void
on_main_lost(void *arg, enum door_result how)
{
    if (how == DOOR_BROKEN)
        log_event(LOG_LEVEL_ERROR, "main_broken", NULL);
    end_role(arg, how == DOOR_CLOSED ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* The first frame, before there is a loop: the configuration. */
static const struct settings *
read_settings(struct door *main_door, const struct deliver_hooks *hooks)
{
    struct door_frame f = {.fd = -1};
    const struct settings *s = NULL;

    if (door_await(main_door, -1, &f) == DOOR_OK && f.type == MAIN_SETTINGS && f.fd >= 0)
        s = hooks->parse_settings(f.fd);
    if (f.fd >= 0)
        close(f.fd);
    return s;
}

static void
make_folder(const char *state_dir, const char *name)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/%s", state_dir, name);
    mkdir(path, 0700); /* main made it, or the next step says what is wrong */
}

static int status_in_time;

static void
on_out_of_time(int signal)
{
    (void)signal;
    _exit(status_in_time);
}

/* The last checkpoint syncs whole file systems, which may take longer than main waits. What it does
 * not free is replayed at the next start. */
static void
bound_release(const struct deliver *d)
{
    const struct sigaction out_of_time = {.sa_handler = on_out_of_time};

    status_in_time = d->exit_status;
    sigaction(SIGALRM, &out_of_time, NULL);
    alarm((unsigned)(d->settings->timeouts.drain / 1000) + 1);
}

static void
release(struct deliver *d)
{
    control_free(d->control);
    delivery_log_gather(d->log, NULL, NULL);
    job_thread_end(d->clerk);
    disk_free(d->disk);
    rates_free(d->rates);
    workers_end(d->workers);
    syncer_free(d->syncer);
    relay_link_free(d->relay);
    asks_free(d->asks);
    scheduler_end(d->scheduler);
    queue_close(d->queue);
    directory_free(d->directory);
    if (d->edges != NULL)
        edges_free(d);
    logins_free(d->logins);
    filters_free(d->filters);
    runners_free(d->runners);
    filters_free(d->passthrough);
    sorters_free(d->sorters);
    hands_free(d->hands);
    usage_free(d->usage);
    active_free(d->active);
    global_scripts_free(d->global_scripts);
    delivery_log_close(d->log);
    metrics_book_free(d->metrics);
    if (d->control_fd >= 0)
        close(d->control_fd);
    loop_timer_free(d->drain_timer);
    door_keeper_close(&d->main);
    loop_free(d->loop);
    if (d->lock_fd >= 0)
        close(d->lock_fd);
}

/* Main is gone, or a door broke, with work under way. Its pieces call back into each other, so
 * nothing is taken apart: workers end what they have begun, as far as they need nobody else for
 * that, and the answers are left to the clients' next attempt. */
static _Noreturn void
cut_off(struct deliver *d)
{
    delivery_log_write(d->log);
    alarm(CUT_OFF_S); /* a worker may wait for a sorter whom nobody hears any more */
    workers_end(d->workers);
    _exit(d->exit_status);
}

/* Takes main's door. */
static bool
init(struct deliver *d, struct door *main_door)
{
    static const struct door_keeper_calls calls = {.take = take_from_main, .lost = on_main_lost};

    make_folder(d->settings->state_dir, "accounts");
    make_folder(d->settings->state_dir, "journal");
    make_folder(d->settings->state_dir, "spool");
    d->started_ms = clock_ms();
    d->loop = loop_new();
    if (d->loop == NULL) {
        door_free(main_door);
        return false;
    }
    d->main = (struct door_keeper){.loop = d->loop, .calls = &calls, .arg = d};
    d->metrics = metrics_book_new();
    d->hands = hands_new(d->loop, send_want_hand, d);
    d->sorters = sorters_new(d->loop, &d->settings->timeouts, send_kill_sorter, d);
    d->filters = filters_new(&filter_milter, d->loop, send_kill_outbound, d);
    d->runners = runners_new(d->settings, d->loop, send_kill_runner, d);
    d->passthrough = filters_new(&filter_passthrough, d->loop, send_kill_passthrough, d);
    d->relay = relay_link_new(d->loop, RELAY_JOB_MS,
                              &(struct relay_link_hooks){send_kill_relay, on_relay, d});
    return door_keeper_open(&d->main, main_door) && d->relay != NULL && d->metrics != NULL &&
           d->hands != NULL && d->sorters != NULL && d->filters != NULL && d->runners != NULL &&
           d->passthrough != NULL;
}

int
deliver_run(int main_fd, const struct deliver_hooks *hooks)
{
    struct deliver d = {
        .control_fd = -1, .auth_fd = -1, .lock_fd = -1, .exit_status = EXIT_FAILURE};

    struct door *main_door = door_new(main_fd, MAIN_QUEUE_MAX);

    if (main_door == NULL || sodium_init() < 0)
        return EXIT_FAILURE;
    d.settings = read_settings(main_door, hooks);
    if (d.settings != NULL) {
        senders_init(&d.senders, d.settings);
        d.global_scripts = global_scripts_read(d.settings);
    }
    if (d.settings == NULL || !hooks->confine(d.settings)) {
        global_scripts_free(d.global_scripts);
        door_free(main_door);
        return EXIT_FAILURE;
    }
    if (init(&d, main_door))
        loop_run(d.loop);
    if (d.running > 0)
        cut_off(&d);
    bound_release(&d);
    release(&d);
    return d.exit_status;
}
