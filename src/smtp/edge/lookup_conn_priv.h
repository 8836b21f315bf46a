/* SPDX-License-Identifier: MIT
 *
 * Connections of MTAs that ask before they accept: listen policy, listen socketmap.
 */
#ifndef DOORSTEP_SMTP_LOOKUP_CONN_PRIV_H
#define DOORSTEP_SMTP_LOOKUP_CONN_PRIV_H

#include "edge_priv.h"

/* lookup_conn_open() - take an accepted socket. Past the limits, or from one that may not ask, it
 * is closed without a word, for these protocols have none for that. */
void lookup_conn_open(struct edge *e, const struct settings_listen *listen, int fd,
                      const struct sockaddr_storage *peer);

/* lookup_conns_drain() - close each behind the answers that it is owed. */
void lookup_conns_drain(struct edge *e);

/* lookup_conns_stop() - close all, now. */
void lookup_conns_stop(struct edge *e);

#endif
