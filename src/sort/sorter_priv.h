/* SPDX-License-Identifier: MIT
 *
 * What the files of the sorter's role share: the door to the store, read and written in straight
 * lines by one thread.
 */
#ifndef SORT_SORTER_PRIV_H
#define SORT_SORTER_PRIV_H

#include "doorstep/door.h"
#include "doorstep/sort.h"

struct sorter {
    const struct sort_options *options; /* borrowed */
    struct door *door;
    struct sort_scan *scan;
    struct buf window;  /* of a descriptor */
    struct buf script;  /* text of the one that is checked */
    struct arena arena; /* of a message's facts */
    struct buf packed;  /* the answer */
};

enum sorter_result {
    SORTER_GOES_ON,
    SORTER_IS_DONE,  /* the door closed */
    SORTER_IS_BROKEN /* a frame that is none, or no memory */
};

/* sorter_send() - so->packed as an answer of that type, in as many pieces as it takes. */
enum sorter_result sorter_send(struct sorter *so, uint16_t type, uint64_t id);

/* sorter_check() - so->script is compiled, under the name that the frame brought; SORT_REPORT. */
enum sorter_result sorter_check(struct sorter *so, uint64_t id, const char *name);

#endif
