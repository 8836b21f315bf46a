/* SPDX-License-Identifier: MIT
 *
 * A damaged queue: what can be read of it goes into a new one, which then takes its name in one
 * step. A crash before that leaves the damaged one where it was, and the next start does all of it
 * again.
 *
 * Rows are looked for by every way that SQLite has to them - each tree from both ends - for damage
 * cuts a walk short, not a look at one row elsewhere.
 */
#include "queue_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/arena.h"
#include "doorstep/pack.h"

#define FOLDER_TRIES 10
#define PACKED_MAX (4 * 1024 * 1024)

struct rescue {
    struct queue *from, *into;
    struct queue_rescued *out;
    int64_t *ids; /* owned; of items that are, or were, there */
    size_t count, room;
    bool ok; /* the new queue can be written: why */
    struct outcome why;
};

/* ------------------------------------------------------------------ what there was */

static bool
add_id(struct rescue *r, int64_t id)
{
    if (r->count == r->room) {
        size_t room = r->room == 0 ? 1024 : r->room * 2;
        int64_t *ids = realloc(r->ids, room * sizeof *ids);
        if (ids == NULL)
            return outcome_set(&r->why, OUTCOME_SYSTEM, "no memory for a damaged queue");
        r->ids = ids;
        r->room = room;
    }
    r->ids[r->count++] = id;
    return true;
}

/* As far as it can be read. */
static void
find_ids(struct rescue *r, struct db_statement *s)
{
    struct outcome damage;
    enum db_result result = DB_FAILED;

    while (s != NULL && r->ok && (result = db_next(s, &damage)) == DB_ROW)
        r->ok = add_id(r, db_int(s, 0));
    if (s != NULL && result != DB_FAILED)
        db_reset(s);
}

