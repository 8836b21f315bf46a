/* SPDX-License-Identifier: MIT
 *
 * Jobs: who runs, who waits for a place, and how each ends. A job is answered once, at the latest
 * when its time is up; what it holds goes when its process is gone.
 */
#include "runner_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utlist.h>

#include "doorstep/clock.h"
#include "doorstep/log.h"
#include "doorstep/metrics.h"

#define ARENA_MAX (8 * 1024 * 1024)
#define INLINE_MAX (64u << 20) /* the largest message_memory */
#define ARGV_MAX (64 + PROGRAM_ARGUMENTS_MAX + 1)
#define ENVIRONMENT_MAX (PROGRAM_VARIABLES + 32 + 4)

static void start_waiting(struct runner *r);

/* ---- what a program is told ---- */

bool
runner_job_is_message(const struct job *j)
{
    return j->asked.use == PROGRAM_AS_FILTER ? j->program->output == PROGRAM_OUTPUT_MESSAGE
                                             : j->asked.use == PROGRAM_BY_FILTER;
}

static bool
writes(const struct job *j)
{
    return j->asked.use == PROGRAM_AS_FILTER ? j->program->output != PROGRAM_OUTPUT_NONE
                                             : j->asked.wants_output;
}

static const char *
file_in_folder(struct job *j)
{
    struct buf path;
    const char *copy = NULL;

    buf_init(&path, 8192);
    if (buf_printf(&path, "%s/%s", j->program->folder, j->asked.file))
        copy = arena_copy(&j->arena, buf_span(&path));
    buf_release(&path);
    return copy;
}

static bool
make_arguments(struct job *j, const char *argv[ARGV_MAX + 1])
{
    const struct settings_program *p = j->program;
    size_t n = 0;

    if (p->command_count == 0)
        argv[n++] = file_in_folder(j);
    for (size_t i = 0; i < p->command_count; i++)
        argv[n++] =
            i == 0 ? p->command[0] : program_expand(p->command[i], j->asked.values, &j->arena);
    for (uint32_t i = 0; i < j->asked.argument_count; i++)
        argv[n++] = j->asked.arguments[i];
    argv[n] = NULL;
    for (size_t i = 0; i < n; i++)
        if (argv[i] == NULL)
            return false;
    return true;
}

/* NAME=value, NAME being the variable's in capitals. */
static const char *
make_variable(struct job *j, const char *name, const char *value)
{
    struct buf text;
    const char *copy = NULL;

    buf_init(&text, PROGRAM_VALUE_MAX + 64);
    for (bool good = true; good && *name != '\0'; name++)
        good = buf_append_char(&text, *name >= 'a' && *name <= 'z' ? (char)(*name - 32) : *name);
    if (buf_printf(&text, "=%s", value))
        copy = arena_copy(&j->arena, buf_span(&text));
    buf_release(&text);
    return copy;
}

static bool
make_environment(struct job *j, const char *list[ENVIRONMENT_MAX + 1])
{
    static const char *const uses[] = {[PROGRAM_AS_FILTER] = "FILTER=filter",
                                       [PROGRAM_BY_PIPE] = "FILTER=sieve-pipe",
                                       [PROGRAM_BY_FILTER] = "FILTER=sieve-filter",
                                       [PROGRAM_BY_EXECUTE] = "FILTER=sieve-execute"};
    unsigned end = j->asked.has_recipient ? PROGRAM_VARIABLES : PROGRAM_RECIPIENT;
    size_t n = 0;

    list[n++] = "PATH=" PROGRAM_PATH;
    list[n++] = uses[j->asked.use];
    for (unsigned v = 0; v < end; v++) {
        list[n] =
            make_variable(j, program_variable_name((enum program_variable)v), j->asked.values[v]);
        if (list[n++] == NULL)
            return false;
    }
    for (size_t i = 0; i < j->program->environment_count; i++)
        list[n++] = j->program->environment[i];
    list[n] = NULL;
    return true;
}

/* ---- ends ---- */

