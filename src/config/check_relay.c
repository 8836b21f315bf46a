/* SPDX-License-Identifier: MIT
 *
 * What the settings of a route, and of the smarthost, must have in common; and what section relay
 * leaves to others. That the files can be read is main's to find out: here none is opened.
 */
#include "reader_priv.h"

#include <string.h>

#define LMTP_FORBIDDEN_PORT 25

struct checked { /* a route, and how errors name it */
    const struct settings_route *route;
    struct source_place at;
    const char *kind;
};

static void
refuse(struct reader *r, const struct checked *c, const char *what)
{
    if (c->route->name[0] != '\0')
        source_error(r->errors, c->at, "%s '%s': %s", c->kind, c->route->name, what);
    else
        source_error(r->errors, c->at, "%s: %s", c->kind, what);
}

static void
check_tls(struct reader *r, const struct checked *c)
{
    const struct settings_route *route = c->route;
    bool has_none = route->tls == RELAY_TLS_NONE || route->next_hop.is_unix;

    if (route->next_hop.is_unix && route->tls != RELAY_TLS_NONE &&
        route->tls != RELAY_TLS_OPPORTUNISTIC)
        refuse(r, c, "there is no TLS on a unix socket");
    else if (has_none && (route->ca[0] != '\0' || route->tls_name[0] != '\0'))
        refuse(r, c, "ca and tls_name need tls");
}

/* A password goes to nobody whose name was not verified. */
static void
check_login(struct reader *r, const struct checked *c)
{
    const struct settings_route *route = c->route;
    bool has_user = route->user[0] != '\0', has_file = route->password_file[0] != '\0';

    if (has_user != has_file)
        refuse(r, c, "user and password_file need each other");
    else if (has_user && route->tls != RELAY_TLS_REQUIRED && route->tls != RELAY_TLS_IMPLICIT &&
             !settings_is_here(&route->next_hop))
        refuse(r, c,
               "a password needs tls = \"required\" or \"implicit\", or a next hop on this "
               "host");
}

static void
check_route(struct reader *r, const struct checked *c)
{
    if (strcmp(c->route->name, SETTINGS_ROUTE_HERE) == 0 ||
        strcmp(c->route->name, SETTINGS_ROUTE_NONE) == 0)
        refuse(r, c, "this name says where an account is that has no route");
    if (c->route->next_hop.text == NULL)
        return;
    check_tls(r, c);
    check_login(r, c);
    if (c->route->protocol == RELAY_LMTP && c->route->next_hop.port == LMTP_FORBIDDEN_PORT)
        refuse(r, c, "LMTP is not spoken on port 25 (RFC 2033 section 5)");
}

static void
check_redirects(struct reader *r, const struct checked *c)
{
    struct settings_relay *relay = &r->settings->relay;
    bool has_secret = relay->srs_secret_file[0] != '\0';

    if (relay->redirect_sender == REDIRECT_AUTO)
        relay->redirect_sender = has_secret ? REDIRECT_SRS : REDIRECT_ORIGINAL;
    if (relay->redirect_sender == REDIRECT_SRS && !has_secret)
        refuse(r, c, "redirect_sender = \"srs\" needs srs_secret_file");
    if (relay->srs_domain[0] == '\0' && r->settings->domain_count > 0)
        relay->srs_domain = r->settings->domains[0].name;
}

void
check_relay(struct reader *r)
{
    struct settings_relay *relay = &r->settings->relay;
    struct checked c = {&relay->smarthost, {source_find(r->source, 1).file, 0}, "relay"};

    relay->smarthost.name = "";
    check_route(r, &c);
    check_redirects(r, &c);
    if (relay->retry > relay->retry_max)
        refuse(r, &c, "retry is larger than retry_max");
    for (size_t i = 0; i < r->settings->route_count; i++) {
        c = (struct checked){&r->settings->routes[i], r->places[SECTION_ROUTE][i], "route"};
        if (c.route->next_hop.text == NULL)
            refuse(r, &c, "there is no next_hop");
        check_route(r, &c);
    }
}
