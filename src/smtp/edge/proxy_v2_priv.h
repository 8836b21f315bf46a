/* SPDX-License-Identifier: MIT
 *
 * Version 2 of the PROXY protocol: proxy_v2.c, for proxy.c alone.
 */
#ifndef DOORSTEP_SMTP_PROXY_V2_PRIV_H
#define DOORSTEP_SMTP_PROXY_V2_PRIV_H

#include "proxy_priv.h"

#define PROXY_V2_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define PROXY_V2_SIGNATURE_LENGTH 12

/* proxy_v2_parse() - `in` begins like the signature, as far as it goes. */
enum proxy_result proxy_v2_parse(struct span in, struct proxy_header *h, size_t *used);

#endif
