/* SPDX-License-Identifier: MIT
 *
 * TLS that a proxy ended in front of us, as it told in its PROXY header: the same facts that TLS of
 * our own has, but for those that only the two ends know.
 */
#ifndef DOORSTEP_SMTP_PROXIED_PRIV_H
#define DOORSTEP_SMTP_PROXIED_PRIV_H

#include "doorstep/tls.h"
#include "proxy_priv.h"

struct proxied {
    struct tls_facts facts; /* its texts are the ones below */
    char version[sizeof(((struct proxy_header *)0)->tls_version)];
    char cipher[sizeof(((struct proxy_header *)0)->tls_cipher)];
    char server_name[PROXY_TEXT_SIZE];
    char subject[PROXY_TEXT_SIZE + 3];
};

/* proxied_new() - from a header whose is_tls is set; the caller frees it. NULL without memory. */
struct proxied *proxied_new(const struct proxy_header *h);

#endif
