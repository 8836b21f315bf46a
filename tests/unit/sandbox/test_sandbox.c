/* SPDX-License-Identifier: MIT
 *
 * A child locks itself in like a role does and then tries what an intruder would try. Each row
 * says how it must end: refused with an errno, killed by the kernel, or, for the role's own work,
 * allowed. Landlock is also tried without seccomp in front of it.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doorstep/log.h"
#include "sandbox_priv.h"

enum ending { ALLOWED = 0, REFUSED = 1, KILLED = 2, NOT_CONFINED = 3, OTHER = 4 };

struct bench {        /* what the child holds before it is confined */
    char root[64];    /* a folder that a store may write to, with tmp/ and new/ */
    char outside[64]; /* one that it may not */
    int socket[2];    /* connected, unix */
    int listener;     /* TCP, loopback */
    int memfd;
    pid_t parent;
    long landlock_abi;
};

typedef bool (*attempt_fn)(const struct bench *b); /* true: it worked */

/* --- what an intruder tries --- */

static bool
try_open_passwd(const struct bench *b)
{
    (void)b;
    return open("/etc/passwd", O_RDONLY) >= 0;
}

static bool
try_create_file(const struct bench *b)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/made", b->outside);
    return open(path, O_WRONLY | O_CREAT, 0600) >= 0;
}

static bool
try_stat(const struct bench *b)
{
    struct stat st;

    (void)b;
    return stat("/etc/passwd", &st) == 0;
}

static bool
try_socket(const struct bench *b)
{
    (void)b;
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool
try_unix_socket(const struct bench *b)
{
    (void)b;
    return socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static bool
try_connect(const struct bench *b)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(b->listener, (struct sockaddr *)&to, sizeof(to)) == 0;
}

static bool
try_datagram(const struct bench *b)
{
    (void)b;
    return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) >= 0;
}

static bool
do_connect(const struct bench *b)
{
    struct sockaddr_in to;
    socklen_t length = sizeof(to);
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return s >= 0 && getsockname(b->listener, (struct sockaddr *)&to, &length) == 0 &&
           (connect(s, (struct sockaddr *)&to, length) == 0 || errno == EINPROGRESS);
}

/* Only Landlock's ABI 4 knows ports; where it is not there, nothing is shown. */
static bool
try_other_port(const struct bench *b)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(10), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (b->landlock_abi < 4)
        return false;
    return connect(s, (const struct sockaddr *)&to, sizeof(to)) == 0 || errno != EACCES;
}

static bool
do_read_hosts(const struct bench *b)
{
    (void)b;
    return open("/etc/hosts", O_RDONLY) >= 0;
}

static bool
try_execve(const struct bench *b)
{
    char *argv[] = {(char[]){"true"}, NULL};
    char *env[] = {NULL};

    (void)b;
    execve("/bin/true", argv, env);
    return false;
}

static bool
try_fork(const struct bench *b)
{
    pid_t pid = fork();

    (void)b;
    if (pid == 0)
        _exit(0);
    return pid > 0;
}

static bool
try_ptrace(const struct bench *b)
{
    (void)b;
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0;
}

static bool
try_kill_parent(const struct bench *b)
{
    (void)b;
    return kill(getppid(), 0) == 0;
}

static bool
try_signal_parent(const struct bench *b)
{
    return kill(b->parent, SIGCONT) == 0;
}

/* As of ABI 6 Landlock answers EPERM for a process outside, which says as much. */
static bool
do_find_parent(const struct bench *b)
{
    return kill(b->parent, 0) == 0 || errno == EPERM;
}

static bool
try_io_uring(const struct bench *b)
{
    struct io_uring_params params;

    (void)b;
    memset(&params, 0, sizeof(params));
    return syscall(SYS_io_uring_setup, 4, &params) >= 0;
}

static bool
try_mount(const struct bench *b)
{
    return mount("none", b->root, "tmpfs", 0, NULL) == 0;
}

