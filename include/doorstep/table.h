/* SPDX-License-Identifier: MIT
 *
 * uthash with a keyed hash, to be included in its place: what stands in our tables comes from
 * peers, and with a hash that everybody can compute they would choose names that all fall into one
 * chain (CVE-2021-33582).
 */
#ifndef DOORSTEP_TABLE_H
#define DOORSTEP_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* table_hash() - SipHash-2-4 under a key that this process drew at its start. Any thread. */
uint32_t table_hash(const void *key, size_t n);

#define HASH_FUNCTION(key, n, hash) ((hash) = table_hash(key, n))

#include <uthash.h>

#endif
