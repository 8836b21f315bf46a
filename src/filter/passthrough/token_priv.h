/* SPDX-License-Identifier: MIT
 *
 * The token that names a message on its way through a filter: 128 random bits in the recipient that
 * the filter is told, which it hands through. Nobody who was not told can guess one, and each is
 * good for one message, once. Pure but for the randomness.
 */
#ifndef FILTER_PASSTHROUGH_TOKEN_PRIV_H
#define FILTER_PASSTHROUGH_TOKEN_PRIV_H

#include <stdbool.h>

#include "doorstep/buf.h"

#define TOKEN_SIZE 33 /* in hex, with the terminating NUL */

void token_make(char out[TOKEN_SIZE]);

/* token_recipient() - "user+token@domain", or "token@domain" where there is no user, or his name
 * with it is no plain local part of 64 octets. false: out is full. */
bool token_recipient(const char *user, const char *domain, const char *token, struct buf *out);

/* token_find() - at the end of a local part, whatever case it came in; false: there is none. */
bool token_find(const char *local, char out[TOKEN_SIZE]);

/* token_hide() - take it out of a text for people, with the + in front of it. */
void token_hide(char *text, const char *token);

#endif