static bool
try_executable_memory(const struct bench *b)
{
    (void)b;
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
           MAP_FAILED;
}

static bool
try_bind(const struct bench *b)
{
    struct sockaddr_in any = {.sin_family = AF_INET};

    return bind(b->listener, (struct sockaddr *)&any, sizeof(any)) == 0;
}

static bool
try_accept(const struct bench *b)
{
    return accept4(b->listener, NULL, NULL, SOCK_NONBLOCK) < 0 && errno == EAGAIN;
}

static bool
do_receive_descriptor(const struct bench *b)
{
    char byte = 'x', space[CMSG_SPACE(sizeof(int))];
    struct iovec part = {&byte, 1};
    struct msghdr msg = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
    struct cmsghdr *c;

    memset(space, 0, sizeof(space));
    c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &b->memfd, sizeof(int));
    return sendmsg(b->socket[0], &msg, MSG_NOSIGNAL) == 1 &&
           recvmsg(b->socket[1], &msg, MSG_CMSG_CLOEXEC) == 1 && (msg.msg_flags & MSG_CTRUNC) == 0;
}

static bool
try_hold_many_descriptors(const struct bench *b)
{
    for (int i = 0; i < 100; i++) {
        if (!do_receive_descriptor(b))
            return false;
    }
    return true;
}

#if !DOORSTEP_SANITIZED /* which need address space themselves */
static bool
try_allocate_a_gigabyte(const struct bench *b)
{
    (void)b;
    return mmap(NULL, 1 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
           MAP_FAILED;
}
#endif

/* --- what a role's own work is --- */

static bool
do_write_and_read(const struct bench *b)
{
    char c = 'x';

    return write(b->socket[0], &c, 1) == 1 && read(b->socket[1], &c, 1) == 1;
}

static bool
do_wait_in_epoll(const struct bench *b)
{
    struct epoll_event event = {.events = EPOLLOUT};
    int fd = epoll_create1(EPOLL_CLOEXEC);

    return fd >= 0 && epoll_ctl(fd, EPOLL_CTL_ADD, b->socket[0], &event) == 0 &&
           epoll_wait(fd, &event, 1, 1000) == 1;
}

static int
compare_octets(const void *a, const void *b)
{
    return *(const unsigned char *)a - *(const unsigned char *)b;
}

/* qsort(3) looks how much memory there is before it takes some. */
static bool
do_sort_a_long_list(const struct bench *b)
{
    unsigned char list[5000];

    (void)b;
    for (size_t i = 0; i < sizeof(list); i++)
        list[i] = (unsigned char)(i * 7);
    qsort(list, sizeof(list), 1, compare_octets);
    return list[0] == 0 && list[sizeof(list) - 1] == 255;
}

static bool
do_allocate(const struct bench *b)
{
    char *p = malloc(16 << 20);

    (void)b;
    if (p == NULL)
        return false;
    memset(p, 1, 16 << 20);
    free(p);
    return true;
}

static bool
do_read_lent_file(const struct bench *b)
{
    struct stat st;
    char c;

    return fstat(b->memfd, &st) == 0 && pread(b->memfd, &c, 1, 0) == 1;
}

static bool
do_log(const struct bench *b)
{
    (void)b;
    log_event(LOG_LEVEL_INFO, "confined", NULL);
    return true;
}

static bool
do_rename_tmp_to_new(const struct bench *b)
{
    char from[96], to[96];
    int fd;

    snprintf(from, sizeof(from), "%s/tmp/m", b->root);
    snprintf(to, sizeof(to), "%s/new/m", b->root);
    fd = open(from, O_WRONLY | O_CREAT | O_EXCL, 0600);
    return fd >= 0 && write(fd, "x", 1) == 1 && rename(from, to) == 0 && unlink(to) == 0;
}

static bool
do_link_nameless_file(const struct bench *b)
{
    char from[96], to[96], self[64];
    int fd;

    snprintf(from, sizeof(from), "%s/tmp", b->root);
    snprintf(to, sizeof(to), "%s/new/t", b->root);
    fd = open(from, O_WRONLY | O_TMPFILE, 0600);
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    return fd >= 0 && linkat(AT_FDCWD, self, AT_FDCWD, to, AT_SYMLINK_FOLLOW) == 0 &&
           unlink(to) == 0;
}

static bool
try_make_symlink(const struct bench *b)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/link", b->root);
    return symlink("/etc/passwd", path) == 0;
}

