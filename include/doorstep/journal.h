/* SPDX-License-Identifier: MIT
 *
 * A write-ahead log: records that are on stable storage with one write and one sync for all that
 * wait. It knows records, not mail. A writer has a few files ("segments") of its own, of
 * fixed size, set aside once and overwritten again and again: on ext4 a sync of overwritten blocks
 * costs a third of one that appends. What a segment says is needed until its caller has brought the
 * effects to stable storage elsewhere and frees it. After a crash a reader gives every record back
 * whose sync returned (and maybe some whose did not), in order, each whole.
 */
#ifndef DOORSTEP_JOURNAL_H
#define DOORSTEP_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "doorstep/outcome.h"
#include "doorstep/span.h"

/* ---- writing: one writer, one thread (but for journal_prepare()) ---- */

struct journal;

struct journal_options {
    const char *folder;      /* must exist; borrowed */
    unsigned number;         /* the writer's, part of its files' names */
    uint64_t segment_octets; /* rounded up to whole blocks of 4 KiB; at least 64 KiB */
    unsigned segments_max;   /* at least 2 */
};

/* journal_open() - for new records, in files that are free or new. Files of this number that still
 * hold records from before are left alone and not counted; journal_reader_clear() removes them.
 * NULL: `why`. */
struct journal *journal_open(const struct journal_options *options, struct outcome *why);

/* journal_close() - what was added and not written is dropped; the segments stay as they are. NULL
 * is allowed. */
void journal_close(struct journal *j);

/* journal_record_max() - octets of a record's parts together that fit into an empty segment. */
uint64_t journal_record_max(const struct journal *j);

#define JOURNAL_TYPE_MIN 16 /* smaller types are the journal's own */

/* journal_add() - one more record for the next journal_write(). The parts' octets are borrowed
 * until then. *segment: the number of the segment that it will lie in (grows by one each; also over
 * restarts). Fails with DISK_FULL when no segment is free, TOO_BIG past journal_record_max(); what
 * was added before stays. */
bool journal_add(struct journal *j, uint16_t type, const struct span *parts, size_t count,
                 uint64_t *segment, struct outcome *why);

/* journal_write() - hands all that was added to the kernel. journal_sync() - the same, and all that
 * was written is on stable storage when it returns true. With nothing to do both are true at once.
 * A failure concerns every record that was not on stable storage yet: none of them will be given
 * back by a reader, the file is never written or synced again (a second sync of a failed page
 * lies), and the next journal_add() begins a fresh segment. */
bool journal_write(struct journal *j, struct outcome *why);
bool journal_sync(struct journal *j, struct outcome *why);

/* journal_turn() - the next record begins a new segment, so that all before can be freed. */
void journal_turn(struct journal *j);

/* journal_current() - number of the segment that the next record goes into, as things stand;
 * journal_oldest() - of the oldest one that is not free; equal: nothing but the current one is. */
uint64_t journal_current(const struct journal *j);
uint64_t journal_oldest(const struct journal *j);

/* journal_is_pressed() - half of the segments or more wait to be freed. */
bool journal_is_pressed(const struct journal *j);

/* journal_free() - segments below `segment` are needed no more and may be overwritten. That is on
 * stable storage with the next sync or journal_prepare(); a crash before may give them back once
 * more: replaying them must change nothing. */
void journal_free(struct journal *j, uint64_t segment);

/* journal_prepare() - from any thread: have the next segment's blocks ready (made, and overwritten
 * once), so that the writer does not wait for them. Its head tells what journal_free() has said so
 * far: when this returns, that is on stable storage too, unless all segments are in use. true:
 * there was something to do. */
bool journal_prepare(struct journal *j);

/* ---- reading: at start, and for people ---- */

struct journal_reader;

struct journal_entry {
    const char *file; /* name in the folder */
    unsigned number;  /* of the writer */
    uint64_t segment;
    uint64_t offset; /* in the file */
    uint16_t type;
    struct span record; /* borrowed from the reader */
};

enum journal_finding {
    JOURNAL_TORN,    /* the tail of the last batch is incomplete: its sync had not returned */
    JOURNAL_DAMAGED, /* a record in the middle: what follows was read all the same */
    JOURNAL_UNKNOWN  /* a file that is no segment of ours, or of a version that we cannot read */
};

struct journal_hooks { /* arg for both; NULL hooks are skipped */
    /* Records of one writer in the order in which they were added, writer after writer. false stops
     * the reading. */
    bool (*record)(void *arg, const struct journal_entry *e);
    void (*finding)(void *arg, enum journal_finding what, const char *file, uint64_t offset);
};

struct journal_usage { /* for people */
    unsigned segments; /* files */
    unsigned live;     /* with records that are not freed */
    uint64_t octets;   /* of all files */
    uint64_t records;
};

/* journal_reader_open() - all segments in the folder, of all writers, read-only, checked. A folder
 * that does not exist is an empty journal. It stays as it is while others write on: they see what
 * was there at open. NULL: `why`. */
struct journal_reader *journal_reader_open(const char *folder, struct outcome *why);
void journal_reader_close(struct journal_reader *r); /* NULL is allowed */

/* journal_reader_run() - calls the hooks; may be called again. false: a hook stopped it. */
bool journal_reader_run(struct journal_reader *r, const struct journal_hooks *hooks, void *arg);
void journal_reader_usage(const struct journal_reader *r, struct journal_usage *out);

/* journal_reader_clear() - what the reader read has been brought to stable storage elsewhere (or
 * into new records): its files that hold records are removed, durably; so are free ones of writers
 * from numbers_max on. Writers may be open: their files are not touched. */
bool journal_reader_clear(struct journal_reader *r, unsigned numbers_max, struct outcome *why);

#endif
