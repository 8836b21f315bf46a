/* SPDX-License-Identifier: MIT
 *
 * See disk.h.
 */
#include "disk.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512
#define FILES_MAX 256
#define CHANGES_MAX 256

struct disk_file { /* by inode; as it is in memory, and as it is on the disk */
    ino_t ino;
    size_t size;
    char *cached, *durable;
    bool *dirty;    /* a sector each */
    bool is_synced; /* its size is durable */
    bool is_bad;
};

struct disk_name { /* ino 0: no such name */
    char name[64];
    ino_t ino;
};

static struct {
    char folder[64];
    uint64_t random;
    bool is_on;
    struct disk_file files[FILES_MAX];
    size_t files_count;
    struct disk_name names[FILES_MAX], changes[CHANGES_MAX];
    size_t names_count, changes_count;
    ino_t retired; /* the last number given to a file that has no name any more in the kernel */
    unsigned calls[DISK_CALLS];
    bool is_armed, has_failed;
    enum disk_call fail_call;
    unsigned fail_at;
    int fail_error;
    void (*on_call)(void);
} disk;

int __real_fdatasync(int fd);
int __real_fsync(int fd);
int __real_renameat(int from, const char *old, int to, const char *new);
int __real_unlinkat(int dir, const char *name, int flags);
int __real_fallocate(int fd, int mode, off_t offset, off_t n);
ssize_t __real_pwrite(int fd, const void *octets, size_t wanted, off_t offset);
ssize_t __real_pread(int fd, void *data, size_t n, off_t offset);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_renameat(int from, const char *old, int to, const char *new);
int __wrap_unlinkat(int dir, const char *name, int flags);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t n);
ssize_t __wrap_pwrite(int fd, const void *octets, size_t wanted, off_t offset);
ssize_t __wrap_pread(int fd, void *data, size_t n, off_t offset);

unsigned
disk_random(unsigned below)
{
    disk.random = disk.random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(disk.random >> 33) % below;
}

/* ---- the model ---- */

static struct disk_file *
find_file(ino_t ino)
{
    for (size_t i = 0; i < disk.files_count; i++)
        if (disk.files[i].ino == ino)
            return &disk.files[i];
    ck_assert_uint_lt(disk.files_count, FILES_MAX);
    disk.files[disk.files_count].ino = ino;
    return &disk.files[disk.files_count++];
}

static struct disk_file *
file_of(int fd)
{
    struct stat st;

    ck_assert_int_eq(fstat(fd, &st), 0);
    return find_file(st.st_ino);
}

/* The kernel gives the number of a file whose last name went to a new one; on the disk that name
 * may still be there. */
static void
retire_file(ino_t ino)
{
    ino_t other = ~(++disk.retired);

    find_file(ino)->ino = other;
    for (size_t i = 0; i < disk.names_count; i++)
        if (disk.names[i].ino == ino)
            disk.names[i].ino = other;
    for (size_t i = 0; i < disk.changes_count; i++)
        if (disk.changes[i].ino == ino)
            disk.changes[i].ino = other;
}

static void
release_file(struct disk_file *f)
{
    free(f->cached);
    free(f->durable);
    free(f->dirty);
    *f = (struct disk_file){.ino = f->ino};
}

static void
begin_file(struct disk_file *f, size_t size)
{
    release_file(f);
    f->size = size;
    f->cached = calloc(1, size);
    f->durable = calloc(1, size);
    f->dirty = calloc(size / SECTOR + 1, sizeof *f->dirty);
}

/* Each dirty sector reaches the disk, or does not, when `some`; all of them otherwise. */
static void
store_sectors(const struct disk_file *f, char *to, bool some)
{
    for (size_t at = 0; at < f->size; at += SECTOR)
        if (f->dirty[at / SECTOR] && (!some || disk_random(2) == 0))
            memcpy(to + at, f->cached + at, f->size - at < SECTOR ? f->size - at : SECTOR);
}

static void
set_name(struct disk_name *names, size_t *count, const struct disk_name *change)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(names[i].name, change->name) == 0) {
            names[i] = *change;
            return;
        }
    ck_assert_uint_lt(*count, FILES_MAX);
    names[(*count)++] = *change;
}

static void
change_name(const char *name, ino_t ino)
{
    struct disk_name *c = &disk.changes[disk.changes_count++];

    ck_assert_uint_lt(disk.changes_count, CHANGES_MAX);
    snprintf(c->name, sizeof c->name, "%s", name);
    c->ino = ino;
}

