/* SPDX-License-Identifier: MIT
 *
 * A log line as it grows, for the two forms that it may have.
 */
#ifndef BASE_LOG_PRIV_H
#define BASE_LOG_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "doorstep/log.h"

#define LOG_TAIL sizeof "...\"}\n" /* what must fit behind the last value */

struct log_line {
    char text[LOG_LINE_MAX];
    size_t len;
};

/* log_put() - n octets, when they fit; false: they do not, nothing was put. */
bool log_put(struct log_line *l, const char *s, size_t n);

/* log_put_tail() - the same, in the room that is kept for the end. */
void log_put_tail(struct log_line *l, const char *s);

/* log_json_name() - ,"key": and log_json_text() - the value in quotes: ASCII alone, everything else
 * as \u escapes, what is no UTF-8 as U+FFFD. A value that does not fit is cut and marked. */
bool log_json_name(struct log_line *l, const char *key);
void log_json_text(struct log_line *l, const char *value);

#endif
