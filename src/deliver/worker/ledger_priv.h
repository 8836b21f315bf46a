/* SPDX-License-Identifier: MIT
 *
 * The ledger's key (promise 4, design section 8): what makes two deliveries the same one.
 */
#ifndef DELIVER_LEDGER_PRIV_H
#define DELIVER_LEDGER_PRIV_H

#include "doorstep/address.h"
#include "doorstep/index.h"
#include "doorstep/message.h"

/* ledger_key() - hex BLAKE2b-256 over recipient with detail (case folded), reverse-path, length and
 * digest of the bytes before our trace. The account is the index it lies in. */
void ledger_key(const struct address *to, const struct address *reverse_path,
                const struct message *msg, char key[INDEX_LEDGER_KEY_SIZE]);

#endif
