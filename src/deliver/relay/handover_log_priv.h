/* SPDX-License-Identifier: MIT
 *
 * What became of a handover, for whoever watches: a log line and a line of the delivery log for
 * each recipient, and the numbers. Loop's thread.
 */
#ifndef DELIVER_RELAY_HANDOVER_LOG_PRIV_H
#define DELIVER_RELAY_HANDOVER_LOG_PRIV_H

#include "doorstep/settings.h"

#include "delivery_log_priv.h"
#include "handover_priv.h"

/* handover_log() - one that was settled. */
void handover_log(const struct settings *s, struct delivery_log *log, const struct handover *h);

/* handover_metrics_label() - of a route by its place: of its name, or "smarthost". */
unsigned handover_metrics_label(const struct settings *s, int hop_place);

#endif
