/* SPDX-License-Identifier: MIT
 *
 * The two kernel mechanisms behind sandbox_enter().
 */
#ifndef DOORSTEPD_SANDBOX_PRIV_H
#define DOORSTEPD_SANDBOX_PRIV_H

#include "sandbox.h"

/* All: 0, or an errno; ENOSYS and EOPNOTSUPP mean that the kernel has no such thing. */

/* sandbox_landlock_none() - no file can be opened, made, removed or executed; no TCP port bound or
 * (but with connects) connected to (ABI 4), no abstract socket reached and no process outside
 * signalled (ABI 6). */
int sandbox_landlock_none(bool connects);

/* sandbox_landlock_roots() - files are changed below the roots alone and read there and where
 * `readable` says; nothing is executed anywhere. Of TCP ports those of the roots may be
 * connected to. Needs ABI 2: before that, no
 * file could be renamed from one folder to another. */
int sandbox_landlock_roots(const struct sandbox_roots *roots);

/* sandbox_landlock_programs() - files are changed below the roots alone, and read and executed as
 * the user may; no process outside is signalled (ABI 6). */
int sandbox_landlock_programs(const struct sandbox_roots *roots);

/* sandbox_seccomp() - the allow-list of the role; a call that is not on it kills the process.
 * asks_users: it may connect to unix sockets. */
int sandbox_seccomp(enum sandbox_role role, bool asks_users);

/* sandbox_seccomp_main() - what no process of the daemon does; inherited by all of them. */
int sandbox_seccomp_main(void);

#endif
