/* SPDX-License-Identifier: MIT
 *
 * Are a message's stored bytes still those that were delivered?
 */
#ifndef DELIVER_CONTENT_H
#define DELIVER_CONTENT_H

#include <stdbool.h>

#include "doorstep/index.h"
#include "doorstep/message.h"

/* content_is_as_delivered() - compares what store_read() gave (borrowed) with the size and the
 * digest in the row, which must have one. The result is in *same; false with `why`: it cannot be
 * read. Any thread. */
bool content_is_as_delivered(const struct message *stored, const struct index_message *row,
                             bool *same, struct outcome *why);

#endif
