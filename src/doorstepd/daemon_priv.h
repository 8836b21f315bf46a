/* SPDX-License-Identifier: MIT
 *
 * What main holds, and how its files divide the work. Main runs on one loop and one thread; it
 * reads no byte of a client's.
 *
 *   daemon.c     opens everything, the phases, signals
 *   supervise.c  processes: started, watched, reaped, restarted with backoff
 *   roles.c      starts each role; role_doors.c and role_events.c connect them and hear of them
 *   hands.c      a hand for a system account, on the store's request
 *   pages.c      where each process counts what it does
 *   reload.c     SIGHUP        drain.c  SIGTERM
 *
 *                    store and edges ready          SIGHUP
 *   DAEMON_STARTING ----------------------> RUNNING ------> RELOADING
 *          |                                 |    ^            |  | SIGTERM
 *          | SIGTERM, cannot start   SIGTERM |    '------------'  |
 *          '------------> DRAINING_EDGES <---+--------------------'
 *                               | edges gone
 *                               v             store gone
 *                        DRAINING_STORE ------------------> ENDING -- all gone --> loop ends
 */
#ifndef DOORSTEPD_DAEMON_PRIV_H
#define DOORSTEPD_DAEMON_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "doorstep/config.h"
#include "doorstep/door_keeper.h"
#include "doorstep/door_frames.h"
#include "doorstep/loop.h"

#include "certificates_priv.h"
#include "listen_priv.h"
#include "notify_priv.h"
#include "privileges.h"
#include "relay_files_priv.h"
#include "state_dir_priv.h"

enum daemon_phase {
    DAEMON_STARTING,
    DAEMON_RUNNING,
    DAEMON_RELOADING,
    DAEMON_DRAINING_EDGES,
    DAEMON_DRAINING_STORE,
    DAEMON_ENDING
};

enum role_kind {
    ROLE_EDGE,
    ROLE_STORE,
    ROLE_SORTER,
    ROLE_HAND,
    ROLE_METRICS,
    ROLE_AUTH,
    ROLE_OUTBOUND,
    ROLE_RELAY,
    ROLE_RUNNER,
    ROLE_PASSTHROUGH
};

/*   WAITING --start--> STARTING --ROLE_READY--> SERVING --RETIRE, DRAIN--> LEAVING
 *      ^                  |                        |                          |
 *      '----- backoff ----+------- it ended -------'         it ended: the struct is freed   */
enum role_state { ROLE_WAITING, ROLE_STARTING, ROLE_SERVING, ROLE_LEAVING };

struct daemon;
struct page;

struct role { /* a process, or the place for one */
    struct role *next;
    struct daemon *daemon; /* borrowed */
    enum role_kind kind;
    enum role_state state;
    uint32_t slot;       /* what the store calls it; unique among the living of a kind */
    unsigned generation; /* of the configuration that it was made for */
    pid_t pid;           /* 0: there is no process */
    struct door_keeper keeper;
    struct loop_timer *timer; /* owned; restart */
    struct page *page;        /* borrowed, or NULL: where its process counts */
    int store_end;            /* owned, or -1: its end of a door to the store, until it is sent */
    bool has_go;              /* MAIN_GO was sent */
    bool is_sacked;           /* we killed it: no failure of its own */
    int exit_code;            /* of the last process; 0 when a signal ended it */
    uint64_t started_ms;      /* monotonic */
    uint64_t cpu_us;          /* of its process, when last looked at */
    uint64_t backoff_ms;      /* the next wait before a restart */
};

struct daemon {
    struct loop *loop;
    const char *config_path; /* borrowed */
    bool is_offline;         /* store and sorters only */
    bool is_root;
    enum daemon_phase phase;
    struct config *config;           /* owned; in force */
    const struct settings *settings; /* borrowed from config */
    int settings_fd;                 /* owned; sealed memfd with the text of config */
    unsigned generation;             /* counts configurations */
    bool wants_reload;               /* SIGHUP came while it could not be served */
    unsigned failed_starts;          /* before the daemon was first ready */
    int exit_status;
    struct identity sandbox_user;  /* with is_root: of edge and sorters */
    struct identity store_user;    /* with is_root: of the store */
    struct identity *runner_users; /* owned; with is_root: of each runner */
    struct state_dir state;
    struct listen_set listens;
    struct certificates certificates;
    struct relay_files relay_files;
    struct tls_ticket_keys ticket_keys;
    struct loop_timer *hourly; /* new ticket keys, a look at the certificates' lives */
    struct notify notify;
    struct role *roles;          /* owned list */
    struct page *pages;          /* owned list: counters of all places */
    struct loop_timer *deadline; /* of a drain, or of the old store at a reload */
    struct loop_timer *watchdog;
    struct loop_timer *watch; /* of what processes use */
    uint64_t cpu_us;          /* of main, when last looked at */
    struct loop_signal *signals[4];
};

/* daemon.c */
void daemon_step(struct daemon *d, enum daemon_phase phase);
void daemon_check_ready(struct daemon *d);                       /* after any role became ready */
void daemon_announce(const struct daemon *d, const char *event); /* what is served now */
bool daemon_is_ending(const struct daemon *d);
void daemon_set_log_level(const struct daemon *d);
void daemon_fail(struct daemon *d, int exit_status); /* cannot start: end everything */

/* roles.c */
void roles_start(struct role *r); /* by kind */
struct role *roles_store(struct daemon *d);
void roles_renew_outbound(struct daemon *d); /* start it where it is wanted; new settings for it */
void roles_add_edges(struct daemon *d);      /* of the current generation, and start them */
void roles_renew_metrics(struct daemon *d);  /* the metrics role, if the settings want one */
/* roles_take_frame() - what a role says; false: it may not say that. */
bool roles_take_frame(struct role *r, const struct door_frame *frame);
void roles_on_ended(struct role *r, bool is_clean); /* may free r */

/* roles_send_tls() - certificates and ticket keys, to one edge; roles_renew_tls(): to all that
 * live. */
void roles_send_tls(struct role *edge);
void roles_renew_tls(struct daemon *d);

/* hands.c */
void hands_open(struct role *store, const struct door_frame *frame);

/* reload.c */
void reload_begin(struct daemon *d);
void reload_finish(struct daemon *d); /* all edges of the new generation serve */

/* drain.c */
void drain_begin(struct daemon *d);
void drain_continue(struct daemon *d); /* after a role has ended; nothing to do without a drain */
void drain_on_deadline(struct daemon *d);
void drain_kill(struct daemon *d, int exit_status); /* everything, at once */

#endif
