/* SPDX-License-Identifier: MIT
 *
 * The ledger's key: see ledger_priv.h. Each part goes in with its length, so that no two
 * different sets of parts hash the same octets.
 */
#include "ledger_priv.h"

#include <ctype.h>
#include <sodium.h>
#include <string.h>

#include "trace_priv.h"

static void
hash_text(crypto_generichash_state *h, const char *s)
{
    uint64_t n = strlen(s);

    crypto_generichash_update(h, (const unsigned char *)&n, sizeof n);
    crypto_generichash_update(h, (const unsigned char *)s, n);
}

static void
hash_folded(crypto_generichash_state *h, const char *s)
{
    char folded[1024];
    size_t n = 0;

    for (; s[n] != '\0' && n < sizeof folded - 1; n++)
        folded[n] = (char)tolower((unsigned char)s[n]);
    folded[n] = '\0';
    hash_text(h, folded);
}

bool
ledger_prepare(struct message *m, bool is_whole)
{
    char begin[TRACE_MAX];

    if (!is_whole && message_traits(m)->octets < sizeof begin)
        return false;
    ssize_t n = message_read(m, 0, begin, sizeof begin);
    size_t front = n > 0 ? trace_front_length((struct span){begin, (size_t)n}) : 0;
    if (front > 0)
        message_digest_from(m, front); /* else all of it counts */
    return true;
}

void
ledger_look(const struct message *m, struct ledger_bytes *out)
{
    uint64_t front;

    memcpy(out->digest, message_tail_digest(m, &front), sizeof out->digest);
    out->octets = message_traits(m)->octets - front;
}

void
ledger_key(const struct address *to, const struct address *reverse_path,
           const struct ledger_bytes *bytes, char key[INDEX_LEDGER_KEY_SIZE])
{
    crypto_generichash_state h;
    unsigned char out[32];

    crypto_generichash_init(&h, NULL, 0, sizeof out);
    hash_folded(&h, to->local);
    hash_text(&h, to->domain);
    hash_text(&h, reverse_path->local);
    hash_text(&h, reverse_path->domain);
    crypto_generichash_update(&h, (const unsigned char *)&bytes->octets, sizeof bytes->octets);
    hash_text(&h, bytes->digest);
    crypto_generichash_final(&h, out, sizeof out);
    sodium_bin2hex(key, INDEX_LEDGER_KEY_SIZE, out, sizeof out);
}
