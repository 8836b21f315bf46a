/* SPDX-License-Identifier: MIT
 *
 * The binary header: signature, command, addresses, and then type-length-values, some of which hold
 * others. Every length is checked against what contains it; what is not known is skipped, and what
 * is known must be right.
 */
#include "proxy_v2_priv.h"

#include <netinet/in.h>
#include <string.h>

#define FIXED_OCTETS 16
#define COMMAND_LOCAL 0x20 /* version 2 in the high half */
#define COMMAND_PROXY 0x21
#define UNIQUE_ID_MAX 128

enum family { UNSPECIFIED = 0x00, TCP4 = 0x11, TCP6 = 0x21, UNIX_STREAM = 0x31 };

enum tlv_type {
    TLV_ALPN = 0x01,
    TLV_AUTHORITY = 0x02,
    TLV_CRC32C = 0x03,
    TLV_UNIQUE_ID = 0x05,
    TLV_SSL = 0x20,
    TLV_SSL_VERSION = 0x21,
    TLV_SSL_CN = 0x22,
    TLV_SSL_CIPHER = 0x23
};

enum { CLIENT_SSL = 0x01, CLIENT_CERT = 0x02 | 0x04 };

struct tlv {
    uint8_t type;
    struct span value;
};

/* What is being read, and which of the known types were there: none may come twice. */
struct reader {
    struct span header; /* whole, for the checksum */
    struct proxy_header *h;
    uint64_t seen;
};

static unsigned
octet(struct span s, size_t i)
{
    return (unsigned char)s.p[i];
}

/* --- texts --- */

/* Text for logs and trace fields: no control octets, and it fits. */
static bool
read_text(struct span value, char *out, size_t size)
{
    if (value.n >= size)
        return false;
    for (size_t i = 0; i < value.n; i++)
        if (octet(value, i) < 0x20 || octet(value, i) == 0x7f)
            return false;
    memcpy(out, value.p, value.n);
    out[value.n] = '\0';
    return true;
}

static bool
is_word(struct span value)
{
    for (size_t i = 0; i < value.n; i++)
        if (octet(value, i) <= 0x20 || octet(value, i) >= 0x7f)
            return false;
    return true;
}

static bool
read_unique_id(struct span value, char out[PROXY_ID_SIZE])
{
    static const char digits[] = "0123456789abcdef";

    if (value.n > UNIQUE_ID_MAX)
        return false;
    if (is_word(value))
        return read_text(value, out, PROXY_ID_SIZE);
    for (size_t i = 0; i < value.n; i++) {
        out[2 * i] = digits[octet(value, i) >> 4];
        out[2 * i + 1] = digits[octet(value, i) & 0x0f];
    }
    out[2 * value.n] = '\0';
    return true;
}

/* --- the checksum: CRC32c (RFC 9260, appendix A), its own field taken as zeros --- */

static uint32_t
crc32c(struct span header, struct span field)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < header.n; i++) {
        const char *p = header.p + i;
        bool is_field = p >= field.p && p < field.p + field.n;

        crc ^= is_field ? 0 : (uint32_t)octet(header, i);
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (UINT32_C(0x82f63b78) & (0 - (crc & 1)));
    }
    return ~crc;
}

static bool
is_checksum_right(struct span header, struct span value)
{
    uint32_t said;

    if (value.n != sizeof(said))
        return false;
    said = (uint32_t)octet(value, 0) << 24 | octet(value, 1) << 16 | octet(value, 2) << 8 |
           octet(value, 3);
    return said == crc32c(header, value);
}

/* --- type-length-values --- */

/* The next one; false: it is cut off. */
static bool
take_tlv(struct span *rest, struct tlv *tlv)
{
    size_t n;

    if (rest->n < 3)
        return false;
    n = (size_t)octet(*rest, 1) << 8 | octet(*rest, 2);
    tlv->type = (uint8_t)octet(*rest, 0);
    *rest = span_skip(*rest, 3);
    if (n > rest->n)
        return false;
    tlv->value = (struct span){rest->p, n};
    *rest = span_skip(*rest, n);
    return true;
}

static bool
is_first(struct reader *r, uint8_t type)
{
    uint64_t bit = UINT64_C(1) << (type & 0x3f);

    if ((r->seen & bit) != 0)
        return false;
    r->seen |= bit;
    return true;
}

static bool
read_ssl_part(struct reader *r, const struct tlv *t)
{
    struct proxy_header *h = r->h;

    switch (t->type) {
    case TLV_SSL_VERSION:
        return is_first(r, t->type) && read_text(t->value, h->tls_version, sizeof(h->tls_version));
    case TLV_SSL_CIPHER:
        return is_first(r, t->type) && read_text(t->value, h->tls_cipher, sizeof(h->tls_cipher));
    case TLV_SSL_CN:
        return is_first(r, t->type) && read_text(t->value, h->client_cn, sizeof(h->client_cn));
    default:
        return true;
    }
}