static bool
try_make_fifo(const struct bench *b)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/link", b->root);
    return mkfifo(path, 0600) == 0;
}

static bool
try_link_passwd(const struct bench *b)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/link", b->root);
    return linkat(AT_FDCWD, "/etc/passwd", AT_FDCWD, path, 0) == 0;
}

static bool
try_list_etc(const struct bench *b)
{
    (void)b;
    return open("/etc", O_RDONLY | O_DIRECTORY) >= 0;
}

static bool
do_lock(const struct bench *b)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return fcntl(b->memfd, F_SETLK, &lock) == 0;
}

static void *
run_thread(void *arg)
{
    pthread_setname_np(pthread_self(), "thread");
    return arg;
}

static bool
do_run_a_thread(const struct bench *b)
{
    pthread_t thread;
    void *back = NULL;

    return pthread_create(&thread, NULL, run_thread, (void *)(uintptr_t)b) == 0 &&
           pthread_join(thread, &back) == 0 && back == b;
}

#if !DOORSTEP_SANITIZED
static bool
try_become_dumpable(const struct bench *b)
{
    (void)b;
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
}

static bool
try_raise_limit(const struct bench *b)
{
    const struct rlimit limit = {1, 1};

    (void)b;
    return setrlimit(RLIMIT_CORE, &limit) == 0;
}
#endif

/* --- how it is tried --- */

static bool
confine_landlock_alone(const struct bench *b)
{
    (void)b;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return sandbox_landlock_none(false) == 0;
}

static bool
confine_edge(const struct bench *b)
{
    (void)b;
    return sandbox_enter(SANDBOX_EDGE, NULL, true);
}

static bool
confine_sorter(const struct bench *b)
{
    (void)b;
    return sandbox_enter(SANDBOX_SORTER, NULL, true);
}

static bool
confine_store(const struct bench *b)
{
    const char *paths[] = {b->root, "/nowhere/at/all"};
    const struct sandbox_roots roots = {.paths = paths, .count = 2};

    return sandbox_enter(SANDBOX_STORE, &roots, true);
}

static bool
confine_store_of_system_accounts(const struct bench *b)
{
    const char *paths[] = {b->root}, *readable[] = {"/etc", "/nowhere/at/all"};
    const struct sandbox_roots roots = {
        .paths = paths,
        .count = 1,
        .readable = readable,
        .readable_count = 2,
        .asks_users = true,
    };

    return sandbox_enter(SANDBOX_STORE, &roots, true);
}

static bool
confine_hand(const struct bench *b)
{
    const char *paths[] = {b->root}, *readable[] = {"/etc/passwd"};
    const struct sandbox_roots roots = {
        .paths = paths, .count = 1, .readable = readable, .readable_count = 1};

    return sandbox_enter(SANDBOX_HAND, &roots, true);
}

static uint16_t
port_of(const struct bench *b)
{
    struct sockaddr_in at;

    if (getsockname(b->listener, (struct sockaddr *)&at, &(socklen_t){sizeof(at)}) != 0)
        return 0;
    return ntohs(at.sin_port);
}

static bool
confine_relay(const struct bench *b)
{
    const uint16_t ports[] = {9, port_of(b)};

    return sandbox_enter(SANDBOX_RELAY, &(struct sandbox_roots){.ports = ports, .port_count = 2},
                         true);
}

