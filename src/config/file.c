/* SPDX-License-Identifier: MIT
 *
 * Reading the files of a configuration: see source_priv.h. Only main and the operator's tool come
 * here; the roles get a text without include().
 */
#include "source_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
read_all(int fd, struct buf *out)
{
    for (;;) {
        ssize_t n;

        if (!buf_reserve(out, 4096)) {
            errno = EFBIG;
            return false;
        }
        n = read(fd, out->data + out->len, 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        out->len += (size_t)n;
        out->data[out->len] = '\0';
    }
}

bool
file_read(const char *path, struct buf *out)
{
    /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    bool good;
    int saved;

    if (fd < 0)
        return false;
    good = fstat(fd, &st) == 0;
    if (good && !S_ISREG(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        good = false;
    }
    good = good && read_all(fd, out);
    saved = errno;
    close(fd);
    errno = saved;
    return good;
}

char *
file_resolve(struct arena *arena, const char *from, const char *name)
{
    const char *slash = strrchr(from, '/');
    size_t folder = name[0] == '/' || slash == NULL ? 0 : (size_t)(slash - from) + 1;
    size_t length = strlen(name);
    char *path = arena_alloc(arena, folder + length + 1);

    if (path == NULL)
        return NULL;
    memcpy(path, from, folder);
    memcpy(path + folder, name, length);
    return path;
}
