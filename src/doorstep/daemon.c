/* SPDX-License-Identifier: MIT
 *
 * How a verb reaches the store: through the control socket, always. Where no daemon listens,
 * one is started for the time of this verb (`doorstepd --offline`: no mail from outside), so that
 * there is one way to change a mailbox and one program that knows how.
 */
#include "tool_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doorstep/clock.h"

enum {
    START_MS = 10 * 60 * 1000, /* the store may have much to put in order */
    STOP_MS = 60 * 1000,
    PING_MS = 30 * 1000,
    PAUSE_MS = 20,
};

const struct settings *
tool_settings(struct tool *t)
{
    struct buf errors;

    if (t->config == NULL) {
        buf_init(&errors, 1 << 20);
        t->config = config_load(t->config_path, &errors);
        if (t->config == NULL) {
            fputs(buf_str(&errors), stderr);
            tool_error(EX_CONFIG, "the configuration cannot be used; -c FILE names another");
        }
        buf_release(&errors);
    }
    return t->config == NULL ? NULL : config_settings(t->config);
}

bool
tool_control_path(const struct settings *s, char *out, size_t size)
{
    int n = snprintf(out, size, "%s/control.sock", s->state_dir);
    return n > 0 && (size_t)n < size;
}

void
pause_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

/* doorstepd beside this very binary: in a build tree, or installed. "doorstepd" (by PATH)
 * otherwise. */
static void
find_doorstepd(char *out, size_t size)
{
    static const char *const places[] = {"../doorstepd/doorstepd", "../sbin/doorstepd"};
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    for (size_t i = 0; slash != NULL && i < sizeof(places) / sizeof(places[0]); i++) {
        int length = snprintf(out, size, "%.*s/%s", (int)(slash - self), self, places[i]);
        if (length > 0 && (size_t)length < size && access(out, X_OK) == 0)
            return;
    }
    snprintf(out, size, "doorstepd");
}

/* In the child. It must not outlive the tool, whatever ends that. */
static void
exec_offline(const char *program, const char *config_path, int log, pid_t parent)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        dup2(log, STDERR_FILENO) < 0)
        _exit(EX_OSERR);
    execlp(program, "doorstepd", "-c", config_path, "--offline", (char *)NULL);
    dprintf(STDERR_FILENO, "%s: %s\n", program, strerror(errno));
    _exit(EX_UNAVAILABLE);
}

/* What the daemon said before it gave up: its last few lines. */
static void
show_offline_log(int log)
{
    char text[4096];
    off_t size = lseek(log, 0, SEEK_END);
    ssize_t n =
        pread(log, text, sizeof(text), size > (off_t)sizeof(text) ? size - (off_t)sizeof(text) : 0);

    if (n > 0)
        fwrite(text, 1, (size_t)n, stderr);
}

static bool
is_ready(struct control_client *client)
{
    struct control_reply reply;

    return control_send(client, "ping", NULL) && control_next(client, PING_MS, &reply) &&
           reply.kind == CONTROL_OK && json_is_true(json_object_get(reply.row, "ready"));
}

/* true: t->client talks to a daemon that is ready. */
static bool
try_ready(struct tool *t, const char *path)
{
    t->client = control_connect(path);
    if (t->client != NULL && is_ready(t->client))
        return true;
    control_disconnect(t->client);
    t->client = NULL;
    return false;
}

static int
wait_offline(struct tool *t, const char *path)
{
    uint64_t deadline = clock_ms() + START_MS;
    int status;

    while (!try_ready(t, path)) {
        if (waitpid(t->offline, &status, WNOHANG) == t->offline) {
            t->offline = 0;
            if (try_ready(t, path)) /* another one was faster */
                return EX_OK;
            show_offline_log(t->offline_log);
            return tool_error(
                WIFEXITED(status) && WEXITSTATUS(status) == EX_CONFIG ? EX_CONFIG : EX_UNAVAILABLE,
                "no daemon runs, and none could be started for this");
        }
        if (clock_ms() >= deadline)
            return tool_error(EX_TEMPFAIL, "the daemon started for this does not get ready");
        pause_ms(PAUSE_MS);
    }
    return EX_OK;
}

static int
start_offline(struct tool *t, const char *path)
{
    char program[PATH_MAX];
    pid_t self = getpid();

    find_doorstepd(program, sizeof(program));
    t->offline_log = memfd_create("doorstepd.log", MFD_CLOEXEC);
    if (t->offline_log < 0)
        return tool_error(EX_OSERR, "memfd_create: %s", strerror(errno));
    fflush(NULL);
    t->offline = fork();
    if (t->offline == 0)
        exec_offline(program, t->config_path, t->offline_log, self);
    if (t->offline < 0) {
        t->offline = 0;
        return tool_error(EX_OSERR, "fork: %s", strerror(errno));
    }
    return wait_offline(t, path);
}

int
tool_connect(struct tool *t, enum tool_connect_mode mode)
{
    char path[PATH_MAX];
    const struct settings *s;

    if (t->client != NULL)
        return EX_OK;
    s = tool_settings(t);
    if (s == NULL)
        return EX_CONFIG;
    if (!tool_control_path(s, path, sizeof(path)))
        return tool_error(EX_CONFIG, "state_dir is too long for a socket in it");
    t->client = control_connect(path);
    if (t->client != NULL)
        return EX_OK;
    if (errno == EACCES)
        return tool_error(EX_NOPERM, "%s: not allowed; run this as root or as the mail owner",
                          path);
    if (errno != ENOENT && errno != ECONNREFUSED)
        return tool_error(EX_UNAVAILABLE, "%s: %s", path, strerror(errno));
    if (mode == TOOL_CONNECT_OR_NOT)
        return EX_UNAVAILABLE;
    if (mode == TOOL_CONNECT_OR_SAY)
        return tool_error(EX_UNAVAILABLE, "no daemon answers at %s; 'doorstepd -c %s' starts one",
                          path, t->config_path);
    return start_offline(t, path);
}

/* By its pid, and only what this run started. */
static void
stop_offline(pid_t pid)
{
    uint64_t deadline = clock_ms() + STOP_MS;

    kill(pid, SIGTERM);
    while (waitpid(pid, NULL, WNOHANG) == 0) {
        if (clock_ms() >= deadline) {
            tool_error(EX_OK, "the daemon started for this (pid %d) does not end", (int)pid);
            return;
        }
        pause_ms(PAUSE_MS);
    }
}

void
tool_disconnect(struct tool *t)
{
    control_disconnect(t->client);
    t->client = NULL;
    if (t->offline > 0)
        stop_offline(t->offline);
    t->offline = 0;
    if (t->offline_log >= 0)
        close(t->offline_log);
    t->offline_log = -1;
}