/* u8 what there is, u32 0 when the certificate was found good, and values of their own. */
static bool
read_ssl(struct reader *r, struct span value)
{
    struct span parts = span_skip(value, 5);
    unsigned client;
    struct tlv t;

    if (value.n < 5)
        return false;
    client = octet(value, 0);
    r->h->is_tls = (client & CLIENT_SSL) != 0;
    r->h->is_client_verified =
        r->h->is_tls && (client & CLIENT_CERT) != 0 && memcmp(value.p + 1, "\0\0\0\0", 4) == 0;
    while (parts.n > 0)
        if (!take_tlv(&parts, &t) || !read_ssl_part(r, &t))
            return false;
    return true;
}

static bool
read_tlv(struct reader *r, const struct tlv *t)
{
    struct proxy_header *h = r->h;

    switch (t->type) {
    case TLV_ALPN:
        return is_first(r, t->type) && read_text(t->value, h->alpn, sizeof(h->alpn));
    case TLV_AUTHORITY:
        return is_first(r, t->type) && read_text(t->value, h->authority, sizeof(h->authority));
    case TLV_UNIQUE_ID:
        return is_first(r, t->type) && read_unique_id(t->value, h->unique_id);
    case TLV_CRC32C:
        return is_first(r, t->type) && is_checksum_right(r->header, t->value);
    case TLV_SSL:
        return is_first(r, t->type) && read_ssl(r, t->value);
    default: /* also NOOP, which pads */
        return true;
    }
}

static bool
read_tlvs(struct reader *r, struct span rest)
{
    struct tlv t;

    while (rest.n > 0)
        if (!take_tlv(&rest, &t) || !read_tlv(r, &t))
            return false;
    return true;
}

/* --- addresses --- */

static void
set_four(struct sockaddr_storage *out, const char *ip, const char *port)
{
    struct sockaddr_in *four = (struct sockaddr_in *)out;

    four->sin_family = AF_INET;
    memcpy(&four->sin_addr, ip, 4);
    memcpy(&four->sin_port, port, 2);
}

static void
set_six(struct sockaddr_storage *out, const char *ip, const char *port)
{
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

    six->sin6_family = AF_INET6;
    memcpy(&six->sin6_addr, ip, 16);
    memcpy(&six->sin6_port, port, 2);
}

/* How long they are, or SIZE_MAX where a header must not have such. A path on the proxy's host
 * tells nothing here, and datagrams carry no mail. */
static size_t
read_addresses(unsigned family, struct span rest, struct proxy_header *h)
{
    switch (family) {
    case TCP4:
        if (rest.n < 12)
            return SIZE_MAX;
        set_four(&h->source, rest.p, rest.p + 8);
        set_four(&h->destination, rest.p + 4, rest.p + 10);
        h->has_client = true;
        return 12;
    case TCP6:
        if (rest.n < 36)
            return SIZE_MAX;
        set_six(&h->source, rest.p, rest.p + 32);
        set_six(&h->destination, rest.p + 16, rest.p + 34);
        h->has_client = true;
        return 36;
    case UNIX_STREAM:
        return rest.n < 216 ? SIZE_MAX : 216;
    default:
        return SIZE_MAX;
    }
}

static bool
read_proxied(struct span header, struct proxy_header *h)
{
    struct reader r = {.header = header, .h = h};
    struct span rest = span_skip(header, FIXED_OCTETS);
    unsigned family = octet(header, 13);
    size_t used;

    if (family == UNSPECIFIED) /* where its addresses would end, nobody can say */
        return true;
    used = read_addresses(family, rest, h);
    return used != SIZE_MAX && read_tlvs(&r, span_skip(rest, used));
}

enum proxy_result
proxy_v2_parse(struct span in, struct proxy_header *h, size_t *used)
{
    size_t length;
    unsigned command;

    if (in.n <= PROXY_V2_SIGNATURE_LENGTH)
        return PROXY_MORE;
    command = octet(in, 12);
    if (command != COMMAND_LOCAL && command != COMMAND_PROXY)
        return PROXY_BAD;
    if (in.n < FIXED_OCTETS)
        return PROXY_MORE;
    length = FIXED_OCTETS + ((size_t)octet(in, 14) << 8 | octet(in, 15));
    if (length > PROXY_HEADER_MAX)
        return PROXY_BAD;
    if (in.n < length)
        return PROXY_MORE;
    *used = length;
    if (command == COMMAND_LOCAL)
        return PROXY_DONE;
    return read_proxied((struct span){in.p, length}, h) ? PROXY_DONE : PROXY_BAD;
}
