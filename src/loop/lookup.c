/* SPDX-License-Identifier: MIT
 *
 * Look-ups of host names, as getaddrinfo(3) does them, on libuv's threads: the one thing here that
 * may wait for somebody else. A question that nobody waits for any more ends by itself.
 */
#include "doorstep/loop.h"

#include <netdb.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop_priv.h"

/* Of those that libuv keeps, half may wait for names. */
#define THREADS "16"

struct loop_lookup {
    uv_getaddrinfo_t uv;
    void (*fn)(void *arg, const struct loop_addresses *found);
    void *arg;
    bool is_cancelled;
};

static void
keep_all(struct loop_addresses *found, const struct addrinfo *list)
{
    for (; list != NULL && found->count < LOOP_ADDRESSES_MAX; list = list->ai_next) {
        struct loop_address *a = &found->list[found->count];

        if (list->ai_addrlen > sizeof(a->ip))
            continue;
        memcpy(&a->ip, list->ai_addr, list->ai_addrlen);
        a->length = list->ai_addrlen;
        found->count++;
    }
}

static void
on_found(uv_getaddrinfo_t *uv, int status, struct addrinfo *list)
{
    struct loop_lookup *u = uv->data;
    struct loop_addresses found = {.problem = ""};

    if (!u->is_cancelled) {
        keep_all(&found, list);
        if (found.count == 0)
            found.problem = status != 0 ? uv_strerror(status) : "no address";
        u->fn(u->arg, &found);
    }
    uv_freeaddrinfo(list);
    free(u);
}

struct loop_lookup *
loop_lookup_new(struct loop *l, const char *host, uint16_t port,
                void (*fn)(void *arg, const struct loop_addresses *found), void *arg)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct loop_lookup *u = calloc(1, sizeof(*u));
    char service[8];

    if (u == NULL)
        return NULL;
    u->fn = fn;
    u->arg = arg;
    u->uv.data = u;
    snprintf(service, sizeof(service), "%u", port);
    setenv("UV_THREADPOOL_SIZE", THREADS, 0); /* read when the first question starts them */
    if (uv_getaddrinfo(&l->uv, &u->uv, on_found, host, service, &hints) == 0)
        return u;
    free(u);
    return NULL;
}

void
loop_lookup_cancel(struct loop_lookup *u)
{
    if (u == NULL)
        return;
    u->is_cancelled = true;
    uv_cancel((uv_req_t *)&u->uv); /* one that has begun goes on, and is forgotten */
}

void
loop_lookup_prepare(void)
{
    struct addrinfo *list = NULL;

    if (res_init() == 0) {
        _res.retrans = 1;
        _res.retry = 1;
    }
    if (getaddrinfo("modules.invalid", NULL, NULL, &list) == 0)
        freeaddrinfo(list);
}
