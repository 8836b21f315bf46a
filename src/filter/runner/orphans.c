/* SPDX-License-Identifier: MIT
 *
 * What programs leave behind. A process group is killed with its program; who has left the group
 * comes to the runner when its parent ends, for the runner is the reaper of all that descends from
 * it (PR_SET_CHILD_SUBREAPER), and is killed here.
 */
#include "runner_priv.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LIST_MAX (256 * 1024)

static bool
is_of_job(const struct runner *r, pid_t pid)
{
    for (const struct job *j = r->jobs; j != NULL; j = j->hh.next)
        if (j->child.pid == pid && pid > 0)
            return true;
    return false;
}

/* A program may still wait for who is in its group. */
static void
end_unknown(const struct runner *r, pid_t pid)
{
    if (!is_of_job(r, pid) && !is_of_job(r, getpgid(pid)))
        kill(pid, SIGKILL);
}

static bool
read_children(struct buf *list)
{
    char path[64];
    ssize_t n = 1;
    int fd;

    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && n > 0) {
        char piece[4096];

        n = read(fd, piece, sizeof(piece));
        if (n > 0 && !buf_append(list, piece, (size_t)n))
            break;
    }
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

void
orphans_end(struct runner *r)
{
    struct buf list;
    char *rest;

    buf_init(&list, LIST_MAX);
    if (read_children(&list) && list.len > 0) {
        rest = list.data;
        for (long pid; (pid = strtol(rest, &rest, 10)) > 0;)
            end_unknown(r, (pid_t)pid);
    }
    buf_release(&list);
}
