/* SPDX-License-Identifier: MIT
 *
 * Which system calls a role makes: data alone, read by sandbox_seccomp.c. A call that needs a look
 * at its arguments has a rule there.
 */
#ifndef DOORSTEPD_SANDBOX_CALLS_PRIV_H
#define DOORSTEPD_SANDBOX_CALLS_PRIV_H

#include <stddef.h>

struct call_list {
    const int *calls; /* as libseccomp numbers them */
    size_t count;
};

extern const struct call_list calls_common;    /* memory, time, descriptors that are open */
extern const struct call_list calls_loop;      /* events */
extern const struct call_list calls_sockets;   /* sockets that are open */
extern const struct call_list calls_threads;   /* beside add_threads() */
extern const struct call_list calls_lent_file; /* reading a file that was lent */
extern const struct call_list calls_files;     /* mail folders, journals, databases */
extern const struct call_list calls_store;     /* beside files and a loop */
extern const struct call_list calls_names;     /* look-ups of host names, beside rules */

/* What the C library tries on its own, and can do without. */
extern const struct call_list calls_refused_files; /* where a role has no files */
extern const struct call_list calls_refused_owner; /* where it has */
extern const struct call_list calls_refused_names; /* where it looks names up */

/* What sanitizers do while they watch or report. */
extern const struct call_list calls_sanitizer;

/* What nobody does, not even main. */
extern const struct call_list calls_forbidden;

#endif
