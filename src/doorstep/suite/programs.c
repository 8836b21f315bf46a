/* SPDX-License-Identifier: MIT
 *
 * Programs that a suite's scripts run: out of the folder that sieve_KIND_bin_dir names, with the
 * message on standard input, never through a shell, and not for ever.
 */
#include "suite_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX 64
#define EXEC_SECONDS 10 /* when no setting says how long */

/* ------------------------------------------------------------------ the program's side */

static const char *
setting_of(struct suite *s, const char *kind, const char *name)
{
    char setting[128];

    snprintf(setting, sizeof(setting), "sieve_%s_%s", kind, name);
    return suite_setting(s, setting);
}

static void
set_environment(const struct suite *s)
{
    clearenv();
    setenv("PATH", "/usr/bin:/bin", 1);
    setenv("HOME", "/", 1);
    setenv("USER", s->user.name, 1);
    setenv("HOST", s->user.hostname, 1);
    setenv("SENDER", s->envelope.sender, 1);
    setenv("RECIPIENT", s->envelope.recipient, 1);
    setenv("ORIG_RECIPIENT", s->envelope.original_recipient, 1);
}

static void
run_child(const struct suite *s, const char *path, const char *const *arguments, uint32_t count,
          int input, int output)
{
    char *argv[ARGUMENTS_MAX + 2] = {(char *)(uintptr_t)path};

    for (uint32_t i = 0; i < count && i < ARGUMENTS_MAX; i++)
        argv[i + 1] = (char *)(uintptr_t)arguments[i];
    if (dup2(input, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0) {
        set_environment(s);
        execv(path, argv);
    }
    _exit(127);
}

/* ------------------------------------------------------------------ our side */

/* An unnamed file with the octets, each line end as `eol` says. */
static int
input_file(struct span in, bool is_lf)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    FILE *f = fd < 0 ? NULL : fdopen(dup(fd), "w");

    for (size_t i = 0; f != NULL && i < in.n; i++)
        if (!(is_lf && in.p[i] == '\r' && i + 1 < in.n && in.p[i + 1] == '\n'))
            putc(in.p[i], f);
    if (f != NULL)
        fclose(f);
    if (fd >= 0)
        lseek(fd, 0, SEEK_SET);
    return fd;
}

/* What it says until it ends; false when it takes too long or says too much. */
static bool
read_output(int fd, int seconds, struct buf *out)
{
    time_t end = time(NULL) + seconds;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char piece[8192];

    while (time(NULL) <= end) {
        if (poll(&p, 1, 100) <= 0)
            continue;
        ssize_t n = read(fd, piece, sizeof(piece));
        if (n <= 0)
            return n == 0;
        if (!buf_append(out, piece, (size_t)n))
            return false;
    }
    return false;
}

static int
seconds_for(struct suite *s, const char *kind)
{
    const char *value = setting_of(s, kind, "exec_timeout");
    int n = value == NULL ? 0 : atoi(value);

    return n <= 0 || n > 60 ? EXEC_SECONDS : n;
}

static enum sieve_answer
wait_for(struct suite *s, const char *kind, pid_t child, int from, struct buf *out)
{
    int status = 0;
    bool ok = read_output(from, seconds_for(s, kind), out);

    if (!ok)
        kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!ok)
        return SIEVE_TEMPFAIL;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? SIEVE_YES : SIEVE_NO;
}

static enum sieve_answer
start(struct suite *s, const char *kind, const char *path, const char *const *arguments,
      uint32_t count, struct span in, struct buf *out)
{
    const char *eol = setting_of(s, kind, "input_eol");
    int input = input_file(in, eol != NULL && strcasecmp(eol, "lf") == 0), ends[2] = {-1, -1};
    enum sieve_answer answer = SIEVE_TEMPFAIL;

    if (input >= 0 && pipe2(ends, O_CLOEXEC) == 0) {
        pid_t child = fork();
        if (child == 0)
            run_child(s, path, arguments, count, input, ends[1]);
        close(ends[1]);
        if (child > 0)
            answer = wait_for(s, kind, child, ends[0], out);
        close(ends[0]);
    }
    if (input >= 0)
        close(input);
    return answer;
}

enum sieve_answer
suite_program(void *arg, const char *kind, const char *name, const char *const *arguments,
              uint32_t count, struct span in, struct buf *out)
{
    struct suite *s = arg;
    const char *folder = setting_of(s, kind, "bin_dir");
    char path[PATH_MAX];

    if (folder == NULL || snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
        return SIEVE_TEMPFAIL;
    if (access(path, X_OK) != 0)
        return SIEVE_TEMPFAIL;
    return start(s, kind, path, arguments, count, in, out);
}
