/* SPDX-License-Identifier: MIT
 *
 * Pages of counters: see pages_priv.h. A process gets its page as a descriptor at its start
 * (spawn.c), readers get each in a form that they cannot write to. A page stays when its process
 * ends, and the next one in that place counts on in it.
 */
#include "pages_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "doorstep/metrics_page.h"
#include "doorstep/pack.h"

#include "supervise_priv.h"

struct page {
    struct page *next;
    unsigned of;
    uint32_t slot;
    bool is_used;
    int fd;                      /* owned */
    struct metrics_page *mapped; /* owned */
};

static bool
is_reader(const struct role *r)
{
    return r->kind == ROLE_STORE || r->kind == ROLE_METRICS;
}

static void
send_page(struct role *reader, const struct page *p)
{
    int fd = metrics_page_reopen(p->fd);
    struct buf body;
    struct pack pack;

    if (fd < 0)
        return;
    buf_init(&body, 16);
    pack_init(&pack, &body);
    pack_u32(&pack, p->of);
    supervise_send(reader, MAIN_METRICS_PAGE, 0, buf_span(&body), fd);
    buf_release(&body);
    close(fd);
}

static void
page_free(struct page *p)
{
    metrics_page_unmap(p->mapped);
    if (p->fd >= 0)
        close(p->fd);
    free(p);
}

static struct page *
page_new(struct daemon *d, unsigned of, uint32_t slot)
{
    struct page *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return NULL;
    *p = (struct page){.of = of, .slot = slot, .fd = metrics_page_make()};
    if (p->fd >= 0)
        p->mapped = metrics_page_map(p->fd, true);
    if (p->mapped == NULL) {
        log_event(LOG_LEVEL_WARNING, "no_metrics_page", "error", strerror(errno), NULL);
        page_free(p);
        return NULL;
    }
    p->next = d->pages;
    d->pages = p;
    for (struct role *r = d->roles; r != NULL; r = r->next)
        if (is_reader(r) && r->pid > 0)
            send_page(r, p);
    return p;
}

/* Hands have no slots: any page of one that has ended will do. */
static struct page *
find_page(struct role *r)
{
    unsigned of = supervise_metrics_role(r->kind);

    for (struct page *p = r->daemon->pages; p != NULL; p = p->next)
        if (p->of == of && (r->kind == ROLE_HAND ? !p->is_used : p->slot == r->slot))
            return p;
    return page_new(r->daemon, of, r->slot);
}

int
pages_lend(struct role *r)
{
    r->page = find_page(r);
    if (r->page == NULL)
        return -1;
    r->page->is_used = true;
    return r->page->fd;
}

void
pages_return(struct role *r)
{
    if (r->page == NULL)
        return;
    metrics_page_clear_gauges(r->page->mapped);
    r->page->is_used = false;
    r->page = NULL;
}

void
pages_send_all(struct role *reader)
{
    for (const struct page *p = reader->daemon->pages; p != NULL; p = p->next)
        send_page(reader, p);
}

void
pages_start(struct daemon *d)
{
    const struct page *p = page_new(d, METRICS_ROLE_MAIN, 0);
    int fd = p == NULL ? -1 : dup(p->fd);

    if (fd >= 0)
        metrics_page_use(fd);
}

void
pages_free(struct daemon *d)
{
    while (d->pages != NULL) {
        struct page *p = d->pages;

        d->pages = p->next;
        page_free(p);
    }
}