static bool
confine_passthrough(const struct bench *b)
{
    const uint16_t ports[] = {9, port_of(b)};

    return sandbox_enter(SANDBOX_PASSTHROUGH,
                         &(struct sandbox_roots){.ports = ports, .port_count = 2}, true);
}

static bool
confine_relay_names(const struct bench *b)
{
    const char *readable[] = {"/etc/hosts"};
    const uint16_t port = port_of(b);
    const struct sandbox_roots roots = {
        .readable = readable, .readable_count = 1, .ports = &port, .port_count = 1};

    return sandbox_enter(SANDBOX_RELAY_NAMES, &roots, true);
}

static bool
confine_main(const struct bench *b)
{
    (void)b;
    return sandbox_enter_main(true);
}

static const struct row {
    const char *name;
    bool (*confine)(const struct bench *b);
    attempt_fn attempt;
    enum ending expected;
} rows[] = {
    {"an edge opens no file", confine_edge, try_open_passwd, REFUSED},
    {"an edge creates no file", confine_edge, try_create_file, REFUSED},
    {"an edge cannot look a file up", confine_edge, try_stat, REFUSED},
    {"an edge makes no TCP socket", confine_edge, try_socket, KILLED},
    {"an edge makes no unix socket", confine_edge, try_unix_socket, KILLED},
    {"an edge connects nowhere", confine_edge, try_connect, KILLED},
    {"an edge binds nothing", confine_edge, try_bind, KILLED},
    {"an edge executes nothing", confine_edge, try_execve, KILLED},
    {"an edge makes no process", confine_edge, try_fork, KILLED},
    {"an edge traces nobody", confine_edge, try_ptrace, KILLED},
    {"an edge signals nobody", confine_edge, try_kill_parent, KILLED},
    {"an edge has no io_uring", confine_edge, try_io_uring, KILLED},
    {"an edge mounts nothing", confine_edge, try_mount, KILLED},
    {"an edge makes no executable memory", confine_edge, try_executable_memory, KILLED},
    {"an edge accepts connections", confine_edge, try_accept, ALLOWED},
    {"an edge reads and writes", confine_edge, do_write_and_read, ALLOWED},
    {"an edge receives descriptors", confine_edge, do_receive_descriptor, ALLOWED},
    {"an edge waits in epoll", confine_edge, do_wait_in_epoll, ALLOWED},
    {"an edge allocates", confine_edge, do_allocate, ALLOWED},
    {"an edge logs", confine_edge, do_log, ALLOWED},

    {"a sorter opens no file", confine_sorter, try_open_passwd, REFUSED},
    {"a sorter creates no file", confine_sorter, try_create_file, REFUSED},
    {"a sorter makes no TCP socket", confine_sorter, try_socket, KILLED},
    {"a sorter makes no unix socket", confine_sorter, try_unix_socket, KILLED},
    {"a sorter connects nowhere", confine_sorter, try_connect, KILLED},
    {"a sorter accepts nothing", confine_sorter, try_accept, KILLED},
    {"a sorter executes nothing", confine_sorter, try_execve, KILLED},
    {"a sorter makes no process", confine_sorter, try_fork, KILLED},
    {"a sorter traces nobody", confine_sorter, try_ptrace, KILLED},
    {"a sorter has no io_uring", confine_sorter, try_io_uring, KILLED},
    {"a sorter makes no executable memory", confine_sorter, try_executable_memory, KILLED},
    {"a sorter holds few descriptors", confine_sorter, try_hold_many_descriptors, REFUSED},
#if !DOORSTEP_SANITIZED
    {"a sorter's memory has an end", confine_sorter, try_allocate_a_gigabyte, REFUSED},
#endif
    {"a sorter reads and writes", confine_sorter, do_write_and_read, ALLOWED},
    {"a sorter receives descriptors", confine_sorter, do_receive_descriptor, ALLOWED},
    {"a sorter reads a file lent to it", confine_sorter, do_read_lent_file, ALLOWED},
    {"a sorter allocates", confine_sorter, do_allocate, ALLOWED},
    {"a sorter logs", confine_sorter, do_log, ALLOWED},
    {"a sorter sorts a long list", confine_sorter, do_sort_a_long_list, ALLOWED},

    {"Landlock alone: no file is opened", confine_landlock_alone, try_open_passwd, REFUSED},
    {"Landlock alone: no file is created", confine_landlock_alone, try_create_file, REFUSED},
    {"Landlock alone: nothing is executed", confine_landlock_alone, try_execve, REFUSED},
    {"Landlock alone: no other process is traced", confine_landlock_alone, try_ptrace, REFUSED},

    {"a store creates nothing outside its roots", confine_store, try_create_file, REFUSED},
    {"a store reads nothing outside its roots", confine_store, try_open_passwd, REFUSED},
    {"a store lists nothing outside its roots", confine_store, try_list_etc, REFUSED},
    {"a store links nothing from outside", confine_store, try_link_passwd, REFUSED},
    {"a store makes no symlink", confine_store, try_make_symlink, KILLED},
    {"a store makes no FIFO", confine_store, try_make_fifo, KILLED},
    {"a store makes no TCP socket", confine_store, try_socket, KILLED},
    {"a store makes no unix socket", confine_store, try_unix_socket, KILLED},
    {"a store connects nowhere", confine_store, try_connect, KILLED},
    {"a store binds nothing", confine_store, try_bind, KILLED},
    {"a store executes nothing", confine_store, try_execve, KILLED},
    {"a store signals nobody", confine_store, try_signal_parent, KILLED},
    {"a store has no io_uring", confine_store, try_io_uring, KILLED},
    {"a store mounts nothing", confine_store, try_mount, KILLED},
    {"a store makes no executable memory", confine_store, try_executable_memory, REFUSED},
#if !DOORSTEP_SANITIZED /* which do this themselves */
    {"a store makes no process", confine_store, try_fork, KILLED},
    {"a store traces nobody", confine_store, try_ptrace, KILLED},
    {"a store stays undumpable", confine_store, try_become_dumpable, KILLED},
    {"a store raises no limit", confine_store, try_raise_limit, KILLED},
#endif
    {"a store knows whether a process is there", confine_store, do_find_parent, ALLOWED},
    {"a store accepts", confine_store, try_accept, ALLOWED},
    {"a store makes threads", confine_store, do_run_a_thread, ALLOWED},
    {"a store locks", confine_store, do_lock, ALLOWED},
    {"a store waits in epoll", confine_store, do_wait_in_epoll, ALLOWED},
    {"a store logs", confine_store, do_log, ALLOWED},

    {"a store of system accounts reads the user database", confine_store_of_system_accounts,
     try_open_passwd, ALLOWED},
    {"a store of system accounts asks a service", confine_store_of_system_accounts, try_unix_socket,
     ALLOWED},
    {"a store of system accounts has no network", confine_store_of_system_accounts, try_socket,
     REFUSED},
    {"a store of system accounts changes nothing else", confine_store_of_system_accounts,
     try_create_file, REFUSED},

    {"a relay opens no file", confine_relay, try_open_passwd, REFUSED},
    {"a relay creates no file", confine_relay, try_create_file, REFUSED},
    {"a relay connects", confine_relay, do_connect, ALLOWED},
    {"a relay connects to no other port", confine_relay, try_other_port, REFUSED},
    {"a relay sends no datagrams", confine_relay, try_datagram, KILLED},
    {"a relay binds nothing", confine_relay, try_bind, KILLED},
    {"a relay executes nothing", confine_relay, try_execve, KILLED},
    {"a relay makes no process", confine_relay, try_fork, KILLED},
    {"a relay makes no executable memory", confine_relay, try_executable_memory, KILLED},
    {"a relay signals nobody", confine_relay, try_kill_parent, KILLED},
    {"a relay reads a file lent to it", confine_relay, do_read_lent_file, ALLOWED},
    {"a relay waits in epoll", confine_relay, do_wait_in_epoll, ALLOWED},
    {"a relay logs", confine_relay, do_log, ALLOWED},

    {"a passthrough opens no file", confine_passthrough, try_open_passwd, REFUSED},
    {"a passthrough creates no file", confine_passthrough, try_create_file, REFUSED},
    {"a passthrough connects", confine_passthrough, do_connect, ALLOWED},
    {"a passthrough connects to no other port", confine_passthrough, try_other_port, REFUSED},
    {"a passthrough accepts connections", confine_passthrough, try_accept, ALLOWED},
    {"a passthrough binds nothing", confine_passthrough, try_bind, KILLED},
    {"a passthrough sends no datagrams", confine_passthrough, try_datagram, KILLED},
    {"a passthrough executes nothing", confine_passthrough, try_execve, KILLED},
    {"a passthrough makes no process", confine_passthrough, try_fork, KILLED},
    {"a passthrough makes no executable memory", confine_passthrough, try_executable_memory,
     KILLED},
    {"a passthrough signals nobody", confine_passthrough, try_kill_parent, KILLED},
    {"a passthrough reads a file lent to it", confine_passthrough, do_read_lent_file, ALLOWED},
    {"a passthrough logs", confine_passthrough, do_log, ALLOWED},

    {"a relay with names opens no other file", confine_relay_names, try_open_passwd, REFUSED},
    {"a relay with names lists no folder", confine_relay_names, try_list_etc, REFUSED},
    {"a relay with names creates no file", confine_relay_names, try_create_file, REFUSED},
    {"a relay with names reads what that needs", confine_relay_names, do_read_hosts, ALLOWED},
    {"a relay with names sends datagrams", confine_relay_names, try_datagram, ALLOWED},
    {"a relay with names connects", confine_relay_names, do_connect, ALLOWED},
    {"a relay with names connects to no other port", confine_relay_names, try_other_port, REFUSED},
    {"a relay with names runs a thread", confine_relay_names, do_run_a_thread, ALLOWED},
    {"a relay with names executes nothing", confine_relay_names, try_execve, KILLED},
    {"a relay with names makes no executable memory", confine_relay_names, try_executable_memory,
     REFUSED},
    {"a relay with names signals nobody", confine_relay_names, try_signal_parent, KILLED},

    {"a hand creates nothing outside its roots", confine_hand, try_create_file, REFUSED},
    {"a hand reads one file that it is given", confine_hand, try_open_passwd, ALLOWED},
    {"a hand reads nothing beside it", confine_hand, try_list_etc, REFUSED},
    {"a hand makes no unix socket", confine_hand, try_unix_socket, KILLED},
    {"a hand accepts nothing", confine_hand, try_accept, KILLED},
    {"a hand executes nothing", confine_hand, try_execve, KILLED},
    {"a hand signals nobody", confine_hand, try_signal_parent, KILLED},
    {"a hand renames from tmp to new", confine_hand, do_rename_tmp_to_new, ALLOWED},
    {"a hand links a nameless file into new", confine_hand, do_link_nameless_file, ALLOWED},
    {"a hand locks", confine_hand, do_lock, ALLOWED},
#if !DOORSTEP_SANITIZED
    {"a hand makes no process", confine_hand, try_fork, KILLED},
    {"a hand makes no thread", confine_hand, do_run_a_thread, KILLED},

    {"main traces nobody", confine_main, try_ptrace, KILLED},
#endif
    {"main has no io_uring", confine_main, try_io_uring, KILLED},
    {"main mounts nothing", confine_main, try_mount, KILLED},
    {"main starts processes", confine_main, try_fork, ALLOWED},
    {"main starts programs", confine_main, try_execve, ALLOWED},
    {"main makes sockets", confine_main, try_socket, ALLOWED},

    {"a store renames from tmp to new", confine_store, do_rename_tmp_to_new, ALLOWED},
    {"a store links a nameless file into new", confine_store, do_link_nameless_file, ALLOWED},
};

