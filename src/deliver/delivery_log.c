/* SPDX-License-Identifier: MIT
 *
 * The delivery log: see delivery_log_priv.h. Lines (delivery_log_line.c) are gathered in memory and
 * written together: a write(2) for each would cost the dispatcher more than its own bookkeeping,
 * and may wait for the disk.
 */
#include "delivery_log_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/log.h"

#include "delivery_log_line_priv.h"

#define MOMENT_MS 100                  /* how long a line may wait for others */
#define GATHERED_HIGH (64 * 1024)      /* octets that are written without waiting for the moment */
#define GATHERED_MAX (4 * 1024 * 1024) /* octets that wait while the writer has other work */

struct delivery_log {
    struct job job; /* first: the writer gets it */
    char *path;     /* owned */
    uint64_t keep_ms;

    pthread_mutex_t gathering; /* guards the lines, and job_is_posted */
    struct buf lines;          /* not written yet */
    bool job_is_posted;
    struct delivery_log_time time; /* dispatcher only, and what follows */
    struct buf line;
    struct job_thread *writer; /* NULL: each line is written at once */
    struct loop_timer *moment;
    bool moment_runs;

    pthread_mutex_t writing; /* guards what follows */
    struct buf out;          /* lines on their way */
    int fd;                  /* -1 after a failed open; tried again with the next write */
    char day[9];             /* YYYYMMDD of the open file */
    bool failed;             /* the last write failed: said once */
};

static void
print_day(char out[9], time_t when)
{
    struct tm tm;

    gmtime_r(&when, &tm);
    strftime(out, 9, "%Y%m%d", &tm);
}

static char *
log_path(const char *state_dir)
{
    char *path = NULL;

    if (asprintf(&path, "%s/delivery.log", state_dir) < 0)
        return NULL;
    return path;
}

