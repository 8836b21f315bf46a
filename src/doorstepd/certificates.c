/* SPDX-License-Identifier: MIT
 *
 * Files of certificates and keys: read, checked, kept, sealed. See certificates_priv.h. A key is
 * copied three times: here, into the memfd, and by OpenSSL into each edge; ours is wiped at the
 * end.
 */
#include "certificates_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "doorstep/metrics.h"

#include "settings_text_priv.h"

#define BUNDLE_MAX (64 << 20)
#define SOON_DAYS 14

/* --- one --- */

static void
certificate_free(struct certificate *one)
{
    guarded_wipe(&one->pem);
    guarded_wipe(&one->key);
    free(one->path);
    free(one->key_path);
    free(one);
}

static struct certificate *
certificate_new(const char *path, const char *key_path)
{
    struct certificate *one = calloc(1, sizeof(*one));

    if (one == NULL)
        return NULL;
    one->path = strdup(path);
    one->key_path = strdup(key_path);
    buf_init(&one->pem, key_path[0] == '\0' ? TLS_AUTHORITIES_PEM_MAX : TLS_PEM_MAX);
    buf_init(&one->key, TLS_PEM_MAX);
    if (one->path != NULL && one->key_path != NULL)
        return one;
    certificate_free(one);
    return NULL;
}

/* --- files --- */

static bool
certificate_read(const struct certificates *c, struct certificate *one, struct buf *why)
{
    bool is_pair = one->key_path[0] != '\0';
    struct tls_pair pair;

    buf_printf(why, "%s: ", one->path);
    if (!guarded_file_read(&c->guard, one->path, false, &one->pem, why))
        return false;
    if (!is_pair)
        return tls_authorities_check(buf_span(&one->pem), why);
    buf_reset(why);
    buf_printf(why, "%s: ", one->key_path);
    if (!guarded_file_read(&c->guard, one->key_path, true, &one->key, why))
        return false;
    buf_reset(why);
    buf_printf(why, "%s, %s: ", one->path, one->key_path);
    pair = (struct tls_pair){buf_span(&one->pem), buf_span(&one->key)};
    return tls_pair_check(&pair, &one->not_after, why);
}

/* --- all of them --- */

static struct certificate *
find(const struct certificates *c, const char *path, const char *key_path)
{
    struct certificate *one = c == NULL ? NULL : c->list;

    while (one != NULL && (strcmp(one->path, path) != 0 || strcmp(one->key_path, key_path) != 0))
        one = one->next;
    return one;
}

/* What is in force, as it was read when it was good. */
static bool
keep(struct certificate *one, const struct certificate *in_force, const char *why)
{
    guarded_wipe(&one->pem);
    guarded_wipe(&one->key);
    one->pem.max = TLS_AUTHORITIES_PEM_MAX;
    one->not_after = in_force->not_after;
    if (!buf_append_span(&one->pem, buf_span(&in_force->pem)) ||
        !buf_append_span(&one->key, buf_span(&in_force->key)))
        return false;
    log_event(LOG_LEVEL_ERROR, "certificate", "error", why, "hint", "the one in force stays", NULL);
    return true;
}

static bool
add(struct certificates *c, const char *path, const char *key_path,
    const struct certificates *force, struct buf *why)
{
    const struct certificate *in_force = find(force, path, key_path);
    struct certificate *one;

    if (find(c, path, key_path) != NULL)
        return true; /* of two listeners */
    one = certificate_new(path, key_path);
    if (one == NULL)
        return false;
    one->next = c->list;
    c->list = one;
    buf_reset(why);
    if (certificate_read(c, one, why))
        return true;
    if (in_force != NULL && keep(one, in_force, buf_str(why)))
        return true;
    log_event(LOG_LEVEL_ERROR, "certificate", "error", buf_str(why), NULL);
    return false;
}

static bool
add_listener(struct certificates *c, const struct settings_listen *l,
             const struct certificates *force, struct buf *why)
{
    for (size_t i = 0; i < l->certificate_count; i++) {
        if (!add(c, l->certificate[i], l->key[i], force, why))
            return false;
    }
    return l->client_ca[0] == '\0' || add(c, l->client_ca, "", force, why);
}

/* --- what the edges get --- */

