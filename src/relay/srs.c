/* SPDX-License-Identifier: MIT
 *
 * SRS0 and SRS1: see srs.h. The hash of SRS0 covers the day, the domain and the local part; that of
 * SRS1 the first rewriter's domain and what its address holds.
 */
#include "doorstep/srs.h"

#include <ctype.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "doorstep/buf.h"

#define HASH_CHARS 8 /* 40 bits, and each try costs a RCPT */
#define DAY_CHARS 2
#define DAY_COUNT 1024 /* days that DAY_CHARS can say; then they begin again */
#define SECRET_MIN 16
#define TAG 4 /* "SRS0", and the separator behind it */

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* ------------------------------------------------------------------ secrets */

/* Secrets have any length, keys one. */
static void
key_of(struct span secret, uint8_t key[SRS_KEY_SIZE])
{
    crypto_generichash(key, SRS_KEY_SIZE, (const unsigned char *)secret.p, secret.n, NULL, 0);
}

bool
srs_set_secrets(struct srs *s, struct span text)
{
    s->key_count = 0;
    while (text.n > 0) {
        size_t n = span_find(text, '\n');
        struct span secret = span_trim((struct span){text.p, n});
        text = span_skip(text, n + 1);
        if (secret.n == 0)
            continue;
        if (secret.n < SECRET_MIN || s->key_count == SRS_KEYS_MAX) {
            s->key_count = 0;
            return false;
        }
        key_of(secret, s->keys[s->key_count++]);
    }
    return s->key_count > 0;
}

/* ------------------------------------------------------------------ hashes */

static void
update_folded(crypto_auth_hmacsha256_state *state, struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)tolower((unsigned char)s.p[i]);
        crypto_auth_hmacsha256_update(state, &c, 1);
    }
    crypto_auth_hmacsha256_update(state, (const unsigned char *)"",
                                  1); /* parts do not run together */
}

/* Of the parts, without regard to case. */
static void
hash_of(const uint8_t key[SRS_KEY_SIZE], struct span first, struct span second, struct span third,
        char out[HASH_CHARS])
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    uint64_t bits = 0;

    crypto_auth_hmacsha256_init(&state, key, SRS_KEY_SIZE);
    update_folded(&state, first);
    update_folded(&state, second);
    update_folded(&state, third);
    crypto_auth_hmacsha256_final(&state, mac);
    for (int i = 0; i < HASH_CHARS * 5 / 8; i++)
        bits = bits << 8 | mac[i];
    for (int i = HASH_CHARS - 1; i >= 0; i--, bits >>= 5)
        out[i] = base32[bits & 31];
}

/* By any of our keys; how long it takes says nothing. */
static bool
is_ours(const struct srs *s, struct span hash, struct span first, struct span second,
        struct span third)
{
    char given[HASH_CHARS], right[HASH_CHARS];
    bool found = false;

    if (hash.n != HASH_CHARS)
        return false;
    for (size_t i = 0; i < HASH_CHARS; i++)
        given[i] = (char)toupper((unsigned char)hash.p[i]);
    for (uint32_t i = 0; i < s->key_count; i++) {
        hash_of(s->keys[i], first, second, third, right);
        found |= sodium_memcmp(given, right, HASH_CHARS) == 0;
    }
    return found;
}

/* ------------------------------------------------------------------ days */

static unsigned
day_of(time_t now)
{
    return (unsigned)((uint64_t)now / 86400 % DAY_COUNT);
}

static bool
is_recent(struct span text, time_t now)
{
    unsigned day = 0;

    for (size_t i = 0; i < text.n; i++) {
        const char *c = memchr(base32, toupper((unsigned char)text.p[i]), sizeof(base32) - 1);
        if (c == NULL)
            return false;
        day = day * 32 + (unsigned)(c - base32);
    }
    /* A day from tomorrow on: another host's clock is ahead of ours. */
    return text.n == DAY_CHARS && (day_of(now) + DAY_COUNT + 1 - day) % DAY_COUNT <= SRS_DAYS + 1;
}

/* ------------------------------------------------------------------ reading */

/* Does the local part begin with "SRS0" or "SRS1" and a separator? */
static bool
has_tag(struct span local, char version)
{
    return local.n > TAG + 1 && strncasecmp(local.p, "SRS", 3) == 0 && local.p[3] == version &&
           strchr("=+-", local.p[TAG]) != NULL;
}

/* What stands before the next '='; false: there is none. */
static bool
take_part(struct span *rest, struct span *part)
{
    size_t n = span_find(*rest, '=');

    *part = (struct span){rest->p, n};
    if (n == rest->n)
        return false;
    *rest = span_skip(*rest, n + 1);
    return true;
}

static bool
make(struct arena *arena, struct span local, struct span domain, bool is_utf8, struct address *out)
{
    char normal[ADDRESS_DOMAIN_MAX + 1];

    if (local.n == 0 || local.n > ADDRESS_SENDER_LOCAL_MAX ||
        !domain_normalize(domain, normal, sizeof(normal)))
        return false;
    *out = (struct address){.local = arena_copy(arena, local),
                            .domain = arena_copy(arena, span_of(normal)),
                            .is_utf8 = is_utf8};
    return out->local != NULL && out->domain != NULL;
}

