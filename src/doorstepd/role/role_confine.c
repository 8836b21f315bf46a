/* SPDX-License-Identifier: MIT
 *
 * From settings to a sandbox: which folders a store or a hand may change, what else it may read,
 * and what must be loaded before nothing can be loaded any more.
 */
#include "role_priv.h"

#include <arpa/inet.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "doorstep/store.h"

#include "folders_priv.h"
#include "sandbox.h"

#define ROOTS_MAX 256

struct path_list { /* owned copies, for the time of one call */
    char text[ROOTS_MAX][PATH_MAX];
    const char *paths[ROOTS_MAX];
    size_t count;
};

struct roots {
    struct path_list changed;
    struct path_list readable;
    bool asks_users;
};

static bool
is_required(const struct settings *s)
{
    return s->sandbox == SANDBOX_REQUIRED;
}

bool
role_confine_edge(const struct settings *s)
{
    return role_limit_memory(ROLE_MEMORY_EDGE, s) &&
           sandbox_enter(SANDBOX_EDGE, NULL, is_required(s));
}

bool
role_confine_sorter(const struct settings *s)
{
    return sandbox_enter(SANDBOX_SORTER, NULL, is_required(s));
}

bool
role_confine_metrics(const struct settings *s)
{
    return sandbox_enter(SANDBOX_METRICS, NULL, is_required(s));
}

bool
role_confine_auth(const struct settings *s)
{
    return role_limit_memory(ROLE_MEMORY_AUTH, s) &&
           sandbox_enter(SANDBOX_AUTH, NULL, is_required(s));
}

bool
role_confine_outbound(const struct settings *s)
{
    return role_limit_memory(ROLE_MEMORY_OUTBOUND, s) &&
           sandbox_enter(SANDBOX_OUTBOUND, NULL, is_required(s));
}

static bool
add(struct path_list *l, const char *path)
{
    if (l->count == ROOTS_MAX || strlen(path) >= PATH_MAX) {
        log_event(LOG_LEVEL_ERROR, "sandbox", "error", "too many folders", "path", path, NULL);
        return false;
    }
    strcpy(l->text[l->count], path);
    l->paths[l->count] = l->text[l->count];
    l->count++;
    return true;
}

/* A plugin is loaded now. One that cannot be is an error of the accounts that use it. */
static void
load_driver(const struct settings *s, const struct settings_store *store)
{
    struct outcome why;

    if (!store_load_driver(store->driver, s->plugin_dir, &why))
        log_event(LOG_LEVEL_ERROR, "plugin", "store", store->name, "cause", why.cause, NULL);
}

/* Homes of others are out of reach for this process's uid. */
static bool
add_home(struct roots *r)
{
    const struct passwd *user = getpwuid(geteuid());

    return user == NULL || user->pw_dir[0] != '/' || add(&r->changed, user->pw_dir);
}

static bool
add_store(struct roots *r, const struct settings_store *store)
{
    char path[PATH_MAX];

    if (folders_literal(store->path, path, sizeof(path)) && !add(&r->changed, path))
        return false;
    return strstr(store->path, "%{home}") == NULL || geteuid() == 0 || add_home(r);
}

static bool
add_stores(struct roots *r, const struct settings *s)
{
    bool ok = true;

    for (size_t i = 0; ok && i < s->store_count; i++) {
        if (!folders_is_in_use(s, &s->stores[i]))
            continue;
        load_driver(s, &s->stores[i]);
        ok = add_store(r, &s->stores[i]);
    }
    return ok;
}

/* The folder, not the file: an editor puts a new one into its place. */
static bool
add_folder_of(struct roots *r, const char *file)
{
    char path[PATH_MAX];

    return !folders_literal(file, path, sizeof(path)) || add(&r->readable, path);
}

/* A look-up that finds nobody has asked, and so loaded, every module of NSS. */
static bool
add_user_database(struct roots *r)
{
    static const char *const places[] = {"/etc", "/var/lib/extrausers", "/var/lib/misc",
                                         "/var/lib/sss", "/run/systemd/userdb"};
    bool ok = true;

    (void)getpwnam("no:body");
    r->asks_users = true;
    for (size_t i = 0; ok && i < sizeof(places) / sizeof(places[0]); i++)
        ok = add(&r->readable, places[i]);
    return ok;
}

static bool
add_accounts(struct roots *r, const struct settings *s)
{
    bool ok = true;

    for (size_t i = 0; ok && i < s->domain_count; i++) {
        const struct settings_domain *d = &s->domains[i];

        if (strcmp(d->accounts, "file") == 0)
            ok = add_folder_of(r, d->accounts_file);
        else if (strcmp(d->accounts, "passwd") == 0 && !r->asks_users)
            ok = add_user_database(r);
    }
    return ok;
}

