/* SPDX-License-Identifier: MIT
 *
 * The system calls that a role may make (seccomp(2), libseccomp). Three tiers: what the role does
 * for its work is allowed; what a library tries on its own, and can do without, gets an error;
 * everything else (socket, connect, execve, ptrace, io_uring, mounts...) kills the process at once,
 * and main logs the signal. Main itself, whose filter all roles inherit, has a list of what nobody
 * does.
 */
#include "sandbox_priv.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "sandbox_calls_priv.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Sanitizer builds, which run the tests, say which call it was (on_refused()). */
#define KILL (DOORSTEP_SANITIZED ? SCMP_ACT_TRAP : SCMP_ACT_KILL_PROCESS)

/* What pthread_create(3) asks for: a thread of this process, nothing of its own. */
#define THREAD_FLAGS                                                                               \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |            \
     CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

typedef int (*rule_fn)(scmp_filter_ctx filter);

static int
add_all(scmp_filter_ctx filter, uint32_t action, const struct call_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        int r = seccomp_rule_add(filter, action, list->calls[i], 0);

        if (r != 0 && r != -EDOM) /* EDOM: this architecture has no such call */
            return r;
    }
    return 0;
}

/* Allow a call when argument `index` is one of the values. */
static int
add_values(scmp_filter_ctx filter, int call, unsigned index, const uint64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                                 SCMP_CMP(index, SCMP_CMP_EQ, values[i], 0));

        if (r != 0)
            return r;
    }
    return 0;
}

/* --- rules of several roles --- */

/* No new code: memory is never made executable. */
static int
add_memory(scmp_filter_ctx filter)
{
    int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                             SCMP_CMP(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

    if (r != 0)
        return r;
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                            SCMP_CMP(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

/* Where libraries are loaded by a name: one that was not loaded in time is refused, no more. */
static int
add_refused_code(scmp_filter_ctx filter)
{
    int r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(mmap), 1,
                             SCMP_CMP(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));

    if (r != 0)
        return r;
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(mprotect), 1,
                            SCMP_CMP(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
}

static int
add_descriptors(scmp_filter_ctx filter)
{
    static const uint64_t commands[] = {F_GETFL, F_SETFL,         F_GETFD,
                                        F_SETFD, F_DUPFD_CLOEXEC, F_GET_SEALS};
    static const uint64_t ioctls[] = {FIONBIO, FIOCLEX, FIONREAD};
    int r = add_values(filter, SCMP_SYS(fcntl), 1, commands, COUNT(commands));

    if (r == 0)
        r = add_values(filter, SCMP_SYS(ioctl), 1, ioctls, COUNT(ioctls));
    if (r == 0) /* isatty(3) */
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 1,
                             SCMP_CMP(1, SCMP_CMP_EQ, TCGETS, 0));
    return r;
}

/* fstat(3) is newfstatat(2) with an empty path. The path itself cannot be seen by a filter, so by
 * this flag metadata can be asked for, never content. */
static int
add_stat(scmp_filter_ctx filter)
{
    int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
                             SCMP_CMP(3, SCMP_CMP_EQ, AT_EMPTY_PATH, 0));

    if (r != 0)
        return r;
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(newfstatat), 1,
                            SCMP_CMP(3, SCMP_CMP_NE, AT_EMPTY_PATH, 0));
}

/* abort(3) raises a signal in the own process; none in another. */
static int
add_signals(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                            SCMP_CMP(0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
}

static int
add_socket_options(scmp_filter_ctx filter)
{
    static const uint64_t levels[] = {SOL_SOCKET, IPPROTO_TCP};

    return add_values(filter, SCMP_SYS(setsockopt), 1, levels, COUNT(levels));
}

/* --- rules of who has files --- */

static int
add_locks(scmp_filter_ctx filter)
{
    static const uint64_t commands[] = {F_GETLK,     F_SETLK,      F_SETLKW,   F_OFD_GETLK,
                                        F_OFD_SETLK, F_OFD_SETLKW, F_ADD_SEALS};

    return add_values(filter, SCMP_SYS(fcntl), 1, commands, COUNT(commands));
}

/* Signal 0 asks whether the process that left a lock is still there; no other one reaches another
 * process. */
static int
add_kill(scmp_filter_ctx filter)
{
    int r =
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1, SCMP_CMP(1, SCMP_CMP_EQ, 0, 0));

    if (r != 0)
        return r;
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1,
                            SCMP_CMP(0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
}

/* The leak sanitizer, where a role ends by exit(3): a process that lists this one's threads, by
 * calls that the C library makes no more, and traces them. Were one of them refused, that process
 * would die, and this one wait for it for ever. */
static int
add_leak_search(scmp_filter_ctx filter)
{
    static const int search[] = {SCMP_SYS(clone), SCMP_SYS(ptrace), SCMP_SYS(open),
                                 SCMP_SYS(getdents)};
    static const struct call_list calls = {search, COUNT(search)};

    return DOORSTEP_SANITIZED ? add_all(filter, SCMP_ACT_ALLOW, &calls) : 0;
}

/* Threads, and their names; never a process. clone3(2) hides its flags from a filter: told that it
 * is not there, the C library takes clone(2). */
static int
add_threads(scmp_filter_ctx filter)
{
    static const uint64_t names[] = {PR_SET_NAME, PR_GET_NAME};
    int r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

    if (r == 0 && !DOORSTEP_SANITIZED)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                             SCMP_CMP(0, SCMP_CMP_EQ, THREAD_FLAGS, 0));
    if (r == 0 && !DOORSTEP_SANITIZED)
        r = add_values(filter, SCMP_SYS(prctl), 0, names, COUNT(names));
    return r;
}