static void
job_free(struct job *j)
{
    struct runner *r = j->runner;

    if (j->is_waiting)
        LL_DELETE(r->waiting, j);
    pipes_close(j);
    loop_timer_free(j->timer);
    if (j->message >= 0)
        close(j->message);
    if (j->output >= 0)
        close(j->output);
    if (!j->is_unlisted)
        HASH_DEL(r->jobs, j);
    arena_release(&j->arena);
    free(j);
}

void
runner_job_fail(struct job *j, const char *cause)
{
    j->failure = cause;
    if (j->child.pid > 0) {
        kill(-j->child.pid, SIGKILL);
        kill(j->child.pid, SIGKILL); /* perhaps it has no group of its own yet */
    }
    result_say_lost(j, cause);
}

static void
on_timeout(void *arg)
{
    struct job *j = arg;

    if (j->child.pid > 0) {
        runner_job_fail(j, "it takes too long");
    } else {
        runner_job_fail(j, "it has waited too long for its turn");
        job_free(j);
    }
}

static void
on_ended(struct job *j, int status)
{
    struct runner *r = j->runner;

    r->running--;
    metrics_gauge_set(METRIC_PROGRAMS_RUNNING, METRICS_NO_LABEL, r->running);
    pipes_drain(j);
    result_say(j, status);
    job_free(j);
}

static struct job *
find_by_pid(const struct runner *r, pid_t pid)
{
    for (struct job *j = r->jobs; j != NULL; j = j->hh.next)
        if (j->child.pid == pid)
            return j;
    return NULL;
}

/* The group is killed while its leader is still there: nobody else can have got its number. */
static bool
reap_one(struct runner *r)
{
    siginfo_t info = {0};
    int status = 0;

    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
        return false;
    struct job *j = find_by_pid(r, info.si_pid);
    if (j != NULL)
        kill(-info.si_pid, SIGKILL);
    waitpid(info.si_pid, &status, 0);
    if (j != NULL)
        on_ended(j, status);
    return true;
}

void
runner_on_children(void *arg, int signum)
{
    struct runner *r = arg;

    (void)signum;
    while (reap_one(r))
        ;
    orphans_end(r);
    start_waiting(r);
}

/* ---- begins ---- */

