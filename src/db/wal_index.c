/* SPDX-License-Identifier: MIT
 *
 * The index that SQLite keeps of a WAL, made small while its connection rests. Without a -shm file
 * it lies in memory, in blocks of 32 KiB (sqlite.org/walformat.html 2.2) that are allocated whole:
 * page numbers and a hash table over them, nearly all zeros as long as the WAL is short. A thousand
 * open databases had 33 MB of it, a third of all memory. The first block of each lies in a range of
 * ours, by way of SQLITE_CONFIG_MALLOC; packed, what is not zero is in its first pages and the
 * kernel has the others back. Blocks past the first (a WAL of more than 4,062 pages), and those
 * that find no room in the range, are allocated as usual.
 */
#include "wal_index_priv.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCK 32768
#define VERSION 3007000 /* what an index begins with, in the order of this machine */
#define BLOCKS 1536     /* of address space; memory is taken as it is used */
#define UNITS (BLOCK / sizeof(uint16_t))
#define GROUP 64 /* units that share a word of the map */
#define PACKED_UNITS 4096

struct packed {
    uint64_t map[UNITS / GROUP]; /* which units are not zero */
    uint16_t units[PACKED_UNITS];
};

static struct {
    pthread_mutex_t lock;
    char *start;                     /* BLOCKS of them; NULL: there is no range */
    uint16_t unused[BLOCKS];         /* numbers of blocks */
    struct wal_index *users[BLOCKS]; /* of the others */
    unsigned unused_count;
    sqlite3_mem_methods usual;
} range = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local struct wal_index *expected;

/* ---- where blocks are ---- */

static bool
is_ours(const void *p)
{
    return range.start != NULL && (uintptr_t)p - (uintptr_t)range.start < (size_t)BLOCKS * BLOCK;
}

static unsigned
number_of(const void *block)
{
    return (unsigned)(((const char *)block - range.start) / BLOCK);
}

static void *
take_block(struct wal_index *user)
{
    void *block = NULL;
    pthread_mutex_lock(&range.lock);
    if (range.unused_count > 0) {
        unsigned number = range.unused[--range.unused_count];
        block = range.start + (size_t)number * BLOCK;
        range.users[number] = user;
        *user = (struct wal_index){.block = block};
    }
    pthread_mutex_unlock(&range.lock);
    return block;
}

static void
give_block(void *block)
{
    unsigned number = number_of(block);
    madvise(block, BLOCK, MADV_DONTNEED);
    pthread_mutex_lock(&range.lock);
    *range.users[number] = (struct wal_index){0};
    range.unused[range.unused_count++] = (uint16_t)number;
    pthread_mutex_unlock(&range.lock);
}

static void *
allocate(int n)
{
    void *block = NULL;
    if (n == BLOCK && expected != NULL)
        block = take_block(expected);
    if (block == NULL)
        return range.usual.xMalloc(n);
    expected = NULL;
    return block;
}

static void
release(void *p)
{
    if (is_ours(p))
        give_block(p);
    else
        range.usual.xFree(p);
}

static int
size_of(void *p)
{
    return is_ours(p) ? BLOCK : range.usual.xSize(p);
}

/* SQLite never grows a block of the index, but this is how one would. */
static void *
reallocate(void *p, int n)
{
    if (!is_ours(p))
        return range.usual.xRealloc(p, n);
    void *copy = range.usual.xMalloc(n);
    if (copy == NULL)
        return NULL;
    memcpy(copy, p, n < BLOCK ? (size_t)n : BLOCK);
    give_block(p);
    return copy;
}

void
wal_index_setup(void)
{
    if (range.start != NULL || sqlite3_config(SQLITE_CONFIG_GETMALLOC, &range.usual) != SQLITE_OK)
        return;
    sqlite3_mem_methods ours = range.usual;
    ours.xMalloc = allocate;
    ours.xFree = release;
    ours.xSize = size_of;
    ours.xRealloc = reallocate;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) != SQLITE_OK)
        return;
    void *p = mmap(NULL, (size_t)BLOCKS * BLOCK, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return;
    range.start = p;
    for (unsigned n = 0; n < BLOCKS; n++)
        range.unused[range.unused_count++] = (uint16_t)n;
}

void
wal_index_expect(struct wal_index *index)
{
    expected = index;
}

/* ---- packing ---- */

/* pack_units() - octets of *out that are used, or 0: there is too much that is not zero. */
static size_t
pack_units(const uint16_t *units, struct packed *out)
{
    size_t n = 0;
    for (size_t group = 0; group < UNITS / GROUP; group++) {
        uint64_t map = 0;
        for (unsigned i = 0; i < GROUP; i += 4) {
            uint64_t four;
            memcpy(&four, &units[group * GROUP + i], sizeof(four));
            for (unsigned k = i; four != 0 && k < i + 4; k++) {
                if (units[group * GROUP + k] == 0)
                    continue;
                if (n == PACKED_UNITS)
                    return 0;
                map |= UINT64_C(1) << k;
                out->units[n++] = units[group * GROUP + k];
            }
        }
        out->map[group] = map;
    }
    return offsetof(struct packed, units) + n * sizeof(out->units[0]);
}

static void
unpack_units(const struct packed *in, uint16_t *units)
{
    size_t n = 0;
    for (size_t group = 0; group < UNITS / GROUP; group++)
        for (uint64_t map = in->map[group]; map != 0; map &= map - 1)
            units[group * GROUP + (unsigned)__builtin_ctzll(map)] = in->units[n++];
}

void
wal_index_pack(struct wal_index *index)
{
    struct packed packed;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint32_t version;

    if (index->block == NULL || index->small != 0)
        return;
    memcpy(&version, index->block, sizeof(version));
    if (version != VERSION)
        return;
    size_t octets = pack_units(index->block, &packed);
    size_t kept = (octets + page - 1) / page * page;
    if (octets == 0 || kept >= BLOCK)
        return;
    char *rest = (char *)index->block + kept;
    if (madvise(rest, BLOCK - kept, MADV_DONTNEED) != 0)
        memset(rest, 0, BLOCK - kept);
    memcpy(index->block, &packed, octets);
    index->small = octets;
}

void
wal_index_unpack(struct wal_index *index)
{
    struct packed packed;

    if (index->small == 0)
        return;
    memcpy(&packed, index->block, index->small);
    memset(index->block, 0, index->small);
    unpack_units(&packed, index->block);
    index->small = 0;
}
