/* SPDX-License-Identifier: MIT
 *
 * sd_notify(3) by hand: the protocol is a documented, stable interface, and forty lines spare a
 * process that runs as root nine libraries.
 */
#include "notify_priv.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "doorstep/span.h"

static uint64_t
watchdog_interval(void)
{
    const char *pid = getenv("WATCHDOG_PID");
    unsigned long long usec, value;

    if (pid != NULL &&
        (!span_parse_u64(span_of(pid), UINT32_MAX, &value) || (pid_t)value != getpid()))
        return 0;
    if (!span_parse_u64(span_of(getenv("WATCHDOG_USEC")), UINT64_MAX, &usec) || usec < 2000)
        return 0;
    return usec / 2000; /* twice in the time allowed */
}

static void
set_address(struct notify *n, const char *path)
{
    size_t length = strlen(path);

    if ((path[0] != '/' && path[0] != '@') || length >= sizeof(n->to.sun_path)) {
        log_event(LOG_LEVEL_WARNING, "notify", "error", "unusable NOTIFY_SOCKET", "path", path,
                  NULL);
        return;
    }
    n->to.sun_family = AF_UNIX;
    memcpy(n->to.sun_path, path, length + 1);
    if (path[0] == '@')
        n->to.sun_path[0] = '\0';
    n->to_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void
notify_open(struct notify *n)
{
    const char *path = getenv("NOTIFY_SOCKET");

    memset(n, 0, sizeof(*n));
    n->fd = -1;
    if (path != NULL)
        set_address(n, path);
    n->watchdog_ms = n->fd < 0 ? 0 : watchdog_interval();
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void
notify_close(struct notify *n)
{
    if (n->fd >= 0)
        close(n->fd);
    n->fd = -1;
}

void
notify_send(const struct notify *n, const char *format, ...)
{
    char text[1024];
    va_list args;
    int length;

    if (n->fd < 0)
        return;
    va_start(args, format);
    length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (length > 0)
        sendto(n->fd, text, strnlen(text, sizeof(text)), MSG_NOSIGNAL,
               (const struct sockaddr *)&n->to, n->to_length);
}
