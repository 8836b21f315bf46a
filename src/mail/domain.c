/* SPDX-License-Identifier: MIT
 *
 * Domains and address literals (RFC 5321 4.1.2, 4.1.3) in one canonical spelling: lower case
 * A-labels, so that a comparison of octets is a comparison of names. Used by address.c, and by the
 * configuration for the domains it names.
 */
#include "doorstep/address.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <stdio.h>
#include <string.h>
#include <unistr.h>

#define DOMAIN_LABEL_MAX 63 /* RFC 1035 2.3.4 */

static bool
domain_is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char
domain_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
domain_store(struct span text, char *out, size_t size)
{
    if (text.n > ADDRESS_DOMAIN_MAX || text.n >= size)
        return false;
    memcpy(out, text.p, text.n);
    out[text.n] = '\0';
    return true;
}

/* Let-dig [Ldh-str]. The underscore is not in that grammar, but in names that send real mail, and
 * the last hop would only turn them into bounces. */
static bool
domain_label_is_valid(struct span label)
{
    if (label.n == 0 || label.n > DOMAIN_LABEL_MAX)
        return false;
    if (label.p[0] == '-' || label.p[label.n - 1] == '-')
        return false;
    for (size_t i = 0; i < label.n; i++) {
        char c = label.p[i];
        if (!domain_is_alnum(c) && c != '-' && c != '_')
            return false;
    }
    return true;
}

static bool
domain_normalize_ascii(struct span in, char *out, size_t size)
{
    struct span rest = in;

    for (;;) {
        size_t dot = span_find(rest, '.');
        if (!domain_label_is_valid((struct span){rest.p, dot}))
            return false;
        if (dot == rest.n)
            break;
        rest = span_skip(rest, dot + 1);
    }
    if (!domain_store(in, out, size))
        return false;
    for (char *c = out; *c != '\0'; c++)
        *c = domain_lower(*c);
    return true;
}

/* Non-transitional, as browsers and resolvers do today: sharp s and final sigma stay letters of
 * their own. What UTS 46 maps to ASCII (full-width forms) meets the ASCII rules behind it. */
static bool
domain_normalize_utf8(struct span in, char *out, size_t size)
{
    char text[ADDRESS_DOMAIN_MAX + 1];
    uint8_t *ascii = NULL;

    if (u8_check((const uint8_t *)in.p, in.n) != NULL || !domain_store(in, text, sizeof(text)))
        return false;
    if (strlen(text) != in.n)
        return false;
    if (idn2_lookup_u8((const uint8_t *)text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) !=
        IDN2_OK)
        return false;
    bool ok = domain_normalize_ascii(span_of((const char *)ascii), out, size);
    idn2_free(ascii);
    return ok;
}

static bool
domain_normalize_ipv4(struct span in, char *out, size_t size)
{
    unsigned long long octet[4];

    for (size_t i = 0; i < 4; i++) {
        size_t end = i < 3 ? span_find(in, '.') : in.n;
        if (end == 0 || end > 3 || (i < 3 && end == in.n))
            return false;
        if (!span_parse_u64((struct span){in.p, end}, 255, &octet[i]))
            return false;
        in = span_skip(in, end + 1);
    }
    int n = snprintf(out, size, "[%llu.%llu.%llu.%llu]", octet[0], octet[1], octet[2], octet[3]);
    return n > 0 && (size_t)n < size;
}

static bool
domain_normalize_ipv6(struct span in, char *out, size_t size)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (in.n >= sizeof(text) || !domain_store(in, text, sizeof(text)) || strlen(text) != in.n)
        return false;
    if (inet_pton(AF_INET6, text, &address) != 1)
        return false;
    inet_ntop(AF_INET6, &address, text, sizeof(text));
    int n = snprintf(out, size, "[IPv6:%s]", text);
    return n > 0 && (size_t)n < size;
}

/* General-address-literal: Standardized-tag ":" 1*dcontent, of which none is in use. */
static bool
domain_is_general_literal(struct span in)
{
    size_t colon = span_find(in, ':');

    if (colon == 0 || colon + 1 >= in.n || in.p[colon - 1] == '-')
        return false;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        bool is_tag = domain_is_alnum(c) || c == '-';
        bool is_content = c >= 33 && c <= 126 && (c < '[' || c > ']');
        if (i < colon ? !is_tag : !is_content)
            return false;
    }
    return true;
}

static bool
domain_normalize_literal(struct span in, char *out, size_t size)
{
    const struct span ipv6 = SPAN("IPv6:");

    if (in.n < 2 || in.p[in.n - 1] != ']')
        return false;
    struct span inner = {in.p + 1, in.n - 2};
    if (span_has_prefix_fold(inner, ipv6))
        return domain_normalize_ipv6(span_skip(inner, ipv6.n), out, size);
    if (domain_normalize_ipv4(inner, out, size))
        return true;
    return domain_is_general_literal(inner) && domain_store(in, out, size);
}

bool
domain_normalize(struct span in, char *out, size_t size)
{
    if (in.n == 0 || in.n > ADDRESS_DOMAIN_MAX)
        return false;
    if (in.p[0] == '[')
        return domain_normalize_literal(in, out, size);
    for (size_t i = 0; i < in.n; i++) {
        if ((unsigned char)in.p[i] > 127)
            return domain_normalize_utf8(in, out, size);
    }
    return domain_normalize_ascii(in, out, size);
}
