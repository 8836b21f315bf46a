/* SPDX-License-Identifier: MIT
 *
 * Disks that remember: a FUSE file system with a file disk0, disk1... for each image, to be mounted
 * through loop devices, and a file "note" for what clients know. Every block write, every flush and
 * every note goes into one log in the order in which they came. It stands for dm-log-writes, which
 * needs a device mapper.
 *
 *     logdisk MOUNTPOINT LOG IMAGE...
 *
 * It stays in the foreground. The log: records of struct entry, in the machine's byte order, each
 * followed by its octets. block_log.py reads it.
 */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DISKS_MAX 8
#define NOTE DISKS_MAX /* number of the file for notes */

struct entry {
    uint8_t type; /* 'W' written, 'F' flushed, 'N' a note */
    uint8_t disk;
    uint8_t unused[2];
    uint32_t octets;
    uint64_t offset;
};

static struct disk {
    int fd;
    off_t size;
} disks[DISKS_MAX];
static unsigned disk_count;
static FILE *log_file;

static int
log_entry(uint8_t type, uint8_t disk, off_t offset, const char *data, size_t n)
{
    struct entry e = {
        .type = type, .disk = disk, .octets = (uint32_t)n, .offset = (uint64_t)offset};

    if (fwrite(&e, sizeof e, 1, log_file) != 1 || fwrite(data, 1, n, log_file) != n ||
        fflush(log_file) != 0)
        return -EIO;
    return 0;
}

/* The number of the file, or -ENOENT. */
static int
number_of(const char *path)
{
    unsigned n;
    char rest;

    if (strcmp(path, "/note") == 0)
        return NOTE;
    if (sscanf(path, "/disk%u%c", &n, &rest) == 1 && n < disk_count)
        return (int)n;
    return -ENOENT;
}

static int
on_getattr(const char *path, struct stat *st, struct fuse_file_info *file)
{
    int n = number_of(path);

    (void)file;
    *st = (struct stat){.st_nlink = 1, .st_mode = S_IFREG | 0600};
    if (strcmp(path, "/") == 0)
        st->st_mode = S_IFDIR | 0700;
    else if (n < 0)
        return n;
    else if (n != NOTE)
        st->st_size = disks[n].size;
    return 0;
}

static int
on_open(const char *path, struct fuse_file_info *file)
{
    int n = number_of(path);

    if (n < 0)
        return n;
    file->fh = (uint64_t)n;
    file->direct_io = 1; /* nothing may be kept back from the log */
    return 0;
}

static int
on_read(const char *path, char *data, size_t n, off_t offset, struct fuse_file_info *file)
{
    (void)path;
    if (file->fh == NOTE)
        return 0;
    ssize_t got = pread(disks[file->fh].fd, data, n, offset);
    return got < 0 ? -errno : (int)got;
}

static int
on_write(const char *path, const char *data, size_t n, off_t offset, struct fuse_file_info *file)
{
    (void)path;
    if (file->fh == NOTE)
        return log_entry('N', NOTE, 0, data, n) < 0 ? -EIO : (int)n;
    if (pwrite(disks[file->fh].fd, data, n, offset) != (ssize_t)n ||
        log_entry('W', (uint8_t)file->fh, offset, data, n) < 0)
        return -EIO;
    return (int)n;
}

static int
on_fsync(const char *path, int data_only, struct fuse_file_info *file)
{
    (void)path, (void)data_only;
    return file->fh == NOTE ? 0 : log_entry('F', (uint8_t)file->fh, 0, "", 0);
}

/* Discards and zeroes come as plain writes then. */
static int
on_fallocate(const char *path, int mode, off_t offset, off_t n, struct fuse_file_info *file)
{
    (void)path, (void)mode, (void)offset, (void)n, (void)file;
    return -EOPNOTSUPP;
}

static int
on_truncate(const char *path, off_t size, struct fuse_file_info *file)
{
    (void)path, (void)size, (void)file;
    return 0; /* an open with O_TRUNC, by a shell */
}

static const struct fuse_operations operations = {
    .getattr = on_getattr,
    .open = on_open,
    .read = on_read,
    .write = on_write,
    .fsync = on_fsync,
    .fallocate = on_fallocate,
    .truncate = on_truncate,
};

static int
open_disk(struct disk *d, const char *image)
{
    struct stat st;

    d->fd = open(image, O_RDWR | O_CLOEXEC);
    if (d->fd < 0 || fstat(d->fd, &st) < 0) {
        perror(image);
        return -1;
    }
    d->size = st.st_size;
    return 0;
}

int
main(int argc, char **argv)
{
    char *fuse_arguments[] = {argv[0], "-f", "-s", argc > 1 ? argv[1] : NULL, NULL};

    if (argc < 4 || argc > 3 + DISKS_MAX) {
        fprintf(stderr, "usage: logdisk MOUNTPOINT LOG IMAGE...\n");
        return 64;
    }
    log_file = fopen(argv[2], "wb");
    if (log_file == NULL) {
        perror(argv[2]);
        return 73;
    }
    for (int i = 3; i < argc; i++)
        if (open_disk(&disks[disk_count++], argv[i]) < 0)
            return 66;
    return fuse_main(4, fuse_arguments, &operations, NULL);
}
