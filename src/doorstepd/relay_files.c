/* SPDX-License-Identifier: MIT
 *
 * Passwords, authorities and secrets of the relay: see relay_files_priv.h. Each is looked at before
 * it is in force: a reload with a bad one changes nothing.
 */
#include "relay_files_priv.h"

#include <string.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "doorstep/relay_secrets.h"
#include "doorstep/tls.h"

#include "settings_text_priv.h"

#define BUNDLE_MAX (64u << 20)
#define SRS_TEXT_MAX 16384

/* Where systems keep the authorities that all programs believe. */
static const char *const system_files[] = {
    "/etc/ssl/certs/ca-certificates.crt", /* Debian, Arch, Alpine */
    "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora */
    "/etc/ssl/ca-bundle.pem",             /* openSUSE */
};

void
relay_files_init(struct relay_files *f)
{
    *f = (struct relay_files){.fd = -1};
    buf_init(&f->secrets, BUNDLE_MAX);
    buf_init(&f->srs, SRS_TEXT_MAX);
}

void
relay_files_release(struct relay_files *f)
{
    guarded_wipe(&f->secrets);
    guarded_wipe(&f->srs);
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

bool
relay_files_equal(const struct relay_files *a, const struct relay_files *b)
{
    return span_equal(buf_span(&a->secrets), buf_span(&b->secrets)) &&
           span_equal(buf_span(&a->srs), buf_span(&b->srs));
}

/* --- one file --- */

static bool
read_password(const struct relay_files *f, const char *path, struct buf *out, struct buf *why)
{
    size_t n;

    if (!guarded_file_read(&f->guard, path, true, out, why))
        return false;
    n = strcspn(buf_str(out), "\r\n");
    if (n == 0 || n > RELAY_PASSWORD_MAX) {
        buf_append_str(why, "has no password on its first line, or one that is too long");
        return false;
    }
    out->len = n; /* a NUL ends it, too */
    out->data[n] = '\0';
    return true;
}

static bool
read_authorities(const struct relay_files *f, const char *path, struct buf *out, struct buf *why)
{
    return guarded_file_read(&f->guard, path, false, out, why) &&
           tls_authorities_check(buf_span(out), why);
}

/* --- routes --- */

static bool
pack_route(const struct relay_files *f, const struct settings_route *r, struct pack *p,
           struct buf *why)
{
    struct relay_secret secret = {.route = r->name};
    struct buf password, authorities;
    bool done = true;

    buf_init(&password, TLS_PEM_MAX);
    buf_init(&authorities, RELAY_AUTHORITIES_MAX);
    if (r->password_file[0] != '\0') {
        buf_printf(why, "%s: ", r->password_file);
        done = read_password(f, r->password_file, &password, why);
    }
    if (done && r->ca[0] != '\0') {
        buf_reset(why);
        buf_printf(why, "%s: ", r->ca);
        done = read_authorities(f, r->ca, &authorities, why);
    }
    secret.password = buf_span(&password);
    secret.authorities = buf_span(&authorities);
    if (done)
        relay_secret_pack(&secret, p);
    guarded_wipe(&password);
    buf_release(&authorities);
    return done;
}

static bool
has_files(const struct settings_route *r)
{
    return r->next_hop.text != NULL && (r->password_file[0] != '\0' || r->ca[0] != '\0');
}

static uint32_t
count_routes(const struct settings *s)
{
    uint32_t count = has_files(&s->relay.smarthost);

    for (size_t i = 0; i < s->route_count; i++)
        count += has_files(&s->routes[i]);
    return count;
}

static bool
pack_routes(const struct relay_files *f, const struct settings *s, struct pack *p, struct buf *why)
{
    if (has_files(&s->relay.smarthost) && !pack_route(f, &s->relay.smarthost, p, why))
        return false;
    for (size_t i = 0; i < s->route_count; i++) {
        buf_reset(why);
        if (has_files(&s->routes[i]) && !pack_route(f, &s->routes[i], p, why))
            return false;
    }
    return true;
}

/* --- all of them --- */

static bool
needs_system(const struct settings_route *r)
{
    return r->next_hop.text != NULL && !r->next_hop.is_unix && r->tls != RELAY_TLS_NONE &&
           r->ca[0] == '\0';
}

static bool
any_needs_system(const struct settings *s)
{
    bool any = needs_system(&s->relay.smarthost);

    for (size_t i = 0; i < s->route_count; i++)
        any = any || needs_system(&s->routes[i]);
    return any;
}

/* Without them no name is verified: opportunistic TLS is as good, all other mail waits. */
static void
read_system(const struct relay_files *f, struct buf *out)
{
    struct buf why;

    buf_init(&why, 1024);
    for (size_t i = 0; i < sizeof(system_files) / sizeof(system_files[0]); i++) {
        buf_reset(&why);
        if (access(system_files[i], R_OK) == 0 && read_authorities(f, system_files[i], out, &why)) {
            buf_release(&why);
            return;
        }
        buf_reset(out);
    }
    log_event(LOG_LEVEL_WARNING, "relay_authorities", "error",
              why.len > 0 ? buf_str(&why) : "the system has no file of them", "hint",
              "set ca, or no next hop is verified", NULL);
    buf_release(&why);
}

static bool
load_secrets(struct relay_files *f, const struct settings *s, struct buf *why)
{
    struct buf system;
    struct pack p;
    bool done;

    buf_init(&system, RELAY_AUTHORITIES_MAX);
    if (any_needs_system(s))
        read_system(f, &system);
    buf_reserve(&f->secrets, system.len + TLS_PEM_MAX); /* it shall not have to be moved */
    pack_init(&p, &f->secrets);
    relay_secrets_pack_head(buf_span(&system), count_routes(s), &p);
    done = pack_routes(f, s, &p, why);
    buf_release(&system);
    if (done && !p.full && (f->fd = sealed_memfd("doorstep-relay", buf_span(&f->secrets))) >= 0)
        return true;
    if (done)
        buf_append_str(why, "relay: no memory");
    return false;
}

static bool
load_srs(struct relay_files *f, const struct settings *s, struct buf *why)
{
    const char *path = s->relay.srs_secret_file;

    if (path[0] == '\0')
        return true;
    buf_reset(why);
    buf_printf(why, "%s: ", path);
    return guarded_file_read(&f->guard, path, true, &f->srs, why);
}

bool
relay_files_load(struct relay_files *f, const struct settings *s, struct buf *why)
{
    if ((!settings_has_relay(s) || load_secrets(f, s, why)) && load_srs(f, s, why))
        return true;
    log_event(LOG_LEVEL_ERROR, "relay", "error", buf_str(why), NULL);
    return false;
}
