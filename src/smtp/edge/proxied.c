/* SPDX-License-Identifier: MIT
 *
 * What a proxy said of the TLS that it ended: see proxied_priv.h. Its texts are its client's, in
 * part, and become printable ASCII as those of our own TLS are.
 */
#include "proxied_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define COMMON_NAME "CN="

static void
make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text > 0x7e)
            *text = '?';
    }
}

struct proxied *
proxied_new(const struct proxy_header *h)
{
    struct proxied *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return NULL;
    snprintf(p->version, sizeof(p->version), "%s",
             *h->tls_version != '\0' ? h->tls_version : "TLS");
    snprintf(p->cipher, sizeof(p->cipher), "%s", h->tls_cipher);
    snprintf(p->server_name, sizeof(p->server_name), "%s", h->authority);
    if (*h->client_cn != '\0')
        snprintf(p->subject, sizeof(p->subject), COMMON_NAME "%s", h->client_cn);
    make_printable(p->version);
    make_printable(p->cipher);
    make_printable(p->server_name);
    make_printable(p->subject);
    p->facts = (struct tls_facts){
        .version = p->version,
        .cipher = p->cipher,
        .server_name = p->server_name,
        .is_client_verified = h->is_client_verified,
        .client_problem = "",
        .client_subject = p->subject,
        .client_issuer = "",
        .client_issuer_name = "",
        .client_common_name = *p->subject != '\0' ? p->subject + sizeof(COMMON_NAME) - 1 : "",
        .client_email = "",
        .client_fingerprint = "",
    };
    return p;
}
