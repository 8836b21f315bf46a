/* SPDX-License-Identifier: MIT
 *
 * Where the load goes: a unix socket or a TCP address.
 */
#include "load_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static bool
find_unix(struct target *t, const char *path)
{
    struct sockaddr_un *sun = (struct sockaddr_un *)&t->address;

    if (strlen(path) >= sizeof(sun->sun_path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    sun->sun_family = AF_UNIX;
    strcpy(sun->sun_path, path);
    t->length = sizeof(*sun);
    return true;
}

bool
target_find(struct target *t, const char *where)
{
    const struct addrinfo hint = {.ai_socktype = SOCK_STREAM};
    const char *colon = strrchr(where, ':');
    struct addrinfo *found;
    char host[256];

    *t = (struct target){0};
    if (*where == '/')
        return find_unix(t, where);
    errno = 0;
    if (colon == NULL || (size_t)(colon - where) >= sizeof(host))
        return false;
    memcpy(host, where, (size_t)(colon - where));
    host[colon - where] = '\0';
    if (getaddrinfo(host, colon + 1, &hint, &found) != 0)
        return false;
    memcpy(&t->address, found->ai_addr, found->ai_addrlen);
    t->length = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

int
target_connect(const struct target *t)
{
    int fd = socket(t->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&t->address, t->length) != 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    if (t->address.ss_family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}