static void
store_names(struct disk_name *names, size_t *count, bool some)
{
    for (size_t i = 0; i < disk.changes_count; i++)
        if (!some || disk_random(2) == 0)
            set_name(names, count, &disk.changes[i]);
}

static void
put_file(const char *in_folder, const char *name, const char *data, size_t size)
{
    char path[128];
    int fd;

    snprintf(path, sizeof path, "%s/%s", in_folder, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, data, size), (ssize_t)size);
    close(fd);
}

static void
empty_folder(const char *in_folder)
{
    DIR *dir = opendir(in_folder);
    struct dirent *e;

    ck_assert_ptr_nonnull(dir);
    while ((e = readdir(dir)) != NULL)
        if (e->d_name[0] != '.')
            __real_unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
}

static void
cut_file(const char *to_folder, const struct disk_name *n)
{
    struct disk_file *f = find_file(n->ino);
    char *image = malloc(f->size + 1);

    if (f->size > 0)
        memcpy(image, f->durable, f->size);
    store_sectors(f, image, true);
    put_file(to_folder, n->name, image, f->is_synced ? f->size : 0);
    free(image);
}

void
disk_cut(const char *to_folder)
{
    static struct disk_name names[FILES_MAX];
    size_t count = disk.names_count;

    empty_folder(to_folder);
    memcpy(names, disk.names, sizeof names);
    store_names(names, &count, true);
    for (size_t i = 0; i < count; i++)
        if (names[i].ino != 0)
            cut_file(to_folder, &names[i]);
}

static void
forget_files(void)
{
    for (size_t i = 0; i < disk.files_count; i++)
        release_file(&disk.files[i]);
    disk.files_count = disk.names_count = disk.changes_count = 0;
}

static void
adopt_file(const char *from_folder, const char *name)
{
    char path[400];
    struct disk_name n;
    struct disk_file *f;
    struct stat st;
    int fd;

    snprintf(path, sizeof path, "%s/%s", from_folder, name);
    fd = open(path, O_RDONLY);
    ck_assert(fd >= 0 && fstat(fd, &st) == 0);
    char *data = malloc((size_t)st.st_size + 1);
    ck_assert_int_eq(read(fd, data, (size_t)st.st_size), st.st_size);
    close(fd);
    put_file(disk.folder, name, data, (size_t)st.st_size);
    snprintf(path, sizeof path, "%s/%s", disk.folder, name);
    ck_assert_int_eq(stat(path, &st), 0);
    f = find_file(st.st_ino);
    begin_file(f, (size_t)st.st_size);
    memcpy(f->cached, data, f->size);
    memcpy(f->durable, data, f->size);
    f->is_synced = true;
    free(data);
    snprintf(n.name, sizeof n.name, "%.60s", name);
    n.ino = st.st_ino;
    set_name(disk.names, &disk.names_count, &n);
}

void
disk_adopt(const char *from_folder)
{
    DIR *dir = opendir(from_folder);
    struct dirent *e;

    forget_files();
    empty_folder(disk.folder);
    while ((e = readdir(dir)) != NULL)
        if (e->d_name[0] != '.')
            adopt_file(from_folder, e->d_name);
    closedir(dir);
}

void
disk_begin(const char *in_folder, unsigned seed)
{
    memset(&disk, 0, sizeof disk);
    snprintf(disk.folder, sizeof disk.folder, "%s", in_folder);
    disk.random = seed;
    disk.is_on = true;
}

void
disk_end(void)
{
    forget_files();
    disk.is_on = false;
}

void
disk_fail(enum disk_call call, unsigned nth, int error)
{
    disk.is_armed = true;
    disk.has_failed = false;
    disk.fail_call = call;
    disk.fail_at = disk.calls[call] + nth;
    disk.fail_error = error;
}

void
disk_spare(void)
{
    disk.is_armed = false;
}

bool
disk_has_failed(void)
{
    return disk.has_failed;
}

unsigned
disk_calls(enum disk_call call)
{
    return disk.calls[call];
}

void
disk_on_call(void (*on_call)(void))
{
    disk.on_call = on_call;
}

/* ---- the calls ---- */

/* Counts the call; true when it is the one that fails, with errno. */
static bool
fails(enum disk_call call)
{
    void (*on_call)(void) = disk.on_call;
    unsigned nth;

    if (on_call != NULL && call != DISK_PREAD) {
        disk.on_call = NULL; /* what it does is not looked at */
        on_call();
        disk.on_call = on_call;
    }
    nth = disk.calls[call]++;
    if (!disk.is_armed || call != disk.fail_call || nth != disk.fail_at)
        return false;
    disk.is_armed = false;
    disk.has_failed = true;
    errno = disk.fail_error;
    return true;
}

