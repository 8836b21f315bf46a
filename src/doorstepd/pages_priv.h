/* SPDX-License-Identifier: MIT
 *
 * The pages of counters, one for each place of a process, as long as main lives.
 */
#ifndef DOORSTEPD_PAGES_PRIV_H
#define DOORSTEPD_PAGES_PRIV_H

#include "daemon_priv.h"

/* pages_start() - main's own page. Without memory nothing is counted where others could read. */
void pages_start(struct daemon *d);
void pages_free(struct daemon *d);

/* pages_lend() - the page that r's process is to count in, made when this is the first one there;
 * its readers hear of it. Borrowed; -1: none can be had. */
int pages_lend(struct role *r);

/* pages_return() - r's process is gone. */
void pages_return(struct role *r);

/* pages_send_all() - to a reader that was just started. */
void pages_send_all(struct role *reader);

#endif
