/* SPDX-License-Identifier: MIT
 *
 * The control socket's listener: who may speak to the daemon, and how many at once. Called by the
 * store role, which hands in what runs the operations; nothing here knows one.
 */
#include "server_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doorstep/log.h"

static bool
control_allows(const struct control *c, uid_t uid)
{
    bool allowed = uid == 0;

    for (size_t i = 0; i < c->allowed_count && !allowed; i++)
        allowed = uid == c->allowed[i];
    return allowed;
}

/* Say why and hang up; a peer that does not read loses the text, nobody waits for it. */
static void
control_refuse(int fd, int code, const char *enhanced, const char *text)
{
    struct buf line;

    buf_init(&line, CONTROL_REPLY_MAX);
    if (control_print_error(&line, code, enhanced, text, ""))
        (void)!send(fd, line.data, line.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    buf_release(&line);
    close(fd);
}

static void
control_on_accept(void *arg, int fd, const struct sockaddr_storage *from)
{
    struct control *c = arg;
    struct ucred who = {.uid = (uid_t)-1};
    socklen_t size = sizeof(who);

    (void)from; /* the name of a unix socket proves nothing; its credentials do */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0 || !control_allows(c, who.uid)) {
        log_event(LOG_LEVEL_WARNING, "control refused", "uid", log_num(who.uid), NULL);
        control_refuse(fd, 550, "5.7.1",
                       "this user may not steer the daemon: use root or the mail owner");
    } else if (c->peer_count >= CONTROL_CONNECTIONS_MAX) {
        control_refuse(fd, 451, "4.3.2", "too many tools are connected, try again");
    } else {
        control_peer_new(c, fd);
    }
}

static struct control *
control_alloc(const uid_t *allowed, size_t allowed_count)
{
    struct control *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->allowed = calloc(allowed_count + 1, sizeof(*allowed));
    if (c->allowed == NULL) {
        free(c);
        return NULL;
    }
    if (allowed_count > 0)
        memcpy(c->allowed, allowed, allowed_count * sizeof(*allowed));
    c->allowed_count = allowed_count;
    return c;
}

struct control *
control_new(struct loop *l, int listen_fd, const uid_t *allowed, size_t allowed_count,
            control_handle_fn handle, void *arg)
{
    struct control *c = control_alloc(allowed, allowed_count);

    if (c == NULL) {
        close(listen_fd);
        return NULL;
    }
    c->loop = l;
    c->handle = handle;
    c->handle_arg = arg;
    c->listener = listener_new(l, listen_fd, control_on_accept, c); /* takes listen_fd */
    if (c->listener != NULL)
        return c;
    free(c->allowed);
    free(c);
    return NULL;
}

void
control_free(struct control *c)
{
    if (c == NULL)
        return;
    listener_free(c->listener);
    for (struct control_peer *p = c->peers; p != NULL; p = p->next) {
        p->control = NULL;
        if (p->request != NULL)
            control_request_lose_peer(p->request);
        p->request = NULL;
        control_peer_close(p, true, "control socket closed");
    }
    free(c->allowed);
    free(c);
}
