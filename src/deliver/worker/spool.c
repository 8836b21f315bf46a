/* SPDX-License-Identifier: MIT
 *
 * Large messages beside the journal: see spool_priv.h. A message that outgrew memory lies in an
 * unnamed file of this very folder already (transaction.c): giving it a name costs no copy.
 */
#include "spool_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/db.h"
#include "doorstep/store_driver.h"

struct spool_file {
    atomic_uint users;
    pthread_mutex_t mutex;
    bool is_kept;  /* guarded by mutex */
    bool is_found; /* others may have found it too: it stays until the next start */
    const char *state_dir;
    char id[ID_SIZE];
};

static void
print_path(const char *state_dir, const char *id, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/spool/%s", state_dir, id);
}

struct spool_file *
spool_file_new(const char *state_dir, const char *id)
{
    struct spool_file *f = calloc(1, sizeof *f);

    if (f == NULL)
        return NULL;
    atomic_init(&f->users, 1);
    f->state_dir = state_dir;
    snprintf(f->id, sizeof f->id, "%s", id);
    if (pthread_mutex_init(&f->mutex, NULL) == 0)
        return f;
    free(f);
    return NULL;
}

struct spool_file *
spool_file_found(const char *state_dir, const char *id)
{
    struct spool_file *f = spool_file_new(state_dir, id);

    if (f != NULL)
        f->is_kept = f->is_found = true;
    return f;
}

struct spool_file *
spool_file_ref(struct spool_file *f)
{
    atomic_fetch_add(&f->users, 1);
    return f;
}

void
spool_file_leave(struct spool_file *f)
{
    if (atomic_fetch_sub(&f->users, 1) != 1)
        return;
    pthread_mutex_destroy(&f->mutex);
    free(f);
}

void
spool_file_unref(struct spool_file *f)
{
    char path[PATH_MAX];

    if (f == NULL || atomic_fetch_sub(&f->users, 1) != 1)
        return;
    if (f->is_kept && !f->is_found) {
        print_path(f->state_dir, f->id, path);
        unlink(path); /* one that stays is removed at the next start */
    }
    pthread_mutex_destroy(&f->mutex);
    free(f);
}

static bool
sync_folder(const char *state_dir, struct outcome *why)
{
    char path[PATH_MAX];

    print_path(state_dir, "", path);
    return db_sync_folder(path, why);
}

/* The unnamed file gets a name. */
static bool
name_file(int fd, const char *path)
{
    char link[32];

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, link, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 || errno == EEXIST;
}

/* A message in memory that no segment holds. */
static bool
write_file(const struct message *msg, const char *path)
{
    bool spilled;
    struct span bytes = message_inline(msg, &spilled);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return false;
    bool ok = store_write_all(fd, bytes.p, bytes.n) && fdatasync(fd) == 0;
    int error = errno;
    close(fd);
    if (!ok)
        unlink(path);
    errno = error;
    return ok;
}

static bool
keep(struct spool_file *f, const struct message *msg, struct outcome *why)
{
    int fd = message_fd(msg);
    char path[PATH_MAX];

    print_path(f->state_dir, f->id, path);
    bool ok = fd >= 0 ? fdatasync(fd) == 0 && name_file(fd, path) : write_file(msg, path);
    if (!ok)
        return outcome_errno(why, errno, "keep", path);
    return sync_folder(f->state_dir, why);
}

bool
spool_file_keep(struct spool_file *f, const struct message *msg, struct outcome *why)
{
    pthread_mutex_lock(&f->mutex);
    if (!f->is_kept)
        f->is_kept = keep(f, msg, why);
    bool ok = f->is_kept;
    pthread_mutex_unlock(&f->mutex);
    return ok;
}

struct message *
spool_file_open(const char *state_dir, const char *id, struct outcome *why)
{
    char path[PATH_MAX];

    print_path(state_dir, id, path);
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        outcome_errno(why, errno, "open", path);
        return NULL;
    }
    return message_from_fd(fd, why);
}
