/* SPDX-License-Identifier: MIT
 *
 * Reading files that must not be anybody's: see guarded_file_priv.h.
 */
#include "guarded_file_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void
guarded_wipe(struct buf *b)
{
    if (b->data != NULL)
        explicit_bzero(b->data, b->size);
    buf_release(b);
}

/* In one piece, so that no half of a key stays behind in memory that was grown. */
static bool
read_all(int fd, size_t size, struct buf *out, struct buf *why)
{
    ssize_t n = 1;

    if (!buf_reserve(out, size + 1)) {
        buf_append_str(why, "is too large");
        return false;
    }
    while (n > 0 && out->len < size) {
        n = read(fd, out->data + out->len, size - out->len);
        if (n > 0)
            out->len += (size_t)n;
    }
    out->data[out->len] = '\0';
    if (n >= 0)
        return true;
    buf_printf(why, "cannot be read (%s)", strerror(errno));
    return false;
}

static bool
may_write(const struct stat *st, const struct identity *who)
{
    return who != NULL && who->uid != 0 &&
           (st->st_uid == who->uid || (st->st_gid == who->gid && (st->st_mode & S_IWGRP) != 0));
}

/* A key that everybody can read is nobody's secret, and a file that a role can write would let it
 * say who we are. */
static bool
is_guarded(const struct file_guard *guard, const struct stat *st, bool is_secret, struct buf *why)
{
    if (!S_ISREG(st->st_mode))
        buf_append_str(why, "is no file");
    else if (is_secret && (st->st_mode & S_IROTH) != 0)
        buf_append_str(why, "may be read by everybody; chmod o-r it, and make a new one");
    else if ((st->st_mode & S_IWOTH) != 0)
        buf_append_str(why, "may be changed by everybody; chmod o-w it");
    else if (may_write(st, guard->them) || may_write(st, guard->store))
        buf_append_str(why, "may be changed by a user that roles run as; chown it");
    else
        return true;
    return false;
}

bool
guarded_file_read(const struct file_guard *guard, const char *path, bool is_secret, struct buf *out,
                  struct buf *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    bool done;

    if (fd < 0 || fstat(fd, &st) != 0) {
        buf_printf(why, "cannot be opened (%s)", strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    done = is_guarded(guard, &st, is_secret, why) && read_all(fd, (size_t)st.st_size, out, why);
    close(fd);
    return done;
}