static bool
pack_listener(const struct certificates *c, const struct settings_listen *l, struct pack *p)
{
    char name[TLS_NAME_SIZE];
    struct tls_pair pairs[TLS_PAIRS_MAX];
    struct tls_service service = {.name = name, .pairs = pairs, .pair_count = l->certificate_count};

    if (!settings_listen_name(l, name, sizeof(name)) || l->certificate_count > TLS_PAIRS_MAX)
        return false;
    for (size_t i = 0; i < l->certificate_count; i++) {
        const struct certificate *one = find(c, l->certificate[i], l->key[i]);

        pairs[i] = (struct tls_pair){buf_span(&one->pem), buf_span(&one->key)};
    }
    if (l->client_ca[0] != '\0')
        service.client_ca = buf_span(&find(c, l->client_ca, "")->pem);
    tls_service_pack(&service, p);
    return !p->full;
}

static bool
pack_all(const struct certificates *c, const struct settings *s, uint32_t count, struct pack *p)
{
    pack_u32(p, count);
    for (size_t i = 0; i < s->listen_count; i++) {
        if (s->listens[i].tls != LISTEN_TLS_NONE && !pack_listener(c, &s->listens[i], p))
            return false;
    }
    return true;
}

static bool
seal(struct certificates *c, const struct settings *s)
{
    uint32_t count = 0;
    struct buf bundle;
    struct pack p;

    for (size_t i = 0; i < s->listen_count; i++)
        count += s->listens[i].tls != LISTEN_TLS_NONE;
    if (count == 0)
        return true;
    buf_init(&bundle, BUNDLE_MAX);
    pack_init(&p, &bundle);
    if (buf_reserve(&bundle, TLS_PEM_MAX) && pack_all(c, s, count, &p))
        c->fd = sealed_memfd("doorstep-tls", buf_span(&bundle));
    guarded_wipe(&bundle);
    return c->fd >= 0;
}

void
certificates_init(struct certificates *c)
{
    *c = (struct certificates){.fd = -1};
}

bool
certificates_load(struct certificates *c, const struct settings *s,
                  const struct certificates *force, struct buf *why)
{
    for (size_t i = 0; i < s->listen_count; i++) {
        if (s->listens[i].tls != LISTEN_TLS_NONE && !add_listener(c, &s->listens[i], force, why))
            return false;
    }
    if (seal(c, s))
        return true;
    buf_reset(why);
    buf_append_str(why, "certificates: no memory");
    return false;
}

bool
certificates_equal(const struct certificates *a, const struct certificates *b)
{
    const struct certificate *x = a->list, *y = b->list;

    while (x != NULL && y != NULL && strcmp(x->path, y->path) == 0 &&
           strcmp(x->key_path, y->key_path) == 0 &&
           span_equal(buf_span(&x->pem), buf_span(&y->pem)) &&
           span_equal(buf_span(&x->key), buf_span(&y->key))) {
        x = x->next;
        y = y->next;
    }
    return x == NULL && y == NULL;
}

void
certificates_warn(const struct certificates *c)
{
    time_t now = time(NULL), first = 0;

    for (const struct certificate *one = c->list; one != NULL; one = one->next) {
        long long days = (long long)(one->not_after - now) / 86400;

        if (one->not_after != 0 && (first == 0 || one->not_after < first))
            first = one->not_after;
        if (one->not_after != 0 && days < SOON_DAYS)
            log_event(one->not_after <= now ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
                      one->not_after <= now ? "certificate_expired" : "certificate_expires", "file",
                      one->path, "days", log_num(days), NULL);
    }
    metrics_gauge_set(METRIC_TLS_CERTIFICATE_END, METRICS_NO_LABEL, (int64_t)first * 1000000);
}

void
certificates_release(struct certificates *c)
{
    struct certificate *one;

    while ((one = c->list) != NULL) {
        c->list = one->next;
        certificate_free(one);
    }
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

bool
ticket_keys_rotate(struct tls_ticket_keys *keys)
{
    memmove(keys->key[1], keys->key[0], sizeof(keys->key) - sizeof(keys->key[0]));
    if (keys->count < TLS_TICKET_KEYS)
        keys->count++;
    if (getentropy(keys->key[0], sizeof(keys->key[0])) == 0)
        return true;
    explicit_bzero(keys, sizeof(*keys)); /* without tickets, then */
    return false;
}
