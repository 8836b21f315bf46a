/* SPDX-License-Identifier: MIT
 *
 * A program's pipes: the message goes in as it takes it, what it writes goes into a file in memory,
 * both bounded. A program need not read all; one that writes more than it may is ended.
 */
#include "runner_priv.h"

#include <errno.h>
#include <unistd.h>

#define PIECE 65536

/* ---- standard input ---- */

static void
close_in(struct job *j)
{
    loop_watch_free(j->in_watch);
    j->in_watch = NULL;
    if (j->child.in >= 0)
        close(j->child.in);
    j->child.in = -1;
    buf_release(&j->feed);
}

static bool
fill_feed(struct job *j)
{
    ssize_t n;

    if (!buf_reserve(&j->feed, PIECE))
        return false;
    n = pread(j->message, j->feed.data, PIECE, (off_t)j->fed);
    if (n <= 0)
        return false;
    j->feed.len = (size_t)n;
    j->fed += (uint64_t)n;
    return true;
}

static void
on_in(void *arg, unsigned events)
{
    struct job *j = arg;
    ssize_t n;

    (void)events;
    if (j->feed.len == 0 && (j->fed == j->octets || !fill_feed(j))) {
        close_in(j);
        return;
    }
    n = write(j->child.in, j->feed.data, j->feed.len);
    if (n >= 0)
        buf_consume(&j->feed, (size_t)n);
    else if (errno != EAGAIN && errno != EINTR)
        close_in(j); /* EPIPE: it does not want to know more */
}

/* ---- standard output ---- */

static uint64_t
output_max(const struct job *j)
{
    return runner_job_is_message(j)
               ? j->runner->settings->limits.message_size + OUTPUT_MESSAGE_MARGIN
               : j->program->output_size;
}

static bool
keep(struct job *j, const char *p, size_t n)
{
    j->written += n;
    return n == 0 || write(j->output, p, n) == (ssize_t)n;
}

/* Lines of a message end in CRLF, whatever programs make of them. */
static bool
keep_lines(struct job *j, struct span piece)
{
    while (piece.n > 0) {
        size_t n = span_find(piece, '\n');
        bool has_cr = n > 0 ? piece.p[n - 1] == '\r' : j->ends_in_cr;

        if (!keep(j, piece.p, n) ||
            (n < piece.n && !keep(j, has_cr ? "\n" : "\r\n", has_cr ? 1 : 2)))
            return false;
        j->ends_in_cr = n == piece.n && piece.p[n - 1] == '\r';
        piece = span_skip(piece, n + 1);
    }
    return true;
}

static void
take_output(struct job *j, struct span piece)
{
    if (j->failure != NULL)
        return;
    if (!(runner_job_is_message(j) ? keep_lines(j, piece) : keep(j, piece.p, piece.n)))
        runner_job_fail(j, "there is no memory for its output");
    else if (j->written > output_max(j))
        runner_job_fail(j, "it writes more than it may");
}

/* ---- standard error ---- */

static void
take_error(struct job *j, struct span piece)
{
    size_t n = STDERR_KEPT - j->error_octets;

    j->error_written += piece.n;
    if (n > piece.n)
        n = piece.n;
    memcpy(j->error + j->error_octets, piece.p, n);
    j->error_octets += n;
    if (j->error_written > STDERR_MAX && j->failure == NULL)
        runner_job_fail(j, "it writes too much to standard error");
}

/* ---- both ---- */

/* One piece; false: there is none now. *at_end: nor will there be. */
static bool
read_piece(struct job *j, int fd, void (*take)(struct job *j, struct span piece), bool *at_end)
{
    char piece[PIECE];
    ssize_t n = read(fd, piece, sizeof(piece));

    *at_end = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
    if (n <= 0)
        return false;
    take(j, (struct span){piece, (size_t)n});
    return true;
}

static void
on_out(void *arg, unsigned events)
{
    struct job *j = arg;
    bool at_end;

    (void)events;
    read_piece(j, j->child.out, take_output, &at_end);
    if (at_end)
        loop_watch_set(j->out_watch, 0);
}

static void
on_err(void *arg, unsigned events)
{
    struct job *j = arg;
    bool at_end;

    (void)events;
    read_piece(j, j->child.err, take_error, &at_end);
    if (at_end)
        loop_watch_set(j->err_watch, 0);
}

bool
pipes_open(struct job *j)
{
    struct loop *l = j->runner->loop;
    const struct child *c = &j->child;

    buf_init(&j->feed, PIECE);
    if (c->in >= 0)
        j->in_watch = loop_watch_new(l, c->in, LOOP_WRITE, on_in, j);
    if (c->out >= 0)
        j->out_watch = loop_watch_new(l, c->out, LOOP_READ, on_out, j);
    j->err_watch = loop_watch_new(l, c->err, LOOP_READ, on_err, j);
    return (c->in < 0 || j->in_watch != NULL) && (c->out < 0 || j->out_watch != NULL) &&
           j->err_watch != NULL;
}

/* A descendant that has got away may still write: what is read is what was there. */
void
pipes_drain(struct job *j)
{
    bool at_end;

    for (unsigned n = 0; n < 32 && j->child.out >= 0; n++)
        if (!read_piece(j, j->child.out, take_output, &at_end))
            break;
    for (unsigned n = 0; n < 32 && j->child.err >= 0; n++)
        if (!read_piece(j, j->child.err, take_error, &at_end))
            break;
}

void
pipes_close(struct job *j)
{
    close_in(j);
    loop_watch_free(j->out_watch);
    loop_watch_free(j->err_watch);
    j->out_watch = j->err_watch = NULL;
    child_close(&j->child);
}
