/* SPDX-License-Identifier: MIT
 *
 * The TLS contexts of an edge's listeners, made of what main hands over: at the start, and again
 * when certificates or ticket keys have changed. No file is opened, and the texts of keys stay in
 * memory only while they are read.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "doorstep/log.h"
#include "edge_priv.h"

#define BUNDLE_MAX (64 << 20)

struct edge_tls {
    struct tls_ticket_keys keys;
    size_t count; /* of settings->listens */
    struct tls_context *contexts[];
};

static struct edge_tls *
get_tls(struct edge *e)
{
    size_t count = e->settings->listen_count;

    if (e->tls == NULL)
        e->tls = calloc(1, sizeof(*e->tls) + count * sizeof(struct tls_context *));
    if (e->tls != NULL)
        e->tls->count = count;
    return e->tls;
}

static void
put_context(struct edge_tls *t, size_t i, struct tls_context *context)
{
    tls_context_set_keys(context, &t->keys);
    tls_context_free(t->contexts[i]);
    t->contexts[i] = context;
}

/* Main has looked at the pairs before; what it hands to an edge of an older configuration may be
 * for listeners that this one has not. Where memory is short, the context of before stays. */
static void
take_service(struct edge *e, const struct tls_service *service)
{
    char name[TLS_NAME_SIZE];
    struct buf why;

    buf_init(&why, 256);
    for (size_t i = 0; i < e->tls->count; i++) {
        struct tls_context *context;

        if (!settings_listen_name(&e->settings->listens[i], name, sizeof(name)) ||
            strcmp(name, service->name) != 0)
            continue;
        context = tls_context_new(service, &why);
        if (context != NULL)
            put_context(e->tls, i, context);
        else
            log_event(LOG_LEVEL_ERROR, "tls", "listen", name, "error", buf_str(&why), NULL);
    }
    buf_release(&why);
}

static bool
take_bundle(struct edge *e, struct span bundle)
{
    char name[TLS_NAME_SIZE];
    struct tls_pair pairs[TLS_PAIRS_MAX];
    struct tls_service service;
    struct unpack u;
    uint32_t count;

    unpack_init(&u, bundle);
    count = unpack_u32(&u);
    for (uint32_t i = 0; i < count && !u.broken; i++) {
        tls_service_unpack(&service, name, pairs, &u);
        if (!u.broken)
            take_service(e, &service);
    }
    return unpack_done(&u);
}

bool
edge_tls_take(struct edge *e, int fd)
{
    struct stat st;
    void *bundle;
    bool done;

    if (get_tls(e) == NULL || fstat(fd, &st) != 0 || st.st_size <= 0 || st.st_size > BUNDLE_MAX)
        return false;
    bundle = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bundle == MAP_FAILED)
        return false;
    done = take_bundle(e, (struct span){bundle, (size_t)st.st_size});
    munmap(bundle, (size_t)st.st_size);
    return done;
}

bool
edge_tls_take_keys(struct edge *e, struct span body)
{
    struct unpack u;

    if (get_tls(e) == NULL)
        return false;
    unpack_init(&u, body);
    tls_ticket_keys_unpack(&e->tls->keys, &u);
    for (size_t i = 0; i < e->tls->count; i++) {
        if (e->tls->contexts[i] != NULL)
            tls_context_set_keys(e->tls->contexts[i], &e->tls->keys);
    }
    return unpack_done(&u);
}

struct tls_context *
edge_tls_context(const struct edge *e, const struct settings_listen *listen)
{
    size_t i = (size_t)(listen - e->settings->listens);

    return e->tls == NULL || i >= e->tls->count ? NULL : e->tls->contexts[i];
}

void
edge_tls_free(struct edge *e)
{
    if (e->tls == NULL)
        return;
    for (size_t i = 0; i < e->tls->count; i++)
        tls_context_free(e->tls->contexts[i]);
    explicit_bzero(&e->tls->keys, sizeof(e->tls->keys));
    free(e->tls);
    e->tls = NULL;
}