static void
write_cached(struct disk_file *f, const void *octets, size_t n, size_t at)
{
    ck_assert_uint_le(at + n, f->size);
    memcpy(f->cached + at, octets, n);
    for (size_t s = at / SECTOR; n > 0 && s <= (at + n - 1) / SECTOR; s++)
        f->dirty[s] = true;
}

/* A part of what was asked for, of any length: as a short write, or before an error. */
static ssize_t
write_part(int fd, struct disk_file *f, const void *octets, size_t wanted, off_t offset)
{
    size_t n = disk_random((unsigned)wanted) + 1;
    int flags = fcntl(fd, F_GETFL);

    ck_assert_int_eq(fcntl(fd, F_SETFL, flags & ~O_DIRECT), 0); /* which takes whole sectors only */
    ck_assert_int_eq(__real_pwrite(fd, octets, n, offset), (ssize_t)n);
    ck_assert_int_eq(fcntl(fd, F_SETFL, flags), 0);
    write_cached(f, octets, n, (size_t)offset);
    return (ssize_t)n;
}

ssize_t
__wrap_pwrite(int fd, const void *octets, size_t wanted, off_t offset)
{
    struct disk_file *f;
    ssize_t n;

    if (!disk.is_on)
        return __real_pwrite(fd, octets, wanted, offset);
    f = file_of(fd);
    ck_assert_msg(!f->is_bad, "written after a failure");
    if (fails(DISK_PWRITE)) {
        if (disk.fail_error == EINTR)
            return -1;
        n = write_part(fd, f, octets, wanted, offset);
        f->is_bad = disk.fail_error != 0;
        errno = disk.fail_error;
        return f->is_bad ? -1 : n;
    }
    n = __real_pwrite(fd, octets, wanted, offset);
    if (n > 0)
        write_cached(f, octets, (size_t)n, (size_t)offset);
    return n;
}

int
__wrap_fdatasync(int fd)
{
    struct disk_file *f;
    bool failed;

    if (!disk.is_on)
        return __real_fdatasync(fd);
    f = file_of(fd);
    ck_assert_msg(!f->is_bad, "synced after a failure");
    failed = fails(DISK_FDATASYNC);
    if (failed && errno == EINTR)
        return -1;
    store_sectors(f, f->durable, failed);
    memset(f->dirty, 0, (f->size / SECTOR + 1) * sizeof *f->dirty);
    f->is_synced = f->is_synced || !failed;
    f->is_bad = failed;
    return failed ? -1 : 0;
}

int
__wrap_fsync(int fd)
{
    if (!disk.is_on)
        return __real_fsync(fd);
    if (fails(DISK_FSYNC))
        return -1;
    store_names(disk.names, &disk.names_count, false); /* only folders are synced so */
    disk.changes_count = 0;
    return 0;
}

int
__wrap_renameat(int from, const char *old, int to, const char *new)
{
    struct stat st;

    if (!disk.is_on)
        return __real_renameat(from, old, to, new);
    if (fails(DISK_RENAMEAT))
        return -1;
    ck_assert_int_eq(fstatat(from, old, &st, AT_SYMLINK_NOFOLLOW), 0);
    change_name(new, st.st_ino);
    return __real_renameat(from, old, to, new);
}

int
__wrap_unlinkat(int dir, const char *name, int flags)
{
    if (!disk.is_on)
        return __real_unlinkat(dir, name, flags);
    if (fails(DISK_UNLINKAT))
        return -1;
    if (strstr(name, ".new") == NULL)
        change_name(name, 0);
    return __real_unlinkat(dir, name, flags);
}

int
__wrap_fallocate(int fd, int mode, off_t offset, off_t n)
{
    if (!disk.is_on)
        return __real_fallocate(fd, mode, offset, n);
    if (fails(DISK_FALLOCATE))
        return -1;
    if (file_of(fd)->size > 0)
        retire_file(file_of(fd)->ino);
    begin_file(file_of(fd), (size_t)(offset + n));
    return __real_fallocate(fd, mode, offset, n);
}

ssize_t
__wrap_pread(int fd, void *data, size_t n, off_t offset)
{
    if (disk.is_on && fails(DISK_PREAD))
        return -1;
    return __real_pread(fd, data, n, offset);
}
