/* SPDX-License-Identifier: MIT
 *
 * One event a line, key=value, to standard error (systemd's journal and containers read it
 * there). Values are escaped, so a peer's bytes can never end a line or move a terminal.
 * Lines are at most LOG_LINE_MAX octets; a value that does not fit is cut and marked with "...".
 *
 *     log_event(LOG_LEVEL_INFO, "delivered", "id", id, "to", address, NULL);
 *
 * With log_set_json() a line is one JSON object instead: time, role, pid, level, event, then the
 * pairs; numbers of log_num() are numbers, NULL values are left out.
 *
 * Thread-safe: a line is written with one write(2).
 */
#ifndef DOORSTEP_LOG_H
#define DOORSTEP_LOG_H

#include <stdbool.h>

#define LOG_LINE_MAX 2048

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

/* log_start() - role stands in every line; called once, before threads. With the variable
 * JOURNAL_STREAM in the environment lines begin with the <N> priorities of sd-daemon(3) and
 * carry no time; else with an RFC 3339 time. */
void log_start(const char *role, enum log_level lowest);

/* log_set_level() - what is lower than this is dropped. */
void log_set_level(enum log_level lowest);

/* log_set_json() - JSON lines from now on; before threads. */
void log_set_json(bool json);

/* log_wants() - is such a line printed? For those whose values cost something to put together. */
bool log_wants(enum log_level level);

/* log_event() - event name, then pairs of C strings, ended by NULL. A NULL value prints "-". */
void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));

/* log_num() - a number as text for log_event(), in one of 16 buffers of the thread, used in turn.
 */
const char *log_num(long long v);

#endif
