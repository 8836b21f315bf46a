/* SPDX-License-Identifier: MIT
 *
 * SIGHUP. A file that does not parse, or that wants what cannot be had, changes nothing. A good one
 * replaces the roles one after the other, without a refused connection and without a lost session:
 *
 * Where nothing but certificates has changed, they alone are handed to the edges that live, and no
 * role is replaced. Otherwise:
 *
 *   1. new addresses are bound, sockets of unchanged ones stay
 *   2. the old store ends what it has begun, the new one starts, all edges get doors to it
 *      (an edge parks what its clients want in between); a new domain is so never refused by an
 *      old store
 *   3. meanwhile new edges start and wait; the old ones serve on
 *   4. new edges get the sockets; when they serve, the old ones accept no more and end with their
 *      last session
 */
#include "supervise_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/log.h"
#include "doorstep/pack.h"

#include "descriptors_priv.h"
#include "folders_priv.h"
#include "identities_priv.h"
#include "settings_text_priv.h"

#define STORE_DRAIN_MS 5000
#define STORE_KILL_MS 7000
#define ERRORS_MAX (64 * 1024)
#define WHY_MAX 1024

static void
refuse(struct daemon *d, const char *why)
{
    metrics_count(METRIC_RELOADS, METRICS_FAILED, 1);
    log_event(LOG_LEVEL_ERROR, "reload_refused", "file", d->config_path, "why", why, "hint",
              "the configuration in force stays", NULL);
    notify_send(&d->notify, "STATUS=reload refused: %.200s", why);
}

/* Each problem is one line `file:line: what is wrong`. */
static void
log_errors(struct buf *errors)
{
    char *rest = errors->data, *line;

    while (rest != NULL && (line = strsep(&rest, "\n")) != NULL) {
        if (line[0] != '\0')
            log_event(LOG_LEVEL_ERROR, "config", "error", line, NULL);
    }
}

static struct config *
load(struct daemon *d)
{
    struct config *config;
    struct buf errors;

    buf_init(&errors, ERRORS_MAX);
    config = config_load(d->config_path, &errors);
    if (config == NULL) {
        log_errors(&errors);
        if (errors.len > 0) /* the first line stands for all */
            errors.data[span_find(buf_span(&errors), '\n')] = '\0';
        refuse(d, errors.len > 0 ? buf_str(&errors) : "it cannot be read");
    }
    buf_release(&errors);
    return config;
}

/* What is bound to the running process: the lock, the control socket, the owner of open files. */
static bool
is_possible(struct daemon *d, const struct settings *s)
{
    if (strcmp(s->state_dir, d->settings->state_dir) != 0)
        refuse(d, "state_dir can change only by a restart");
    else if (strcmp(s->user, d->settings->user) != 0)
        refuse(d, "user can change only by a restart");
    else
        return true;
    return false;
}

struct files { /* that only main can read, as they are now */
    struct certificates certificates;
    struct relay_files relay;
};

static void
files_init(struct files *f)
{
    certificates_init(&f->certificates);
    relay_files_init(&f->relay);
}

static void
files_release(struct files *f)
{
    certificates_release(&f->certificates);
    relay_files_release(&f->relay);
}

/* A pair that was spoiled is no reason: the one in force stays. */
static bool
load_files(struct daemon *d, const struct settings *s, struct files *next)
{
    struct buf why;
    bool done;

    buf_init(&why, WHY_MAX);
    next->certificates.guard = d->certificates.guard;
    next->relay.guard = d->relay_files.guard;
    done = certificates_load(&next->certificates, s, &d->certificates, &why) &&
           relay_files_load(&next->relay, s, &why);
    if (!done)
        refuse(d, buf_str(&why));
    buf_release(&why);
    return done;
}

/* All that can fail, in an order in which nothing has to be undone but the sockets, which
 * listen_open() undoes itself. */
static bool
acquire(struct daemon *d, const struct config *config, int *settings_fd, struct files *next)
{
    const struct settings *s = config_settings(config);
    struct activation none = {.count = 0};
    struct identity sandbox_user = d->sandbox_user, *runner_users = NULL;

    if (!is_possible(d, s))
        return false;
    if (d->is_root && !identities_sandbox(s, &sandbox_user))
        refuse(d, "sandbox_user cannot be used");
    else if (d->is_root && !identities_runners(s, &sandbox_user, &runner_users))
        refuse(d, "the user of a program cannot be used");
    else if (!folders_make_mail(s, d->is_root ? &d->store_user : NULL))
        refuse(d, "a folder for mail cannot be made");
    else if (!load_files(d, s, next))
        ; /* it said why */
    else if ((*settings_fd = settings_seal(config)) < 0)
        refuse(d, "no memory");
    else if (!listen_open(&d->listens, s, &none))
        refuse(d, "an address cannot be bound");
    else {
        d->sandbox_user = sandbox_user;
        free(d->runner_users);
        d->runner_users = runner_users;
        return true;
    }
    free(runner_users);
    return false;
}