/* Limits may be read. */
static int
add_limits(scmp_filter_ctx filter)
{
    if (DOORSTEP_SANITIZED)
        return 0;
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
                            SCMP_CMP(0, SCMP_CMP_EQ, 0, 0), SCMP_CMP(2, SCMP_CMP_EQ, 0, 0));
}

/* The user database may be a service behind a unix socket (NSS). */
static int
add_user_database(scmp_filter_ctx filter)
{
    int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                             SCMP_CMP(0, SCMP_CMP_EQ, AF_UNIX, 0));

    if (r == 0) /* a module that asks the network itself does without it */
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 1,
                             SCMP_CMP(0, SCMP_CMP_NE, AF_UNIX, 0));
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0);
    return r;
}

/* Stream connections to whoever listens. */
static int
add_connections(scmp_filter_ctx filter)
{
    static const uint64_t families[] = {AF_UNIX, AF_INET, AF_INET6};
    int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0);

    for (size_t i = 0; r == 0 && i < COUNT(families); i++)
        r = seccomp_rule_add(
            filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, SCMP_CMP(0, SCMP_CMP_EQ, families[i], 0),
            SCMP_CMP(1, SCMP_CMP_EQ, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return r;
}

/* A look-up: name servers by UDP, and by TCP where an answer is long; the kernel, about the
 * addresses of this host; a cache of the system's. */
static int
add_name_sockets(scmp_filter_ctx filter)
{
    static const struct {
        uint64_t family, type;
    } kinds[] = {
        {AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK},
        {AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK},
        {AF_INET, SOCK_DGRAM | SOCK_CLOEXEC},
        {AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC},
        {AF_INET, SOCK_STREAM | SOCK_CLOEXEC},
        {AF_INET6, SOCK_STREAM | SOCK_CLOEXEC},
        {AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC},
    };
    static const uint64_t levels[] = {IPPROTO_IP, IPPROTO_IPV6};
    int r = add_values(filter, SCMP_SYS(setsockopt), 1, levels, COUNT(levels));

    for (size_t i = 0; r == 0 && i < COUNT(kinds); i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                             SCMP_CMP(0, SCMP_CMP_EQ, kinds[i].family, 0),
                             SCMP_CMP(1, SCMP_CMP_EQ, kinds[i].type, 0));
    return r;
}

/* Files in memory, sealed when they are whole. */
static int
add_memory_files(scmp_filter_ctx filter)
{
    static const uint64_t commands[] = {F_ADD_SEALS};
    int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(memfd_create), 0);

    return r != 0 ? r : add_values(filter, SCMP_SYS(fcntl), 1, commands, COUNT(commands));
}

/* --- roles --- */

#define LISTS_MAX 6
#define RULES_MAX 12

