/* SPDX-License-Identifier: MIT
 *
 * The queue as a whole: open, transactions, adding, what an account has waiting. Commits are not
 * synced one by one: a record of the journal stands behind what is added, until a checkpoint has
 * synced the file system.
 */
#include "queue_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/log.h"

#define CACHE_KIB 4096
#define WAL_OCTETS_MAX (8 * 1024 * 1024)

static bool
make_folder(const char *path, struct outcome *why)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST || outcome_errno(why, errno, "mkdir", path);
}

/* The folders, and their names on stable storage. */
static bool
open_folders(struct queue *q, const char *state_dir, char database[PATH_MAX], struct outcome *why)
{
    char path[PATH_MAX];

    if (snprintf(database, PATH_MAX, "%s/queue/queue.sqlite", state_dir) >= PATH_MAX ||
        snprintf(path, sizeof path, "%s/queue", state_dir) >= (int)sizeof path)
        return outcome_errno(why, ENAMETOOLONG, "open", state_dir);
    if (!make_folder(path, why))
        return false;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (folder < 0)
        return outcome_errno(why, errno, "open", path);
    bool ok = mkdirat(folder, "messages", 0700) == 0 || errno == EEXIST;
    if (ok)
        q->messages = openat(folder, "messages", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    ok = ok && q->messages >= 0 && fsync(folder) == 0;
    if (!ok)
        outcome_errno(why, errno, "make messages/ in", path);
    close(folder);
    return ok;
}

/* What the disk does not give holds up everybody's mail as damage would. */
static bool
is_damage(struct outcome *why)
{
    if (why->kind == OUTCOME_UNREADABLE)
        why->kind = OUTCOME_CORRUPT;
    return false;
}

static bool
open_database(struct queue *q, const char *path, struct outcome *why)
{
    const struct db_options options = {
        .steps = queue_steps,
        .step_count = queue_step_count,
        .create = true,
        .cache_kib = CACHE_KIB,
        .folders_new = 2, /* queue/, and state_dir: what is above is not ours */
    };

    q->db = db_open(path, &options, why);
    return (q->db != NULL && db_sync(q->db, why)) || is_damage(why);
}

struct queue *
queue_open_damaged(const char *state_dir, struct outcome *why)
{
    struct queue *q = calloc(1, sizeof *q);
    char database[PATH_MAX];

    if (q == NULL || pthread_mutex_init(&q->mutex, NULL) != 0) {
        free(q);
        outcome_set(why, OUTCOME_SYSTEM, "no memory for the queue");
        return NULL;
    }
    q->messages = -1;
    if (open_folders(q, state_dir, database, why) && open_database(q, database, why))
        return q;
    queue_close(q);
    return NULL;
}

/* Damage that is met later would hold up what waits, and what comes, for as long as it is there. */
struct queue *
queue_open(const char *state_dir, struct outcome *why)
{
    struct queue *q = queue_open_damaged(state_dir, why);

    if (q == NULL || db_check(q->db, false, why))
        return q;
    (void)is_damage(why);
    if (why->kind == OUTCOME_CORRUPT) {
        queue_close(q);
        return NULL;
    }
    return q;
}

void
queue_close(struct queue *q)
{
    struct outcome ignored;

    if (q == NULL)
        return;
    if (q->db != NULL)
        (void)db_checkpoint(q->db, &ignored); /* the next start has less to read */
    db_close(q->db);
    if (q->messages >= 0)
        close(q->messages);
    struct flight *f, *next;
    HASH_ITER(hh, q->flights, f, next)
    {
        HASH_DEL(q->flights, f);
        free(f);
    }
    pthread_mutex_destroy(&q->mutex);
    free(q);
}

/* ------------------------------------------------------------------ transactions */

bool
queue_begin(struct queue *q, struct outcome *why)
{
    pthread_mutex_lock(&q->mutex);
    if (db_begin(q->db, why))
        return true;
    pthread_mutex_unlock(&q->mutex);
    return false;
}

void
queue_keep_small(struct queue *q)
{
    struct outcome why;

    if (db_wal_octets(q->db) > WAL_OCTETS_MAX && !db_checkpoint(q->db, &why))
        log_event(LOG_LEVEL_ERROR, "queue_not_checkpointed", "cause", why.cause, NULL);
}

bool
queue_end(struct queue *q, bool ok, struct outcome *why)
{
    if (!ok)
        db_rollback(q->db);
    ok = ok && db_commit(q->db, why) && db_flush(q->db, why);
    if (ok)
        queue_keep_small(q);
    pthread_mutex_unlock(&q->mutex);
    return ok;
}

bool
queue_sync(struct queue *q, struct outcome *why)
{
    pthread_mutex_lock(&q->mutex);
    bool ok = db_sync(q->db, why);
    pthread_mutex_unlock(&q->mutex);
    return ok;
}

void
queue_watch(struct queue *q, void (*fn)(void *arg), void *arg)
{
    q->watch = fn;
    q->watch_arg = arg;
}

void
queue_tell(const struct queue *q)
{
    if (q->watch != NULL)
        q->watch(q->watch_arg);
}

/* ------------------------------------------------------------------ adding */

bool
queue_add(struct queue *q, const struct queue_item *items, size_t count, struct outcome *why)
{
    bool ok = true;

    if (!queue_begin(q, why))
        return false;
    for (size_t i = 0; ok && i < count; i++)
        ok = item_insert(q, &items[i], why);
    ok = queue_end(q, ok, why);
    if (ok)
        queue_tell(q);
    return ok;
}

bool
queue_usage(struct queue *q, const char *account, uint64_t *items, uint64_t *octets,
            struct outcome *why)
{
    pthread_mutex_lock(&q->mutex);
    struct db_statement *s = db_prepare(
        q->db, "SELECT count(*), ifnull(sum(octets), 0) FROM items WHERE account = ?", why);
    if (s != NULL)
        db_bind_text(s, 1, account);
    bool ok = s != NULL && db_next_row(s, why);
    if (ok) {
        *items = (uint64_t)db_int(s, 0);
        *octets = (uint64_t)db_int(s, 1);
        db_reset(s);
    }
    pthread_mutex_unlock(&q->mutex);
    return ok;
}

bool
queue_count(struct queue *q, struct queue_counts *out, struct outcome *why)
{
    pthread_mutex_lock(&q->mutex);
    struct db_statement *s =
        db_prepare(q->db,
                   "SELECT (SELECT count(*) FROM items), count(*), ifnull(sum(is_held), 0), "
                   "ifnull(sum(is_held = 0 AND attempts = 0), 0), "
                   "(SELECT ifnull(min(queued), 0) FROM items) FROM recipients",
                   why);
    bool ok = s != NULL && db_next_row(s, why);
    if (ok) {
        *out = (struct queue_counts){(uint64_t)db_int(s, 0), (uint64_t)db_int(s, 1),
                                     (uint64_t)db_int(s, 2), (uint64_t)db_int(s, 3),
                                     (time_t)db_int(s, 4)};
        db_reset(s);
    }
    pthread_mutex_unlock(&q->mutex);
    return ok;
}

bool
queue_count_kinds(struct queue *q, queue_kind_fn fn, void *arg, struct outcome *why)
{
    enum db_result result = DB_FAILED;

    pthread_mutex_lock(&q->mutex);
    struct db_statement *s =
        db_prepare(q->db, "SELECT kind, count(*) FROM items GROUP BY kind", why);
    while (s != NULL && (result = db_next(s, why)) == DB_ROW)
        fn(arg, db_text(s, 0), (uint64_t)db_int(s, 1));
    if (result != DB_FAILED)
        db_reset(s);
    pthread_mutex_unlock(&q->mutex);
    return result != DB_FAILED;
}

bool
queue_forget(struct queue *q, time_t before, bool *more, struct outcome *why)
{
    const int64_t at_once = 1000;

    *more = false;
    if (!queue_begin(q, why))
        return false;
    struct db_statement *s = db_prepare(q->db,
                                        "DELETE FROM done WHERE once IN (SELECT once FROM done "
                                        "WHERE at < ? ORDER BY at LIMIT ?)",
                                        why);
    if (s != NULL) {
        db_bind_int(s, 1, before);
        db_bind_int(s, 2, at_once);
    }
    bool ok = s != NULL && db_run(s, why);
    *more = ok && db_changes(q->db) == at_once;
    return queue_end(q, ok, why);
}
