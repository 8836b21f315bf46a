/* SPDX-License-Identifier: MIT
 *
 * A program's process, from fork to exec: a session of its own, three descriptors, an environment
 * built from nothing, limits, and no way to change files but where the configuration says. It has
 * no more privilege than the runner, which has none.
 */
#include "runner_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define STARTED_FD 3

struct ends { /* the program's */
    int in, out, err, started;
};

/* ---- in the new process: only calls that are safe behind fork ---- */

static bool
arrange_descriptors(const struct ends *e)
{
    int fds[4] = {e->in, e->out, e->err, e->started};

    for (int i = 0; i < 4; i++) /* out of the way first: each may lie in another's place */
        if ((fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, STARTED_FD + 1)) < 0)
            return false;
    for (int i = 0; i < 3; i++)
        if (dup2(fds[i], i) < 0)
            return false;
    return dup3(fds[3], STARTED_FD, O_CLOEXEC) >= 0 && close_range(STARTED_FD + 1, ~0U, 0) == 0;
}

static bool
limit(int resource, uint64_t soft, uint64_t hard)
{
    const struct rlimit both = {soft == UINT64_MAX ? RLIM_INFINITY : (rlim_t)soft,
                                hard == UINT64_MAX ? RLIM_INFINITY : (rlim_t)hard};

    return both.rlim_max == RLIM_INFINITY || setrlimit(resource, &both) == 0;
}

static bool
limit_resources(const struct settings_program *p)
{
    uint64_t cpu = (p->cpu + 999) / 1000;

    return limit(RLIMIT_CORE, 0, 0) && limit(RLIMIT_CPU, cpu, cpu + 1) &&
           limit(RLIMIT_FSIZE, p->file_size, p->file_size) &&
           limit(RLIMIT_NOFILE, p->files, p->files) &&
           limit(RLIMIT_NPROC, p->processes, p->processes) &&
           limit(RLIMIT_AS, p->memory, p->memory);
}

static void
reset_signals(void)
{
    sigset_t none;

    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL); /* those that cannot be set are as they should be */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void
become_program(const struct child_order *order, const struct ends *ends, pid_t runner)
{
    int error;

    reset_signals();
    umask(077);
    if (setsid() >= 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == runner &&
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && chdir("/") == 0 &&
        arrange_descriptors(ends) &&
        order->hooks->confine_program(order->settings, order->program) &&
        limit_resources(order->program))
        execve(order->argv[0], (char *const *)(const void *)order->argv,
               (char *const *)(const void *)order->environment);
    error = errno == 0 ? EPERM : errno;
    (void)!write(STARTED_FD, &error, sizeof(error));
    _exit(127);
}

/* ---- in the runner ---- */

static bool
make_pipe(bool is_wanted, int flags, int *ours, int *theirs, bool is_in)
{
    int fds[2];

    *ours = -1;
    if (!is_wanted) {
        *theirs = open("/dev/null", O_RDWR | O_CLOEXEC);
        return *theirs >= 0;
    }
    if (pipe2(fds, O_CLOEXEC) != 0)
        return false;
    *ours = fds[is_in];
    *theirs = fds[!is_in];
    return fcntl(*ours, F_SETFL, flags) == 0;
}

static void
close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void
child_close(struct child *c)
{
    close_one(&c->in);
    close_one(&c->out);
    close_one(&c->err);
    close_one(&c->started);
}

static bool
make_pipes(struct child *c, struct ends *e, const struct child_order *order)
{
    return make_pipe(order->reads, O_NONBLOCK, &c->in, &e->in, true) &&
           make_pipe(order->writes, O_NONBLOCK, &c->out, &e->out, false) &&
           make_pipe(true, O_NONBLOCK, &c->err, &e->err, false) &&
           make_pipe(true, O_NONBLOCK, &c->started, &e->started, false);
}

bool
child_start(struct child *c, const struct child_order *order)
{
    struct ends ends = {-1, -1, -1, -1};
    pid_t runner = getpid(), pid = -1;
    sigset_t all, before;
    int error;

    *c = (struct child){0, -1, -1, -1, -1};
    if (make_pipes(c, &ends, order)) {
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, &before); /* the loop's handlers belong to the runner */
        pid = fork();
        if (pid == 0)
            become_program(order, &ends, runner);
        error = errno;
        sigprocmask(SIG_SETMASK, &before, NULL);
        errno = error;
    }
    error = errno;
    close_one(&ends.in);
    close_one(&ends.out);
    close_one(&ends.err);
    close_one(&ends.started);
    if (pid < 0)
        child_close(c);
    else
        c->pid = pid;
    errno = error;
    return pid > 0;
}

int
child_exec_error(struct child *c)
{
    int error = 0;

    return read(c->started, &error, sizeof(error)) == (ssize_t)sizeof(error) ? error : 0;
}
