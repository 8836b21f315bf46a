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

void
check_listen(struct reader *r, size_t i)
{
    const struct settings_listen *l = &r->settings->listens[i];
    struct source_place at = r->places[SECTION_LISTEN][i];

    check_pairs(r, l, at);
    if (l->client_ca[0] != '\0' && l->tls == LISTEN_TLS_NONE)
        source_error(r->errors, at, "listen: client_ca needs tls");
    /* Otherwise nobody could ever send. */
    if (l->require == REQUIRE_AUTH && !l->auth)
        source_error(r->errors, at, "require = \"auth\" needs auth = yes");
    if (l->require == REQUIRE_CLIENT_CERT && l->client_ca[0] == '\0')
        source_error(r->errors, at, "require = \"client_cert\" needs client_ca");
}
