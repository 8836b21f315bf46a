/* SPDX-License-Identifier: MIT
 *
 * What a reader holds: the segments' bytes, read into memory and not mapped, so that neither a bad
 * sector (SIGBUS) nor a writer beside can change them under a caller; and a list of what was found
 * in each.
 */
#ifndef DOORSTEP_JOURNAL_READ_PRIV_H
#define DOORSTEP_JOURNAL_READ_PRIV_H

#include "doorstep/journal.h"

#include "format_priv.h"

enum found_kind { FOUND_RECORD, FOUND_CUT, FOUND_HOLE };

struct found {
    enum found_kind kind;
    bool is_void; /* cut off */
    uint16_t type;
    uint32_t octets;
    uint64_t offset; /* of the record's head, or of the hole */
};

struct segment {
    char name[JOURNAL_NAME_SIZE];
    struct segment_head head;
    uint64_t file_octets;
    uint8_t *data; /* mapped, `size` octets; NULL when the segment is free or empty */
    size_t size;
    struct found *found; /* owned */
    size_t found_count, found_room;
    uint64_t batches;
    uint64_t synced; /* what lies before this was on stable storage once */
    uint64_t needed; /* segments from head.first up to this were freed */
};

struct journal_reader {
    int folder;               /* owned; -1: there is none */
    struct segment *segments; /* by writer, then by number */
    size_t count, room;
    char **unknown; /* owned names */
    size_t unknown_count, unknown_room;
};

/* scan_segment() - fills found, batches, synced and needed from data and size. false: no memory. */
bool scan_segment(struct segment *g);

/* scan_settle() - the segments of one writer, in order: what was freed or cut is void, and a hole
 * in what had been synced is known as damage (`synced` reaches behind it). */
void scan_settle(struct segment *segments, size_t count);

#endif
