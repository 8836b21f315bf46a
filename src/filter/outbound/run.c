/* SPDX-License-Identifier: MIT
 *
 * The outbound role: what main says (settings, at a reload new ones; doors of edges and of the
 * store; go, drain). It connects to the filters of the configuration and opens nothing else.
 */
#include "outbound_priv.h"

#include <sodium.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "doorstep/metrics.h"

#define MAIN_QUEUE_MAX 65536

static void
end(struct outbound *o, int status, const char *reason)
{
    log_event(status == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "end", "reason", reason, NULL);
    o->status = status;
    loop_stop(o->loop);
}

/* Sessions that are under way keep the settings that they began with. */
static bool
take_settings(struct outbound *o, const struct door_frame *f)
{
    const struct settings *s = f->fd < 0 ? NULL : o->hooks->parse_settings(f->fd);

    if (f->fd >= 0)
        close(f->fd);
    if (s == NULL)
        return false;
    o->settings = s;
    for (size_t i = 0; i < s->milter_count; i++) /* a series each, from the beginning */
        metrics_place(METRICS_NAMES_MILTERS, s->milters[i].name);
    return true;
}

static bool
take_door(struct outbound *o, const struct door_frame *f)
{
    if (f->fd < 0)
        return false;
    if (f->type == MAIN_EDGE_DOOR)
        edges_add(o, f->fd);
    else
        store_door_open(o, f->fd);
    return true;
}

static bool
go(struct outbound *o)
{
    if (o->settings == NULL || o->is_serving)
        return false;
    if (!o->hooks->confine(o->settings)) {
        log_event(LOG_LEVEL_ERROR, "confine", "error", "refused", NULL);
        return false;
    }
    o->is_serving = true;
    return door_send(o->main, ROLE_READY, 0, SPAN_NONE, -1);
}

static bool
take_frame(struct outbound *o, const struct door_frame *f)
{
    switch (f->type) {
    case MAIN_SETTINGS:
        return take_settings(o, f);
    case MAIN_EDGE_DOOR:
    case MAIN_STORE_DOOR:
        return take_door(o, f);
    case MAIN_GO:
        return go(o);
    case MAIN_DRAIN: /* edges and store have ended */
        end(o, EXIT_SUCCESS, "drained");
        return true;
    default:
        return false;
    }
}

static void
on_main(void *arg, unsigned events)
{
    struct outbound *o = arg;
    struct door_frame f;
    enum door_result result;

    if ((events & LOOP_WRITE) != 0)
        door_flush(o->main);
    while ((result = door_receive(o->main, &f)) == DOOR_OK) {
        if (!take_frame(o, &f)) {
            end(o, EX_PROTOCOL, "main said what cannot be done");
            return;
        }
    }
    if (result != DOOR_AGAIN)
        end(o, EXIT_SUCCESS, "main is gone");
}

int
filter_run(int main_door, const struct filter_hooks *hooks)
{
    struct outbound o = {.hooks = hooks, .status = EX_OSERR};

    o.main = door_new(main_door, MAIN_QUEUE_MAX);
    o.loop = loop_new();
    o.store.outbound = &o;
    if (o.main != NULL && o.loop != NULL && sodium_init() >= 0)
        o.main_watch = loop_watch_new(o.loop, main_door, LOOP_READ, on_main, &o);
    if (o.main_watch != NULL)
        loop_run(o.loop);
    _exit(o.status); /* connections and sessions end with the process */
}
