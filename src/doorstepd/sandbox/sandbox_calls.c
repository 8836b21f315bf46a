/* SPDX-License-Identifier: MIT
 *
 * The lists. They were made by watching every role through all tests, and are kept true by them: a
 * call that is missing ends the role, and a sanitizer build says which one it was.
 */
#include "sandbox_calls_priv.h"

#include <seccomp.h>

#define LIST(numbers)                                                                              \
    {                                                                                              \
        numbers, sizeof(numbers) / sizeof((numbers)[0])                                            \
    }

static const int common[] = {
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
const struct call_list calls_common = LIST(common);

static const int loop[] = {
    SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),   SCMP_SYS(eventfd2),  SCMP_SYS(pipe2),
};
const struct call_list calls_loop = LIST(loop);

static const int sockets[] = {
    SCMP_SYS(accept4),     SCMP_SYS(shutdown),    SCMP_SYS(getsockopt),
    SCMP_SYS(getsockname), SCMP_SYS(getpeername),
};
const struct call_list calls_sockets = LIST(sockets);

static const int threads[] = {
    SCMP_SYS(sched_getaffinity), /* malloc(3): how many arenas the threads are worth */
};
const struct call_list calls_threads = LIST(threads);

static const int lent_file[] = {
    SCMP_SYS(pread64),
    SCMP_SYS(lseek),
};
const struct call_list calls_lent_file = LIST(lent_file);

/* Where they may be used is Landlock's. */
static const int files[] = {
    SCMP_SYS(openat),       SCMP_SYS(openat2),   SCMP_SYS(newfstatat), SCMP_SYS(statx),
    SCMP_SYS(statfs),       SCMP_SYS(fstatfs),   SCMP_SYS(access),     SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),   SCMP_SYS(readlink),  SCMP_SYS(readlinkat), SCMP_SYS(getdents64),
    SCMP_SYS(lseek),        SCMP_SYS(pread64),   SCMP_SYS(pwrite64),   SCMP_SYS(pwritev),
    SCMP_SYS(ftruncate),    SCMP_SYS(fallocate), SCMP_SYS(fsync),      SCMP_SYS(fdatasync),
    SCMP_SYS(syncfs),       SCMP_SYS(rename),    SCMP_SYS(renameat),   SCMP_SYS(renameat2),
    SCMP_SYS(linkat),       SCMP_SYS(unlink),    SCMP_SYS(unlinkat),   SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),      SCMP_SYS(rmdir),     SCMP_SYS(fchmod),     SCMP_SYS(utimensat),
    SCMP_SYS(flock),        SCMP_SYS(uname), /* gethostname(3), for the names of files and of locks
                                              */
    SCMP_SYS(memfd_create),                  /* a message between store and hand, sealed */
};
const struct call_list calls_files = LIST(files);

static const int store[] = {
    SCMP_SYS(alarm), /* a bound for what it does when main is gone */
};
const struct call_list calls_store = LIST(store);

/* What the C library asks the system and name servers about a name. Landlock says which files. */
static const int names[] = {
    SCMP_SYS(openat), SCMP_SYS(newfstatat), SCMP_SYS(uname),
    SCMP_SYS(bind),   SCMP_SYS(sendmmsg),   SCMP_SYS(recvmmsg),
};
const struct call_list calls_names = LIST(names);

/* What it tries beside that. */
static const int refused_names[] = {
    SCMP_SYS(open),       SCMP_SYS(stat),      SCMP_SYS(lstat),      SCMP_SYS(statx),
    SCMP_SYS(access),     SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink),
    SCMP_SYS(readlinkat), SCMP_SYS(getcwd),
};
const struct call_list calls_refused_names = LIST(refused_names);

/* Time zone, character sets, a closed descriptor as a terminal. */
static const int refused_files[] = {
    SCMP_SYS(open),     SCMP_SYS(openat),     SCMP_SYS(stat),      SCMP_SYS(lstat),
    SCMP_SYS(statx),    SCMP_SYS(access),     SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
    SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd),
};
const struct call_list calls_refused_files = LIST(refused_files);

/* SQLite gives a new file of uid 0 to the owner of its database; it is that one's already. */
static const int refused_owner[] = {SCMP_SYS(fchown)};
const struct call_list calls_refused_owner = LIST(refused_owner);

static const int sanitizer[] = {
    SCMP_SYS(prctl),   SCMP_SYS(prlimit64), SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getppid), SCMP_SYS(mincore),   SCMP_SYS(msync),
    SCMP_SYS(uname),   SCMP_SYS(getrusage), SCMP_SYS(personality),
    SCMP_SYS(wait4),   SCMP_SYS(dup),
};
const struct call_list calls_sanitizer = LIST(sanitizer);

static const int forbidden[] = {
#if !DOORSTEP_SANITIZED /* the leak sanitizer looks at its own process through it */
    SCMP_SYS(ptrace),
#endif
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(kcmp),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount),
    SCMP_SYS(fspick),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(mknod),
    SCMP_SYS(mknodat),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(acct),
    SCMP_SYS(quotactl),
    SCMP_SYS(syslog),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(modify_ldt),
    SCMP_SYS(vhangup),
    SCMP_SYS(fanotify_init),
};
const struct call_list calls_forbidden = LIST(forbidden);
