/* SPDX-License-Identifier: MIT
 *
 * The HTTP side of the metrics role: see metrics_http.h. One thread waits for main and for the
 * sockets together. Whoever connects gets ten seconds, little memory and one kind of answer.
 */
#include "doorstep/metrics_http.h"

#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "doorstep/door_frames.h"
#include "doorstep/log.h"
#include "doorstep/pack.h"

#define CONNECTIONS_MAX 16u /* of each socket */
#define TIMEOUT_S 10u
#define MEMORY_MAX ((size_t)16384) /* of one request: its head */

struct metrics_http {
    const struct metrics_book *book; /* borrowed */
    struct MHD_Daemon *daemons[METRICS_LISTENERS_MAX];
    size_t count;
};

static enum MHD_Result
answer(struct MHD_Connection *connection, unsigned status, const char *type, struct span text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(text.n, (void *)(uintptr_t)text.p, MHD_RESPMEM_MUST_COPY);

    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result
answer_plain(struct MHD_Connection *connection, unsigned status, const char *text)
{
    return answer(connection, status, "text/plain; charset=utf-8", span_of(text));
}

static enum MHD_Result
answer_metrics(struct MHD_Connection *connection, const struct metrics_book *book)
{
    struct buf text;

    buf_init(&text, METRICS_TEXT_MAX);
    metrics_count(METRIC_SCRAPES, METRICS_NO_LABEL, 1);
    enum MHD_Result result =
        metrics_print(book, &text)
            ? answer(connection, MHD_HTTP_OK, METRICS_CONTENT_TYPE, buf_span(&text))
            : answer_plain(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory\n");
    buf_release(&text);
    return result;
}

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
           const char *version, const char *body, size_t *body_size, void **context)
{
    const struct metrics_http *h = arg;

    (void)version;
    (void)body;
    if (*context == NULL) { /* the head alone: wait for the end of the request */
        *context = (void *)(uintptr_t)h;
        return MHD_YES;
    }
    if (*body_size > 0) { /* nobody needs it */
        *body_size = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_plain(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET only\n");
    if (strcmp(url, "/metrics") != 0)
        return answer_plain(connection, MHD_HTTP_NOT_FOUND, "see /metrics\n");
    return answer_metrics(connection, h->book);
}

static struct MHD_Daemon *
start_daemon(struct metrics_http *h, int socket)
{
    return MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET,
                            socket, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
                            MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_MAX, MHD_OPTION_END);
}

struct metrics_http *
metrics_http_new(const struct metrics_book *book, const int *sockets, size_t count)
{
    struct metrics_http *h = calloc(1, sizeof *h);
    bool ok = h != NULL;

    for (size_t i = 0; i < count; i++) {
        struct MHD_Daemon *daemon =
            ok && h->count < METRICS_LISTENERS_MAX ? start_daemon(h, sockets[i]) : NULL;
        if (daemon == NULL)
            close(sockets[i]);
        else
            h->daemons[h->count++] = daemon;
        ok = ok && daemon != NULL;
    }
    if (ok) {
        h->book = book;
        return h;
    }
    metrics_http_free(h);
    return NULL;
}

void
metrics_http_free(struct metrics_http *h)
{
    for (size_t i = 0; h != NULL && i < h->count; i++)
        MHD_stop_daemon(h->daemons[i]);
    free(h);
}

/* How long poll(2) may sleep before a connection's time is up. */
static int
next_timeout(struct metrics_http *h)
{
    int soonest = -1;

    for (size_t i = 0; i < h->count; i++) {
        MHD_UNSIGNED_LONG_LONG ms;

        if (MHD_get_timeout(h->daemons[i], &ms) == MHD_YES &&
            (soonest < 0 || ms < (MHD_UNSIGNED_LONG_LONG)soonest))
            soonest = ms < 1000 ? (int)ms : 1000;
    }
    return soonest;
}

static bool
take_frame(struct metrics_book *book, const struct door_frame *f)
{
    struct unpack u;

    unpack_init(&u, f->body);
    uint32_t role = unpack_u32(&u);
    if (f->type == MAIN_METRICS_PAGE && f->fd >= 0 && unpack_done(&u)) {
        if (!metrics_book_add(book, role, f->fd))
            log_event(LOG_LEVEL_WARNING, "page_not_read", "role", log_num(role), NULL);
        return true;
    }
    if (f->fd >= 0)
        close(f->fd);
    return false;
}

/* True: go on. */
static bool
hear_main(struct metrics_book *book, struct door *main_door, int *status)
{
    struct door_frame f;
    enum door_result got;

    while ((got = door_receive(main_door, &f)) == DOOR_OK) {
        if (!take_frame(book, &f)) {
            *status = EX_PROTOCOL;
            return false;
        }
    }
    *status = got == DOOR_CLOSED ? EXIT_SUCCESS : EX_PROTOCOL;
    return got == DOOR_AGAIN;
}

int
metrics_http_run(struct metrics_http *h, struct metrics_book *book, struct door *main_door)
{
    struct pollfd wait[METRICS_LISTENERS_MAX + 1];
    int status = EX_OSERR;

    wait[0] = (struct pollfd){.fd = door_fd(main_door), .events = POLLIN};
    for (size_t i = 0; i < h->count; i++)
        wait[i + 1] = (struct pollfd){
            .fd = MHD_get_daemon_info(h->daemons[i], MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
            .events = POLLIN};
    while (hear_main(book, main_door, &status)) {
        for (size_t i = 0; i < h->count; i++)
            MHD_run(h->daemons[i]);
        poll(wait, h->count + 1, next_timeout(h));
    }
    return status;
}
