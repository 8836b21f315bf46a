/* SPDX-License-Identifier: MIT
 *
 * What a role may still do once it is set up. Entered by the role itself, on its only thread,
 * before its first hostile byte; there is no way out.
 *
 *           files                                    network, exec, ptrace...   memory, CPU
 *   edge    none (Landlock, seccomp)                 what it has been given     -
 *   sorter  none (Landlock, seccomp)                 nothing                    512 MiB, 10 min
 *   store   reads all, writes below its roots only   no TCP, no exec            -
 *   hand    reads all, writes below its roots only   no TCP, no exec            -
 *
 * Sanitizers get a few more calls and no memory limit; everything else stays.
 */
#ifndef DOORSTEPD_SANDBOX_H
#define DOORSTEPD_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

enum sandbox_role { SANDBOX_EDGE, SANDBOX_SORTER, SANDBOX_STORE, SANDBOX_HAND };

/* Files that a store or hand may change: existing folders, absolute. Others have none. */
struct sandbox_roots {
    const char *const *paths; /* borrowed for the call; one that is missing is skipped */
    size_t count;
};

/* sandbox_enter() - true: confined. is_required: false where the kernel lacks a part (logged);
 * without it the part is left out, with a warning. After false the process must end. */
bool sandbox_enter(enum sandbox_role role, const struct sandbox_roots *roots, bool is_required);

#endif
