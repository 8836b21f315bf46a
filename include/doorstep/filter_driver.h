/* SPDX-License-Identifier: MIT
 *
 * A filter's driver, as the store sees it: a role of its own that is told a few words and lent a
 * message, and answers with a struct filter_result. What the words mean is between the driver's two
 * ends: who asks (src/deliver/), and the role (src/filter/). A further kind of filter is one more
 * driver, a role that reads its words, and somebody who writes them.
 */
#ifndef DOORSTEP_FILTER_DRIVER_H
#define DOORSTEP_FILTER_DRIVER_H

#include <stdint.h>

struct filter_driver {
    const char *role; /* for the log */
    uint16_t ask;     /* frame: id; words, u8 kind (0 inline, 1 by fd), u64 octets; fd */
    uint16_t more;    /* frame: id; octets of an inline message */
    uint16_t answer;  /* frame: id; u8 1 when more frames follow, a piece of the packed result;
                       * with the last one the descriptor of a new body, sealed */
};

/* filter_milter: the chain of milters of a session; its words: str name of the message.
 * filter_program: an external program; its words: a packed struct program_job.
 * filter_passthrough: a content filter that gives a message back; the same words. */
extern const struct filter_driver filter_milter, filter_program, filter_passthrough;

#endif
