/* SPDX-License-Identifier: MIT
 *
 * Where to listen ("127.0.0.1:2424", "[::1]:2424", "unix:/path,mode=0660,owner=u,group=g") and who
 * is trusted
 * ("127.0.0.0/8", "::1/128"). Only numbers: a name that resolves otherwise tomorrow would open
 * another socket tomorrow.
 */
#include "row_priv.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>

#include "doorstep/settings.h"
#include "nearest_priv.h"

#define UNIX_MODE_DEFAULT 0666
#define UNIX_PATH_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)
#define USER_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

static bool
refuse(struct buf *why, const char *what)
{
    buf_append_str(why, what);
    return false;
}

/* copy_number() - an address without brackets as C text; false when it cannot be one. */
static bool
copy_number(struct span text, char out[static INET6_ADDRSTRLEN])
{
    if (text.n == 0 || text.n >= INET6_ADDRSTRLEN)
        return false;
    memcpy(out, text.p, text.n);
    out[text.n] = '\0';
    return true;
}

static bool
set_ipv4(struct settings_address *a, const char *number, unsigned port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    if (inet_pton(AF_INET, number, &in.sin_addr) != 1)
        return false;
    memcpy(&a->ip, &in, sizeof(in));
    a->ip_length = sizeof(in);
    return true;
}

static bool
set_ipv6(struct settings_address *a, const char *number, unsigned port)
{
    struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};

    if (inet_pton(AF_INET6, number, &in.sin6_addr) != 1)
        return false;
    memcpy(&a->ip, &in, sizeof(in));
    a->ip_length = sizeof(in);
    return true;
}

static bool
parse_ip(const char *text, struct settings_address *a, struct buf *why)
{
    bool is_ipv6 = text[0] == '[';
    struct span number = {text, strcspn(text, ":")};
    const char *behind = text + number.n;
    char copy[INET6_ADDRSTRLEN];
    unsigned long long port;

    if (is_ipv6) {
        number = (struct span){text + 1, strcspn(text + 1, "]")};
        behind = number.p + number.n + (number.p[number.n] == ']' ? 1 : 0);
    }
    if (!copy_number(number, copy) || behind[0] != ':')
        return refuse(why, "is no address such as 127.0.0.1:2424, [::1]:2424 or unix:/path");
    if (!span_parse_u64(span_of(behind + 1), 65535, &port) || port == 0)
        return refuse(why, "has no port from 1 to 65535");
    if (is_ipv6 ? !set_ipv6(a, copy, (unsigned)port) : !set_ipv4(a, copy, (unsigned)port))
        return refuse(why, is_ipv6 ? "is no IPv6 address" : "is no IPv4 address");
    return true;
}

static bool
parse_mode(const char *value, struct settings_address *a, struct buf *why)
{
    size_t n = strspn(value, "01234567");
    unsigned mode = 0;

    if (n == 0 || n > 4 || value[n] != '\0')
        return refuse(why, "has a mode that is no octal number such as 0660");
    for (const char *p = value; *p != '\0'; p++)
        mode = mode * 8 + (unsigned)(*p - '0');
    if (mode > 0777)
        return refuse(why, "has a mode above 0777");
    a->mode = mode;
    return true;
}

static bool
parse_owner(const char *value, const char **out, struct buf *why)
{
    if (value[0] == '\0' || value[0] == '-' || value[strspn(value, USER_CHARS)] != '\0')
        return refuse(why, "has an owner or group that is no name");
    *out = value;
    return true;
}

static bool
parse_option(char *option, struct settings_address *a, struct buf *why)
{
    static const char *const known[] = {"mode", "owner", "group"};
    char *value = strchr(option, '=');

    if (value == NULL)
        return refuse(why, "has an option without a value after the comma");
    *value++ = '\0';
    if (strcmp(option, "mode") == 0)
        return parse_mode(value, a, why);
    if (strcmp(option, "owner") == 0)
        return parse_owner(value, &a->owner, why);
    if (strcmp(option, "group") == 0)
        return parse_owner(value, &a->group, why);
    buf_printf(why, "has the unknown option '%s', did you mean '%s'?", option,
               nearest_name(option, known, sizeof(known) / sizeof(known[0])));
    return false;
}

