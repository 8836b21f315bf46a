/* SPDX-License-Identifier: MIT
 *
 * What the files of the sorter's role share: the door to the store, read and written in straight
 * lines by one thread.
 */
#ifndef SORT_SORTER_PRIV_H
#define SORT_SORTER_PRIV_H

#include "doorstep/door.h"
#include "doorstep/door_frames.h"
#include "doorstep/filing.h"
#include "doorstep/sort.h"

#include "programs_priv.h"

struct held; /* a frame that came while an answer was waited for */

struct sorter {
    const struct sort_options *options; /* borrowed */
    struct charsets *charsets;          /* borrowed */
    struct door *door;
    struct held *held;    /* owned: in order */
    struct held *current; /* owned: the frame that is being served, where it was held */
    struct sort_scan *scan;
    struct buf window;  /* of a descriptor */
    struct buf script;  /* text of the one that is checked */
    struct arena arena; /* of a message's facts */
    struct buf packed;  /* the answer */
    struct buf frame;   /* a piece of it */

    /* What Sieve is to say of the next message. */
    struct arena runs_arena;
    struct arena run_arena;
    struct sieve_run *sieve; /* owned: of the run before, or NULL */
    struct span *runs;       /* owned: packed, in runs_arena */
    uint32_t run_count, run_room;
    uint64_t runs_id;
    struct buf whole; /* that message, where it comes inline */
    struct programs *programs;
    uint64_t edited; /* octets of edited messages that were sent with it */
};

enum sorter_result {
    SORTER_GOES_ON,
    SORTER_IS_DONE,  /* the door closed */
    SORTER_IS_BROKEN /* a frame that is none, or no memory */
};

/* sorter_flush() - send what waits, also to a store that is slow to read. */
enum sorter_result sorter_flush(struct sorter *so);

/* sorter_receive() - the next frame, however long it takes; its body is borrowed until the next
 * call. Those that were held come first. */
enum sorter_result sorter_receive(struct sorter *so, struct door_frame *out);

/* sorter_ask() - a question of a run (SORT_ASK); what it is told is appended to answer. Frames of
 * later messages are held meanwhile. */
enum sorter_result sorter_ask(struct sorter *so, uint32_t run, enum sort_question what,
                              struct span question, struct buf *answer, uint8_t *verdict);
void sorter_drop_held(struct sorter *so);

/* sorter_send() - an answer of that type, in as many pieces as it takes. */
enum sorter_result sorter_send(struct sorter *so, uint16_t type, uint64_t id, struct span packed);

/* sorter_check() - so->script is compiled, under the name that the frame brought; SORT_REPORT. */
enum sorter_result sorter_check(struct sorter *so, uint64_t id, const char *name);

/* sorter_take_run() - SORT_RUN: what comes before the message that it is of. */
enum sorter_result sorter_take_run(struct sorter *so, uint64_t id, struct span packed);

/* sorter_file() - all runs on the message; SORT_EDITION and SORT_FILED. */
enum sorter_result sorter_file(struct sorter *so, uint64_t id, struct span message);

#endif
