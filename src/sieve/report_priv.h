/* SPDX-License-Identifier: MIT
 *
 * Writing into a report.
 */
#ifndef SIEVE_REPORT_PRIV_H
#define SIEVE_REPORT_PRIV_H

#include <stdarg.h>

#include "doorstep/sieve.h"

/* report_add() - `source` is the whole script that `at` points into. */
void report_add(struct sieve_report *r, enum sieve_severity severity, const char *script,
                struct sieve_place at, struct span source, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
void report_add_list(struct sieve_report *r, enum sieve_severity severity, const char *script,
                     struct sieve_place at, struct span source, const char *format,
                     va_list arguments) __attribute__((format(printf, 6, 0)));

#endif
