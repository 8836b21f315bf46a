/* SPDX-License-Identifier: MIT
 *
 * One LMTP client: a command, its reply, the next command (RFC 2033), as an MTA does that does not
 * pipeline. One message in flight; when it is answered the next one begins on the same connection.
 *
 *   GREETING -> HELLO -> MAIL -> RCPT (each) -> DATA -> CONTENT -> MAIL ... -> QUIT
 */
#include "load_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define COMMAND_MAX 1024 /* a command line, or a message's header */

#define MESSAGE_HEADER                                                                             \
    "Message-ID: <%lu.%ld@client.example>\r\n"                                                     \
    "From: Load <load@client.example>\r\n"                                                         \
    "To: users@%s\r\n"                                                                             \
    "Subject: message %lu of the load\r\n"                                                         \
    "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n\r\n"

enum state { GREETING, HELLO, MAIL, RCPT, DATA, CONTENT, QUIT };

struct session {
    struct load *load;
    int fd;
    uint32_t watched; /* epoll's events */
    enum state state; /* whose reply is awaited */
    unsigned rcpt;    /* RCPTs sent for this message */
    unsigned accepted;
    unsigned answers; /* still to come behind the content */
    bool in_flight;
    bool is_delivered; /* to somebody */
    double begun;
    size_t in_used;
    size_t out_used, out_sent;
    const char *content; /* the shared part still to send */
    size_t content_left;
    char in[4096];
    char out[COMMAND_MAX];
};

double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool
watch(struct session *s, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = s};
    int how = s->watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

    if (events == s->watched)
        return true;
    s->watched = events;
    return epoll_ctl(s->load->epoll, how, s->fd, &e) == 0;
}

struct session *
session_open(struct load *load)
{
    struct session *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    s->load = load;
    s->fd = target_connect(&load->target);
    if (s->fd < 0 || !watch(s, EPOLLIN)) {
        int error = errno;
        if (s->fd >= 0)
            close(s->fd);
        free(s);
        errno = error;
        return NULL;
    }
    load->open++;
    return s;
}

void
session_close(struct session *s)
{
    s->load->lost += s->in_flight;
    s->load->in_flight -= s->in_flight;
    s->load->open--;
    close(s->fd);
    free(s);
}

__attribute__((format(printf, 2, 3))) static void
put(struct session *s, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int n = vsnprintf(s->out + s->out_used, sizeof(s->out) - s->out_used, format, arguments);
    va_end(arguments);
    s->out_used += (size_t)n; /* main.c bounds the domain, the only part that varies much */
}

static void
begin_message(struct session *s)
{
    struct load *l = s->load;

    if (load_is_over(l)) {
        put(s, "QUIT\r\n");
        s->state = QUIT;
        return;
    }
    s->in_flight = true;
    l->in_flight++;
    s->is_delivered = false;
    s->begun = now();
    s->rcpt = s->accepted = 0;
    l->begun++;
    put(s, "MAIL FROM:<load@client.example>\r\n");
    s->state = MAIL;
}

static void
send_rcpt(struct session *s)
{
    struct load *l = s->load;
    unsigned long user = (unsigned long)(l->next_user++ % l->options->users);

    put(s, "RCPT TO:<%s%lu@%s>\r\n", l->options->name, user, l->options->domain);
    s->rcpt++;
    s->state = RCPT;
}

static void
send_content(struct session *s)
{
    const struct load *l = s->load;
    unsigned long number = (unsigned long)l->begun;

    put(s, MESSAGE_HEADER, number, (long)getpid(), l->options->domain, number);
    s->content = content_tail(&l->content, s->out_used, &s->content_left);
    s->answers = s->accepted;
    s->state = CONTENT;
}

static void
refused(struct session *s, const char *line)
{
    struct load *l = s->load;

    if (l->refused++ == 0)
        snprintf(l->first_refusal, sizeof(l->first_refusal), "%.200s", line);
}

static bool
end_message(struct session *s)
{
    struct load *l = s->load;

    s->in_flight = false;
    l->in_flight--;
    l->last = now();
    if (s->is_delivered) {
        l->messages++;
        if (!latencies_add(&l->latencies, l->last - s->begun))
            return false;
    }
    begin_message(s);
    return true;
}

static bool
on_answer(struct session *s, bool ok, const char *line)
{
    if (ok) {
        s->load->delivered++;
        s->is_delivered = true;
    } else {
        refused(s, line);
    }
    return --s->answers > 0 || end_message(s);
}

static void
on_rcpt(struct session *s, bool ok, const char *line)
{
    if (ok)
        s->accepted++;
    else
        refused(s, line);
    if (s->rcpt < s->load->options->recipients) {
        send_rcpt(s);
        return;
    }
    put(s, "DATA\r\n");
    s->state = DATA;
}

/* The last line of a reply. False: this connection is of no more use. */
static bool
on_reply(struct session *s, const char *line)
{
    bool ok = line[0] == '2' || line[0] == '3';

    if (!ok && s->state != RCPT && s->state != CONTENT)
        return false;
    switch (s->state) {
    case GREETING:
        put(s, "LHLO client.example\r\n");
        s->state = HELLO;
        return true;
    case HELLO:
        begin_message(s);
        return true;
    case MAIL:
        send_rcpt(s);
        return true;
    case RCPT:
        on_rcpt(s, ok, line);
        return true;
    case DATA:
        send_content(s);
        return true;
    case CONTENT:
        return on_answer(s, ok, line);
    case QUIT:
        break;
    }
    return false;
}

static bool
receive(struct session *s)
{
    ssize_t got = read(s->fd, s->in + s->in_used, sizeof(s->in) - s->in_used);
    char *line = s->in, *end;

    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    if (got == 0)
        return false;
    s->in_used += (size_t)got;
    while ((end = memchr(line, '\n', s->in_used - (size_t)(line - s->in))) != NULL) {
        *end = '\0';
        if (end - line < 4 || (line[3] != '-' && !on_reply(s, line)))
            return false;
        line = end + 1;
    }
    s->in_used -= (size_t)(line - s->in);
    memmove(s->in, line, s->in_used);
    return s->in_used < sizeof(s->in);
}

static bool
transmit(struct session *s)
{
    while (s->out_used > 0 || s->content_left > 0) {
        struct iovec parts[2] = {{s->out + s->out_sent, s->out_used - s->out_sent},
                                 {(void *)s->content, s->content_left}};
        ssize_t done = writev(s->fd, parts, 2);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return errno == EAGAIN && watch(s, EPOLLIN | EPOLLOUT);
        size_t first = (size_t)done < parts[0].iov_len ? (size_t)done : parts[0].iov_len;
        s->out_sent += first;
        s->content += (size_t)done - first;
        s->content_left -= (size_t)done - first;
        if (s->out_sent == s->out_used)
            s->out_sent = s->out_used = 0;
    }
    return watch(s, EPOLLIN);
}

bool
session_step(struct session *s, bool can_read)
{
    return (!can_read || receive(s)) && transmit(s);
}
