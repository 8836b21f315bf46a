/* SPDX-License-Identifier: MIT
 *
 * A message of ours to an account's owner: their script has failed. One a day at most.
 */
#ifndef DELIVER_NOTES_PRIV_H
#define DELIVER_NOTES_PRIV_H

#include "deliver_priv.h"

/* notes_send() - error: for people, copied. Nothing is told of what becomes of it; what fails is
 * logged. Loop's thread. */
void notes_send(struct deliver *d, const struct account *account, const char *error);

#endif
