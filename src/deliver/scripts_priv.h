/* SPDX-License-Identifier: MIT
 *
 * What somebody wants of an account's scripts, from the loop's side: a text is compiled by a sorter
 * before the account's worker stores it.
 */
#ifndef DELIVER_SCRIPTS_PRIV_H
#define DELIVER_SCRIPTS_PRIV_H

#include "script_store_priv.h"

struct deliver;

/* scripts_request_new() - for this account; NULL without memory. The caller fills in verb, names,
 * text, done and arg. scripts_request_free() - NULL is allowed. */
struct script_request *scripts_request_new(struct deliver *d, const struct account *a);
void scripts_request_free(struct script_request *r);

/* scripts_ask() - carry it out; r is the callee's until r->done is called with it, which frees it.
 * A text that has errors is not stored: SCRIPT_REFUSED, and r->report says why. Warnings are
 * reported too, and stored. */
void scripts_ask(struct script_request *r);

/* scripts_result_text() - for people. */
const char *scripts_result_text(enum script_result result);

#endif