static void
bench_open(struct bench *b)
{
    char path[96];

    memset(b, 0, sizeof(*b));
    b->landlock_abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
    snprintf(b->root, sizeof(b->root), "/tmp/test_sandbox.XXXXXX");
    snprintf(b->outside, sizeof(b->outside), "/tmp/test_sandbox.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(b->root));
    ck_assert_ptr_nonnull(mkdtemp(b->outside));
    snprintf(path, sizeof(path), "%s/tmp", b->root);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/new", b->root);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, b->socket), 0);
    b->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(listen(b->listener, 1), 0);
    b->parent = getpid();
    b->memfd = memfd_create("lent", MFD_CLOEXEC);
    ck_assert_int_eq(write(b->memfd, "x", 1), 1);
}

static void
bench_close(struct bench *b)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/tmp", b->root);
    rmdir(path);
    snprintf(path, sizeof(path), "%s/new", b->root);
    rmdir(path);
    rmdir(b->root);
    snprintf(path, sizeof(path), "%s/made", b->outside);
    unlink(path);
    rmdir(b->outside);
    close(b->socket[0]);
    close(b->socket[1]);
    close(b->listener);
    close(b->memfd);
}

static enum ending
try_confined(const struct row *row, const struct bench *b)
{
    int status;
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        if (!row->confine(b))
            _exit(NOT_CONFINED);
        _exit(row->attempt(b) ? ALLOWED : REFUSED);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGSYS ? KILLED : OTHER;
    return (enum ending)WEXITSTATUS(status);
}

