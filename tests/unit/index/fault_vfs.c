/* SPDX-License-Identifier: MIT */
#include "fault_vfs.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
    enum fault_mode mode;
    unsigned at, calls;
    bool is_dead, sync_fails;
} fault;

static char database[200];
static sqlite3_vfs *real, shim;

struct shim_file {
    sqlite3_file base;
    sqlite3_file *real; /* lies behind this struct */
    char path[256];
    int read_error;        /* errno of its last read */
    sqlite3_int64 lost;    /* octets that a sync which failed left behind, and taken for clean */
    sqlite3_int64 renewed; /* of these, from the start on: written again */
    bool
        syncs_folder; /* with its first sync, as the unix VFS does for a journal or WAL it opened */
};

static bool
is_of_reads(void)
{
    return fault.mode == FAULT_READ || fault.mode == FAULT_READS;
}

/* read_goes() - as go(), with what SQLite makes of pread(2)'s EIO. */
static int
read_goes(void)
{
    if (!is_of_reads() || ++fault.calls < fault.at)
        return SQLITE_OK;
    return fault.mode == FAULT_READ && fault.calls > fault.at ? SQLITE_OK : SQLITE_IOERR_CORRUPTFS;
}

/* go() - SQLITE_OK when this call may go to the disk. */
static int
go(void)
{
    if (fault.is_dead)
        return SQLITE_IOERR;
    if (fault.mode == FAULT_NONE || is_of_reads() || ++fault.calls != fault.at)
        return SQLITE_OK;
    fault.is_dead = fault.mode == FAULT_KILL || fault.mode == FAULT_POWER;
    return fault.mode == FAULT_DISK_FULL ? SQLITE_FULL : SQLITE_IOERR;
}

static void
copy_file(const char *from, const char *to)
{
    char octets[65536];
    ssize_t n;
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(in, 0);
    while ((n = read(in, octets, sizeof(octets))) > 0)
        ck_assert_int_eq(write(out, octets, (size_t)n), n);
    close(in);
    close(out);
}

static const char *
synced_name(const char *path)
{
    static char name[300];
    snprintf(name, sizeof(name), "%s.synced", path);
    return name;
}

static const char *
file_name(const char *suffix)
{
    static char name[256];
    snprintf(name, sizeof(name), "%s%s", database, suffix);
    return name;
}

static const char *const suffixes[] = {"", "-wal", "-journal"};

/* forget_deleted() - the folder was synced: what is not in it any more does not come back. */
static void
forget_deleted(void)
{
    for (int i = 0; i < 3; i++)
        if (access(file_name(suffixes[i]), F_OK) != 0)
            unlink(synced_name(file_name(suffixes[i])));
}

static sqlite3_file *
below(sqlite3_file *f)
{
    return ((struct shim_file *)f)->real;
}

static int
shim_close(sqlite3_file *f)
{
    return below(f)->pMethods == NULL ? SQLITE_OK : below(f)->pMethods->xClose(below(f));
}

static int
shim_read(sqlite3_file *f, void *out, int n, sqlite3_int64 at)
{
    int rc = read_goes();
    ((struct shim_file *)f)->read_error = rc == SQLITE_OK ? 0 : EIO;
    return rc != SQLITE_OK ? rc : below(f)->pMethods->xRead(below(f), out, n, at);
}

static int
shim_write(sqlite3_file *f, const void *in, int n, sqlite3_int64 at)
{
    struct shim_file *s = (struct shim_file *)f;
    int rc = go();
    if (at <= s->renewed && at + n > s->renewed)
        s->renewed = at + n;
    return rc != SQLITE_OK ? rc : below(f)->pMethods->xWrite(below(f), in, n, at);
}

static int
shim_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    int rc = go();
    return rc != SQLITE_OK ? rc : below(f)->pMethods->xTruncate(below(f), n);
}

static int
shim_size(sqlite3_file *f, sqlite3_int64 *n)
{
    return below(f)->pMethods->xFileSize(below(f), n);
}

static int
shim_sync(sqlite3_file *f, int flags)
{
    struct shim_file *s = (struct shim_file *)f;
    int rc = go();
    (void)flags;
    if (rc == SQLITE_OK && fault.sync_fails) {
        fault.sync_fails = false;
        s->renewed = 0;
        shim_size(f, &s->lost);
        return SQLITE_IOERR_FSYNC;
    }
    if (rc != SQLITE_OK || fault.mode != FAULT_POWER || s->renewed < s->lost)
        return rc;
    s->lost = 0;
    copy_file(s->path, synced_name(s->path));
    if (s->syncs_folder)
        forget_deleted();
    s->syncs_folder = false;
    return SQLITE_OK;
}

