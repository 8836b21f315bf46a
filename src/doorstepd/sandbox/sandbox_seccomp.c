/* SPDX-License-Identifier: MIT
 *
 * The system calls that an edge and a sorter may make (seccomp(2), libseccomp). Three tiers: what
 * the role does for its work is allowed; what the C library tries on its own, and can do without,
 * gets EACCES; everything else (socket, connect, execve, ptrace, io_uring, mounts...) kills the
 * process at once, and main logs the signal.
 */
#include "sandbox_priv.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Memory, time, waiting, descriptors that are open already. */
static const int common_calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendto),
    SCMP_SYS(close),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(fstat),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(sched_yield),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rseq),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(clock_getres),
    SCMP_SYS(sysinfo), /* qsort(3) of more than a kilobyte asks how much memory there is */
};

/* An edge lives in a loop and accepts connections on sockets that main has bound. */
static const int edge_calls[] = {
    SCMP_SYS(accept4),     SCMP_SYS(shutdown),      SCMP_SYS(getsockopt), SCMP_SYS(getsockname),
    SCMP_SYS(getpeername), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl),  SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait), SCMP_SYS(eventfd2),      SCMP_SYS(pipe2),
};

/* A sorter reads a message that it was lent. */
static const int sorter_calls[] = {
    SCMP_SYS(pread64),
    SCMP_SYS(lseek),
};

/* The C library tries these now and then (time zone, character sets, a closed descriptor as a
 * terminal). */
static const int refused_calls[] = {
    SCMP_SYS(open),     SCMP_SYS(openat),     SCMP_SYS(stat),      SCMP_SYS(lstat),
    SCMP_SYS(statx),    SCMP_SYS(access),     SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
    SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd),
};

/* What sanitizers do while they watch or report. */
static const int sanitizer_calls[] = {
    SCMP_SYS(prctl),   SCMP_SYS(prlimit64), SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getppid), SCMP_SYS(mincore),   SCMP_SYS(msync),
    SCMP_SYS(uname),   SCMP_SYS(getrusage), SCMP_SYS(personality),
    SCMP_SYS(wait4),   SCMP_SYS(dup),
};

static int
add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int r = seccomp_rule_add(filter, action, calls[i], 0);

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
add_edge(scmp_filter_ctx filter)
{
    static const uint64_t levels[] = {SOL_SOCKET, IPPROTO_TCP};
    int r = add_all(filter, SCMP_ACT_ALLOW, edge_calls, COUNT(edge_calls));

    if (r == 0)
        r = add_values(filter, SCMP_SYS(setsockopt), 1, levels, COUNT(levels));
    return r;
}

static int
fill(scmp_filter_ctx filter, enum sandbox_role role)
{
    int r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

    if (r == 0)
        r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (r == 0)
        r = add_all(filter, SCMP_ACT_ALLOW, common_calls, COUNT(common_calls));
    if (r == 0)
        r = add_all(filter, SCMP_ACT_ERRNO(EACCES), refused_calls, COUNT(refused_calls));
    if (r == 0 && DOORSTEP_SANITIZED)
        r = add_all(filter, SCMP_ACT_ALLOW, sanitizer_calls, COUNT(sanitizer_calls));
    if (r == 0)
        r = add_memory(filter);
    if (r == 0)
        r = add_descriptors(filter);
    if (r == 0)
        r = add_stat(filter);
    if (r == 0)
        r = add_signals(filter);
    if (r != 0)
        return r;
    return role == SANDBOX_EDGE
               ? add_edge(filter)
               : add_all(filter, SCMP_ACT_ALLOW, sorter_calls, COUNT(sorter_calls));
}

int
sandbox_seccomp(enum sandbox_role role)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int r;

    if (filter == NULL)
        return ENOMEM;
    r = fill(filter, role);
    if (r == 0)
        r = seccomp_load(filter);
    seccomp_release(filter);
    /* libseccomp hides why the kernel refused; a kernel without seccomp is the reason that remains.
     */
    return r == -ECANCELED ? ENOSYS : -r;
}
