/* SPDX-License-Identifier: MIT
 *
 * An SQLite VFS that stands before the usual one and lets the nth write, sync, cut, creation or
 * deletion go wrong. It syncs nothing itself: it keeps what a disk would hold after a power cut, a
 * copy of each file as of its last sync.
 */
#ifndef FAULT_VFS_H
#define FAULT_VFS_H

#include <stdbool.h>

enum fault_mode {
    FAULT_NONE,
    FAULT_ONCE,      /* an I/O error, then all is well again */
    FAULT_DISK_FULL, /* the same with SQLITE_FULL */
    FAULT_KILL,      /* nothing works from then on */
    FAULT_POWER,     /* the same, and fault_lose_unsynced() */
    FAULT_READ,      /* calls are reads: EIO once */
    FAULT_READS      /* that read and all behind it */
};

void fault_install(const char *database); /* its path; becomes SQLite's default VFS */
void fault_uninstall(void);

/* fault_arm() - call `at` (1 is the first) goes wrong. */
void fault_arm(enum fault_mode mode, unsigned at);

/* fault_fail_next_sync() - with an error, once; as a kernel does, later syncs of that file say that
 * all is well and bring nothing to the disk that was not written again since. */
void fault_fail_next_sync(void);

/* fault_disarm() - true when that call was reached. */
bool fault_disarm(void);

/* fault_lose_unsynced() - the files as they were when they were last synced, none that never was.
 */
void fault_lose_unsynced(void);
void fault_remove_files(void);

#endif
