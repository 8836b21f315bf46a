/* SPDX-License-Identifier: MIT
 *
 * What a client says in AUTH: the first octet chooses mechanism and secret, each line behind it is
 * a base64 text as it comes, or with a '!' in front octets as they are. Nobody may get in: no line
 * can hold a proof of keys that are random, and no password is right. The first line is a name of a
 * mechanism too, and its octets come back from their base64.
 */
#include <stdlib.h>
#include <string.h>

#include "exchange_priv.h"

struct auth_library {
    Gsasl *gsasl;
};

static void
require(bool holds)
{
    if (!holds)
        abort();
}

static enum exchange_next
say(struct exchange *e, struct span line)
{
    char octets[SASL_OCTETS_MAX];
    size_t n;

    if (line.n > 0 && line.p[0] == '!')
        return exchange_feed(e, true, span_skip(line, 1));
    if (!sasl_decode(line, octets, sizeof(octets), &n))
        return EXCHANGE_DONE;
    return exchange_feed(e, true, (struct span){octets, n});
}

static enum exchange_next
lend(struct exchange *e, unsigned options)
{
    static const uint8_t key[PASSWORD_KEY_SIZE] = {1};
    struct auth_secret secret = {.is_allowed = (options & 0x10) != 0};
    enum exchange_next next;

    require(memchr(e->name, '\0', sizeof(e->name)) != NULL);
    require(memchr(e->authorization, '\0', sizeof(e->authorization)) != NULL);
    password_scram_fake(key, e->name, secret.scram);
    next = exchange_secret(e, &secret);
    if (next == EXCHANGE_DONE && e->verdict == SASL_ACCEPTED)
        require(e->mechanism == SASL_EXTERNAL && secret.is_allowed);
    if (next == EXCHANGE_DONE && e->mechanism == SASL_EXTERNAL)
        return EXCHANGE_WANT_HASH; /* it has ended well; nothing more is checked */
    return next;
}

static void
check_names(struct span line)
{
    enum sasl_mechanism m;

    if (sasl_mechanism_find(line, &m))
        require(!sasl_is_weak(line) && span_equal_fold(line, span_of(sasl_mechanism_name(m))));
    else
        (void)sasl_is_weak(line);
}

static void
check_base64(struct span octets)
{
    char text[SASL_TEXT_SIZE(1024)], again[1024];
    size_t n;

    octets.n = octets.n < sizeof(again) ? octets.n : sizeof(again);
    sasl_encode(octets, text);
    require(sasl_decode(span_of(text), again, sizeof(again), &n));
    require(span_equal(octets, (struct span){again, n}));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct auth_library *library;
    struct span in = {(const char *)data + 1, size - 1};
    enum exchange_next next = EXCHANGE_CHALLENGE;
    struct exchange e;

    if (size < 1 || size > 20000)
        return 0;
    if (library == NULL)
        library = auth_prepare();
    require(library != NULL);
    require(exchange_start(&e, library->gsasl,
                           (enum sasl_mechanism)(data[0] % SASL_MECHANISM_COUNT),
                           (data[0] & 0x20) != 0 ? SPAN("0123456789abcdef") : SPAN_NONE));
    check_names((struct span){in.p, span_find(in, '\n')});
    check_base64(in);
    if ((data[0] & 0x40) != 0) /* the command came alone */
        next = exchange_feed(&e, false, SPAN_NONE);
    if (next == EXCHANGE_WANT_SECRET)
        next = lend(&e, data[0]);
    while (in.n > 0 && next == EXCHANGE_CHALLENGE) {
        size_t end = span_find(in, '\n');

        next = say(&e, (struct span){in.p, end});
        if (next == EXCHANGE_WANT_SECRET)
            next = lend(&e, data[0]);
        if (next == EXCHANGE_DONE)
            require(e.verdict != SASL_ACCEPTED);
        in = span_skip(in, end + 1);
    }
    exchange_end(&e);
    return 0;
}
