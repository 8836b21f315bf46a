/* SPDX-License-Identifier: MIT
 *
 * What a role may still do once it is set up. Entered by the role itself, on its only thread,
 * before its first hostile byte; there is no way out.
 *
 *           files                          network, exec, ptrace...         memory, CPU
 *   edge    none                           what it has been given           -
 *   sorter  none                           nothing                          512 MiB, 10 min
 *   auth    none                           nothing                          -
 *   metrics none                           what it has been given           256 MiB
 *   store   its roots; a few to read       control socket; NSS by unix      -
 *   outbound none                          connects to stream sockets       -
 *   relay   none; with names, a few to     connects to stream sockets;       -
 *           read                           with names, DNS
 *   passthrough  none                      connects to its filters;         -
 *                                          what it has been given
 *   runner  reads and executes             as its user: it starts     -
 *           what its user may; changes     programs
 *           none. Programs: their roots
 *   hand    its roots; a few to read       nothing                          -
 *   main    as its user                    binds; never ptrace, mount...    -
 *
 * Files are Landlock's part, calls are seccomp's. Sanitizers get a few more calls and no memory
 * limit; everything else stays.
 */
#ifndef DOORSTEPD_SANDBOX_H
#define DOORSTEPD_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sandbox_role {
    SANDBOX_EDGE,
    SANDBOX_SORTER,
    SANDBOX_STORE,
    SANDBOX_HAND,
    SANDBOX_METRICS,
    SANDBOX_AUTH,
    SANDBOX_OUTBOUND,
    SANDBOX_RELAY,
    SANDBOX_RELAY_NAMES, /* the same role where it has to look names up */
    SANDBOX_RUNNER,
    SANDBOX_PASSTHROUGH
};

/* What a store, a hand, a relay or a passthrough may reach; others have nothing. Absolute paths,
 * borrowed for the call; what is missing is skipped. */
struct sandbox_roots {
    const char *const *paths; /* folders: read and changed, with all below */
    size_t count;
    const char *const *readable; /* folders and files: read, with all below */
    size_t readable_count;
    const uint16_t *ports; /* of TCP to connect to, and no other (Landlock ABI 4) */
    size_t port_count;
    bool asks_users; /* the user database, which may be a service behind a unix socket */
};

/* sandbox_enter() - true: confined. is_required: false where the kernel lacks a part (logged);
 * without it the part is left out, with a warning. After false the process must end. */
bool sandbox_enter(enum sandbox_role role, const struct sandbox_roots *roots, bool is_required);

/* sandbox_enter_program() - an external program, between fork and exec: it changes files below the
 * roots alone. Says nothing; false with errno. */
bool sandbox_enter_program(const struct sandbox_roots *roots, bool is_required);

/* sandbox_enter_main() - main, after its start and before its first role: no privilege by exec,
 * only the capabilities that a start of roles needs, none of the calls that nobody needs. As above.
 */
bool sandbox_enter_main(bool is_required);

#endif
