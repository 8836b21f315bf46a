/* SPDX-License-Identifier: MIT
 *
 * Netstrings, "5:hello,", as they come: in any pieces, with a ceiling on what is kept of each.
 * Pure.
 */
#ifndef DOORSTEP_SMTP_NETSTRING_PRIV_H
#define DOORSTEP_SMTP_NETSTRING_PRIV_H

#include "doorstep/buf.h"

#define NETSTRING_MAX 100000 /* octets of a payload, in both directions: socketmap_table(5) */
#define NETSTRING_KEPT 4096  /* of it that are looked at: a map's name and an address */

struct netstring {      /* one that is coming in */
    struct buf payload; /* its first NETSTRING_KEPT octets */
    size_t length;      /* announced */
    size_t taken;       /* octets of the payload */
    unsigned digits;
    bool is_announced; /* behind the colon */
    bool is_done;      /* behind the comma: the next octet begins another */
};

enum netstring_result { NETSTRING_MORE, NETSTRING_DONE, NETSTRING_BAD };

void netstring_init(struct netstring *n);
void netstring_release(struct netstring *n);

/* netstring_take() - octets of the peer's: *used of them belong to this netstring. DONE: payload
 * has it, or its begin where is_cut; the next call begins the next one. BAD: this is none, or one
 * that is too long or without memory, and where another one begins nobody knows. */
enum netstring_result netstring_take(struct netstring *n, struct span in, size_t *used);

/* netstring_is_cut() - behind DONE: there was more than payload has. */
bool netstring_is_cut(const struct netstring *n);

/* netstring_print() - at most NETSTRING_MAX octets. false: longer, or out is full. */
bool netstring_print(struct buf *out, struct span payload);

#endif
