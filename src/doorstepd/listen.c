/* SPDX-License-Identifier: MIT
 *
 * Binds what the configuration names. Everything is opened before anything is closed, so a
 * reload that fails half-way leaves the daemon as it was.
 */
#include "listen_priv.h"

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "doorstep/log.h"

#include "folders_priv.h"

#define PREDECESSOR_MS 3000 /* the edges of a main that was killed end so soon */
#define PAUSE_MS 20
#define BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */

static bool
complain(const struct settings_address *a, const char *step)
{
    log_event(LOG_LEVEL_ERROR, "listen", "address", a->text, "step", step, "error", strerror(errno),
              NULL);
    return false;
}

/* --- addresses --- */

/* The address as the kernel takes it; false: a path that is too long. */
static bool
to_sockaddr(const struct settings_address *a, struct sockaddr_storage *out, socklen_t *length)
{
    struct sockaddr_un *un = (void *)out;

    memset(out, 0, sizeof(*out));
    if (!a->is_unix) {
        memcpy(out, &a->ip, a->ip_length);
        *length = a->ip_length;
        return true;
    }
    if (strlen(a->path) >= sizeof(un->sun_path))
        return false;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, a->path, strlen(a->path) + 1);
    *length = sizeof(*un);
    return true;
}

static struct listen_socket *
find(const struct listen_set *set, const struct settings_address *a)
{
    struct sockaddr_storage address;
    socklen_t length;

    if (!to_sockaddr(a, &address, &length))
        return NULL;
    for (struct listen_socket *s = set->sockets; s != NULL; s = s->next) {
        if (s->length == length && memcmp(&s->address, &address, length) == 0)
            return s;
    }
    return NULL;
}

const struct listen_socket *
listen_find(const struct listen_set *set, const struct settings_address *a)
{
    return find(set, a);
}

/* --- unix sockets --- */

/* An old socket that nobody answers on is removed; anything else at that place is not touched. */
static bool
clear_stale(const struct settings_address *a, const struct sockaddr_storage *address)
{
    struct stat st;
    int fd, error;

    if (lstat(a->path, &st) != 0)
        return errno == ENOENT || complain(a, "lstat");
    errno = ENOTSOCK;
    if (!S_ISSOCK(st.st_mode))
        return complain(a, "what is there already");
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return complain(a, "socket");
    error = connect(fd, (const struct sockaddr *)address, sizeof(struct sockaddr_un)) == 0
                ? EADDRINUSE
                : errno;
    close(fd);
    if (error == ECONNREFUSED)
        return unlink(a->path) == 0 || complain(a, "unlink");
    errno = error == EAGAIN ? EADDRINUSE : error;
    return complain(a, "somebody else listens there");
}

static bool
find_owner(const struct settings_address *a, uid_t *uid, gid_t *gid)
{
    const struct passwd *user = a->owner[0] == '\0' ? NULL : getpwnam(a->owner);
    const struct group *group = a->group[0] == '\0' ? NULL : getgrnam(a->group);

    errno = ENOENT;
    if (a->owner[0] != '\0' && user == NULL)
        return complain(a, "owner");
    if (a->group[0] != '\0' && group == NULL)
        return complain(a, "group");
    *uid = user == NULL ? (uid_t)-1 : user->pw_uid;
    *gid = group == NULL ? (gid_t)-1 : group->gr_gid;
    return true;
}

static bool
bind_unix(const struct settings_address *a, int fd, const struct sockaddr_storage *address)
{
    mode_t before;
    uid_t uid;
    gid_t gid;
    int result;

    if (!find_owner(a, &uid, &gid) || !folders_make_parent(a->path, 0755, NULL) ||
        !clear_stale(a, address))
        return false;
    before = umask(0777 & ~a->mode); /* the mode is right from the first moment on */
    result = bind(fd, (const struct sockaddr *)address, sizeof(struct sockaddr_un));
    umask(before);
    if (result != 0)
        return complain(a, "bind");
    /* Not asked for nothing: a service manager may have forbidden the call. */
    if ((uid == (uid_t)-1 && gid == (gid_t)-1) || lchown(a->path, uid, gid) == 0)
        return true;
    complain(a, "chown");
    unlink(a->path);
    return false;
}

/* --- TCP --- */

static bool
bind_tcp(const struct settings_address *a, int fd)
{
    const int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (a->ip.ss_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0)
        return complain(a, "IPV6_V6ONLY");
    return bind(fd, (const struct sockaddr *)&a->ip, a->ip_length) == 0;
}

/* IPv6 switched off has two faces: no such family, or a family without a single address. */
static bool
is_family_missing(const struct settings_address *a, int error)
{
    const struct sockaddr_in6 *in6 = (const void *)&a->ip;

    if (error == EAFNOSUPPORT)
        return true;
    return error == EADDRNOTAVAIL && !a->is_unix && a->ip.ss_family == AF_INET6 &&
           (IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) || IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr));
}

enum bind_result { BIND_DONE, BIND_SKIPPED, BIND_FAILED };

static enum bind_result
bind_failed(const struct settings_address *a, int fd, int error, bool is_logged)
{
    if (fd >= 0)
        close(fd);
    if (is_family_missing(a, error)) {
        log_event(LOG_LEVEL_WARNING, "listen_skipped", "address", a->text, "error", strerror(error),
                  NULL);
        return BIND_SKIPPED;
    }
    errno = error;
    if (!is_logged)
        complain(a, "bind");
    return BIND_FAILED;
}

