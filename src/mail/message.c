/* SPDX-License-Identifier: MIT
 *
 * A message while it arrives and after: bytes in memory, or past a threshold in the unnamed
 * file that the caller opened, with octets, line ends and digest kept in the same pass.
 * Filled by deliver/intake, read by the sorter's feeder and by store drivers.
 */
#include "doorstep/message.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/buf.h"

#define MESSAGE_READ_SIZE 65536
#define MESSAGE_PIECE 16384 /* on the stack */
#define MESSAGE_DIGEST_OCTETS 32
#define MESSAGE_BLOCK 192           /* octets counted at once; less than 256 */
#define MESSAGE_LF_MAX (256 * 1024) /* octets of a message that is kept with LF besides */

static_assert(MESSAGE_DIGEST_SIZE == 2 * MESSAGE_DIGEST_OCTETS + 1, "hex and NUL");

struct message {
    atomic_uint refs;
    bool is_sealed;
    struct buf bytes; /* empty once spilled */
    struct buf lf;    /* the same with LF; empty: not made */
    int fd;           /* -1 while in memory; owned */
    message_spill_fn spill;
    void *spill_arg; /* borrowed */
    uint64_t crs;    /* all CR octets, paired or not */
    uint64_t lfs;
    unsigned char last; /* octet before the next append */
    unsigned char last_but_one;
    struct message_traits traits;
    char digest[MESSAGE_DIGEST_SIZE];
    char tail_digest[MESSAGE_DIGEST_SIZE];
    uint64_t tail;                            /* where the second digest begins; 0: there is none */
    crypto_generichash_state hash, tail_hash; /* want 64-octet alignment */
};

struct message *
message_new(size_t memory_max, message_spill_fn spill, void *arg)
{
    struct message *m = aligned_alloc(_Alignof(struct message), sizeof(*m));

    if (m == NULL)
        return NULL;
    memset(m, 0, sizeof(*m));
    if (sodium_init() < 0) { /* cheap when done before; chooses the fast BLAKE2b */
        free(m);
        return NULL;
    }
    atomic_init(&m->refs, 1);
    buf_init(&m->bytes, memory_max);
    buf_init(&m->lf, MESSAGE_LF_MAX);
    m->fd = -1;
    m->spill = spill;
    m->spill_arg = arg;
    m->traits.ends_with_crlf = true;
    crypto_generichash_init(&m->hash, NULL, 0, MESSAGE_DIGEST_OCTETS);
    return m;
}

struct message *
message_ref(struct message *m)
{
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    return m;
}

