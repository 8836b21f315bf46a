/* SPDX-License-Identifier: MIT
 *
 * Messages as files in messages/. A file gets its name at once: as long as no item names it, it is
 * nothing but a file that queue_sweep() removes. Two deliveries never share a name; they may share
 * the file (queue_message_link), and the file system counts.
 */
#include "queue_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/log.h"

struct queue_message {
    struct queue *queue;
    int fd;
    char name[QUEUE_NAME_SIZE];
};

bool
queue_is_file_name(const char *name)
{
    size_t n = strlen(name);

    return n > 0 && n < QUEUE_NAME_SIZE &&
           strspn(name, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == n;
}

/* ------------------------------------------------------------------ writing */

struct queue_message *
queue_message_begin(struct queue *q, struct outcome *why)
{
    char name[ID_SIZE];

    id_make(name);
    return queue_message_begin_as(q, name, why);
}

struct queue_message *
queue_message_begin_as(struct queue *q, const char *name, struct outcome *why)
{
    struct queue_message *m = queue_is_file_name(name) ? calloc(1, sizeof *m) : NULL;

    if (m == NULL) {
        outcome_set(why, OUTCOME_SYSTEM, "no memory for a message, or no name");
        return NULL;
    }
    m->queue = q;
    snprintf(m->name, sizeof m->name, "%s", name);
    m->fd =
        openat(q->messages, m->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (m->fd >= 0)
        return m;
    outcome_errno(why, errno, "open", m->name);
    free(m);
    return NULL;
}

bool
queue_message_write(struct queue_message *m, struct span octets, struct outcome *why)
{
    while (octets.n > 0) {
        ssize_t n = write(m->fd, octets.p, octets.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return outcome_errno(why, errno, "write", m->name);
        octets = span_skip(octets, (size_t)n);
    }
    return true;
}

void
queue_message_abandon(struct queue_message *m)
{
    unlinkat(m->queue->messages, m->name, 0);
    close(m->fd);
    free(m);
}

static bool
sync_folder(struct queue *q, struct outcome *why)
{
    return fsync(q->messages) == 0 || outcome_errno(why, errno, "fsync", "messages/");
}

bool
queue_message_commit(struct queue_message *m, char name[QUEUE_NAME_SIZE], struct outcome *why)
{
    bool ok = fdatasync(m->fd) == 0 || outcome_errno(why, errno, "fdatasync", m->name);

    ok = ok && sync_folder(m->queue, why);
    if (!ok) {
        queue_message_abandon(m);
        return false;
    }
    snprintf(name, QUEUE_NAME_SIZE, "%s", m->name);
    close(m->fd);
    free(m);
    return true;
}

bool
queue_message_link(struct queue *q, int fd, const char *name, struct outcome *why)
{
    char path[32];

    if (!queue_is_file_name(name))
        return outcome_set(why, OUTCOME_SYSTEM, "no name of a message");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fdatasync(fd) != 0 || linkat(AT_FDCWD, path, q->messages, name, AT_SYMLINK_FOLLOW) != 0)
        return outcome_errno(why, errno, "link", name);
    if (sync_folder(q, why))
        return true;
    unlinkat(q->messages, name, 0);
    return false;
}

int
queue_message_open(struct queue *q, const char *name, struct outcome *why)
{
    if (!queue_is_file_name(name)) {
        outcome_set(why, OUTCOME_CORRUPT, "no name of a message");
        return -1;
    }
    int fd = openat(q->messages, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        outcome_errno(why, errno, "open", name);
    return fd;
}

/* ------------------------------------------------------------------ removing */

/* is_named() - in doubt it is. */
static bool
is_named(struct queue *q, const char *name)
{
    struct outcome why;
    struct db_statement *s = db_prepare(
        q->db, "SELECT EXISTS (SELECT 1 FROM items WHERE file = ? AND file <> '')", &why);
    if (s == NULL)
        return true;
    db_bind_text(s, 1, name);
    if (!db_next_row(s, &why))
        return true;
    bool named = db_int(s, 0) != 0;
    db_reset(s);
    return named;
}

void
queue_file_drop(struct queue *q, const char *name)
{
    if (queue_is_file_name(name) && !is_named(q, name))
        unlinkat(q->messages, name, 0); /* one that stays is swept at the next start */
}

void
queue_message_remove(struct queue *q, const char *name)
{
    pthread_mutex_lock(&q->mutex);
    queue_file_drop(q, name);
    pthread_mutex_unlock(&q->mutex);
}

static bool
is_older(struct queue *q, const char *name, time_t before)
{
    struct stat st;

    return fstatat(q->messages, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
           st.st_ctim.tv_sec < before;
}

bool
queue_sweep(struct queue *q, time_t before, struct outcome *why)
{
    int fd = openat(q->messages, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    uint64_t removed = 0;

    if (folder == NULL) {
        outcome_errno(why, errno, "open", "messages/");
        if (fd >= 0)
            close(fd);
        return false;
    }
    for (struct dirent *e; (e = readdir(folder)) != NULL;) {
        if (!is_older(q, e->d_name, before))
            continue;
        pthread_mutex_lock(&q->mutex);
        removed += !is_named(q, e->d_name) && unlinkat(q->messages, e->d_name, 0) == 0;
        pthread_mutex_unlock(&q->mutex);
    }
    closedir(folder);
    if (removed > 0)
        log_event(LOG_LEVEL_INFO, "queue_swept", "files", log_num((long long)removed), NULL);
    return true;
}
