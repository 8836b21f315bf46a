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

    if (s == NULL)
        return false;
    o->settings = s;
    for (size_t i = 0; i < s->milter_count; i++) /* a series each, from the beginning */
        metrics_place(METRICS_NAMES_MILTERS, s->milters[i].name);
    return true;
}

static bool
take_door(struct outbound *o, struct door_frame *f)
{
    if (f->fd < 0)
        return false;
    if (f->type == MAIN_EDGE_DOOR)
        edges_add(o, f->fd);
    else
        store_door_open(o, f->fd);
    f->fd = -1;
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
    return door_keeper_send(&o->main, ROLE_READY, 0, SPAN_NONE, -1);
}

static bool
take_from_main(void *arg, struct door_frame *f)
{
    struct outbound *o = arg;

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
on_main_lost(void *arg, enum door_result how)
{
    struct outbound *o = arg;

    if (how == DOOR_CLOSED)
        end(o, EXIT_SUCCESS, "main is gone");
    else
        end(o, EX_PROTOCOL, "main said what cannot be done");
}

static const struct door_keeper_calls main_calls = {
    .take = take_from_main,
    .lost = on_main_lost,
};

int
filter_run(int main_door, const struct filter_hooks *hooks)
{
    struct outbound o = {.hooks = hooks, .status = EX_OSERR};

    o.loop = loop_new();
    o.main = (struct door_keeper){.loop = o.loop, .calls = &main_calls, .arg = &o};
    store_door_init(&o);
    if (o.loop != NULL && sodium_init() >= 0 &&
        door_keeper_open(&o.main, door_new(main_door, MAIN_QUEUE_MAX)))
        loop_run(o.loop);
    _exit(o.status); /* connections and sessions end with the process */
}
