/* SPDX-License-Identifier: MIT
 *
 * A disk that forgets: the storage calls of the journal go through here (-Wl,--wrap) to the kernel,
 * and a model beside remembers what a power cut would leave: of what was not synced any sectors, of
 * names any changes. A call can be made to fail; a failed sync leaves some sectors, and forgets
 * that the others were dirty, as Linux does. Writing to or syncing a file after it has failed ends
 * the test.
 */
#ifndef DOORSTEP_TEST_JOURNAL_DISK_H
#define DOORSTEP_TEST_JOURNAL_DISK_H

#include <stdbool.h>

enum disk_call {
    DISK_PWRITE,
    DISK_FDATASYNC,
    DISK_FSYNC,
    DISK_RENAMEAT,
    DISK_FALLOCATE,
    DISK_UNLINKAT,
    DISK_PREAD,
    DISK_CALLS
};

/* disk_begin() - an empty disk; the folder of the files. disk_end() - forget all. */
void disk_begin(const char *in_folder, unsigned seed);
void disk_end(void);

unsigned disk_random(unsigned below);

/* disk_fail() - the nth next call of that kind (0: the next one) fails with that errno, once; a
 * pwrite with error 0 is short. disk_spare() - not after all. disk_has_failed() - it did. */
void disk_fail(enum disk_call call, unsigned nth, int error);
void disk_spare(void);
bool disk_has_failed(void);
unsigned disk_calls(enum disk_call call); /* so far */

/* disk_on_call() - called before each call that changes something, with what a cut here would show;
 * NULL: none. */
void disk_on_call(void (*on_call)(void));

/* disk_cut() - what a cut at this moment leaves is written as files to a folder (a dice roll each
 * time). disk_adopt() - the files of the disk's own folder are replaced by those, as all there is.
 */
void disk_cut(const char *to_folder);
void disk_adopt(const char *from_folder);

#endif