/* A file that an earlier run left belongs to the day of its last line. */
static bool
open_file(struct delivery_log *l)
{
    struct stat st;

    l->fd = open(l->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (l->fd < 0)
        return false;
    time_t when = fstat(l->fd, &st) == 0 && st.st_size > 0 ? st.st_mtime : clock_wall().tv_sec;
    print_day(l->day, when);
    return true;
}

static void
remove_old(const struct delivery_log *l)
{
    char *pattern = NULL, oldest[9];
    glob_t found = {0};
    size_t prefix = strlen(l->path) + 1;

    print_day(oldest, clock_wall().tv_sec - (time_t)(l->keep_ms / 1000));
    if (asprintf(&pattern, "%s-[0-9]*", l->path) < 0)
        return;
    if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            if (strcmp(found.gl_pathv[i] + prefix, oldest) < 0)
                unlink(found.gl_pathv[i]);
    globfree(&found);
    free(pattern);
}

/* At the first line of a new day the old file is set aside. */
static void
rotate(struct delivery_log *l, time_t now)
{
    char today[9], *aside = NULL;

    print_day(today, now);
    if (l->fd >= 0 && strcmp(today, l->day) <= 0)
        return; /* a clock that jumps back changes nothing */
    if (l->fd >= 0 && asprintf(&aside, "%s-%s", l->path, l->day) >= 0) {
        close(l->fd);
        l->fd = -1;
        if (access(aside, F_OK) != 0)
            rename(l->path, aside);
        free(aside);
    }
    if (l->fd < 0 && open_file(l))
        remove_old(l);
}

/* --- writing --- */

static bool
write_all(int fd, struct span rest)
{
    while (rest.n > 0) {
        ssize_t n = write(fd, rest.p, rest.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        rest = span_skip(rest, (size_t)n);
    }
    return true;
}

/* What was gathered becomes l->out, and l->out's memory takes what comes next. */
static void
take_lines(struct delivery_log *l)
{
    pthread_mutex_lock(&l->gathering);
    struct buf taken = l->lines;
    l->lines = l->out;
    l->out = taken;
    pthread_mutex_unlock(&l->gathering);
}

void
delivery_log_write(struct delivery_log *l)
{
    pthread_mutex_lock(&l->writing);
    take_lines(l);
    if (l->out.len > 0) {
        rotate(l, clock_wall().tv_sec);
        bool ok = l->fd >= 0 && write_all(l->fd, buf_span(&l->out));
        if (!ok && !l->failed)
            log_event(LOG_LEVEL_ERROR, "delivery_log_failed", "path", l->path, "error",
                      strerror(errno), NULL);
        l->failed = !ok;
        buf_reset(&l->out);
    }
    pthread_mutex_unlock(&l->writing);
}

/* --- gathering --- */

static void
run_job(struct job *job, void *arg)
{
    struct delivery_log *l = (struct delivery_log *)job;

    (void)arg;
    pthread_mutex_lock(&l->gathering);
    l->job_is_posted = false;
    pthread_mutex_unlock(&l->gathering);
    delivery_log_write(l);
}

static void
post_job(struct delivery_log *l)
{
    pthread_mutex_lock(&l->gathering);
    bool is_posted = l->job_is_posted;
    l->job_is_posted = true;
    pthread_mutex_unlock(&l->gathering);
    if (!is_posted)
        job_thread_post(l->writer, &l->job);
}

static void
on_moment(void *arg)
{
    struct delivery_log *l = arg;

    l->moment_runs = false;
    post_job(l);
}

static void
begin_moment(struct delivery_log *l)
{
    l->moment_runs = true;
    loop_timer_start(l->moment, MOMENT_MS);
}

/* Octets that wait now; 0: there is no room for the line. */
static size_t
gather(struct delivery_log *l, struct span line)
{
    pthread_mutex_lock(&l->gathering);
    size_t gathered = buf_append_span(&l->lines, line) ? l->lines.len : 0;
    pthread_mutex_unlock(&l->gathering);
    return gathered;
}

void
delivery_log_append(struct delivery_log *l, const struct delivery_event *e)
{
    size_t gathered = 0;

    buf_reset(&l->line);
    if (delivery_log_print_line(&l->line, &l->time, e))
        gathered = gather(l, buf_span(&l->line));
    if (gathered == 0)
        log_event(LOG_LEVEL_ERROR, "delivery_log_failed", "path", l->path, "error",
                  "no room for a line", NULL);
    else if (l->writer == NULL)
        delivery_log_write(l);
    else if (gathered >= GATHERED_HIGH)
        post_job(l);
    else if (!l->moment_runs)
        begin_moment(l);
}

void
delivery_log_gather(struct delivery_log *l, struct loop *loop, struct job_thread *writer)
{
    if (l == NULL)
        return;
    loop_timer_free(l->moment);
    l->moment = loop != NULL ? loop_timer_new(loop, on_moment, l) : NULL;
    l->moment_runs = false;
    l->writer = l->moment != NULL ? writer : NULL;
}

struct delivery_log *
delivery_log_open(const char *state_dir, uint64_t keep_ms, struct outcome *why)
{
    struct delivery_log *l = calloc(1, sizeof *l);

    if (l == NULL || (l->path = log_path(state_dir)) == NULL) {
        outcome_set(why, OUTCOME_SYSTEM, "no memory");
        free(l);
        return NULL;
    }
    l->keep_ms = keep_ms;
    l->fd = -1;
    l->job.run = run_job;
    pthread_mutex_init(&l->gathering, NULL);
    pthread_mutex_init(&l->writing, NULL);
    buf_init(&l->lines, GATHERED_MAX);
    buf_init(&l->out, GATHERED_MAX);
    buf_init(&l->line, DELIVERY_LOG_LINE_MAX);
    if (!open_file(l)) {
        outcome_errno(why, errno, "open", l->path);
        delivery_log_close(l);
        return NULL;
    }
    remove_old(l);
    return l;
}

void
delivery_log_close(struct delivery_log *l)
{
    if (l == NULL)
        return;
    delivery_log_write(l);
    loop_timer_free(l->moment);
    if (l->fd >= 0)
        close(l->fd);
    buf_release(&l->lines);
    buf_release(&l->out);
    buf_release(&l->line);
    pthread_mutex_destroy(&l->gathering);
    pthread_mutex_destroy(&l->writing);
    free(l->path);
    free(l);
}

/* --- searching --- */

static bool
matches(json_t *line, const char *term)
{
    static const char *const fields[] = {"id",          "queue_id", "session", "message_id",
                                         "from",        "to",       "account", "client",
                                         "client_name", "helo",     "login"};

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const char *value = json_string_value(json_object_get(line, fields[i]));
        if (value != NULL && strcasestr(value, term) != NULL)
            return true;
    }
    return false;
}

/* False: fn wants no more. A line that is no JSON (cut by a crash) is skipped. */
static bool
search_file(FILE *f, const char *term, delivery_log_fn fn, void *arg)
{
    char *text = NULL;
    size_t size = 0;
    bool go_on = true;

    while (go_on && getline(&text, &size, f) > 0) {
        if (strcasestr(text, term) == NULL)
            continue; /* cheap first: most lines are somebody else's */
        json_t *line = json_loads(text, 0, NULL);
        if (line != NULL && matches(line, term))
            go_on = fn(arg, line);
        json_decref(line);
    }
    free(text);
    return go_on;
}

bool
delivery_log_search(const char *state_dir, const char *term, delivery_log_fn fn, void *arg,
                    struct outcome *why)
{
    char *path = log_path(state_dir), *pattern = NULL;
    glob_t found = {0};
    bool go_on = true;

    if (path == NULL || asprintf(&pattern, "%s-[0-9]*", path) < 0) {
        free(path);
        return outcome_set(why, OUTCOME_SYSTEM, "no memory");
    }
    glob(pattern, 0, NULL, &found); /* sorted: oldest first */
    for (size_t i = 0; i <= found.gl_pathc && go_on; i++) {
        FILE *f = fopen(i < found.gl_pathc ? found.gl_pathv[i] : path, "re");
        if (f == NULL)
            continue;
        go_on = search_file(f, term, fn, arg);
        fclose(f);
    }
    globfree(&found);
    free(pattern);
    free(path);
    return true;
}
