/* SPDX-License-Identifier: MIT
 *
 * What is true of the facts of any message, however broken: for unit tests and the fuzz target.
 */
#ifndef DOORSTEP_TESTS_FACTS_CHECK_H
#define DOORSTEP_TESTS_FACTS_CHECK_H

#include "doorstep/facts.h"

/* facts_check() - NULL when all holds, else what does not. */
const char *facts_check(const struct facts *f);

#endif
