/* SPDX-License-Identifier: MIT
 *
 * Base64 of RFC 4648 4, for printing. What is read goes through decode.h, which forgives, or
 * sasl.h, which does not.
 */
#ifndef DOORSTEP_BASE64_H
#define DOORSTEP_BASE64_H

#include <stdbool.h>

#include "doorstep/buf.h"
#include "doorstep/span.h"

/* base64_print() - append s, padded, without line ends. False when out is full. */
bool base64_print(struct span s, struct buf *out);

#endif
