/* SPDX-License-Identifier: MIT
 *
 * The delivery log: see delivery_log_priv.h. Lines are written by hand, since building a JSON tree
 * for each would cost more than the delivery's own bookkeeping; they are read with jansson.
 */
#include "delivery_log_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "doorstep/log.h"

#define LINE_MAX_OCTETS 16384

struct delivery_log {
    char *path; /* owned */
    int fd;     /* -1 after a failed open; tried again with the next line */
    uint64_t keep_ms;
    char day[9]; /* YYYYMMDD of the open file */
    bool failed; /* the last write failed: said once */
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

static void
put_json(struct buf *b, const char *value)
{
    buf_append_char(b, '"');
    for (const char *s = value; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            buf_printf(b, "\\%c", c);
        else if (c < ' ' || c == 127)
            buf_printf(b, "\\u%04x", c);
        else
            buf_append_char(b, *s);
    }
    buf_append_char(b, '"');
}

static void
put_field(struct buf *b, const char *name, const char *value)
{
    if (value == NULL || *value == '\0')
        return;
    buf_printf(b, ",\"%s\":", name);
    put_json(b, value);
}

static void
put_number(struct buf *b, const char *name, uint64_t value)
{
    buf_printf(b, ",\"%s\":%llu", name, (unsigned long long)value);
}

static void
put_time(struct buf *b)
{
    struct timespec now = clock_wall();
    struct tm tm;
    char text[32];

    gmtime_r(&now.tv_sec, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    buf_printf(b, "{\"time\":\"%s.%03ldZ\"", text, now.tv_nsec / 1000000);
}

static void
put_event(struct buf *b, const struct delivery_event *e)
{
    put_time(b);
    put_field(b, "id", e->id);
    put_field(b, "queue_id", e->queue_id);
    put_field(b, "session", e->session);
    put_field(b, "message_id", e->message_id);
    buf_append_str(b, ",\"from\":");
    put_json(b, e->from == NULL ? "" : e->from);
    put_field(b, "to", e->to);
    put_field(b, "account", e->account);
    put_field(b, "mailbox", e->mailbox);
    put_field(b, "client", e->client);
    if (e->uid != 0)
        put_number(b, "uid", e->uid);
    put_number(b, "octets", e->octets);
    put_number(b, "duration_ms", e->duration_ms);
    buf_printf(b, ",\"outcome\":\"%d %s\"", outcome_code(e->why), outcome_enhanced(e->why));
    put_field(b, "text", outcome_text(e->why));
    buf_append_str(b, "}\n");
}

void
delivery_log_append(struct delivery_log *l, const struct delivery_event *e)
{
    struct buf line;

    rotate(l, clock_wall().tv_sec);
    buf_init(&line, LINE_MAX_OCTETS);
    put_event(&line, e);
    bool ok = l->fd >= 0 && line.len > 0 && line.data[line.len - 1] == '\n' &&
              write(l->fd, line.data, line.len) == (ssize_t)line.len;
    if (!ok && !l->failed)
        log_event(LOG_LEVEL_ERROR, "delivery_log_failed", "path", l->path, "error", strerror(errno),
                  NULL);
    l->failed = !ok;
    buf_release(&line);
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
    if (l->fd >= 0)
        close(l->fd);
    free(l->path);
    free(l);
}

static bool
matches(json_t *line, const char *term)
{
    static const char *const fields[] = {"id",   "queue_id", "session", "message_id",
                                         "from", "to",       "account"};

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
