/* SPDX-License-Identifier: MIT
 *
 * Where mail goes on to: "mail.example.net:587", "192.0.2.1:25", "[::1]:2525", "unix:/path". Other
 * than an address to listen on, a next hop may have a name: it is looked up at each connection.
 */
#include "row_priv.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>

#include "doorstep/address.h"
#include "doorstep/settings.h"

#define UNIX_PATH_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

static bool
refuse(struct buf *why, const char *what)
{
    buf_append_str(why, what);
    return false;
}

static bool
parse_unix(const char *path, struct settings_next_hop *hop, struct buf *why)
{
    if (path[0] != '/')
        return refuse(why, "has no path that begins with / after unix:");
    if (strlen(path) > UNIX_PATH_MAX) {
        buf_printf(why, "has a path of more than %zu octets, too long for a unix socket",
                   UNIX_PATH_MAX);
        return false;
    }
    hop->is_unix = true;
    hop->path = path;
    return true;
}

/* What stands before the port: an address, in brackets if it is one of IPv6, or a domain name. */
static bool
parse_host(struct span text, char host[static ADDRESS_DOMAIN_MAX + 1], bool *is_number)
{
    bool has_brackets = text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']';
    struct in6_addr six;
    struct in_addr four;

    if (has_brackets)
        text = (struct span){text.p + 1, text.n - 2};
    if (text.n == 0 || text.n > ADDRESS_DOMAIN_MAX)
        return false;
    memcpy(host, text.p, text.n);
    host[text.n] = '\0';
    *is_number = inet_pton(has_brackets ? AF_INET6 : AF_INET, host,
                           has_brackets ? (void *)&six : (void *)&four) == 1;
    return *is_number || (!has_brackets && domain_normalize(text, host, ADDRESS_DOMAIN_MAX + 1));
}

static bool
parse_tcp(const char *text, struct settings_next_hop *hop, struct arena *arena, struct buf *why)
{
    const char *colon = strrchr(text, ':');
    char host[ADDRESS_DOMAIN_MAX + 1];
    unsigned long long port;

    if (colon == NULL ||
        !parse_host((struct span){text, (size_t)(colon - text)}, host, &hop->is_number))
        return refuse(why, "is no next hop such as mail.example.net:587, [::1]:2525 or unix:/path");
    if (!span_parse_u64(span_of(colon + 1), 65535, &port) || port == 0)
        return refuse(why, "has no port from 1 to 65535");
    hop->port = (uint16_t)port;
    hop->host = arena_copy(arena, span_of(host));
    return hop->host != NULL || refuse(why, "does not fit: the configuration is too large");
}

static bool
next_hop_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
               struct buf *why)
{
    struct settings_next_hop hop = {.path = "", .host = ""};
    char *copy = arena_copy(arena, span_of(text));

    (void)row;
    if (copy == NULL)
        return refuse(why, "does not fit: the configuration is too large");
    if (text[0] != '\0') {
        hop.text = copy;
        if (!(strncmp(copy, "unix:", 5) == 0 ? parse_unix(copy + 5, &hop, why)
                                             : parse_tcp(copy, &hop, arena, why)))
            return false;
    }
    memcpy(out, &hop, sizeof(hop));
    return true;
}

static const char *
text_of(const void *value)
{
    const struct settings_next_hop *hop = value;

    return hop->text != NULL ? hop->text : "";
}

static bool
next_hop_print(const struct config_row *row, const void *value, struct buf *out)
{
    (void)row;
    return buf_append_str(out, text_of(value));
}

static json_t *
next_hop_json(const struct config_row *row, const void *value)
{
    (void)row;
    return json_string(text_of(value));
}

const struct config_kind kind_next_hop = {
    .name = "next_hop",
    .size = sizeof(struct settings_next_hop),
    .parse = next_hop_parse,
    .print = next_hop_print,
    .json = next_hop_json,
};
