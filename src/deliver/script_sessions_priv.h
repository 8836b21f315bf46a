/* SPDX-License-Identifier: MIT
 *
 * Who has logged in to his scripts (ManageSieve), as the store saw it succeed: an edge may ask
 * about the scripts of these accounts and of no other, whatever it says. One request at a time. All
 * on the loop's thread.
 */
#ifndef DELIVER_SCRIPT_SESSIONS_PRIV_H
#define DELIVER_SCRIPT_SESSIONS_PRIV_H

#include "deliver_priv.h"

/* script_session_open() - this edge's id is a log-in of the account's from now on. false: there are
 * as many as connections, or no memory. */
bool script_session_open(struct edge *e, uint64_t id, const struct account *a);
bool script_session_is_open(struct edge *e, uint64_t id);

/* script_session_ask() - EDGE_SCRIPT_ASK: a piece of a request; behind the last one it is carried
 * out and answered by STORE_SCRIPT. false: the frame is broken, or nobody has logged in there. */
bool script_session_ask(struct edge *e, uint64_t id, struct span body);

/* script_session_close() - a request under way is carried out, and answered to nobody. Nothing
 * happens when there is none. */
void script_session_close(struct edge *e, uint64_t id);
void script_sessions_close_all(struct edge *e);

#endif