static void
put_in_force(struct daemon *d, struct config *config, int settings_fd, const struct files *next)
{
    certificates_release(&d->certificates);
    relay_files_release(&d->relay_files);
    d->certificates = next->certificates;
    d->relay_files = next->relay;
    certificates_warn(&d->certificates);
    config_free(d->config);
    close(d->settings_fd);
    d->config = config;
    d->settings = config_settings(config);
    d->settings_fd = settings_fd;
    d->generation++;
    daemon_set_log_level(d);
    descriptors_raise(d->settings);
}

/* Whoever renews a certificate has this: sessions, store and configuration stay as they are. */
static bool
are_certificates_all(const struct daemon *d, int settings_fd, const struct files *next)
{
    return d->phase == DAEMON_RUNNING && settings_same(settings_fd, d->settings_fd) &&
           relay_files_equal(&next->relay, &d->relay_files) &&
           !certificates_equal(&next->certificates, &d->certificates);
}

static void
renew_certificates(struct daemon *d, struct files *next)
{
    certificates_release(&d->certificates);
    d->certificates = next->certificates;
    relay_files_release(&next->relay);
    certificates_warn(&d->certificates);
    roles_renew_tls(d);
    daemon_announce(d, "reloaded");
}

/* The store is replaced by its own end: roles_on_ended() starts the new one. */
static void
replace_store(struct daemon *d)
{
    struct role *store = roles_store(d);
    struct buf body;
    struct pack p;

    if (store == NULL || store->state == ROLE_LEAVING)
        return;
    if (store->pid == 0) { /* between two attempts to start it */
        loop_timer_start(store->timer, 0);
        return;
    }
    buf_init(&body, 16);
    pack_init(&p, &body);
    pack_u32(&p, STORE_DRAIN_MS);
    supervise_send(store, MAIN_DRAIN, 0, buf_span(&body), -1);
    buf_release(&body);
    supervise_step(store, ROLE_LEAVING);
    loop_timer_start(d->deadline, STORE_KILL_MS);
}

/* Those of an earlier reload that never got so far. */
static void
give_up_unready_edges(struct daemon *d)
{
    struct role *next;

    for (struct role *r = d->roles; r != NULL; r = next) {
        next = r->next;
        if (r->kind != ROLE_EDGE || r->generation == d->generation)
            continue;
        if (r->pid == 0)
            supervise_remove(r);
        else if (r->state == ROLE_STARTING)
            supervise_kill(r);
    }
}

void
reload_begin(struct daemon *d)
{
    struct config *config;
    struct files next;
    int settings_fd = -1;

    d->wants_reload = d->phase == DAEMON_STARTING;
    if (d->wants_reload || daemon_is_ending(d) || d->is_offline)
        return;
    config = load(d);
    if (config == NULL)
        return;
    files_init(&next);
    if (!acquire(d, config, &settings_fd, &next)) {
        files_release(&next);
        if (settings_fd >= 0)
            close(settings_fd);
        config_free(config);
        return;
    }
    notify_send(&d->notify, "RELOADING=1\nMONOTONIC_USEC=%llu",
                (unsigned long long)clock_ms() * 1000);
    if (are_certificates_all(d, settings_fd, &next)) {
        renew_certificates(d, &next);
        close(settings_fd);
        config_free(config);
        return;
    }
    daemon_step(d, DAEMON_RELOADING);
    metrics_count(METRIC_RELOADS, METRICS_DONE, 1);
    put_in_force(d, config, settings_fd, &next);
    roles_renew_tls(d);
    give_up_unready_edges(d);
    replace_store(d);
    roles_renew_outbound(d);
    roles_add_edges(d);
    roles_renew_metrics(d);
}

void
reload_finish(struct daemon *d)
{
    for (struct role *r = d->roles; r != NULL; r = r->next) {
        if (r->kind == ROLE_EDGE && r->generation != d->generation && r->state == ROLE_SERVING) {
            supervise_send(r, MAIN_RETIRE, 0, SPAN_NONE, -1);
            supervise_step(r, ROLE_LEAVING);
        }
    }
    listen_close_unwanted(&d->listens);
}
