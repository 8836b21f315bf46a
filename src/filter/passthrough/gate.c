/* SPDX-License-Identifier: MIT
 *
 * A filter: the listener on which it gives messages back, and whose turn it is.
 */
#include "passthrough_priv.h"

#include <string.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "doorstep/metrics.h"

static void
on_accept(void *arg, int fd, const struct sockaddr_storage *peer)
{
    (void)peer;
    giver_open(arg, fd);
}

/* A pass that begins may end at once, and others with it: from the front each time. */
static void
take_turns(void *arg)
{
    struct gate *g = arg;
    struct pass *pass = TAILQ_FIRST(&g->waiting);

    while (pass != NULL && g->running < g->settings->concurrency) {
        if (pass_is_whole(pass)) {
            TAILQ_REMOVE(&g->waiting, pass, waiting);
            pass->is_running = true;
            g->running++;
            pass_begin(pass);
            pass = TAILQ_FIRST(&g->waiting);
        } else {
            pass = TAILQ_NEXT(pass, waiting);
        }
    }
}

bool
gate_open(struct gate *g, struct passthrough *role, const struct settings_filter *settings,
          int returns)
{
    *g = (struct gate){.role = role, .settings = settings};
    g->label = metrics_place(METRICS_NAMES_FILTERS, settings->name);
    loop_chore_init(&g->turns, take_turns, g);
    TAILQ_INIT(&g->waiting);
    TAILQ_INIT(&g->givers);
    if (returns < 0) {
        log_event(LOG_LEVEL_ERROR, "filter_deaf", "filter", settings->name, "address",
                  settings->back.text, NULL);
        return true;
    }
    g->listener = listener_new(role->loop, returns, on_accept, g);
    return g->listener != NULL;
}

struct gate *
gate_find(struct passthrough *p, const char *name)
{
    for (size_t i = 0; i < p->gate_count; i++)
        if (strcmp(p->gates[i].settings->name, name) == 0)
            return &p->gates[i];
    return NULL;
}

void
gate_look(struct gate *g)
{
    loop_chore_add(g->role->loop, &g->turns);
}

void
gate_wait(struct gate *g, struct pass *pass)
{
    TAILQ_INSERT_TAIL(&g->waiting, pass, waiting);
    gate_look(g);
}

void
gate_leave(struct gate *g, struct pass *pass)
{
    if (pass->is_running)
        g->running--;
    else
        TAILQ_REMOVE(&g->waiting, pass, waiting);
    pass->is_running = false;
    gate_look(g);
}
