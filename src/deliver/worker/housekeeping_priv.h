/* SPDX-License-Identifier: MIT
 *
 * What an open account needs once a day. Worker's thread.
 */
#ifndef DELIVER_HOUSEKEEPING_PRIV_H
#define DELIVER_HOUSEKEEPING_PRIV_H

#include <time.h>

#include "worker_priv.h"

/* housekeeping_idle() - a worker that has had no batch for a second looks after one account that is
 * due; ms until it should be called again. */
unsigned housekeeping_idle(struct worker *w);

/* housekeeping_do() - for one account: old remains of deliveries go out of its store, old
 * deliveries out of its ledger. A failure is logged; the next day tries again. */
void housekeeping_do(const struct settings *settings, struct open_account *oa, time_t now);

#endif
