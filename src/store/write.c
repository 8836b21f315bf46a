/* SPDX-License-Identifier: MIT
 *
 * A delivery's bytes into a file, or beside one to see whether it holds them: our trace fields,
 * then the message, with CRLF as it came or with LF. A small message takes one write(2) either way;
 * a large one passes through a window. Used by the drivers; what the file is called and when it is
 * seen is theirs.
 */
#include "doorstep/store_driver.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define WRITE_WINDOW 65536

struct writer {
    int fd;
    bool crlf;
    bool compare; /* nothing is written: false where the file holds something else */
    size_t used;
    uint64_t total; /* octets given to the descriptor */
    char window[WRITE_WINDOW];
};

bool
store_keeps_bytes(const struct store_mail *mail)
{
    return mail->keep_bytes || message_traits(mail->msg)->bare > 0;
}

uint64_t
store_wire_octets(const struct store_mail *mail)
{
    return mail->trace.n + message_traits(mail->msg)->octets;
}

bool
store_write_all(int fd, const void *data, size_t n)
{
    const char *p = data;

    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

bool
store_pwrite_all(int fd, const void *data, size_t n, uint64_t offset)
{
    const char *p = data;

    while (n > 0) {
        ssize_t done = pwrite(fd, p, n, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        p += done;
        n -= (size_t)done;
        offset += (uint64_t)done;
    }
    return true;
}

/* Is this what the file holds where it would have been written? */
static bool
writer_same(const struct writer *w, const char *p, size_t n, uint64_t at)
{
    char there[4096];

    while (n > 0) {
        ssize_t got = pread(w->fd, there, n < sizeof(there) ? n : sizeof(there), (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || memcmp(there, p, (size_t)got) != 0)
            return false;
        p += got;
        n -= (size_t)got;
        at += (uint64_t)got;
    }
    return true;
}

static bool
writer_put(struct writer *w, const char *p, size_t n)
{
    if (w->compare ? !writer_same(w, p, n, w->total) : !store_write_all(w->fd, p, n))
        return false;
    w->total += n;
    return true;
}

static bool
writer_flush(struct writer *w)
{
    size_t n = w->used;

    w->used = 0;
    return writer_put(w, w->window, n);
}

/* Where bytes may be converted there is no bare CR, so every CR is half of a line end. */
static bool
writer_put_lf(struct writer *w, const char *p, size_t n)
{
    while (n > 0) {
        size_t room = WRITE_WINDOW - w->used;
        size_t take = n < room ? n : room;
        const char *cr = memchr(p, '\r', take);
        if (cr != NULL)
            take = (size_t)(cr - p);
        memcpy(w->window + w->used, p, take);
        w->used += take;
        take += cr != NULL;
        p += take;
        n -= take;
        if (w->used == WRITE_WINDOW && !writer_flush(w))
            return false;
    }
    return true;
}

/* Both pieces as they are, without copying them into the window. */
static bool
writer_put_verbatim(struct writer *w, struct span trace, struct span body)
{
    struct iovec pieces[2] = {{(void *)trace.p, trace.n}, {(void *)body.p, body.n}};
    ssize_t done;

    if (w->compare)
        return writer_put(w, trace.p, trace.n) && writer_put(w, body.p, body.n);
    do
        done = writev(w->fd, pieces, 2);
    while (done < 0 && errno == EINTR);
    if (done < 0)
        return false;
    trace = span_skip(trace, (size_t)done);
    if (trace.n > 0)
        done = 0;
    else
        done -= (ssize_t)pieces[0].iov_len;
    body = span_skip(body, (size_t)done);
    if (!store_write_all(w->fd, trace.p, trace.n) || !store_write_all(w->fd, body.p, body.n))
        return false;
    w->total += pieces[0].iov_len + pieces[1].iov_len;
    return true;
}

static bool
writer_put_spilled(struct writer *w, const struct message *m)
{
    char piece[WRITE_WINDOW];
    uint64_t offset = 0;

    for (;;) {
        ssize_t got = message_read(m, offset, piece, sizeof(piece));
        if (got < 0)
            return false;
        if (got == 0)
            break;
        offset += (uint64_t)got;
        if (!w->crlf) {
            if (!writer_put_lf(w, piece, (size_t)got))
                return false;
            continue;
        }
        if (!writer_put(w, piece, (size_t)got))
            return false;
    }
    if (offset == message_traits(m)->octets)
        return true;
    errno = EIO; /* the spilled file is shorter than what was received */
    return false;
}

/* The message was converted once for many: only our trace fields are left. */
static bool
writer_put_made(struct writer *w, struct span trace, struct span lf)
{
    if (!writer_put_lf(w, trace.p, trace.n))
        return false;
    struct span head = {w->window, w->used};
    w->used = 0;
    return writer_put_verbatim(w, head, lf);
}

static bool
writer_put_mail(struct writer *w, const struct store_mail *mail)
{
    bool spilled;
    struct span body = message_inline(mail->msg, &spilled), lf = message_lf(mail->msg);

    if (!w->crlf && lf.n > 0)
        return writer_put_made(w, mail->trace, lf);
    if (w->crlf && !writer_put_verbatim(w, mail->trace, body))
        return false;
    if (!w->crlf &&
        (!writer_put_lf(w, mail->trace.p, mail->trace.n) || !writer_put_lf(w, body.p, body.n)))
        return false;
    if (spilled && !writer_put_spilled(w, mail->msg))
        return false;
    return writer_flush(w);
}

/* The window is left as it is: it would cost more than a small message. */
static void
writer_init(struct writer *w, int fd, bool crlf, bool compare)
{
    w->fd = fd;
    w->crlf = crlf;
    w->compare = compare;
    w->used = 0;
    w->total = 0;
}

bool
store_write_mail(int fd, const struct store_mail *mail, bool crlf, uint64_t *octets)
{
    struct writer w;

    writer_init(&w, fd, crlf, false);
    bool ok = writer_put_mail(&w, mail);
    *octets = w.total;
    return ok;
}

bool
store_same_mail(int fd, const struct store_mail *mail, bool crlf)
{
    struct stat st;
    struct writer w;

    writer_init(&w, fd, crlf, true);
    return writer_put_mail(&w, mail) && fstat(fd, &st) == 0 && (uint64_t)st.st_size == w.total;
}
