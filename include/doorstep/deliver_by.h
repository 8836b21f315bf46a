/* SPDX-License-Identifier: MIT
 *
 * The value of DELIVERBY's parameter (RFC 2852 4): by-time ";" by-mode [by-trace]. By-time is what
 * is left at the moment at which it is said; whoever keeps a message counts on. Pure.
 */
#ifndef DOORSTEP_DELIVER_BY_H
#define DOORSTEP_DELIVER_BY_H

#include <stdbool.h>
#include <stdint.h>

#define DELIVER_BY_SIZE 16                 /* "-999999999;NT", with its NUL */
#define DELIVER_BY_SECONDS_MAX 999999999LL /* either way */

struct deliver_by {
    int64_t seconds; /* negative: so long ago */
    bool is_return;  /* else its sender is only told */
    bool has_trace;
};

/* deliver_by_parse() - false, and *out is zero, where text is no value, "" included. */
bool deliver_by_parse(const char *text, struct deliver_by *out);

/* deliver_by_print() - into out, seconds cut to what can be said. */
void deliver_by_print(const struct deliver_by *by, char out[DELIVER_BY_SIZE]);

#endif
