/* SPDX-License-Identifier: MIT
 *
 * Macros: what a session knows, by name, and which of it a filter gets in front of each command.
 */
#ifndef FILTER_MILTER_MACROS_PRIV_H
#define FILTER_MILTER_MACROS_PRIV_H

#include "doorstep/filter.h"

#include "protocol_priv.h"

struct macros {
    struct {
        char *name, *value; /* owned */
    } list[FILTER_MACROS_MAX];
    size_t count;
};

void macros_release(struct macros *m);

/* macros_set() - an empty value unsets. false without memory or room. */
bool macros_set(struct macros *m, struct span name, struct span value);

/* macros_default() - the names that a filter gets which did not choose, separated by spaces. */
struct span macros_default(enum milter_macro_stage stage);

/* macros_put() - the packet in front of `command`: those of `names` that have a value; nothing
 * where none has. false: out is full. */
bool macros_put(const struct macros *m, struct span names, enum milter_command command,
                struct buf *out);

#endif
