/* SPDX-License-Identifier: MIT
 *
 * The LMTP client: see lmtp_priv.h. Commands go one by one; a message gets one answer for each
 * recipient that RCPT accepted, in their order (RFC 2033 4.2).
 */
#include "lmtp_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "doorstep/clock.h"

enum { REPLY_LINES_MAX = 200 };

#define REPLY_LINE_MAX ((size_t)4096)

static bool
fail(struct lmtp_reply *why, const char *call)
{
    *why = (struct lmtp_reply){0};
    snprintf(why->text, sizeof(why->text), "%s: %s", call, strerror(errno));
    return false;
}

/* A reply that says yes where no yes is possible must not count as one. */
static bool
no_protocol(struct lmtp_reply *why)
{
    errno = EPROTO;
    return fail(why, "the server speaks no LMTP");
}

/* ---- Socket with a deadline ---- */

static bool
wait_for(const struct lmtp *l, short events)
{
    for (;;) {
        struct pollfd p = {.fd = l->fd, .events = events};
        uint64_t now = clock_ms();
        uint64_t left = l->deadline > now ? l->deadline - now : 0;
        int n = poll(&p, 1, left > 60000 ? 60000 : (int)left);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
        if (left == 0) {
            errno = ETIMEDOUT;
            return false;
        }
    }
}

static bool
write_piece(void *arg, struct span piece)
{
    const struct lmtp *l = arg;

    while (piece.n > 0) {
        ssize_t n = send(l->fd, piece.p, piece.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN && !wait_for(l, POLLOUT))
            return false;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        piece = span_skip(piece, n > 0 ? (size_t)n : 0);
    }
    return true;
}

