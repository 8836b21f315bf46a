/* SPDX-License-Identifier: MIT
 *
 * What the header block of the message itself says: the facts that are no IMAP structure.
 */
#ifndef DOORSTEP_SORT_HEADER_FACTS_PRIV_H
#define DOORSTEP_SORT_HEADER_FACTS_PRIV_H

#include "doorstep/charset.h"
#include "doorstep/facts.h"
#include "doorstep/span.h"

/* header_facts_take() - fill message_id, subject, base_subject, from, references, list_id, date,
 * received_count, headers and flags. Strings lie in arena; where it is full they are missing (NULL)
 * and the facts are marked FACTS_TRUNCATED. */
void header_facts_take(struct span block, struct charsets *charsets, struct arena *arena,
                       struct facts *out);

#endif