/* Each row: the lists and rules that let a role do its work. */
static const struct filter_row {
    const struct call_list *allowed[LISTS_MAX]; /* up to the first NULL */
    const struct call_list *refused;            /* EACCES */
    rule_fn rules[RULES_MAX];                   /* up to the first NULL */
} filter_rows[] = {
    [SANDBOX_EDGE] = {.allowed = {&calls_common, &calls_loop, &calls_sockets},
                      .refused = &calls_refused_files,
                      .rules = {add_memory, add_descriptors, add_stat, add_signals,
                                add_socket_options}},
    [SANDBOX_SORTER] = {.allowed = {&calls_common, &calls_lent_file},
                        .refused = &calls_refused_files,
                        .rules = {add_memory, add_descriptors, add_stat, add_signals}},
    [SANDBOX_METRICS] = {.allowed = {&calls_common, &calls_loop, &calls_sockets},
                         .refused = &calls_refused_files,
                         .rules = {add_memory, add_descriptors, add_stat, add_signals,
                                   add_socket_options}},
    [SANDBOX_AUTH] = {.allowed = {&calls_common, &calls_loop, &calls_threads},
                      .refused = &calls_refused_files,
                      .rules = {add_memory, add_descriptors, add_stat, add_signals, add_threads,
                                add_leak_search}},
    [SANDBOX_OUTBOUND] = {.allowed = {&calls_common, &calls_loop, &calls_sockets, &calls_lent_file},
                          .refused = &calls_refused_files,
                          .rules = {add_memory, add_descriptors, add_stat, add_signals,
                                    add_socket_options, add_connections, add_memory_files,
                                    add_limits}},
    [SANDBOX_RELAY] = {.allowed = {&calls_common, &calls_loop, &calls_sockets, &calls_lent_file},
                       .refused = &calls_refused_files,
                       .rules = {add_memory, add_descriptors, add_stat, add_signals,
                                 add_socket_options, add_connections, add_limits}},
    [SANDBOX_PASSTHROUGH] = {.allowed = {&calls_common, &calls_loop, &calls_sockets,
                                         &calls_lent_file},
                             .refused = &calls_refused_files,
                             .rules = {add_memory, add_descriptors, add_stat, add_signals,
                                       add_socket_options, add_connections, add_memory_files,
                                       add_limits}},
    [SANDBOX_RELAY_NAMES] = {.allowed = {&calls_common, &calls_loop, &calls_sockets,
                                         &calls_lent_file, &calls_threads, &calls_names},
                             .refused = &calls_refused_names,
                             .rules = {add_memory, add_refused_code, add_descriptors, add_signals,
                                       add_socket_options, add_connections, add_name_sockets,
                                       add_limits, add_threads, add_leak_search}},
    [SANDBOX_STORE] = {.allowed = {&calls_common, &calls_loop, &calls_sockets, &calls_threads,
                                   &calls_files, &calls_store},
                       .refused = &calls_refused_owner,
                       .rules = {add_memory, add_refused_code, add_descriptors, add_locks,
                                 add_signals, add_kill, add_socket_options, add_threads, add_limits,
                                 add_leak_search}},
    [SANDBOX_HAND] = {.allowed = {&calls_common, &calls_files},
                      .refused = &calls_refused_owner,
                      .rules = {add_memory, add_refused_code, add_descriptors, add_locks,
                                add_signals, add_kill, add_leak_search}},
};

static int
fill(scmp_filter_ctx filter, const struct filter_row *row, bool asks_users)
{
    int r = add_all(filter, SCMP_ACT_ERRNO(EACCES), row->refused);

    for (size_t i = 0; r == 0 && i < LISTS_MAX && row->allowed[i] != NULL; i++)
        r = add_all(filter, SCMP_ACT_ALLOW, row->allowed[i]);
    for (size_t i = 0; r == 0 && i < RULES_MAX && row->rules[i] != NULL; i++)
        r = row->rules[i](filter);
    if (r == 0 && asks_users)
        r = add_user_database(filter);
    if (r == 0 && DOORSTEP_SANITIZED)
        r = add_all(filter, SCMP_ACT_ALLOW, &calls_sanitizer);
    return r;
}

/* --- loading --- */

/* Sanitizer builds: the name of the call, then the end that a release build comes to at once. */
static void
on_refused(int number, siginfo_t *info, void *context)
{
    char *name = seccomp_syscall_resolve_num_arch(info->si_arch, info->si_syscall);

    (void)context;
    log_event(LOG_LEVEL_ERROR, "sandbox", "refused", name, NULL);
    signal(number, SIG_DFL);
    raise(number);
}

static bool
watch_refused(void)
{
    const struct sigaction watch = {.sa_sigaction = on_refused, .sa_flags = SA_SIGINFO};

    return !DOORSTEP_SANITIZED || sigaction(SIGSYS, &watch, NULL) == 0;
}

/* Takes the filter. libseccomp hides why the kernel refused; a kernel without seccomp is the
 * reason that remains. */
static int
load(scmp_filter_ctx filter, int r)
{
    if (r == 0)
        r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (r == 0)
        r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (r == 0)
        r = watch_refused() ? seccomp_load(filter) : -errno;
    seccomp_release(filter);
    return r == -ECANCELED ? ENOSYS : -r;
}

int
sandbox_seccomp(enum sandbox_role role, bool asks_users)
{
    scmp_filter_ctx filter = seccomp_init(KILL);

    if (filter == NULL)
        return ENOMEM;
    return load(filter, fill(filter, &filter_rows[role], asks_users));
}

int
sandbox_seccomp_main(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    if (filter == NULL)
        return ENOMEM;
    return load(filter, add_all(filter, SCMP_ACT_KILL_PROCESS, &calls_forbidden));
}
