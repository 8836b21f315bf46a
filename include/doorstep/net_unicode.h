/* SPDX-License-Identifier: MIT
 *
 * Net-Unicode (RFC 5198 2): text that means the same has the same octets.
 */
#ifndef DOORSTEP_NET_UNICODE_H
#define DOORSTEP_NET_UNICODE_H

#include <stdbool.h>

#include "doorstep/buf.h"
#include "doorstep/span.h"

/* net_unicode_check() - may it be sent: UTF-8 without a byte order mark in front, without C1
 * control characters and without code points that nobody has assigned? */
bool net_unicode_check(struct span s);

/* net_unicode_print() - s in normalization form C, appended to out; what is no UTF-8 as it is.
 * False: out is full, or there is no memory. */
bool net_unicode_print(struct span s, struct buf *out);

#endif
