/* SPDX-License-Identifier: MIT
 *
 * The scanner's rows under the numbers by which IMAP asks for parts (RFC 9051 6.4.5.1).
 */
#ifndef DOORSTEP_SORT_PART_ROWS_PRIV_H
#define DOORSTEP_SORT_PART_ROWS_PRIV_H

#include "doorstep/facts.h"
#include "doorstep/mime.h"

/* part_rows_make() - fill parts and part_count; memory comes from arena. False when not all fit:
 * then there are none. */
bool part_rows_make(const struct mime_part *rows, uint32_t count, struct arena *arena,
                    struct facts *out);

#endif