/* What a sanitizer's report needs, for the names in it. */
static bool
add_sanitizer(struct roots *r)
{
    return !DOORSTEP_SANITIZED ||
           (add(&r->readable, "/proc/self/exe") && add(&r->readable, "/usr/lib"));
}

/* Processes, for the locks that they left; randomness, for SQLite. */
static bool
add_system(struct roots *r)
{
    return add(&r->readable, "/proc") && add(&r->readable, "/dev/urandom") && add_sanitizer(r);
}

static bool
confine(enum sandbox_role role, const struct settings *s, const struct roots *r)
{
    const struct sandbox_roots roots = {
        .paths = r->changed.paths,
        .count = r->changed.count,
        .readable = r->readable.paths,
        .readable_count = r->readable.count,
        .asks_users = r->asks_users,
    };

    return sandbox_enter(role, &roots, is_required(s));
}

bool
role_confine_store(const struct settings *s)
{
    static struct roots r;

    return add(&r.changed, s->state_dir) && add_stores(&r, s) && add_accounts(&r, s) &&
           add_system(&r) && role_limit_memory(ROLE_MEMORY_STORE, s) &&
           confine(SANDBOX_STORE, s, &r);
}

bool
role_confine_hand(const struct settings *s)
{
    static struct roots r;

    return add_stores(&r, s) && add_system(&r) && role_limit_memory(ROLE_MEMORY_HAND, s) &&
           confine(SANDBOX_HAND, s, &r);
}

#define DNS_PORT 53
#define RELAY_PORTS_MAX 1002 /* the smarthost, all routes, DNS */

struct ports {
    uint16_t list[RELAY_PORTS_MAX];
    size_t count;
};

static void
add_port(struct ports *p, const struct settings_next_hop *hop)
{
    if (hop->text != NULL && !hop->is_unix && p->count < RELAY_PORTS_MAX - 1)
        p->list[p->count++] = hop->port;
}

/* The files themselves: whatever else lies in their folders is none of a relay's business. */
static bool
add_names(struct roots *r, struct ports *p)
{
    static const char *const files[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf",
                                        "/etc/gai.conf", "/etc/host.conf"};

    p->list[p->count++] = DNS_PORT;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (!add(&r->readable, files[i]))
            return false;
    return true;
}

bool
role_confine_relay(const struct settings *s)
{
    bool has_names = settings_relay_has_names(s);
    static struct roots r;
    static struct ports p;

    add_port(&p, &s->relay.smarthost.next_hop);
    for (size_t i = 0; i < s->route_count; i++)
        add_port(&p, &s->routes[i].next_hop);
    if ((has_names && !add_names(&r, &p)) || !add_sanitizer(&r) ||
        !role_limit_memory(ROLE_MEMORY_RELAY, s))
        return false;
    const struct sandbox_roots roots = {
        .readable = r.readable.paths,
        .readable_count = r.readable.count,
        .ports = p.list,
        .port_count = p.count,
    };
    return sandbox_enter(has_names ? SANDBOX_RELAY_NAMES : SANDBOX_RELAY, &roots, is_required(s));
}

static uint16_t
port_of(const struct settings_address *a)
{
    const struct sockaddr_in *in = (const void *)&a->ip;
    const struct sockaddr_in6 *in6 = (const void *)&a->ip;

    return ntohs(a->ip.ss_family == AF_INET ? in->sin_port : in6->sin6_port);
}

bool
role_confine_passthrough(const struct settings *s)
{
    uint16_t ports[FILTER_SECTIONS_MAX];
    struct sandbox_roots roots = {.ports = ports};
    static struct roots r;

    for (size_t i = 0; i < s->filter_count; i++)
        if (!s->filters[i].address.is_unix)
            ports[roots.port_count++] = port_of(&s->filters[i].address);
    if (!add_sanitizer(&r) || !role_limit_memory(ROLE_MEMORY_PASSTHROUGH, s))
        return false;
    roots.readable = r.readable.paths;
    roots.readable_count = r.readable.count;
    return sandbox_enter(SANDBOX_PASSTHROUGH, &roots, is_required(s));
}

/* All that one of its programs may change; each then loses what only others may. */
bool
role_confine_runner(const struct settings *s)
{
    static struct roots r;
    bool ok = true;

    for (size_t i = 0; ok && i < s->program_count; i++)
        for (size_t k = 0; ok && k < s->programs[i].writable_count; k++)
            ok = add(&r.changed, s->programs[i].writable[k]);
    return ok && confine(SANDBOX_RUNNER, s, &r);
}

bool
role_confine_program(const struct settings *s, const struct settings_program *p)
{
    const struct sandbox_roots roots = {.paths = p->writable, .count = p->writable_count};

    return sandbox_enter_program(&roots, is_required(s));
}
