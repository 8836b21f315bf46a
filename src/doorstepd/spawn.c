/* SPDX-License-Identifier: MIT
 *
 * fork and exec of /proc/self/exe: the running program even when its file was replaced by an
 * upgrade. Privileges are dropped by the role after exec (role/role_main.c), since Landlock,
 * dumpable and the rest must be set there anyway; what exec keeps is set here.
 */
#include "spawn_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* In place of the three standard descriptors only standard error is kept: it is the log. */
static bool
arrange_descriptors(int door_fd, int page_fd)
{
    int null = open("/dev/null", O_RDWR);

    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
        return false;
    /* Out of the way first: each may lie in the other's place. */
    if ((door_fd = fcntl(door_fd, F_DUPFD_CLOEXEC, SPAWN_PAGE_FD + 1)) < 0 ||
        (page_fd >= 0 && (page_fd = fcntl(page_fd, F_DUPFD_CLOEXEC, SPAWN_PAGE_FD + 1)) < 0) ||
        dup2(door_fd, SPAWN_DOOR_FD) < 0)
        return false;
    if (page_fd < 0)
        return close_range(SPAWN_PAGE_FD, ~0U, 0) == 0;
    return dup2(page_fd, SPAWN_PAGE_FD) >= 0 && close_range(SPAWN_PAGE_FD + 1, ~0U, 0) == 0;
}

/* The loop's handlers would write into a pipe that is also our parent's. */
static void
reset_signals(const sigset_t *mask)
{
    static const int caught[] = {SIGHUP, SIGTERM, SIGINT, SIGCHLD};

    for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
        signal(caught[i], SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
}

static void
become_role(char *const argv[], int door_fd, int page_fd, const sigset_t *mask)
{
    const struct rlimit none = {0, 0};

    reset_signals(mask);
    if (arrange_descriptors(door_fd, page_fd) && setrlimit(RLIMIT_CORE, &none) == 0 &&
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        execv("/proc/self/exe", argv);
    _exit(127);
}

pid_t
spawn_role(const struct spawn_order *order, int door_fd, int page_fd)
{
    char identity[IDENTITY_TEXT_SIZE];
    const char *argv[10] = {"doorstepd", "--role", order->role};
    size_t n = 3;
    sigset_t all, before;
    pid_t pid;

    if (order->as != NULL) {
        identity_print(order->as, identity);
        argv[n++] = "--as";
        argv[n++] = identity;
    }
    if (order->root != NULL) {
        argv[n++] = "--root";
        argv[n++] = order->root;
    }
    if (order->is_quiet)
        argv[n++] = "--quiet";
    if (order->logs_json)
        argv[n++] = "--json";
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    pid = fork();
    if (pid == 0)
        become_role((char *const *)(const void *)argv, door_fd, page_fd, &before);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}
