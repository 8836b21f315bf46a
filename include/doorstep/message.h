/* SPDX-License-Identifier: MIT
 *
 * The bytes of one message as received (unstuffed, before our trace fields), CRLF or whatever
 * came. Small ones lie in memory; past a threshold they move to a file that the caller
 * opens. Counted while they arrive: octets, line ends, traits, digest.
 * Built by one thread, then sealed and read-only: any thread may read it, and references are
 * counted atomically.
 */
#ifndef DOORSTEP_MESSAGE_H
#define DOORSTEP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "doorstep/outcome.h"
#include "doorstep/span.h"

#define MESSAGE_DIGEST_SIZE 65 /* BLAKE2b-256 in hex, with the terminating NUL */

struct message;

struct message_traits {
    uint64_t octets;     /* as received */
    uint64_t lines;      /* CRLF pairs */
    uint64_t bare;       /* bare CR and bare LF octets */
    bool has_nul;        /* a NUL octet somewhere */
    bool has_8bit;       /* an octet above 127 */
    bool ends_with_crlf; /* or is empty */
};

/* Opens an unnamed read-write file for a message that outgrew memory; -1 with errno. */
typedef int (*message_spill_fn)(void *arg);

/* message_new() - one reference; NULL without memory. spill may be NULL: memory only, and
 * message_append() fails with DISK_FULL past memory_max. */
struct message *message_new(size_t memory_max, message_spill_fn spill, void *arg);
struct message *message_ref(struct message *m);
void message_unref(struct message *m); /* NULL is allowed */

/* message_append() - false with `why` when the disk refuses; the message is then unusable. */
bool message_append(struct message *m, const void *data, size_t n, struct outcome *why);

/* message_seal() - no more appends; digest and traits are final. */
void message_seal(struct message *m);

const struct message_traits *message_traits(const struct message *m);
const char *message_digest(const struct message *m); /* after the seal; owned by m */

/* message_digest_from() - before the seal, once: from now on a second digest is kept, of the bytes
 * from offset on; those that are there already are read for it. false: they cannot be, and there is
 * none. */
bool message_digest_from(struct message *m, uint64_t offset);

/* message_tail_digest() - that one, after the seal, and where it begins; without one the digest of
 * all bytes, and 0. Owned by m. */
const char *message_tail_digest(const struct message *m, uint64_t *offset);

/* message_drop() - forget the bytes of a sealed message that nobody reads any more; what was
 * counted of them and their digest stay. */
void message_drop(struct message *m);

/* message_inline() - all bytes when they lie in memory, else SPAN_NONE with *spilled true. */
struct span message_inline(const struct message *m, bool *spilled);

/* message_make_lf() - keep the bytes with LF for CRLF too, once for all who will store them so.
 * After the seal, before any other thread reads m. Only of a message of moderate size in memory
 * without bare line ends; else, and without memory, nothing happens. */
void message_make_lf(struct message *m);

/* message_lf() - that form; SPAN_NONE: it was not made. */
struct span message_lf(const struct message *m);

/* message_fd() - the spilled file's descriptor (owned by m), or -1. */
int message_fd(const struct message *m);

/* message_read() - copy up to n octets at offset; the count, 0 at the end, -1 with errno. */
ssize_t message_read(const struct message *m, uint64_t offset, void *out, size_t n);

/* message_from_memory() / message_from_fd() - a sealed message over bytes that exist already
 * (copied) or a descriptor (taken, closed with the message). For readers of stored files and for
 * tests. */
struct message *message_from_memory(struct span bytes);
struct message *message_from_fd(int fd, struct outcome *why);

#endif
