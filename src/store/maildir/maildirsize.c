/* SPDX-License-Identifier: MIT
 *
 * The quota file of Maildir++: first line the limits, then "octets count" lines that add up. Other
 * programs put it there; while it is present each batch adds one line. When it grew past 5,120
 * octets it is summed up anew from the file names, as the Maildir++ text asks of whoever notices.
 * It is bookkeeping for others: its failure fails no delivery.
 */
#include "maildir_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAILDIRSIZE "maildirsize"
#define MAILDIRSIZE_LONG 5120

/* Trash does not count. */
void
maildirsize_note(struct maildir *md, const char *path, long long size, long long count)
{
    if (strncmp(path, ".Trash/", 7) == 0)
        return;
    md->size_change += size;
    md->count_change += count;
}

struct maildirsize_sum {
    struct maildir *md;
    uint64_t octets;
    uint64_t count;
};

static bool
sum_entry(void *arg, const struct store_entry *e)
{
    struct maildirsize_sum *sum = arg;

    if ((e->flags & STORE_DELETED) == 0) {
        sum->octets += e->stored_octets;
        sum->count++;
    }
    return true;
}

static bool
sum_mailbox(void *arg, const char *mailbox)
{
    struct maildirsize_sum *sum = arg;
    struct outcome why;

    return strcmp(mailbox, "Trash") == 0 ||
           maildir_scan(&sum->md->base, mailbox, sum_entry, sum, &why);
}

/* Written beside and renamed over, so that a reader sees the old or the new. */
static void
maildirsize_rebuild(struct maildir *md, const char *limits)
{
    struct maildirsize_sum sum = {.md = md};
    struct outcome why;
    char tmp[64];

    if (!maildir_mailbox_list(&md->base, sum_mailbox, &sum, &why))
        return;
    snprintf(tmp, sizeof(tmp), "tmp/" MAILDIRSIZE ".%016llx", (unsigned long long)md->random);
    int fd = beneath_open(md->fd, tmp, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0)
        return;
    int done = dprintf(fd, "%s\n%llu %llu\n", limits, (unsigned long long)sum.octets,
                       (unsigned long long)sum.count);
    close(fd);
    if (done < 0 || renameat(md->fd, tmp, md->fd, MAILDIRSIZE) < 0)
        unlinkat(md->fd, tmp, 0);
}

/* The first line, into limits; false when there is none. */
static bool
maildirsize_limits(int fd, char limits[128])
{
    ssize_t n = pread(fd, limits, 127, 0);

    if (n <= 0)
        return false;
    limits[n] = '\0';
    char *end = strchr(limits, '\n');
    if (end == NULL)
        return false;
    *end = '\0';
    return true;
}

void
maildirsize_changed(struct maildir *md)
{
    if (md->base.is_journaled && md->base.staged == NULL)
        maildirsize_write(md);
}

void
maildirsize_look(struct maildir *md)
{
    md->has_size = faccessat(md->fd, MAILDIRSIZE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void
maildirsize_recount(struct maildir *md)
{
    char limits[128];
    struct stat st;
    int fd = beneath_open(md->fd, MAILDIRSIZE, O_RDONLY, 0);

    if (fd < 0)
        return;
    if (beneath_file_fault(fd, &st) == NULL && maildirsize_limits(fd, limits))
        maildirsize_rebuild(md, limits);
    close(fd);
}

void
maildirsize_write(struct maildir *md)
{
    char line[64], limits[128];
    struct stat st;

    if (md->size_change == 0 && md->count_change == 0)
        return;
    int n = snprintf(line, sizeof(line), "%lld %lld\n", md->size_change, md->count_change);
    md->size_change = 0;
    md->count_change = 0;
    if (md->base.is_journaled && !md->has_size)
        return;
    int fd = beneath_open(md->fd, MAILDIRSIZE, O_RDWR | O_APPEND, 0);
    if (fd < 0)
        return;
    bool ok = beneath_file_fault(fd, &st) == NULL && store_write_all(fd, line, (size_t)n);
    bool is_long = ok && st.st_size >= MAILDIRSIZE_LONG && maildirsize_limits(fd, limits);
    close(fd);
    if (is_long)
        maildirsize_rebuild(md, limits);
}
