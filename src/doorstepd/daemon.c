/* SPDX-License-Identifier: MIT
 *
 * Main from start to end: reads the configuration, takes hold of state_dir and the addresses,
 * starts the roles and then only reacts: to their ends, to signals, to time. The phases are in
 * daemon_priv.h.
 */
#include "daemon_options.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "doorstep/log.h"

#include "daemon_priv.h"
#include "descriptors_priv.h"
#include "folders_priv.h"
#include "identities_priv.h"
#include "pages_priv.h"
#include "sandbox.h"
#include "settings_text_priv.h"
#include "supervise_priv.h"
#include "watch_priv.h"

#define ERRORS_MAX (64 * 1024)
#define ADDRESSES_MAX (16 * 1024)
#define WHY_MAX 1024
#define HOUR_MS 3600000

/* --- phases --- */

void
daemon_step(struct daemon *d, enum daemon_phase phase)
{
    static const unsigned next[] = {
        [DAEMON_STARTING] =
            1u << DAEMON_RUNNING | 1u << DAEMON_DRAINING_EDGES | 1u << DAEMON_ENDING,
        [DAEMON_RUNNING] = 1u << DAEMON_RELOADING | 1u << DAEMON_DRAINING_EDGES,
        [DAEMON_RELOADING] =
            1u << DAEMON_RUNNING | 1u << DAEMON_RELOADING | 1u << DAEMON_DRAINING_EDGES,
        [DAEMON_DRAINING_EDGES] = 1u << DAEMON_DRAINING_STORE,
        [DAEMON_DRAINING_STORE] = 1u << DAEMON_ENDING,
        [DAEMON_ENDING] = 0,
    };
    static const char *const names[] = {"starting",       "running",        "reloading",
                                        "draining_edges", "draining_store", "ending"};

    bool is_allowed = (next[d->phase] & 1u << phase) != 0;

    assert(is_allowed);
    (void)is_allowed;
    log_event(LOG_LEVEL_DEBUG, "phase", "from", names[d->phase], "to", names[phase], NULL);
    d->phase = phase;
}

bool
daemon_is_ending(const struct daemon *d)
{
    return d->phase >= DAEMON_DRAINING_EDGES;
}

static bool
all_serve(const struct daemon *d)
{
    for (const struct role *r = d->roles; r != NULL; r = r->next) {
        bool counts = r->kind == ROLE_STORE || r->kind == ROLE_OUTBOUND ||
                      (r->kind == ROLE_EDGE && r->generation == d->generation);

        if (counts && r->state != ROLE_SERVING)
            return false;
    }
    return true;
}

void
daemon_announce(const struct daemon *d, const char *event)
{
    struct buf addresses;

    buf_init(&addresses, ADDRESSES_MAX);
    listen_print(&d->listens, &addresses);
    log_event(LOG_LEVEL_INFO, event, "version", DOORSTEP_VERSION, "addresses", buf_str(&addresses),
              NULL);
    notify_send(&d->notify, "READY=1\nSTATUS=accepting mail at %.400s", buf_str(&addresses));
    buf_release(&addresses);
}

void
daemon_check_ready(struct daemon *d)
{
    bool is_reload = d->phase == DAEMON_RELOADING;

    if ((d->phase != DAEMON_STARTING && !is_reload) || !all_serve(d))
        return;
    if (is_reload)
        reload_finish(d);
    daemon_step(d, DAEMON_RUNNING);
    daemon_announce(d, is_reload ? "reloaded" : "ready");
    if (d->wants_reload)
        reload_begin(d);
}

void
daemon_fail(struct daemon *d, int exit_status)
{
    log_event(LOG_LEVEL_ERROR, "cannot_start", "hint", "the lines above say why", NULL);
    daemon_step(d, DAEMON_ENDING);
    drain_kill(d, exit_status);
    drain_continue(d);
}

/* --- events --- */