START_TEST(confined)
{
    const struct row *row = &rows[_i];
    struct bench b;
    enum ending ending;

    bench_open(&b);
    ending = try_confined(row, &b);
    bench_close(&b);
    ck_assert_msg(ending == row->expected, "%s: expected %d, got %d", row->name, row->expected,
                  ending);
}
END_TEST

/* The rows above prove nothing if the attempt fails anyway: unconfined, each of these works. */
static bool
confine_not(const struct bench *b)
{
    (void)b;
    return true;
}

static const struct row open_rows[] = {
    {"opening works unconfined", confine_not, try_open_passwd, ALLOWED},
    {"creating works unconfined", confine_not, try_create_file, ALLOWED},
    {"looking up works unconfined", confine_not, try_stat, ALLOWED},
    {"sockets work unconfined", confine_not, try_socket, ALLOWED},
    {"executing works unconfined", confine_not, try_execve, ALLOWED},
    {"forking works unconfined", confine_not, try_fork, ALLOWED},
    {"signalling works unconfined", confine_not, try_kill_parent, ALLOWED},
    {"many descriptors work unconfined", confine_not, try_hold_many_descriptors, ALLOWED},
    {"symlinks work unconfined", confine_not, try_make_symlink, ALLOWED},
};

START_TEST(unconfined)
{
    const struct row *row = &open_rows[_i];
    struct bench b;
    enum ending ending;
    char link[96];

    bench_open(&b);
    ending = try_confined(row, &b);
    snprintf(link, sizeof(link), "%s/link", b.root);
    unlink(link);
    bench_close(&b);
    ck_assert_msg(ending == row->expected, "%s: expected %d, got %d", row->name, row->expected,
                  ending);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("sandbox");
    TCase *tests = tcase_create("confined");
    SRunner *runner;
    int failed;

    log_start("test", LOG_LEVEL_WARNING);
    tcase_add_loop_test(tests, confined, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_loop_test(tests, unconfined, 0, (int)(sizeof(open_rows) / sizeof(open_rows[0])));
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