static int
compare(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void
find_items(struct rescue *r)
{
    struct outcome damage;
    struct db *db = r->from->db;
    size_t kept = 0;

    find_ids(r, db_prepare(db, "SELECT id FROM items NOT INDEXED ORDER BY id", &damage));
    find_ids(r, db_prepare(db, "SELECT id FROM items NOT INDEXED ORDER BY id DESC", &damage));
    find_ids(r, db_prepare(db, "SELECT id FROM items INDEXED BY items_by_age", &damage));
    find_ids(r,
             db_prepare(db, "SELECT item FROM recipients INDEXED BY recipients_of_item", &damage));
    find_ids(r, db_prepare(db, "SELECT item FROM recipients NOT INDEXED", &damage));
    if (r->count == 0)
        return;
    qsort(r->ids, r->count, sizeof *r->ids, compare);
    for (size_t i = 0; i < r->count; i++)
        if (kept == 0 || r->ids[kept - 1] != r->ids[i])
            r->ids[kept++] = r->ids[i];
    r->count = kept;
}

/* ------------------------------------------------------------------ what is done */

static void
keep_done(struct rescue *r, struct db_statement *from)
{
    struct outcome damage;
    enum db_result result = DB_FAILED;

    while (from != NULL && r->ok && (result = db_next(from, &damage)) == DB_ROW) {
        struct db_statement *s =
            db_prepare(r->into->db, "INSERT OR IGNORE INTO done (once, at) VALUES (?, ?)", &r->why);
        r->ok = s != NULL;
        if (s == NULL)
            break;
        db_bind_text(s, 1, db_text(from, 0));
        db_bind_int(s, 2, db_int(from, 1));
        r->ok = db_run(s, &r->why);
    }
    if (from != NULL && result != DB_FAILED)
        db_reset(from);
}

/* Or the journal would have it sent once more. */
static void
keep_all_done(struct rescue *r)
{
    struct outcome damage;
    struct db *db = r->from->db;

    keep_done(r, db_prepare(db, "SELECT once, at FROM done ORDER BY once", &damage));
    keep_done(r, db_prepare(db, "SELECT once, at FROM done ORDER BY once DESC", &damage));
}

/* ------------------------------------------------------------------ items */

/* What the journal's reader would not take, nobody shall send. */
static bool
is_sound(const struct queue_item *item)
{
    struct queue_item back;
    struct arena arena;
    struct unpack u;
    struct buf packed;
    struct pack p;

    arena_init(&arena, PACKED_MAX);
    buf_init(&packed, PACKED_MAX);
    pack_init(&p, &packed);
    queue_item_pack(item, &p);
    unpack_init(&u, buf_span(&packed));
    queue_item_unpack(&back, &arena, &u);
    bool ok = !p.full && unpack_done(&u);
    buf_release(&packed);
    arena_release(&arena);
    return ok;
}

static bool
link_file(const struct rescue *r, const char *name)
{
    return name[0] == '\0' || linkat(r->from->messages, name, r->into->messages, name, 0) == 0 ||
           errno == EEXIST;
}

static bool
keep_item(void *arg, const struct queue_item *item)
{
    struct rescue *r = arg;

    if (!is_sound(item) || !link_file(r, item->file))
        return false;
    r->ok = item_insert(r->into, item, &r->why);
    r->out->items += r->ok;
    return false;
}

static void
keep_items(struct rescue *r)
{
    struct outcome damage;

    for (size_t i = 0; r->ok && i < r->count; i++)
        (void)item_read(r->from, r->ids[i], ITEM_WHOLE, NULL, keep_item, r, &damage);
    r->out->lost = r->count - r->out->items;
}

/* ------------------------------------------------------------------ the new one */

/* A damaged one that cannot be opened has nothing to read. */
static bool
fill(struct queue *from, struct queue *into, struct queue_rescued *out, struct outcome *why)
{
    struct rescue r = {.from = from, .into = into, .out = out, .ok = true};

    if (!queue_begin(into, why))
        return false;
    pthread_mutex_lock(&from->mutex);
    find_items(&r);
    if (r.ok)
        keep_all_done(&r);
    keep_items(&r);
    pthread_mutex_unlock(&from->mutex);
    free(r.ids);
    if (!r.ok)
        *why = r.why;
    return queue_end(into, r.ok, why) && queue_sync(into, why) &&
           (fsync(into->messages) == 0 || outcome_errno(why, errno, "fsync", "messages/"));
}

static bool
build(const char *state_dir, struct queue_rescued *out, struct outcome *why)
{
    struct outcome damage;
    struct queue *into = queue_open(out->folder, why);
    struct queue *from = into == NULL ? NULL : queue_open_damaged(state_dir, &damage);
    bool ok = into != NULL && (from == NULL || fill(from, into, out, why));

    queue_close(from);
    queue_close(into);
    return ok;
}

static bool
make_folder(const char *state_dir, time_t now, char folder[QUEUE_FOLDER_SIZE], struct outcome *why)
{
    for (unsigned i = 0; i < FOLDER_TRIES; i++) {
        int n = snprintf(folder, QUEUE_FOLDER_SIZE, "%s/queue-%lld.damaged", state_dir,
                         (long long)now + i);
        if (n >= QUEUE_FOLDER_SIZE)
            return outcome_errno(why, ENAMETOOLONG, "mkdir", state_dir);
        if (mkdir(folder, 0700) == 0)
            return true;
        if (errno != EEXIST)
            break;
    }
    return outcome_errno(why, errno, "mkdir", folder);
}

/* What has the name `queue` is a whole queue at every moment. */
static bool
swap(const char *state_dir, const char *folder, struct outcome *why)
{
    char damaged[PATH_MAX], whole[PATH_MAX];

    if (snprintf(damaged, sizeof damaged, "%s/queue", state_dir) >= PATH_MAX ||
        snprintf(whole, sizeof whole, "%s/queue", folder) >= PATH_MAX)
        return outcome_errno(why, ENAMETOOLONG, "rename", folder);
    if (renameat2(AT_FDCWD, whole, AT_FDCWD, damaged, RENAME_EXCHANGE) != 0)
        return outcome_errno(why, errno, "exchange", damaged);
    return db_sync_folder(state_dir, why);
}

bool
queue_rescue(const char *state_dir, time_t now, struct queue_rescued *out, struct outcome *why)
{
    *out = (struct queue_rescued){0};
    return make_folder(state_dir, now, out->folder, why) && build(state_dir, out, why) &&
           swap(state_dir, out->folder, why);
}