static void
on_signal(void *arg, int signum)
{
    struct daemon *d = arg;

    if (signum == SIGCHLD)
        supervise_reap(d);
    else if (signum == SIGHUP)
        reload_begin(d);
    else
        drain_begin(d);
}

static void
on_deadline(void *arg)
{
    struct daemon *d = arg;

    if (daemon_is_ending(d))
        drain_on_deadline(d);
    else if (roles_store(d) != NULL)
        supervise_kill(roles_store(d)); /* it did not end in time for the reload */
}

static void
on_watchdog(void *arg)
{
    struct daemon *d = arg;

    notify_send(&d->notify, "WATCHDOG=1");
    loop_timer_start(d->watchdog, d->notify.watchdog_ms);
}

static void
on_hour(void *arg)
{
    struct daemon *d = arg;

    loop_timer_start(d->hourly, HOUR_MS);
    certificates_warn(&d->certificates);
    if (!ticket_keys_rotate(&d->ticket_keys))
        log_event(LOG_LEVEL_ERROR, "ticket_keys", "error", strerror(errno), NULL);
    roles_renew_tls(d);
}

static bool
open_loop(struct daemon *d)
{
    static const int signals[] = {SIGCHLD, SIGHUP, SIGTERM, SIGINT};

    d->loop = loop_new();
    if (d->loop == NULL)
        return false;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        d->signals[i] = loop_signal_new(d->loop, signals[i], on_signal, d);
        if (d->signals[i] == NULL)
            return false;
    }
    d->deadline = loop_timer_new(d->loop, on_deadline, d);
    d->watchdog = loop_timer_new(d->loop, on_watchdog, d);
    d->hourly = loop_timer_new(d->loop, on_hour, d);
    if (d->deadline == NULL || d->watchdog == NULL || d->hourly == NULL)
        return false;
    loop_timer_start(d->hourly, HOUR_MS);
    if (d->notify.watchdog_ms > 0)
        loop_timer_start(d->watchdog, d->notify.watchdog_ms);
    return true;
}

/* --- start --- */

void
daemon_set_log_level(const struct daemon *d)
{
    log_set_level(settings_log_level(d->settings, d->is_offline));
    log_set_json(d->settings->log_json);
}

static struct config *
load(const char *path)
{
    struct config *config;
    struct buf errors;

    buf_init(&errors, ERRORS_MAX);
    config = config_load(path, &errors);
    if (config == NULL)
        fprintf(stderr, "%s%s", buf_str(&errors), errors.len == 0 ? "no memory\n" : "");
    buf_release(&errors);
    return config;
}

static bool
find_identities(struct daemon *d)
{
    const struct settings *s = d->settings;

    d->is_root = geteuid() == 0;
    if (!d->is_root)
        identities_warn(s);
    return !d->is_root ||
           (identities_sandbox(s, &d->sandbox_user) && identities_store(s, &d->store_user) &&
            identities_runners(s, &d->sandbox_user, &d->runner_users) &&
            identities_check_file(d->config_path, &d->sandbox_user, &d->store_user));
}

static bool
load_files(struct daemon *d)
{
    struct buf why;
    bool done;

    if (d->is_offline)
        return true;
    buf_init(&why, WHY_MAX);
    if (d->is_root)
        d->certificates.guard = d->relay_files.guard =
            (struct file_guard){&d->sandbox_user, &d->store_user};
    done = certificates_load(&d->certificates, d->settings, NULL, &why) &&
           relay_files_load(&d->relay_files, d->settings, &why);
    buf_release(&why);
    certificates_warn(&d->certificates);
    if (!ticket_keys_rotate(&d->ticket_keys))
        log_event(LOG_LEVEL_ERROR, "ticket_keys", "error", strerror(errno), NULL);
    return done;
}

