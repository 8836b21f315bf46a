/* SPDX-License-Identifier: MIT
 *
 * The metrics role: GET /metrics on sockets that main has bound, by libmicrohttpd without threads.
 * It opens nothing, reads pages of counters, and knows nothing else.
 */
#ifndef DOORSTEP_METRICS_HTTP_H
#define DOORSTEP_METRICS_HTTP_H

#include <stddef.h>

#include "doorstep/door.h"
#include "doorstep/metrics_book.h"

#define METRICS_LISTENERS_MAX 16

struct metrics_http;

/* metrics_http_new() - listen on these sockets (taken, also on failure). NULL: no memory, or one is
 * no socket. The book is borrowed. */
struct metrics_http *metrics_http_new(const struct metrics_book *book, const int *sockets,
                                      size_t count);
void metrics_http_free(struct metrics_http *h);

/* metrics_http_run() - serve until the door to main closes or breaks; the exit status. Pages that
 * main sends meanwhile go into the book. */
int metrics_http_run(struct metrics_http *h, struct metrics_book *book, struct door *main_door);

#endif
