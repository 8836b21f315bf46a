/* SPDX-License-Identifier: MIT
 *
 * The pieces of which calls and replies between a store and its hand are made.
 */
#include "hand_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/door.h"

void
hand_pack_settings(const struct settings_store *s, struct pack *p)
{
    pack_str(p, s->driver);
    pack_str(p, s->path);
    pack_u8(p, s->crlf);
    pack_u8(p, (uint8_t)s->lock_count);
    for (size_t i = 0; i < s->lock_count; i++)
        pack_u8(p, (uint8_t)s->lock[i]);
    pack_u64(p, s->lock_timeout);
    pack_u64(p, s->tmp_max_age);
}

void
hand_pack_ref(const struct store_ref *ref, struct pack *p)
{
    pack_str(p, ref->name);
    pack_u64(p, ref->stored_octets);
    pack_u64(p, ref->wire_octets);
    pack_u32(p, ref->trace_octets);
    pack_u8(p, ref->is_crlf);
}

void
hand_unpack_ref(struct store_ref *ref, struct unpack *u)
{
    unpack_str(u, ref->name, sizeof(ref->name));
    ref->stored_octets = unpack_u64(u);
    ref->wire_octets = unpack_u64(u);
    ref->trace_octets = unpack_u32(u);
    ref->is_crlf = unpack_u8(u) != 0;
}

void
hand_pack_entry(const struct store_entry *e, struct pack *p)
{
    pack_str(p, e->name);
    pack_u32(p, e->flags);
    pack_u64(p, e->stored_octets);
    pack_u64(p, e->wire_octets);
    pack_u64(p, (uint64_t)e->arrived);
    pack_u8(p, e->is_new);
}

void
hand_unpack_entry(struct store_entry *e, char name[STORE_REF_SIZE], struct unpack *u)
{
    unpack_str(u, name, STORE_REF_SIZE);
    e->name = name;
    e->flags = unpack_u32(u);
    e->stored_octets = unpack_u64(u);
    e->wire_octets = unpack_u64(u);
    e->arrived = (time_t)unpack_u64(u);
    e->is_new = unpack_u8(u) != 0;
}

/* Octets from where the message lies into the frame. */
static bool
pack_inline(const struct message *m, struct pack *p, struct outcome *why)
{
    uint64_t octets = message_traits(m)->octets;
    char *all = malloc(octets + 1);
    uint64_t done = 0;

    if (all == NULL)
        return outcome_set(why, OUTCOME_OVERLOAD, "no memory for a message");
    while (done < octets) {
        ssize_t got = message_read(m, done, all + done, (size_t)(octets - done));
        if (got <= 0)
            break;
        done += (uint64_t)got;
    }
    if (done == octets) {
        pack_u8(p, 1);
        pack_span(p, (struct span){all, octets});
    } else {
        outcome_errno(why, EIO, "read", "message");
    }
    free(all);
    return done == octets;
}

/* One that lies in memory but is too long for a frame. Sealed: anybody may open a memfd anew, for
 * writing too. */
static int
message_to_file(const struct message *m)
{
    bool spilled;
    struct span all = message_inline(m, &spilled);
    int fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

    if (fd < 0 || (store_write_all(fd, all.p, all.n) && fcntl(fd, F_ADD_SEALS, seals) == 0))
        return fd;
    close(fd);
    return -1;
}

bool
hand_pack_message(const struct message *m, struct pack *p, int *fd, struct outcome *why)
{
    *fd = -1;
    if (message_traits(m)->octets <= HAND_INLINE_MAX)
        return pack_inline(m, p, why);
    int writable = message_fd(m) < 0 ? message_to_file(m) : -1;
    int file = message_fd(m) < 0 ? writable : message_fd(m);
    *fd = file >= 0 ? door_open_readonly(file) : -1;
    int error = errno;
    if (writable >= 0)
        close(writable);
    if (*fd < 0)
        return outcome_errno(why, error, "open", "message for the hand");
    pack_u8(p, 0);
    return true;
}

struct message *
hand_unpack_message(struct unpack *u, int fd, struct outcome *why)
{
    bool is_inline = unpack_u8(u) != 0;
    struct span octets = is_inline ? unpack_span(u, HAND_INLINE_MAX) : SPAN_NONE;
    struct message *m = NULL;
    struct stat st;

    outcome_set(why, OUTCOME_SYSTEM, "a frame of the hand's door is damaged");
    if (u->broken || is_inline != (fd < 0)) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    if (is_inline) {
        m = message_from_memory(octets);
        if (m == NULL)
            outcome_set(why, OUTCOME_OVERLOAD, "no memory for a message");
        return m;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) /* a FIFO would hold us for ever */
        return message_from_fd(fd, why);
    close(fd);
    return NULL;
}