static bool
connect_to(struct lmtp *l, const struct settings_address *to)
{
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    const struct sockaddr *address = (const struct sockaddr *)&to->ip;
    socklen_t length = to->ip_length;

    if (to->is_unix && strlen(to->path) >= sizeof(path.sun_path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (to->is_unix) {
        memcpy(path.sun_path, to->path, strlen(to->path));
        address = (const struct sockaddr *)&path;
        length = sizeof(path);
    }
    l->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return l->fd >= 0 && connect(l->fd, address, length) == 0;
}

/* ---- Replies ---- */

/* A line without its end, borrowed from l->in until *used octets are consumed. */
static bool
read_reply_line(struct lmtp *l, struct span *line, size_t *used)
{
    for (;;) {
        size_t n = span_find(buf_span(&l->in), '\n');
        char piece[1024];
        if (n < l->in.len) {
            *line = span_trim((struct span){l->in.data, n});
            *used = n + 1;
            return true;
        }
        if (!wait_for(l, POLLIN))
            return false;
        ssize_t got = recv(l->fd, piece, sizeof(piece), 0);
        if (got == 0)
            errno = ECONNRESET;
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        if (got > 0 && !buf_append(&l->in, piece, (size_t)got)) {
            errno = EPROTO;
            return false;
        }
    }
}

/* "250-2.1.5 text" (RFC 5321 4.2, RFC 2034). */
static bool
parse_reply_line(struct span line, struct lmtp_reply *reply, bool *more)
{
    unsigned long long code;
    size_t n = 0;

    if (line.n < 3 || !span_parse_u64((struct span){line.p, 3}, 599, &code) || code < 200)
        return false;
    *reply = (struct lmtp_reply){.code = (int)code};
    *more = line.n > 3 && line.p[3] == '-';
    line = span_skip(line, 4);
    while (n < line.n && ((line.p[n] >= '0' && line.p[n] <= '9') || line.p[n] == '.'))
        n++;
    if (n >= 5 && n < sizeof(reply->enhanced) && line.p[1] == '.') {
        memcpy(reply->enhanced, line.p, n);
        line = span_trim(span_skip(line, n));
    }
    snprintf(reply->text, sizeof(reply->text), "%.*s", (int)line.n, line.p);
    return true;
}

/* Read one reply; each of its lines goes to on_line (may be NULL). */
static bool
read_reply(struct lmtp *l, struct lmtp_reply *reply,
           void (*on_line)(struct lmtp *l, struct span line))
{
    bool more = true;

    for (int i = 0; more; i++) {
        struct span line;
        size_t used;
        errno = EPROTO;
        if (i >= REPLY_LINES_MAX || !read_reply_line(l, &line, &used))
            return fail(reply, "no answer");
        errno = EPROTO;
        if (!parse_reply_line(line, reply, &more))
            return fail(reply, "no answer");
        if (on_line != NULL)
            on_line(l, span_skip(line, 4));
        buf_consume(&l->in, used);
    }
    return true;
}

static bool command(struct lmtp *l, struct lmtp_reply *reply, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool
command(struct lmtp *l, struct lmtp_reply *reply, const char *format, ...)
{
    char line[4096];
    va_list list;

    va_start(list, format);
    int n = vsnprintf(line, sizeof(line) - 2, format, list);
    va_end(list);
    if (n < 0 || (size_t)n >= sizeof(line) - 2) {
        errno = EMSGSIZE;
        return fail(reply, "command");
    }
    memcpy(line + n, "\r\n", 2);
    if (!write_piece(l, (struct span){line, (size_t)n + 2}))
        return fail(reply, "send");
    return read_reply(l, reply, NULL) && reply->code < 400;
}

static void
learn_extension(struct lmtp *l, struct span line)
{
    size_t n = span_find(line, ' ');
    struct span keyword = {line.p, n};

    l->can_8bit = l->can_8bit || span_equal_fold(keyword, SPAN("8BITMIME"));
    l->can_size = l->can_size || span_equal_fold(keyword, SPAN("SIZE"));
    l->can_utf8 = l->can_utf8 || span_equal_fold(keyword, SPAN("SMTPUTF8"));
}

bool
lmtp_open(struct lmtp *l, const struct settings_address *to, const char *own_name,
          uint64_t timeout_ms, struct lmtp_reply *why)
{
    char lhlo[512];

    *l = (struct lmtp){.fd = -1, .deadline = clock_ms() + timeout_ms};
    buf_init(&l->in, REPLY_LINE_MAX);
    bool good = connect_to(l, to) || fail(why, to->text);
    good = good && read_reply(l, why, NULL) && why->code == 220;
    int n = snprintf(lhlo, sizeof(lhlo), "LHLO %s\r\n", own_name);
    good = good && (size_t)n < sizeof(lhlo) &&
           (write_piece(l, (struct span){lhlo, (size_t)n}) || fail(why, "send"));
    good = good && read_reply(l, why, learn_extension) && why->code == 250;
    if (!good && why->code != 0 && why->code < 400)
        no_protocol(why);
    if (!good)
        lmtp_close(l);
    return good;
}

void
lmtp_close(struct lmtp *l)
{
    if (l->fd >= 0) {
        (void)!send(l->fd, "QUIT\r\n", 6, MSG_NOSIGNAL | MSG_DONTWAIT);
        close(l->fd);
    }
    l->fd = -1;
    buf_release(&l->in);
}

/* ---- The transaction ---- */

static void
reply_to_all(struct lmtp_recipient *recipients, size_t count, const struct lmtp_reply *reply)
{
    for (size_t i = 0; i < count; i++) {
        if (recipients[i].reply.code < 400)
            recipients[i].reply = *reply;
    }
}

static bool
mail_from(struct lmtp *l, const char *reverse_path, bool needs_utf8, const struct source *message,
          struct lmtp_reply *reply)
{
    char size[40] = "";

    if (needs_utf8 && !l->can_utf8) {
        *reply = (struct lmtp_reply){553, "5.6.7", "the server takes no UTF-8 addresses"};
        return false;
    }
    if (l->can_size)
        snprintf(size, sizeof(size), " SIZE=%llu", (unsigned long long)message->wire_size);
    return command(l, reply, "MAIL FROM:<%s>%s%s%s", reverse_path, size,
                   message->is_8bit && l->can_8bit ? " BODY=8BITMIME" : "",
                   needs_utf8 ? " SMTPUTF8" : "");
}

/* The message and its dot. The server may have had enough in the middle: then its reply counts. */
static bool
send_message(struct lmtp *l, const struct source *message, struct lmtp_reply *why)
{
    errno = 0;
    if (source_send(message, write_piece, l) && write_piece(l, SPAN(".\r\n")))
        return true;
    int error = errno;
    if (error == EPIPE || error == ECONNRESET) {
        if (read_reply(l, why, NULL) && why->code >= 400)
            return false;
    }
    errno = error;
    return fail(why, "sending the message");
}

/* How many were accepted; 0 also when the server went away, which all then have as their reply. */
static size_t
rcpt_to(struct lmtp *l, struct lmtp_recipient *recipients, size_t count)
{
    size_t accepted = 0;

    for (size_t i = 0; i < count; i++) {
        struct lmtp_reply *reply = &recipients[i].reply;
        accepted += command(l, reply, "RCPT TO:<%s>", recipients[i].path) ? 1 : 0;
        if (reply->code == 0 || reply->code == 421) {
            struct lmtp_reply gone = *reply;
            reply_to_all(recipients, count, &gone);
            return 0;
        }
    }
    return accepted;
}

/* One answer for each that was accepted; when they end early, the rest have none. */
static void
read_answers(struct lmtp *l, struct lmtp_recipient *recipients, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (recipients[i].reply.code >= 400 || read_reply(l, &recipients[i].reply, NULL))
            continue;
        struct lmtp_reply gone = recipients[i].reply;
        reply_to_all(recipients + i, count - i, &gone);
        return;
    }
}

void
lmtp_send(struct lmtp *l, const char *reverse_path, bool needs_utf8,
          struct lmtp_recipient *recipients, size_t count, const struct source *message)
{
    struct lmtp_reply reply;

    for (size_t i = 0; i < count; i++)
        recipients[i].reply = (struct lmtp_reply){0};
    if (!mail_from(l, reverse_path, needs_utf8, message, &reply)) {
        reply_to_all(recipients, count, &reply);
        return;
    }
    if (rcpt_to(l, recipients, count) == 0)
        return;
    bool wanted = command(l, &reply, "DATA") && (reply.code == 354 || no_protocol(&reply));
    if (wanted && send_message(l, message, &reply))
        read_answers(l, recipients, count);
    else
        reply_to_all(recipients, count, &reply);
}