static int
shim_lock(sqlite3_file *f, int level)
{
    return below(f)->pMethods->xLock(below(f), level);
}

static int
shim_unlock(sqlite3_file *f, int level)
{
    return below(f)->pMethods->xUnlock(below(f), level);
}

static int
shim_check_lock(sqlite3_file *f, int *out)
{
    return below(f)->pMethods->xCheckReservedLock(below(f), out);
}

static int
shim_control(sqlite3_file *f, int op, void *arg)
{
    if (op == SQLITE_FCNTL_LAST_ERRNO && is_of_reads()) {
        *(int *)arg = ((struct shim_file *)f)->read_error;
        return SQLITE_OK;
    }
    return below(f)->pMethods->xFileControl(below(f), op, arg);
}

static int
shim_sector(sqlite3_file *f)
{
    return below(f)->pMethods->xSectorSize(below(f));
}

static int
shim_traits(sqlite3_file *f)
{
    (void)f;
    return 0; /* a disk that promises nothing */
}

/* Version 1: no shared memory, which an exclusive WAL does not need. */
static const sqlite3_io_methods shim_methods = {
    .iVersion = 1,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_check_lock,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_traits,
};

static int
shim_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *out_flags)
{
    struct shim_file *s = (struct shim_file *)f;
    (void)vfs;
    f->pMethods = NULL;
    int rc = (flags & SQLITE_OPEN_CREATE) != 0 ? go() : SQLITE_OK;
    if (rc != SQLITE_OK)
        return SQLITE_CANTOPEN;
    s->real = (sqlite3_file *)(s + 1);
    snprintf(s->path, sizeof(s->path), "%s", path == NULL ? "" : path);
    s->syncs_folder = (flags & SQLITE_OPEN_CREATE) != 0 &&
                      (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
    rc = real->xOpen(real, path, s->real, flags, out_flags);
    if (rc == SQLITE_OK)
        f->pMethods = &shim_methods;
    return rc;
}

static int
shim_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
    (void)vfs;
    int rc = go();
    if (rc == SQLITE_OK)
        rc = real->xDelete(real, path, sync_folder);
    if (rc == SQLITE_OK && sync_folder != 0)
        unlink(synced_name(path));
    return rc;
}

static int
shim_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
    (void)vfs;
    return real->xAccess(real, path, flags, out);
}

static int
shim_full(sqlite3_vfs *vfs, const char *path, int n, char *out)
{
    (void)vfs;
    return real->xFullPathname(real, path, n, out);
}

void
fault_install(const char *path)
{
    snprintf(database, sizeof(database), "%s", path);
    sqlite3_initialize();
    real = sqlite3_vfs_find(NULL);
    shim = *real;
    shim.zName = "faults";
    shim.szOsFile = (int)sizeof(struct shim_file) + real->szOsFile;
    shim.pNext = NULL;
    shim.xOpen = shim_open;
    shim.xDelete = shim_delete;
    shim.xAccess = shim_access;
    shim.xFullPathname = shim_full;
    ck_assert_int_eq(sqlite3_vfs_register(&shim, 1), SQLITE_OK);
}

void
fault_uninstall(void)
{
    sqlite3_vfs_unregister(&shim);
}

void
fault_arm(enum fault_mode mode, unsigned at)
{
    fault.mode = mode;
    fault.at = at;
    fault.calls = 0;
    fault.is_dead = false;
}

void
fault_fail_next_sync(void)
{
    fault.sync_fails = true;
}

bool
fault_disarm(void)
{
    fault.mode = FAULT_NONE;
    fault.is_dead = false;
    fault.sync_fails = false;
    return fault.calls >= fault.at;
}

void
fault_lose_unsynced(void)
{
    for (int i = 0; i < 3; i++) {
        const char *path = file_name(suffixes[i]);
        if (access(synced_name(path), F_OK) == 0)
            copy_file(synced_name(path), path);
        else
            unlink(path);
    }
}

void
fault_remove_files(void)
{
    for (int i = 0; i < 3; i++) {
        unlink(file_name(suffixes[i]));
        unlink(synced_name(file_name(suffixes[i])));
    }
}
