/* SPDX-License-Identifier: MIT
 *
 * What a running script asks about its account: answered from memory, or by the account's worker.
 */
#ifndef DELIVER_ACCOUNT_QUESTIONS_PRIV_H
#define DELIVER_ACCOUNT_QUESTIONS_PRIV_H

#include "deliver_priv.h"

/* account_question_ask() - the answer goes to the sorter, now or later (sorters_tell()). script:
 * the account's active one, or NULL. words: hostile; borrowed for the call. */
void account_question_ask(struct deliver *d, const struct sorters_question *q,
                          const struct account *account, const struct active_script *script,
                          enum sort_question what, struct span words);

#endif
