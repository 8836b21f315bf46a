/* SPDX-License-Identifier: MIT
 *
 * The store role from its first line to its last: the settings, what there is from the beginning,
 * the loop, and what is left to do behind it. In between: main_door.c, start.c, drain.c.
 */
#include "deliver_priv.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/door_frames.h"
#include "doorstep/log.h"

#include "filing_priv.h"

#define CUT_OFF_S 5 /* for batches that are being written when main dies */
#define MAIN_QUEUE_MAX (1024 * 1024)

void
deliver_end(struct deliver *d, int status)
{
    d->exit_status = status;
    loop_stop(d->loop);
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

static bool
init(struct deliver *d, struct door *main_door)
{
    make_folder(d->settings->state_dir, "accounts");
    make_folder(d->settings->state_dir, "journal");
    make_folder(d->settings->state_dir, "spool");
    d->started_ms = clock_ms();
    d->loop = loop_new();
    if (d->loop != NULL)
        return deliver_open_doors(d, main_door);
    door_free(main_door);
    return false;
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
