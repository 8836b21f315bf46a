/* SPDX-License-Identifier: MIT
 *
 * What the settings of one listener must have in common. That the certificates themselves can be
 * used is main's to find out: here no file is opened.
 */
#include "reader_priv.h"

static void
check_pairs(struct reader *r, const struct settings_listen *l, struct source_place at)
{
    if (l->certificate_count != l->key_count)
        source_error(r->errors, at,
                     "listen: certificate has %zu files and key has %zu: each certificate needs "
                     "its key, in the same place of the list",
                     l->certificate_count, l->key_count);
    else if (l->tls != LISTEN_TLS_NONE && l->certificate_count == 0)
        source_error(r->errors, at, "listen: tls needs a certificate and its key");
    else if (l->tls == LISTEN_TLS_NONE && l->certificate_count > 0)
        source_error(r->errors, at,
                     "listen: there is a certificate, but tls is none; did you mean "
                     "tls = \"offered\"?");
}

/* Who asks whether a mailbox exists could ask for all names that there are: beyond this host it has
 * to be said who may. */
static bool
is_here(const struct settings_address *a)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)&a->ip;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&a->ip;

    if (a->is_unix)
        return true;
    return a->ip.ss_family == AF_INET ? ntohl(four->sin_addr.s_addr) >> 24 == 127
                                      : IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

/* What only a listener that takes mail has. ManageSieve cannot be without a log-in. */
static const char *
setting_of_mail(const struct settings_listen *l)
{
    if (l->tls != LISTEN_TLS_NONE && l->protocol != LISTEN_MANAGESIEVE)
        return "tls";
    if (l->auth)
        return "auth";
    if (l->trusted_count > 0 && l->protocol == LISTEN_MANAGESIEVE)
        return "trusted";
    if (l->require != REQUIRE_NONE)
        return "require";
    if (l->proxy_protocol)
        return "proxy_protocol";
    return l->milter_count > 0 ? "milters" : NULL;
}

static void
check_no_mail(struct reader *r, const struct settings_listen *l, struct source_place at)
{
    const char *name = setting_of_mail(l);

    if (name != NULL)
        source_error(r->errors, at, "listen: %s is for listeners that take mail, lmtp and smtp",
                     name);
}

static void
check_questions(struct reader *r, const struct settings_listen *l, struct source_place at)
{
    for (size_t i = 0; i < l->address_count && l->trusted_count == 0; i++) {
        if (!is_here(&l->address[i]))
            source_error(r->errors, at,
                         "listen: %s is no address of loopback: say in trusted who may ask there",
                         l->address[i].text);
    }
}

void
check_listen(struct reader *r, size_t i)
{
    const struct settings_listen *l = &r->settings->listens[i];
    struct source_place at = r->places[SECTION_LISTEN][i];

    check_pairs(r, l, at);
    if (!settings_listen_takes_mail(l))
        check_no_mail(r, l, at);
    if (l->protocol == LISTEN_POLICY || l->protocol == LISTEN_SOCKETMAP)
        check_questions(r, l, at);
    if (l->client_ca[0] != '\0' && l->tls == LISTEN_TLS_NONE)
        source_error(r->errors, at, "listen: client_ca needs tls");
    if (l->protocol != LISTEN_POLICY && l->unknown_recipients != UNKNOWN_REFUSE)
        source_error(r->errors, at, "listen: unknown_recipients is for listen policy");
    /* Otherwise nobody could ever send. */
    if (l->require == REQUIRE_AUTH && !l->auth)
        source_error(r->errors, at, "require = \"auth\" needs auth = yes");
    if (l->require == REQUIRE_CLIENT_CERT && l->client_ca[0] == '\0')
        source_error(r->errors, at, "require = \"client_cert\" needs client_ca");
}
