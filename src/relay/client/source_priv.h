/* SPDX-License-Identifier: MIT
 *
 * Where the octets of a message come from: the job's head, and behind it what the owner reads.
 */
#ifndef DOORSTEP_RELAY_CLIENT_SOURCE_PRIV_H
#define DOORSTEP_RELAY_CLIENT_SOURCE_PRIV_H

#include "doorstep/relay_client.h"

struct source {
    const struct relay_job *job;                             /* borrowed */
    ssize_t (*read)(void *arg, uint64_t at, void *, size_t); /* relay_client_calls.read_message */
    void *arg;
};

/* source_read() - up to n octets at offset `at` of head and message together. 0: the end; -1: the
 * message cannot be read, or is shorter than the job says. */
ssize_t source_read(const struct source *s, uint64_t at, void *out, size_t n);

#endif