static bool
acquire(struct daemon *d, struct activation *given)
{
    const struct identity *owner = d->is_root ? &d->store_user : NULL;

    descriptors_raise(d->settings);
    return state_dir_make(d->settings, owner) && state_dir_lock(&d->state, d->settings) &&
           folders_make_mail(d->settings, owner) && state_dir_listen(&d->state, owner) &&
           (d->is_offline || listen_open(&d->listens, d->settings, given)) &&
           (d->settings_fd = settings_seal(d->config)) >= 0;
}

static int
serve(struct daemon *d)
{
    struct role *store;

    if (!open_loop(d) || (store = supervise_add(d, ROLE_STORE, 0)) == NULL) {
        log_event(LOG_LEVEL_ERROR, "loop", "error", strerror(errno), NULL);
        return EX_OSERR;
    }
    if (!d->is_offline) {
        roles_renew_outbound(d);
        roles_add_edges(d);
    }
    roles_start(store);
    if (!d->is_offline)
        roles_renew_metrics(d);
    watch_start(d);
    loop_run(d->loop);
    return d->exit_status;
}

static void
release(struct daemon *d)
{
    while (d->roles != NULL)
        supervise_remove(d->roles);
    pages_free(d);
    loop_free(d->loop); /* with its timers and signals */
    listen_close(&d->listens);
    state_dir_close(&d->state);
    if (d->settings_fd >= 0)
        close(d->settings_fd);
    certificates_release(&d->certificates);
    relay_files_release(&d->relay_files);
    explicit_bzero(&d->ticket_keys, sizeof(d->ticket_keys));
    config_free(d->config);
    free(d->runner_users);
    notify_close(&d->notify);
}

static int
run(struct daemon *d, struct activation *given)
{
    d->config = load(d->config_path);
    if (d->config == NULL)
        return EX_CONFIG;
    d->settings = config_settings(d->config);
    daemon_set_log_level(d);
    if (!find_identities(d) || !load_files(d))
        return EX_CONFIG;
    if (!acquire(d, given))
        return EX_UNAVAILABLE;
    activation_close(given);
    if (!sandbox_enter_main(d->settings->sandbox == SANDBOX_REQUIRED))
        return EX_OSERR;
    pages_start(d);
    return serve(d);
}

int
daemon_run(const struct daemon_options *options)
{
    struct daemon d = {
        .config_path = options->config_path,
        .is_offline = options->is_offline,
        .settings_fd = -1,
        .certificates = {.fd = -1},
    };
    struct activation given;
    int status;

    activation_open(&given); /* first: nothing else may have taken descriptor 3 */
    notify_open(&d.notify);
    state_dir_init(&d.state);
    relay_files_init(&d.relay_files);
    log_start("main", LOG_LEVEL_INFO);
    setenv("UV_USE_IO_URING", "0", 1); /* its rings would keep old credentials (CVE-2024-22017) */
    signal(SIGPIPE, SIG_IGN);
    umask(077);
    if (!privileges_harden())
        log_event(LOG_LEVEL_WARNING, "harden", "error", strerror(errno), NULL);
    status = run(&d, &given);
    activation_close(&given);
    release(&d);
    log_event(LOG_LEVEL_INFO, "ended", "status", log_num(status), NULL);
    return status;
}

int
daemon_check(const struct daemon_options *options)
{
    struct config *config = load(options->config_path);

    struct certificates certificates;
    struct relay_files relay_files;
    struct buf why;
    bool is_fine;

    if (config == NULL)
        return EX_CONFIG;
    buf_init(&why, WHY_MAX);
    certificates_init(&certificates);
    relay_files_init(&relay_files);
    is_fine = certificates_load(&certificates, config_settings(config), NULL, &why) &&
              relay_files_load(&relay_files, config_settings(config), &why);
    if (is_fine) /* the log has said why it is not */
        puts("configuration is fine");
    certificates_release(&certificates);
    relay_files_release(&relay_files);
    buf_release(&why);
    config_free(config);
    return is_fine ? EX_OK : EX_CONFIG;
}