static bool
start(struct job *j)
{
    const char *argv[ARGV_MAX + 1], *environment[ENVIRONMENT_MAX + 1];
    const struct child_order order = {.argv = argv,
                                      .environment = environment,
                                      .settings = j->runner->settings,
                                      .program = j->program,
                                      .hooks = j->runner->hooks,
                                      .reads = j->message >= 0,
                                      .writes = writes(j)};

    if (!make_arguments(j, argv) || !make_environment(j, environment)) {
        runner_job_fail(j, "there is no memory for its arguments");
        return false;
    }
    j->begun_us = clock_us();
    j->output = order.writes ? memfd_create("output", MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1;
    if ((order.writes && j->output < 0) || !child_start(&j->child, &order)) {
        snprintf(j->failure_text, sizeof(j->failure_text), "cannot be started: %s",
                 strerror(errno));
        runner_job_fail(j, j->failure_text);
        return false;
    }
    j->runner->running++;
    metrics_gauge_set(METRIC_PROGRAMS_RUNNING, METRICS_NO_LABEL, j->runner->running);
    loop_timer_start(j->timer, j->program->timeout);
    if (!pipes_open(j))
        runner_job_fail(j, "there is no memory for its pipes");
    return true;
}

static bool
has_place(const struct job *j)
{
    const struct runner *r = j->runner;
    uint64_t same = 0;

    if (r->running >= r->settings->limits.programs)
        return false;
    for (const struct job *k = r->jobs; k != NULL; k = k->hh.next)
        same += k->program == j->program && k->child.pid > 0;
    return same < j->program->concurrency;
}

static void
start_waiting(struct runner *r)
{
    struct job *j, *next;

    LL_FOREACH_SAFE(r->waiting, j, next)
    {
        if (j->come < j->octets || !has_place(j))
            continue;
        LL_DELETE(r->waiting, j);
        j->is_waiting = false;
        if (!start(j))
            job_free(j);
    }
}

/* ---- what the store says ---- */

static bool
read_job(struct job *j, struct span body, bool *by_fd)
{
    struct unpack u;

    unpack_init(&u, body);
    if (!program_job_unpack(&j->asked, &j->arena, &u))
        return false;
    *by_fd = unpack_u8(&u) != 0;
    j->octets = unpack_u64(&u);
    return unpack_done(&u) && (*by_fd || j->octets <= INLINE_MAX);
}

/* Octets that come in pieces go into a file in memory. */
static bool
take_message(struct job *j, struct door_frame *f, bool by_fd)
{
    if (by_fd) {
        j->message = f->fd;
        f->fd = -1;
        j->come = j->octets;
        return j->message >= 0;
    }
    if (f->fd >= 0)
        return false;
    if (j->asked.use != PROGRAM_AS_FILTER && j->octets == 0)
        return true; /* it reads nothing */
    j->message = memfd_create("message", MFD_CLOEXEC);
    return j->message >= 0;
}

static struct job *
job_new(struct runner *r, uint64_t id)
{
    struct job *j = calloc(1, sizeof(*j));

    if (j == NULL)
        return NULL;
    j->runner = r;
    j->id = id;
    j->message = j->output = -1;
    j->child = (struct child){0, -1, -1, -1, -1};
    arena_init(&j->arena, ARENA_MAX);
    j->timer = loop_timer_new(r->loop, on_timeout, j);
    j->is_unlisted = j->timer == NULL;
    if (!j->is_unlisted)
        HASH_ADD(hh, r->jobs, id, sizeof(j->id), j);
    if (!j->is_unlisted)
        return j;
    job_free(j);
    return NULL;
}

static bool
is_possible(const struct job *j)
{
    const struct settings_program *p = j->program;

    if (p == NULL)
        return false;
    if (p->command_count > 0)
        return j->asked.file[0] == '\0';
    return j->asked.file[0] != '\0' && strchr(j->asked.file, '/') == NULL &&
           strcmp(j->asked.file, ".") != 0 && strcmp(j->asked.file, "..") != 0;
}

bool
runner_job_take(struct runner *r, struct door_frame *f)
{
    struct job *j;
    bool by_fd = false, good;

    HASH_FIND(hh, r->jobs, &f->id, sizeof(f->id), j);
    j = j == NULL ? job_new(r, f->id) : NULL;
    if (j == NULL)
        return false;
    good = read_job(j, f->body, &by_fd) && take_message(j, f, by_fd);
    if (!good) {
        job_free(j);
        return false;
    }
    j->program = settings_find_program(r->settings, j->asked.program);
    if (!is_possible(j)) {
        runner_job_fail(j, "there is no such program");
        job_free(j);
        return true; /* what follows is nobody's */
    }
    LL_APPEND(r->waiting, j);
    j->is_waiting = true;
    loop_timer_start(j->timer, r->settings->timeouts.answer / 2);
    start_waiting(r);
    return true;
}

bool
runner_job_more(struct runner *r, const struct door_frame *f)
{
    struct job *j;

    HASH_FIND(hh, r->jobs, &f->id, sizeof(f->id), j);
    if (f->fd >= 0 || f->body.n == 0)
        return false;
    if (j == NULL)
        return true; /* its time was up */
    if (!j->is_waiting || f->body.n > j->octets - j->come ||
        write(j->message, f->body.p, f->body.n) != (ssize_t)f->body.n)
        return false;
    j->come += f->body.n;
    start_waiting(r);
    return true;
}

void
runner_jobs_free(struct runner *r)
{
    struct job *j, *next;

    HASH_ITER(hh, r->jobs, j, next)
    {
        j->is_answered = true;
        if (j->child.pid > 0)
            kill(-j->child.pid, SIGKILL);
        job_free(j);
    }
}
