/* SPDX-License-Identifier: MIT
 *
 * state_dir belongs to the owner of the mail, not to root: whatever lies there may have been put
 * there by a store that was taken over. So main follows no link in it, and only writes its pid into
 * a file that has one name.
 */
#include "state_dir_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "doorstep/log.h"

#include "folders_priv.h"

#define CONTROL_BACKLOG 64

void
state_dir_init(struct state_dir *dir)
{
    memset(dir, 0, sizeof(*dir));
    dir->lock_fd = dir->control_fd = -1;
}

static bool
complain(const char *path)
{
    log_event(LOG_LEVEL_ERROR, "state_dir", "path", path, "error", strerror(errno), NULL);
    return false;
}

/* path = state_dir/name */
static bool
path_in(const struct settings *s, const char *name, char path[PATH_MAX])
{
    if (snprintf(path, PATH_MAX, "%s/%s", s->state_dir, name) < PATH_MAX)
        return true;
    errno = ENAMETOOLONG;
    return complain(s->state_dir);
}

/* Whoever may change the databases is every account (CVE-2010-4345 was a configuration). */
static bool
is_for_its_owner(const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
        return true;
    log_event(LOG_LEVEL_ERROR, "state_dir_is_writable", "path", path, "hint",
              "only its owner may be able to write there: chmod go-w", NULL);
    return false;
}

bool
state_dir_make(const struct settings *s, const struct identity *owner)
{
    static const char *const names[] = {"accounts", "journal", "spool"};
    char path[PATH_MAX];

    if (!folders_make_parent(s->state_dir, 0755, NULL) ||
        !folders_make(s->state_dir, 0700, owner) || !is_for_its_owner(s->state_dir))
        return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!path_in(s, names[i], path) || !folders_make(path, 0700, owner))
            return false;
    }
    return path_in(s, "empty", path) && folders_make(path, 0555, NULL);
}

/* --- the lock --- */

/* "a daemon runs here already, its pid is 4711" */
static void
name_the_other(int fd, const char *path)
{
    char pid[16] = "unknown";
    ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

    if (n > 0)
        pid[strspn(pid, "0123456789")] = '\0';
    log_event(LOG_LEVEL_ERROR, "already_running", "pid", pid, "lock", path, "hint",
              "another doorstepd works in this state_dir", NULL);
}

static bool
write_pid(int fd)
{
    char pid[16];
    int n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());

    return ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)n, 0) == n;
}

/* A regular file with no other name: writing into it changes nothing else. */
static bool
is_own_file(int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return false;
    errno = EPERM;
    return S_ISREG(st.st_mode) && st.st_nlink == 1;
}

bool
state_dir_lock(struct state_dir *dir, const struct settings *s)
{
    char path[PATH_MAX];

    if (!path_in(s, "lock", path) || !path_in(s, "control.sock", dir->control) ||
        !path_in(s, "empty", dir->empty))
        return false;
    dir->lock_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (dir->lock_fd < 0 || !is_own_file(dir->lock_fd))
        return complain(path);
    if (flock(dir->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return complain(path);
        name_the_other(dir->lock_fd, path);
        return false;
    }
    return write_pid(dir->lock_fd) || complain(path);
}

/* --- the control socket --- */

static bool
bind_control(int fd, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    mode_t before;
    int result;

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG; /* 107 octets: the kernel's limit */
        return false;
    }
    memcpy(address.sun_path, path, strlen(path));
    if (unlink(path) != 0 && errno != ENOENT)
        return false;
    before = umask(0177);
    result = bind(fd, (struct sockaddr *)&address, sizeof(address));
    umask(before);
    return result == 0;
}

bool
state_dir_listen(struct state_dir *dir, const struct identity *owner)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return complain(dir->control);
    if (bind_control(fd, dir->control) &&
        (owner == NULL || lchown(dir->control, owner->uid, owner->gid) == 0) &&
        listen(fd, CONTROL_BACKLOG) == 0) {
        dir->control_fd = fd;
        return true;
    }
    complain(dir->control);
    close(fd);
    return false;
}

void
state_dir_close(struct state_dir *dir)
{
    if (dir->control_fd >= 0) {
        unlink(dir->control);
        close(dir->control_fd);
    }
    if (dir->lock_fd >= 0)
        close(dir->lock_fd);
    state_dir_init(dir);
}