/* ------------------------------------------------------------------ forward */

static bool
print_srs0(const struct srs *s, const struct address *sender, time_t now, struct buf *out)
{
    char hash[HASH_CHARS];
    const char day[DAY_CHARS] = {base32[day_of(now) / 32], base32[day_of(now) % 32]};

    hash_of(s->keys[0], (struct span){day, DAY_CHARS}, span_of(sender->domain),
            span_of(sender->local), hash);
    return buf_printf(out, "SRS0=%.*s=%.*s=%s=%s", HASH_CHARS, hash, DAY_CHARS, day, sender->domain,
                      sender->local);
}

/* first: who rewrote it first; opaque: what that one's address holds, with its separator. */
static bool
print_srs1(const struct srs *s, const char *first, int n, struct span opaque, struct buf *out)
{
    char hash[HASH_CHARS];

    hash_of(s->keys[0], (struct span){first, (size_t)n}, opaque, SPAN_NONE, hash);
    return buf_printf(out, "SRS1=%.*s=%.*s=%.*s", HASH_CHARS, hash, n, first, (int)opaque.n,
                      opaque.p);
}

/* Another's SRS1 keeps the first rewriter: a chain does not grow. */
static bool
print_again(const struct srs *s, struct span local, struct buf *out)
{
    struct span rest = span_skip(local, TAG + 1), hash, first;
    char normal[ADDRESS_DOMAIN_MAX + 1];

    return take_part(&rest, &hash) && take_part(&rest, &first) && rest.n > 1 &&
           domain_normalize(first, normal, sizeof(normal)) &&
           print_srs1(s, first.p, (int)first.n, rest, out);
}

bool
srs_forward(const struct srs *s, const struct address *sender, time_t now, struct arena *arena,
            struct address *out)
{
    struct span local = span_of(sender->local);
    struct buf text;

    if (sender->is_null || sender->domain[0] == '\0' || s->key_count == 0)
        return false;
    if (sender->local[0] == '\0' ||          /* "": nothing could be read back */
        strchr(sender->domain, '=') != NULL) /* an address literal: '=' would end it */
        return false;
    if (strcasecmp(sender->domain, s->domain) == 0) {
        *out = *sender;
        return true;
    }
    buf_init(&text, s->local_max);
    bool ok = (has_tag(local, '1') && print_again(s, local, &text)) ||
              (has_tag(local, '0') && print_srs1(s, sender->domain, (int)strlen(sender->domain),
                                                 span_skip(local, TAG), &text)) ||
              print_srs0(s, sender, now, &text);
    ok = ok && make(arena, buf_span(&text), span_of(s->domain), sender->is_utf8, out);
    buf_release(&text);
    return ok;
}

/* ------------------------------------------------------------------ reverse */

bool
srs_is_one(const struct srs *s, const struct address *a)
{
    struct span local = span_of(a->local);

    return strcasecmp(a->domain, s->domain) == 0 && (has_tag(local, '0') || has_tag(local, '1'));
}

static enum srs_result
reverse_srs0(const struct srs *s, const struct address *a, time_t now, struct arena *arena,
             struct address *out)
{
    struct span rest = span_skip(span_of(a->local), TAG + 1), hash, day, domain;

    if (!take_part(&rest, &hash) || !take_part(&rest, &day) || !take_part(&rest, &domain) ||
        !is_ours(s, hash, day, domain, rest) || !make(arena, rest, domain, a->is_utf8, out))
        return SRS_FORGED;
    return is_recent(day, now) ? SRS_OK : SRS_EXPIRED;
}

/* The first rewriter checks the days of its own address. */
static enum srs_result
reverse_srs1(const struct srs *s, const struct address *a, struct arena *arena, struct address *out)
{
    struct span rest = span_skip(span_of(a->local), TAG + 1), hash, domain;
    struct buf local;

    if (!take_part(&rest, &hash) || !take_part(&rest, &domain) ||
        !is_ours(s, hash, domain, rest, SPAN_NONE))
        return SRS_FORGED;
    buf_init(&local, ADDRESS_SENDER_LOCAL_MAX);
    bool ok = buf_append_str(&local, "SRS0") && buf_append_span(&local, rest) &&
              make(arena, buf_span(&local), domain, a->is_utf8, out);
    buf_release(&local);
    return ok ? SRS_OK : SRS_FORGED;
}

enum srs_result
srs_reverse(const struct srs *s, const struct address *a, time_t now, struct arena *arena,
            struct address *out)
{
    if (!srs_is_one(s, a))
        return SRS_NONE;
    return has_tag(span_of(a->local), '0') ? reverse_srs0(s, a, now, arena, out)
                                           : reverse_srs1(s, a, arena, out);
}