static enum bind_result
bind_new(const struct settings_address *a, const struct sockaddr_storage *address, int *out)
{
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return bind_failed(a, fd, errno, false);
    if (a->is_unix ? !bind_unix(a, fd, address) : !bind_tcp(a, fd))
        return bind_failed(a, fd, errno, a->is_unix);
    if (listen(fd, BACKLOG) != 0)
        return bind_failed(a, fd, errno, false);
    *out = fd;
    return BIND_DONE;
}

/* Does anybody accept connections there? */
static bool
is_answered(const struct sockaddr_storage *address, socklen_t length)
{
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof(error);

    if (fd < 0)
        return false;
    if (connect(fd, (const struct sockaddr *)address, length) != 0)
        error = errno;
    if (error == EINPROGRESS &&
        (poll(&wait, 1, PAUSE_MS) != 1 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0))
        error = ETIMEDOUT;
    close(fd);
    return error == 0 || error == EAGAIN; /* EAGAIN: its backlog is full */
}

static void
wait_for_predecessor(const struct listen_socket *s)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};

    for (int ms = 0; ms < PREDECESSOR_MS && is_answered(&s->address, s->length); ms += PAUSE_MS)
        nanosleep(&pause, NULL);
}

/* --- the set --- */

static void
close_socket(struct listen_set *set, struct listen_socket *s)
{
    struct listen_socket **at = &set->sockets;

    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    if (s->address.ss_family == AF_UNIX && !s->is_given)
        unlink(((const struct sockaddr_un *)(const void *)&s->address)->sun_path);
    close(s->fd);
    free(s);
}

/* One more socket in the set, new ones first. */
static enum bind_result
open_address(struct listen_set *set, const struct settings_address *a, struct activation *given,
             bool is_start)
{
    struct listen_socket *s = calloc(1, sizeof(*s));
    enum bind_result result = BIND_DONE;

    errno = ENAMETOOLONG;
    if (s == NULL || !to_sockaddr(a, &s->address, &s->length)) {
        free(s);
        complain(a, "address");
        return BIND_FAILED;
    }
    s->fd = activation_take(given, &s->address);
    s->is_given = s->fd >= 0;
    if (!s->is_given && is_start)
        wait_for_predecessor(s);
    if (!s->is_given)
        result = bind_new(a, &s->address, &s->fd);
    if (result != BIND_DONE) {
        free(s);
        return result;
    }
    s->is_wanted = true;
    s->next = set->sockets;
    set->sockets = s;
    return BIND_DONE;
}

static void
close_newer_than(struct listen_set *set, const struct listen_socket *old)
{
    while (set->sockets != old)
        close_socket(set, set->sockets);
}

/* All addresses, one after the other; NULL past the last. */
static const struct settings_address *
address_at(const struct settings *s, size_t n)
{
    for (size_t i = 0; i < s->listen_count; i++) {
        if (n < s->listens[i].address_count)
            return &s->listens[i].address[n];
        n -= s->listens[i].address_count;
    }
    if (n < s->metrics.address_count)
        return &s->metrics.address[n];
    n -= s->metrics.address_count;
    return n < s->filter_count ? &s->filters[n].back : NULL;
}

static bool
open_missing(struct listen_set *set, const struct settings *s, struct activation *given)
{
    const bool is_start = set->sockets == NULL;

    const struct settings_address *a;

    for (size_t n = 0; (a = address_at(s, n)) != NULL; n++)
        if (find(set, a) == NULL && open_address(set, a, given, is_start) == BIND_FAILED)
            return false;
    return true;
}

static void
mark_wanted(struct listen_set *set, const struct settings *s)
{
    const struct settings_address *a;

    for (struct listen_socket *l = set->sockets; l != NULL; l = l->next)
        l->is_wanted = false;
    for (size_t n = 0; (a = address_at(s, n)) != NULL; n++) {
        struct listen_socket *l = find(set, a);

        if (l != NULL)
            l->is_wanted = true;
    }
}

bool
listen_open(struct listen_set *set, const struct settings *s, struct activation *given)
{
    const struct listen_socket *old = set->sockets;

    if (!open_missing(set, s, given)) {
        close_newer_than(set, old);
        return false;
    }
    mark_wanted(set, s);
    return true;
}

void
listen_close_unwanted(struct listen_set *set)
{
    struct listen_socket *next;

    for (struct listen_socket *s = set->sockets; s != NULL; s = next) {
        next = s->next;
        if (!s->is_wanted)
            close_socket(set, s);
    }
}

void
listen_close(struct listen_set *set)
{
    close_newer_than(set, NULL);
}

void
listen_print(const struct listen_set *set, struct buf *out)
{
    for (const struct listen_socket *s = set->sockets; s != NULL; s = s->next) {
        struct sockaddr_storage own;
        socklen_t length = sizeof(own);
        char host[NI_MAXHOST], port[NI_MAXSERV];

        if (out->len > 0)
            buf_append_char(out, ' ');
        if (s->address.ss_family == AF_UNIX)
            buf_printf(out, "unix:%s",
                       ((const struct sockaddr_un *)(const void *)&s->address)->sun_path);
        else if (getsockname(s->fd, (struct sockaddr *)&own, &length) == 0 &&
                 getnameinfo((struct sockaddr *)&own, length, host, sizeof(host), port,
                             sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) == 0)
            buf_printf(out, own.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    }
}
