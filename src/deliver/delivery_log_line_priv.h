/* SPDX-License-Identifier: MIT
 *
 * One line of the delivery log, as JSON. By hand, since building a tree for each would cost more
 * than the delivery's own bookkeeping; they are read with jansson.
 */
#ifndef DELIVER_DELIVERY_LOG_LINE_PRIV_H
#define DELIVER_DELIVERY_LOG_LINE_PRIV_H

#include <time.h>

#include "doorstep/buf.h"

#include "delivery_log_priv.h"

#define DELIVERY_LOG_LINE_MAX 16384 /* octets */

struct delivery_log_time { /* the second printed last: lines of one second share it. Zero at first
                            */
    time_t second;
    char text[32];
};

/* delivery_log_print_line() - append it, with its line end. false: no memory, or it is too long. */
bool delivery_log_print_line(struct buf *out, struct delivery_log_time *kept,
                             const struct delivery_event *e);

#endif