/* rest is a copy that lives as long as a and is cut at the commas. */
static bool
parse_unix(char *rest, struct settings_address *a, struct buf *why)
{
    char *options = NULL, *path = strtok_r(rest, ",", &options);

    if (path == NULL || path[0] != '/')
        return refuse(why, "has no path that begins with / after unix:");
    if (strlen(path) > UNIX_PATH_MAX) {
        buf_printf(why, "has a path of more than %zu octets, too long for a unix socket",
                   UNIX_PATH_MAX);
        return false;
    }
    a->is_unix = true;
    a->path = path;
    a->mode = UNIX_MODE_DEFAULT;
    for (char *o; (o = strtok_r(NULL, ",", &options)) != NULL;)
        if (!parse_option(o, a, why))
            return false;
    return true;
}

static bool
address_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
              struct buf *why)
{
    struct settings_address a = {.path = "", .owner = "", .group = ""};
    char *copy = arena_copy(arena, span_of(text));
    bool good;

    (void)row;
    a.text = arena_copy(arena, span_of(text));
    if (copy == NULL || a.text == NULL)
        return refuse(why, "does not fit: the configuration is too large");
    good = strncmp(text, "unix:", 5) == 0 ? parse_unix(copy + 5, &a, why) : parse_ip(text, &a, why);
    if (good)
        memcpy(out, &a, sizeof(a));
    return good;
}

static bool
address_print(const struct config_row *row, const void *value, struct buf *out)
{
    const struct settings_address *a = value;

    (void)row;
    return buf_append_str(out, a->text);
}

static json_t *
address_json(const struct config_row *row, const void *value)
{
    const struct settings_address *a = value;

    (void)row;
    return json_string(a->text);
}

/* clear_host_bits() - true when there were any. */
static bool
clear_host_bits(struct settings_network *n)
{
    bool had = false;

    for (unsigned i = 0; i < 16; i++) {
        unsigned kept = n->bits <= i * 8 ? 0 : n->bits - i * 8 >= 8 ? 8 : n->bits - i * 8;
        uint8_t mask = (uint8_t)(0xff00U >> kept);

        had = had || (n->bytes[i] & (uint8_t)~mask) != 0;
        n->bytes[i] &= mask;
    }
    return had;
}

static bool
print_network(const struct settings_network *n, struct buf *out)
{
    char number[INET6_ADDRSTRLEN];

    return inet_ntop(n->family, n->bytes, number, sizeof(number)) != NULL &&
           buf_printf(out, "%s/%u", number, n->bits);
}

static bool
network_parse(const struct config_row *row, const char *text, struct arena *arena, void *out,
              struct buf *why)
{
    struct settings_network n = {.family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET};
    struct span number = {text, strcspn(text, "/")};
    unsigned long long bits = n.family == AF_INET6 ? 128 : 32;
    char copy[INET6_ADDRSTRLEN];

    (void)row;
    (void)arena;
    if (!copy_number(number, copy) || inet_pton(n.family, copy, n.bytes) != 1)
        return refuse(why, "is no network such as 127.0.0.0/8 or ::1/128");
    if (text[number.n] == '/' && !span_parse_u64(span_of(text + number.n + 1), bits, &bits)) {
        buf_printf(why, "has no prefix length from 0 to %llu", bits);
        return false;
    }
    n.bits = (unsigned)bits;
    if (clear_host_bits(&n)) {
        buf_append_str(why, "has bits behind its prefix, did you mean '");
        print_network(&n, why);
        buf_append_str(why, "'?");
        return false;
    }
    memcpy(out, &n, sizeof(n));
    return true;
}

static bool
network_print(const struct config_row *row, const void *value, struct buf *out)
{
    (void)row;
    return print_network(value, out);
}

static json_t *
network_json(const struct config_row *row, const void *value)
{
    struct buf text;
    json_t *json;

    (void)row;
    buf_init(&text, INET6_ADDRSTRLEN + 8);
    print_network(value, &text);
    json = json_string(buf_str(&text));
    buf_release(&text);
    return json;
}

const struct config_kind kind_address = {
    .name = "address",
    .size = sizeof(struct settings_address),
    .parse = address_parse,
    .print = address_print,
    .json = address_json,
};

const struct config_kind kind_network = {
    .name = "network",
    .size = sizeof(struct settings_network),
    .parse = network_parse,
    .print = network_print,
    .json = network_json,
};
