/* SPDX-License-Identifier: MIT
 *
 * A VFS over the usual one that gathers what SQLite writes to a WAL. SQLite makes two writes a
 * page, a header of 24 octets and the page; a transaction's lie one behind the other, so they go
 * out as one. db_flush() after a commit hands them to the kernel; whatever else is done to the file
 * does so before it. Other files are not touched. Until the flush an octet counts as written: when
 * that fails it is owed, not lost, and the next flush tries again.
 */
#include "gather_priv.h"

#include <stdlib.h>
#include <string.h>

#define GATHER_MAX 65536 /* held back at once */

struct gather_file {
    sqlite3_file base;
    sqlite3_file *below; /* lies behind this struct */
    char *octets;        /* owned; NULL while nothing is held back */
    int held, size;
    sqlite3_int64 at; /* where octets belong */
};

static sqlite3_vfs *usual;
static sqlite3_vfs gather;

static struct gather_file *
gather_of(sqlite3_file *f)
{
    return (struct gather_file *)f;
}

static sqlite3_file *
below(sqlite3_file *f)
{
    return gather_of(f)->below;
}

static int
flush(sqlite3_file *f)
{
    struct gather_file *g = gather_of(f);
    if (g->held == 0)
        return SQLITE_OK;
    int rc = g->below->pMethods->xWrite(g->below, g->octets, g->held, g->at);
    if (rc != SQLITE_OK)
        return rc;
    free(g->octets);
    g->octets = NULL;
    g->held = g->size = 0;
    return SQLITE_OK;
}

/* make_room() - for n octets more; false: without memory they are written at once. */
static bool
make_room(struct gather_file *g, int n)
{
    int size = g->size == 0 ? GATHER_MAX / 4 : g->size;
    while (size < g->held + n)
        size *= 2;
    if (size > GATHER_MAX || size == g->size)
        return size <= GATHER_MAX;
    char *octets = realloc(g->octets, (size_t)size);
    if (octets == NULL)
        return false;
    g->octets = octets;
    g->size = size;
    return true;
}

static int
gather_write(sqlite3_file *f, const void *in, int n, sqlite3_int64 at)
{
    struct gather_file *g = gather_of(f);
    bool is_next = g->held == 0 || at == g->at + g->held;
    if (!is_next || g->held > GATHER_MAX - n) {
        int rc = flush(f);
        if (rc != SQLITE_OK)
            return rc;
    }
    if (n > GATHER_MAX || !make_room(g, n)) {
        int rc = flush(f);
        return rc != SQLITE_OK ? rc : g->below->pMethods->xWrite(g->below, in, n, at);
    }
    if (g->held == 0)
        g->at = at;
    memcpy(g->octets + g->held, in, (size_t)n);
    g->held += n;
    return SQLITE_OK;
}

static int
gather_close(sqlite3_file *f)
{
    struct gather_file *g = gather_of(f);
    int rc = flush(f);
    int closed = g->below->pMethods->xClose(g->below);
    free(g->octets);
    return rc != SQLITE_OK ? rc : closed;
}

static int
gather_read(sqlite3_file *f, void *out, int n, sqlite3_int64 at)
{
    int rc = flush(f);
    return rc != SQLITE_OK ? rc : below(f)->pMethods->xRead(below(f), out, n, at);
}

static int
gather_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    int rc = flush(f);
    return rc != SQLITE_OK ? rc : below(f)->pMethods->xTruncate(below(f), n);
}

static int
gather_sync(sqlite3_file *f, int flags)
{
    int rc = flush(f);
    return rc != SQLITE_OK ? rc : below(f)->pMethods->xSync(below(f), flags);
}

static int
gather_size(sqlite3_file *f, sqlite3_int64 *n)
{
    int rc = flush(f);
    return rc != SQLITE_OK ? rc : below(f)->pMethods->xFileSize(below(f), n);
}

static int
gather_lock(sqlite3_file *f, int level)
{
    return below(f)->pMethods->xLock(below(f), level);
}

static int
gather_unlock(sqlite3_file *f, int level)
{
    return below(f)->pMethods->xUnlock(below(f), level);
}

static int
gather_check_lock(sqlite3_file *f, int *out)
{
    return below(f)->pMethods->xCheckReservedLock(below(f), out);
}

static int
gather_control(sqlite3_file *f, int op, void *arg)
{
    if (op == GATHER_FLUSH)
        return flush(f);
    return below(f)->pMethods->xFileControl(below(f), op, arg);
}

static int
gather_sector(sqlite3_file *f)
{
    return below(f)->pMethods->xSectorSize(below(f));
}

static int
gather_traits(sqlite3_file *f)
{
    return below(f)->pMethods->xDeviceCharacteristics(below(f));
}

static const sqlite3_io_methods gather_methods = {
    .iVersion = 1, /* neither shared memory nor mapped pages: a WAL has none of them */
    .xClose = gather_close,
    .xRead = gather_read,
    .xWrite = gather_write,
    .xTruncate = gather_truncate,
    .xSync = gather_sync,
    .xFileSize = gather_size,
    .xLock = gather_lock,
    .xUnlock = gather_unlock,
    .xCheckReservedLock = gather_check_lock,
    .xFileControl = gather_control,
    .xSectorSize = gather_sector,
    .xDeviceCharacteristics = gather_traits,
};

static int
gather_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *out_flags)
{
    struct gather_file *g = gather_of(f);
    (void)vfs;
    if ((flags & SQLITE_OPEN_WAL) == 0)
        return usual->xOpen(usual, path, f, flags, out_flags);
    *g = (struct gather_file){.below = (sqlite3_file *)(g + 1)};
    int rc = usual->xOpen(usual, path, g->below, flags, out_flags);
    if (rc == SQLITE_OK)
        f->pMethods = &gather_methods;
    return rc;
}

const char *
gather_vfs(void)
{
    return gather.zName;
}

void
gather_setup(void)
{
    if (gather.zName != NULL)
        sqlite3_vfs_unregister(&gather);
    usual = sqlite3_vfs_find(NULL);
    gather = *usual; /* all that is not about a file is the usual one's, which asks no struct */
    gather.zName = "doorstep";
    gather.szOsFile = (int)sizeof(struct gather_file) + usual->szOsFile;
    gather.pNext = NULL;
    gather.xOpen = gather_open;
    if (sqlite3_vfs_register(&gather, 0) != SQLITE_OK)
        gather.zName = NULL;
}
