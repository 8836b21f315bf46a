/* SPDX-License-Identifier: MIT
 *
 * The first lines of every role: files that must be read before the door closes, then the root
 * folder, then the identity; only then the first frame from main is looked at.
 */
#include "role_priv.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "doorstep/auth.h"
#include "doorstep/deliver.h"
#include "doorstep/filter.h"
#include "doorstep/log.h"
#include "doorstep/metrics_page.h"
#include "doorstep/smtp.h"
#include "doorstep/sort.h"

#include "privileges.h"
#include "settings_text_priv.h"
#include "spawn_priv.h"

struct role_options {
    const char *name;
    const char *root; /* or NULL */
    bool has_identity;
    struct identity who;
    const struct settings *(*parse)(int fd);
};

typedef int (*role_fn)(const struct role_options *options);

static int
run_edge(const struct role_options *o)
{
    const struct edge_hooks hooks = {.parse_settings = o->parse, .confine = role_confine_edge};

    return edge_run(SPAWN_DOOR_FD, &hooks);
}

static int
run_store(const struct role_options *o)
{
    const struct deliver_hooks hooks = {.parse_settings = o->parse, .confine = role_confine_store};

    return deliver_run(SPAWN_DOOR_FD, &hooks);
}

static int
run_hand(const struct role_options *o)
{
    return role_run_hand(SPAWN_DOOR_FD, o->parse);
}

static int
run_runner(const struct role_options *o)
{
    return role_run_runner(SPAWN_DOOR_FD, o->parse);
}

static int
run_metrics(const struct role_options *o)
{
    return role_run_metrics(SPAWN_DOOR_FD, o->parse);
}

static int
run_outbound(const struct role_options *o)
{
    const struct filter_hooks hooks = {.parse_settings = o->parse,
                                       .confine = role_confine_outbound};

    return filter_run(SPAWN_DOOR_FD, &hooks);
}

static int
run_passthrough(const struct role_options *o)
{
    return role_run_passthrough(SPAWN_DOOR_FD, o->parse);
}

static int
run_relay(const struct role_options *o)
{
    return role_run_relay(SPAWN_DOOR_FD, o->parse);
}

/* A terminal's Ctrl-C and a service manager's stop may reach every process of the group. Roles
 * leave it to main to end them, in its order. */
static void
ignore_signals(void)
{
    static const int ignored[] = {SIGPIPE, SIGINT, SIGTERM, SIGHUP};

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        signal(ignored[i], SIG_IGN);
}

/* Root folder and identity: everything that the start as root still allowed ends here. */
static bool
settle(const struct role_options *o)
{
    tzset(); /* reads a file */
    if (o->root != NULL && (chroot(o->root) != 0 || chdir("/") != 0)) {
        log_event(LOG_LEVEL_ERROR, "chroot", "path", o->root, "error", strerror(errno), NULL);
        return false;
    }
    return !o->has_identity || privileges_become(&o->who);
}

/* A sorter reads the tables of all character sets, from files, before it settles. */
static int
run_sorter(const struct role_options *o)
{
    struct charsets *charsets = sort_prepare();
    int status = charsets == NULL || !settle(o)
                     ? EX_OSERR
                     : role_run_sorter(SPAWN_DOOR_FD, o->parse, charsets);

    charsets_free(charsets);
    return status;
}

/* The library of SASL starts with files open, too. */
static int
run_auth(const struct role_options *o)
{
    struct auth_library *library = auth_prepare();

    return library == NULL || !settle(o) ? EX_OSERR
                                         : role_run_auth(SPAWN_DOOR_FD, o->parse, library);
}

static const struct role_row {
    const char *name;
    const char *process_name; /* at most 15 octets: what ps and top show */
    bool settles_itself;
    bool is_sealed; /* no way to run what is registered for exit(3) */
    role_fn run;
} roles[] = {
    {"edge", "doorstep-edge", false, true, run_edge},
    {"store", "doorstep-store", false, false, run_store},
    {"sorter", "doorstep-sorter", true, true, run_sorter},
    {"auth", "doorstep-auth", true, true, run_auth},
    {"hand", "doorstep-hand", false, false, run_hand},
    {"metrics", "doorstep-metric", false, true, run_metrics},
    {"runner", "doorstep-runner", false, true, run_runner},
    {"outbound", "doorstep-outbnd", false, true, run_outbound},
    {"passthrough", "doorstep-passth", false, true, run_passthrough},
    {"relay", "doorstep-relay", false, true, run_relay},
};

static const struct role_row *
find_role(const char *name)
{
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (strcmp(roles[i].name, name) == 0)
            return &roles[i];
    }
    return NULL;
}

static bool
read_options(int argc, char **argv, struct role_options *o)
{
    static const struct option known[] = {
        {"role", required_argument, NULL, 'r'}, {"as", required_argument, NULL, 'a'},
        {"root", required_argument, NULL, 'd'}, {"quiet", no_argument, NULL, 'q'},
        {"json", no_argument, NULL, 'j'},       {NULL, 0, NULL, 0},
    };
    int c;

    memset(o, 0, sizeof(*o));
    o->name = "";
    o->parse = settings_read;
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (c == 'r')
            o->name = optarg;
        else if (c == 'd')
            o->root = optarg;
        else if (c == 'j')
            log_set_json(true);
        else if (c == 'q')
            o->parse = settings_read_quietly;
        else if (c == 'a' && identity_parse(optarg, &o->who))
            o->has_identity = true;
        else
            return false;
    }
    return optind == argc;
}

/* Started by hand there is no door. */
static bool
has_door(void)
{
    int type = 0;
    socklen_t length = sizeof(type);

    return getsockopt(SPAWN_DOOR_FD, SOL_SOCKET, SO_TYPE, &type, &length) == 0 &&
           type == SOCK_SEQPACKET;
}

int
role_main(int argc, char **argv)
{
    const struct role_row *role;
    struct role_options options;
    int status;

    role = read_options(argc, argv, &options) ? find_role(options.name) : NULL;
    if (role == NULL || !has_door()) {
        fputs("doorstepd: roles are started by doorstepd itself\n", stderr);
        return EX_USAGE;
    }
    metrics_page_use(SPAWN_PAGE_FD); /* closed, or there is none */
    log_start(role->name, LOG_LEVEL_INFO);
    prctl(PR_SET_NAME, role->process_name);
    ignore_signals();
    umask(077);
    if (!privileges_harden() || (!role->settles_itself && !settle(&options)))
        return EX_OSERR;
    status = role->run(&options);
    if (role->is_sealed)
        _exit(status); /* nothing is buffered, and seccomp would kill whoever tries more */
    return status;
}
