/* SPDX-License-Identifier: MIT
 *
 * All sessions in one epoll loop, until the time is over and what was in flight is answered.
 */
#include "load_priv.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define LOST_MAX 1000 /* messages; a server that drops us again and again is not measured */

bool
load_is_over(const struct load *l)
{
    return now() >= l->stop || (l->options->messages > 0 && l->begun >= l->options->messages);
}

/* A connection that the server ended is opened anew while there is time. */
static bool
replace(struct load *l, struct session *s)
{
    session_close(s);
    return l->lost >= LOST_MAX || load_is_over(l) || session_open(l) != NULL;
}

static bool
take_events(struct load *l)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(l->epoll, events, EVENTS_MAX, 100);

    for (int i = 0; i < n; i++) {
        struct session *s = events[i].data.ptr;
        bool can_read = (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0;
        if (!session_step(s, can_read) && !replace(l, s))
            return false;
    }
    return n >= 0 || errno == EINTR;
}

bool
load_run(struct load *l)
{
    bool ok = true;

    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll < 0)
        return false;
    double begun = now();
    l->stop = begun + l->options->seconds;
    for (unsigned i = 0; ok && i < l->options->sessions; i++)
        ok = session_open(l) != NULL;
    while (ok && l->open > 0 && l->lost < LOST_MAX && now() < l->stop + l->options->grace)
        ok = take_events(l);
    l->lost += l->in_flight;                      /* no answer in all this time */
    l->last -= l->last > begun ? begun : l->last; /* from here on: how long it took */
    close(l->epoll);
    return ok;
}
