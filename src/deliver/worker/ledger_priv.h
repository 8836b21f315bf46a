/* SPDX-License-Identifier: MIT
 *
 * The ledger's key (promise 4, design section 8): what makes two deliveries the same one.
 */
#ifndef DELIVER_LEDGER_PRIV_H
#define DELIVER_LEDGER_PRIV_H

#include "doorstep/address.h"
#include "doorstep/index.h"
#include "doorstep/message.h"

struct ledger_bytes { /* what a message is known by */
    uint64_t octets;
    char digest[MESSAGE_DIGEST_SIZE];
};

/* ledger_prepare() - look at the beginning of a message that is arriving, before its seal: what
 * stands below the fields that fronts wrote for this one attempt (trace_front_length()) gets a
 * digest of its own while it comes. It takes no trust: whoever writes such a field says the same as
 * with the bytes below alone. false: there is too little of it yet (is_whole: there will not be
 * more). */
bool ledger_prepare(struct message *m, bool is_whole);

/* ledger_look() - what a sealed message is known by, as it came, before our trace. */
void ledger_look(const struct message *m, struct ledger_bytes *out);

/* ledger_key() - hex BLAKE2b-256 over recipient with detail (case folded), reverse-path, length and
 * digest of the bytes. The account is the index it lies in. */
void ledger_key(const struct address *to, const struct address *reverse_path,
                const struct ledger_bytes *bytes, char key[INDEX_LEDGER_KEY_SIZE]);

#endif
