/* SPDX-License-Identifier: MIT
 *
 * Version 1 is a line of text, and which version it is shows in the first octets: see proxy_priv.h.
 * Version 2 is in proxy_v2.c.
 */
#include "proxy_priv.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "proxy_v2_priv.h"

#define LINE_MAX_OCTETS 107 /* CRLF included */

static const char line_begin[] = "PROXY ";

/* --- the fields of the line --- */

/* The next field, which ends at one space or at the end of the line. */
static bool
take_field(struct span *rest, struct span *field)
{
    size_t n = span_find(*rest, ' ');

    *field = (struct span){rest->p, n};
    *rest = span_skip(*rest, n + 1);
    return n > 0;
}

static bool
read_ip(struct span field, int family, void *out)
{
    char text[INET6_ADDRSTRLEN];

    if (field.n >= sizeof(text) || memchr(field.p, '\0', field.n) != NULL)
        return false;
    memcpy(text, field.p, field.n);
    text[field.n] = '\0';
    return inet_pton(family, text, out) == 1;
}

/* Without zeros in front. */
static bool
read_port(struct span field, in_port_t *out)
{
    unsigned long long port;

    if ((field.n > 1 && field.p[0] == '0') || !span_parse_u64(field, UINT16_MAX, &port))
        return false;
    *out = htons((uint16_t)port);
    return true;
}

static bool
read_address(struct span ip, struct span port, int family, struct sockaddr_storage *out)
{
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

    memset(out, 0, sizeof(*out));
    out->ss_family = (sa_family_t)family;
    if (family == AF_INET)
        return read_ip(ip, family, &four->sin_addr) && read_port(port, &four->sin_port);
    return read_ip(ip, family, &six->sin6_addr) && read_port(port, &six->sin6_port);
}

/* "TCP4 192.0.2.1 192.0.2.2 56324 25", or "UNKNOWN" with whatever behind it. */
static bool
read_line(struct span line, struct proxy_header *h)
{
    struct span protocol, source, destination, source_port, destination_port;
    int family;

    if (!take_field(&line, &protocol))
        return false;
    if (span_equal(protocol, SPAN("UNKNOWN")))
        return true;
    if (span_equal(protocol, SPAN("TCP4")))
        family = AF_INET;
    else if (span_equal(protocol, SPAN("TCP6")))
        family = AF_INET6;
    else
        return false;
    if (!take_field(&line, &source) || !take_field(&line, &destination) ||
        !take_field(&line, &source_port))
        return false;
    destination_port = line; /* to the end: a space behind it makes it no number */
    h->has_client = true;
    return read_address(source, source_port, family, &h->source) &&
           read_address(destination, destination_port, family, &h->destination);
}

static enum proxy_result
parse_line(struct span in, struct proxy_header *h, size_t *used)
{
    size_t begin = sizeof(line_begin) - 1;
    size_t looked = in.n < LINE_MAX_OCTETS ? in.n : LINE_MAX_OCTETS;
    const char *lf = memchr(in.p, '\n', looked);
    size_t n = lf == NULL ? looked : (size_t)(lf - in.p);

    if (lf == NULL && memchr(in.p, '\r', looked - (looked > 0)) != NULL)
        return PROXY_BAD; /* a CR that no LF follows */
    if (lf == NULL)
        return in.n < LINE_MAX_OCTETS ? PROXY_MORE : PROXY_BAD;
    if (n < begin + 1 || memchr(in.p, '\r', n) != in.p + n - 1)
        return PROXY_BAD;
    *used = n + 1;
    return read_line((struct span){in.p + begin, n - 1 - begin}, h) ? PROXY_DONE : PROXY_BAD;
}

/* --- which version --- */

static bool
may_begin_with(struct span in, const char *begin, size_t length)
{
    return memcmp(in.p, begin, in.n < length ? in.n : length) == 0;
}

enum proxy_result
proxy_parse(struct span in, struct proxy_header *h, size_t *used)
{
    *h = (struct proxy_header){0};
    *used = 0;
    if (in.n == 0)
        return PROXY_MORE;
    if (may_begin_with(in, line_begin, sizeof(line_begin) - 1))
        return parse_line(in, h, used);
    if (may_begin_with(in, PROXY_V2_SIGNATURE, PROXY_V2_SIGNATURE_LENGTH))
        return proxy_v2_parse(in, h, used);
    return PROXY_BAD;
}
