/* SPDX-License-Identifier: MIT
 *
 * The routes of the settings, each with what main has read for it: a password, and the authorities
 * that its next hop is verified by. Those of the system are parsed once for all.
 */
#include "sender_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "doorstep/relay_secrets.h"

#define WHY_MAX 512

struct route *
routes_find(const struct sender *s, const char *name)
{
    for (size_t i = 0; i < s->route_count; i++)
        if (strcmp(s->routes[i].settings->name, name) == 0)
            return &s->routes[i];
    return NULL;
}

static bool
make_routes(struct sender *s)
{
    const struct settings *settings = s->settings;
    const struct settings_route *smarthost = settings_find_route(settings, "");

    s->routes = calloc(settings->route_count + 1, sizeof(*s->routes));
    if (s->routes == NULL)
        return false;
    if (smarthost != NULL && !route_init(&s->routes[s->route_count++], s, smarthost))
        return false;
    for (size_t i = 0; i < settings->route_count; i++)
        if (!route_init(&s->routes[s->route_count++], s, &settings->routes[i]))
            return false;
    return true;
}

/* --- TLS --- */

static bool
uses_tls(const struct settings_route *r)
{
    return r->tls != RELAY_TLS_NONE && !r->next_hop.is_unix;
}

static struct tls_context *
make_context(struct span authorities, const char *route)
{
    struct tls_context *x;
    struct buf why;

    buf_init(&why, WHY_MAX);
    x = tls_client_context_new(authorities, &why);
    if (x == NULL)
        log_event(LOG_LEVEL_ERROR, "relay_authorities", "route", route, "error", buf_str(&why),
                  NULL);
    buf_release(&why);
    return x;
}

static bool
share_system_context(struct sender *s, struct span authorities)
{
    struct tls_context *shared = NULL;
    bool done = true;

    for (size_t i = 0; i < s->route_count && done; i++) {
        struct route *r = &s->routes[i];

        if (!uses_tls(r->settings) || r->tls != NULL)
            continue;
        if (shared == NULL)
            shared = make_context(authorities, "");
        r->tls = shared == NULL ? NULL : tls_context_keep(shared);
        done = r->tls != NULL;
    }
    tls_context_free(shared);
    return done;
}

/* --- secrets --- */

static bool
keep_secret(struct sender *s, const struct relay_secret *secret)
{
    struct route *r = routes_find(s, secret->route);

    if (r == NULL)
        return false;
    if (secret->password.n > 0)
        r->password = strndup(secret->password.p, secret->password.n);
    if (secret->authorities.n > 0 && uses_tls(r->settings)) {
        r->tls = make_context(secret->authorities, secret->route);
        if (r->tls == NULL)
            return false;
    }
    return r->password != NULL;
}

static bool
read_secrets(struct sender *s, struct span text)
{
    char name[RELAY_ROUTE_SIZE];
    struct relay_secret secret;
    struct span system;
    struct unpack u;
    uint32_t count;

    unpack_init(&u, text);
    count = relay_secrets_unpack_head(&system, &u);
    for (uint32_t i = 0; i < count; i++) {
        relay_secret_unpack(&secret, name, &u);
        if (u.broken || !keep_secret(s, &secret))
            return false;
    }
    return unpack_done(&u) && share_system_context(s, system);
}

/* Mapped, not read: no copy stays behind when it is let go. */
bool
routes_open(struct sender *s, int fd)
{
    struct stat st;
    void *text;
    bool done;

    if (!make_routes(s) || fstat(fd, &st) != 0 || st.st_size <= 0)
        return false;
    text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (text == MAP_FAILED)
        return false;
    done = read_secrets(s, (struct span){text, (size_t)st.st_size});
    munmap(text, (size_t)st.st_size);
    return done;
}
