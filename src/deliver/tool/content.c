/* SPDX-License-Identifier: MIT
 *
 * The digest of a message is taken as it arrives: before our trace fields, with CRLF. Here it is
 * taken again from the store, for fsck --content: LF becomes CRLF where the store keeps LF (only
 * messages without bare line ends are kept so), and the trace fields are passed over.
 */
#include "content_priv.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#define PIECE 16384 /* octets read at a time */
#define DIGEST_OCTETS 32

_Static_assert(MESSAGE_DIGEST_SIZE == 2 * DIGEST_OCTETS + 1, "BLAKE2b-256 in hex");

struct rehash {
    crypto_generichash_state state;
    uint64_t skip; /* octets of the trace fields that are still to come */
};

static void
rehash_take(struct rehash *h, const uint8_t *p, size_t n)
{
    size_t passed = h->skip < n ? (size_t)h->skip : n;

    h->skip -= passed;
    crypto_generichash_update(&h->state, p + passed, n - passed);
}

static size_t
lf_to_crlf(const uint8_t *in, size_t n, uint8_t out[2 * PIECE])
{
    size_t used = 0;

    for (size_t i = 0; i < n; i++) {
        if (in[i] == '\n')
            out[used++] = '\r';
        out[used++] = in[i];
    }
    return used;
}

static bool
rehash_until(struct rehash *h, const struct message *stored, uint64_t end, bool is_crlf,
             struct outcome *why)
{
    uint8_t in[PIECE], wire[2 * PIECE];
    ssize_t n = 0;

    for (uint64_t offset = 0; offset < end; offset += (uint64_t)n) {
        uint64_t left = end - offset;
        n = message_read(stored, offset, in, left < PIECE ? (size_t)left : PIECE);
        if (n <= 0)
            return outcome_errno(why, n < 0 ? errno : EIO, "read", "a stored message");
        if (is_crlf)
            rehash_take(h, in, (size_t)n);
        else
            rehash_take(h, wire, lf_to_crlf(in, (size_t)n, wire));
    }
    return true;
}

/* Are the octets before `end` those that the digest is of? */
static bool
matches(const struct message *stored, uint64_t end, const struct index_message *row, bool *same,
        struct outcome *why)
{
    struct rehash h = {.skip = row->ref.trace_octets};
    uint8_t digest[DIGEST_OCTETS];
    char hex[MESSAGE_DIGEST_SIZE];

    crypto_generichash_init(&h.state, NULL, 0, sizeof digest);
    if (!rehash_until(&h, stored, end, row->ref.is_crlf, why))
        return false;
    crypto_generichash_final(&h.state, digest, sizeof digest);
    sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    *same = strcmp(hex, row->digest) == 0;
    return true;
}

bool
content_is_as_delivered(const struct message *stored, const struct index_message *row, bool *same,
                        struct outcome *why)
{
    uint64_t octets = message_traits(stored)->octets, line_end = row->ref.is_crlf ? 2 : 1;

    *same = false;
    if (octets != row->ref.stored_octets)
        return true;
    if (!matches(stored, octets, row, same, why))
        return false;
    /* An mbox ends the last line of a message that came without a line end. */
    return *same || octets < line_end || matches(stored, octets - line_end, row, same, why);
}