void
message_unref(struct message *m)
{
    if (m == NULL)
        return;
    if (atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
        return;
    buf_release(&m->bytes);
    buf_release(&m->lf);
    if (m->fd >= 0)
        close(m->fd);
    free(m);
}

/* What a run of octets holds. */
struct counts {
    uint64_t lfs, crs;
    uint64_t pairs; /* CRLF */
    bool has_nul;
    unsigned char all; /* the octets, or-ed */
};

static void
count_octet(struct counts *c, unsigned char before, unsigned char octet)
{
    c->lfs += octet == '\n';
    c->crs += octet == '\r';
    c->pairs += octet == '\n' && before == '\r';
    c->has_nul = c->has_nul || octet == '\0';
    c->all |= octet;
}

/* MESSAGE_BLOCK octets, with one in front of them. Of constant length and without a branch, so that
 * compilers make a few vectors of it: octet by octet it cost more than the digest. */
static void
count_block(struct counts *c, const unsigned char *p)
{
    unsigned char lfs = 0, crs = 0, pairs = 0, nuls = 0, all = 0;

    for (unsigned i = 0; i < MESSAGE_BLOCK; i++) {
        lfs = (unsigned char)(lfs + (p[i] == '\n'));
        crs = (unsigned char)(crs + (p[i] == '\r'));
        pairs = (unsigned char)(pairs + ((p[i] == '\n') & (p[(int)i - 1] == '\r')));
        nuls |= p[i] == '\0';
        all |= p[i];
    }
    c->lfs += lfs;
    c->crs += crs;
    c->pairs += pairs;
    c->has_nul = c->has_nul || nuls != 0;
    c->all |= all;
}

static struct counts
count_octets(unsigned char before, const unsigned char *p, size_t n)
{
    struct counts c = {0};
    size_t i = 1;

    count_octet(&c, before, p[0]);
    for (; n - i >= MESSAGE_BLOCK; i += MESSAGE_BLOCK)
        count_block(&c, p + i);
    for (; i < n; i++)
        count_octet(&c, p[i - 1], p[i]);
    return c;
}

/* Bare line ends need no state over appends: they are the CRs and LFs that no pair explains. */
static void
message_count(struct message *m, const unsigned char *p, size_t n)
{
    struct message_traits *t = &m->traits;
    struct counts c = count_octets(m->last, p, n);

    m->lfs += c.lfs;
    m->crs += c.crs;
    m->last_but_one = n > 1 ? p[n - 2] : m->last;
    m->last = p[n - 1];
    t->octets += n;
    t->lines += c.pairs;
    t->bare = m->crs + m->lfs - 2 * t->lines;
    t->has_nul = t->has_nul || c.has_nul;
    t->has_8bit = t->has_8bit || (c.all & 0x80) != 0;
    t->ends_with_crlf = m->last_but_one == '\r' && m->last == '\n';
    crypto_generichash_update(&m->hash, p, n);
    if (m->tail > 0)
        crypto_generichash_update(&m->tail_hash, p, n);
}

static void
end_hash(crypto_generichash_state *h, char digest[MESSAGE_DIGEST_SIZE])
{
    unsigned char hash[MESSAGE_DIGEST_OCTETS];

    crypto_generichash_final(h, hash, sizeof(hash));
    sodium_bin2hex(digest, MESSAGE_DIGEST_SIZE, hash, sizeof(hash));
}

static bool
message_write(struct message *m, const char *data, size_t n, struct outcome *why)
{
    while (n > 0) {
        ssize_t done = write(m->fd, data, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return outcome_errno(why, errno, "write", "spilled message");
        data += done;
        n -= (size_t)done;
    }
    return true;
}

static bool
message_move_to_file(struct message *m, struct outcome *why)
{
    if (m->spill == NULL)
        return outcome_set(why, OUTCOME_DISK_FULL, "message outgrew %zu octets of memory",
                           m->bytes.max);
    m->fd = m->spill(m->spill_arg);
    if (m->fd < 0)
        return outcome_errno(why, errno, "open", "file for a spilled message");
    if (!message_write(m, m->bytes.data, m->bytes.len, why))
        return false;
    buf_release(&m->bytes);
    return true;
}

bool
message_append(struct message *m, const void *data, size_t n, struct outcome *why)
{
    assert(!m->is_sealed);
    if (n == 0)
        return true;
    /* Without memory is as good a reason to go to the file as past the threshold. */
    if (m->fd >= 0 || !buf_append(&m->bytes, data, n)) {
        if (m->fd < 0 && !message_move_to_file(m, why))
            return false;
        if (!message_write(m, data, n, why))
            return false;
    }
    message_count(m, data, n);
    return true;
}

void
message_seal(struct message *m)
{
    assert(!m->is_sealed);
    m->is_sealed = true;
    end_hash(&m->hash, m->digest);
    if (m->tail > 0)
        end_hash(&m->tail_hash, m->tail_digest);
}

void
message_drop(struct message *m)
{
    assert(m->is_sealed);
    buf_release(&m->bytes);
    buf_release(&m->lf);
    if (m->fd >= 0)
        close(m->fd);
    m->fd = -1;
}

const struct message_traits *
message_traits(const struct message *m)
{
    return &m->traits;
}

const char *
message_digest(const struct message *m)
{
    assert(m->is_sealed);
    return m->digest;
}

struct span
message_inline(const struct message *m, bool *spilled)
{
    *spilled = m->fd >= 0;
    return *spilled ? SPAN_NONE : buf_span(&m->bytes);
}

/* There is no bare CR, so every CR is half of a line end. */
void
message_make_lf(struct message *m)
{
    const struct message_traits *t = &m->traits;
    struct span rest = buf_span(&m->bytes);

    assert(m->is_sealed);
    if (m->fd >= 0 || m->lf.len > 0 || t->bare > 0 || t->octets > MESSAGE_LF_MAX ||
        !buf_reserve(&m->lf, t->octets - t->lines))
        return;
    while (rest.n > 0) {
        size_t n = span_find(rest, '\r');
        buf_append(&m->lf, rest.p, n); /* there is room */
        rest = span_skip(rest, n + 1);
    }
}

struct span
message_lf(const struct message *m)
{
    return m->lf.len == 0 ? SPAN_NONE : buf_span(&m->lf);
}

int
message_fd(const struct message *m)
{
    return m->fd;
}

ssize_t
message_read(const struct message *m, uint64_t offset, void *out, size_t n)
{
    if (offset >= m->traits.octets || n == 0)
        return 0;
    if (n > m->traits.octets - offset)
        n = (size_t)(m->traits.octets - offset);
    if (m->fd < 0) {
        memcpy(out, m->bytes.data + offset, n);
        return (ssize_t)n;
    }
    for (;;) {
        ssize_t got = pread(m->fd, out, n, (off_t)offset);
        if (got >= 0 || errno != EINTR)
            return got;
    }
}

bool
message_digest_from(struct message *m, uint64_t offset)
{
    unsigned char piece[MESSAGE_PIECE];
    uint64_t at = offset;
    ssize_t n;

    assert(!m->is_sealed && offset > 0);
    crypto_generichash_init(&m->tail_hash, NULL, 0, MESSAGE_DIGEST_OCTETS);
    for (; (n = message_read(m, at, piece, sizeof(piece))) > 0; at += (uint64_t)n)
        crypto_generichash_update(&m->tail_hash, piece, (size_t)n);
    if (n == 0)
        m->tail = offset;
    return n == 0;
}

const char *
message_tail_digest(const struct message *m, uint64_t *offset)
{
    assert(m->is_sealed);
    *offset = m->tail;
    return m->tail > 0 ? m->tail_digest : m->digest;
}

struct message *
message_from_memory(struct span bytes)
{
    struct outcome why;
    struct message *m = message_new(bytes.n, NULL, NULL);

    if (m == NULL)
        return NULL;
    if (!message_append(m, bytes.p, bytes.n, &why)) {
        message_unref(m);
        return NULL;
    }
    message_seal(m);
    return m;
}

/* The descriptor's own position stays where it is: another reader may share it. */
static bool
message_count_file(struct message *m, int fd, struct outcome *why)
{
    unsigned char *piece = malloc(MESSAGE_READ_SIZE);
    ssize_t got = 0;

    if (piece == NULL)
        return outcome_set(why, OUTCOME_OVERLOAD, "no memory to read a message");
    do {
        got = pread(fd, piece, MESSAGE_READ_SIZE, (off_t)m->traits.octets);
        if (got > 0)
            message_count(m, piece, (size_t)got);
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got < 0)
        outcome_errno(why, errno, "pread", "message");
    free(piece);
    return got == 0;
}

struct message *
message_from_fd(int fd, struct outcome *why)
{
    struct message *m = message_new(0, NULL, NULL);

    if (m == NULL) {
        outcome_set(why, OUTCOME_OVERLOAD, "no memory for a message");
        close(fd);
        return NULL;
    }
    m->fd = fd;
    if (!message_count_file(m, fd, why)) {
        message_unref(m);
        return NULL;
    }
    message_seal(m);
    return m;
}
