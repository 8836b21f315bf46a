/* SPDX-License-Identifier: MIT
 *
 * The index that SQLite keeps of a WAL, made small while its connection rests: see wal_index.c.
 */
#ifndef DOORSTEP_WAL_INDEX_PRIV_H
#define DOORSTEP_WAL_INDEX_PRIV_H

#include <stdbool.h>
#include <stddef.h>

struct wal_index {
    void *block;  /* SQLite's; NULL: none of ours */
    size_t small; /* octets in front of it that are in use while it is packed, or 0 */
};

/* wal_index_setup() - once a process, before sqlite3_initialize() and before threads. */
void wal_index_setup(void);

/* wal_index_expect() - the first block of an index that this thread's SQLite asks for from now on
 * is noted there. NULL: no more. */
void wal_index_expect(struct wal_index *index);

/* wal_index_pack() - until wal_index_unpack() SQLite must not look at it; freeing it is allowed.
 * What has no gain stays as it is. The thread that uses the connection. */
void wal_index_pack(struct wal_index *index);
void wal_index_unpack(struct wal_index *index);

#endif
