/* SPDX-License-Identifier: MIT
 *
 * Standard input as LMTP's DATA: LF becomes CRLF (a bare CR stays what it is), a line that begins
 * with a dot gets a second one (RFC 5321 4.5.2), the last line gets its end.
 */
#include "source_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fcntl.h>
#include <stdlib.h>

#include "doorstep/buf.h"

/* What the octet before this one was. */
struct wire {
    bool after_cr;
    bool at_line_start;
};

/* An unnamed file; the folder is TMPDIR as for every program that obeys it. */
static int
unnamed_file(void)
{
    const char *folder = getenv("TMPDIR");
    int fd = open(folder != NULL && folder[0] == '/' ? folder : "/tmp",
                  O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    FILE *f = tmpfile(); /* where O_TMPFILE is not known */
    fd = f == NULL ? -1 : fcntl(fileno(f), F_DUPFD_CLOEXEC, 0);
    if (f != NULL)
        fclose(f);
    return fd;
}

static bool
write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno != EINTR)
            return false;
        p += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
    return true;
}

static bool
copy_input(int to, uint64_t max)
{
    char piece[16384];
    uint64_t total = 0;

    for (;;) {
        ssize_t n = read(STDIN_FILENO, piece, sizeof(piece));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        total += (uint64_t)n;
        if (total > max) {
            errno = EFBIG;
            return false;
        }
        if (!write_all(to, piece, (size_t)n))
            return false;
    }
}

/* One octet in wire form, dots not stuffed: at most two. */
static size_t
to_wire(struct wire *w, char c, char out[2])
{
    size_t n = 0;

    if (c == '\n' && !w->after_cr)
        out[n++] = '\r';
    out[n++] = c;
    w->at_line_start = c == '\n';
    w->after_cr = c == '\r';
    return n;
}

/* The next piece of the file; 0 at its end, -1 with errno. */
static ssize_t
read_piece(const struct source *s, uint64_t offset, char *out, size_t size)
{
    ssize_t n;

    do
        n = pread(s->fd, out, size, (off_t)offset);
    while (n < 0 && errno == EINTR);
    return n;
}

static bool
measure(struct source *s)
{
    struct wire w = {.at_line_start = true};
    char piece[16384], wire[2];
    uint64_t offset = s->start;
    ssize_t n;

    while ((n = read_piece(s, offset, piece, sizeof(piece))) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            s->wire_size += to_wire(&w, piece[i], wire);
            s->is_8bit = s->is_8bit || (unsigned char)piece[i] > 127;
        }
        offset += (uint64_t)n;
    }
    s->wire_size += w.at_line_start ? 0 : 2;
    return n == 0;
}

/* Skip "From ann@example.org Thu ...", mbox's separator. */
static void
skip_from_line(struct source *s)
{
    char line[1024];
    ssize_t n = read_piece(s, s->start, line, sizeof(line));
    const char *end = n > 5 && memcmp(line, "From ", 5) == 0 ? memchr(line, '\n', (size_t)n) : NULL;

    if (end != NULL)
        s->start += (uint64_t)(end - line) + 1;
}

bool
source_open(struct source *s, uint64_t max)
{
    struct stat st;
    off_t at = lseek(STDIN_FILENO, 0, SEEK_CUR);

    *s = (struct source){.fd = STDIN_FILENO};
    if (at >= 0 && fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode)) {
        s->start = (uint64_t)at;
    } else {
        s->fd = unnamed_file();
        if (s->fd < 0 || !copy_input(s->fd, max))
            return false;
    }
    skip_from_line(s);
    if (!measure(s))
        return false;
    errno = EFBIG;
    return s->wire_size <= max;
}

void
source_close(struct source *s)
{
    if (s->fd > STDERR_FILENO)
        close(s->fd);
    s->fd = -1;
}

static bool
flush(struct buf *out, bool (*fn)(void *arg, struct span piece), void *arg)
{
    bool good = out->len == 0 || fn(arg, buf_span(out));

    buf_reset(out);
    return good;
}

bool
source_send(const struct source *s, bool (*fn)(void *arg, struct span piece), void *arg)
{
    struct wire w = {.at_line_start = true};
    char piece[16384];
    uint64_t offset = s->start;
    bool good = true;
    ssize_t n = 0;
    struct buf out;

    buf_init(&out, 3 * sizeof(piece)); /* an octet becomes at most three */
    while (good && (n = read_piece(s, offset, piece, sizeof(piece))) > 0) {
        for (ssize_t i = 0; good && i < n; i++) {
            char wire[2];
            good = (!w.at_line_start || piece[i] != '.' || buf_append_char(&out, '.')) &&
                   buf_append(&out, wire, to_wire(&w, piece[i], wire));
        }
        offset += (uint64_t)n;
        good = good && flush(&out, fn, arg);
    }
    good = good && n == 0 && (w.at_line_start || fn(arg, SPAN("\r\n")));
    buf_release(&out);
    return good;
}
