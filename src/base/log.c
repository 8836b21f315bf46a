/* SPDX-License-Identifier: MIT
 *
 * Log lines: see log.h. The role, the level and the form are set before the first thread starts
 * and only read afterwards; the level alone may change (SIGHUP), so it is atomic.
 */
#include "doorstep/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/clock.h"

struct line {
    char text[LOG_LINE_MAX];
    size_t len;
};

static struct {
    char role[16];
    bool sd; /* <N> priorities in place of the time */
    _Atomic int lowest;
} logging = {.lowest = LOG_LEVEL_INFO};

void
log_start(const char *role, enum log_level lowest)
{
    snprintf(logging.role, sizeof logging.role, "%s", role);
    logging.sd = getenv("JOURNAL_STREAM") != NULL;
    logging.lowest = (int)lowest;
}

void
log_set_level(enum log_level lowest)
{
    logging.lowest = (int)lowest;
}

bool
log_wants(enum log_level level)
{
    return (int)level >= logging.lowest;
}

static bool
fits(const struct line *l, size_t n)
{
    return l->len + n + sizeof "...\"\n" <= sizeof l->text;
}

static void
put(struct line *l, const char *s, size_t n)
{
    memcpy(l->text + l->len, s, n);
    l->len += n;
}

static bool
is_plain(const char *s)
{
    for (; *s != '\0'; s++)
        if (*s <= ' ' || *s == '"' || *s == '=' || *s == '\\' || (unsigned char)*s >= 127)
            return false;
    return true;
}

/* Octets above 127 are escaped too: overlong or bidirectional UTF-8 must not reach a terminal. */
static void
put_escaped(struct line *l, const char *s)
{
    for (; *s != '\0'; s++) {
        char piece[5];
        int n = 1;
        unsigned char c = (unsigned char)*s;

        if (c < ' ' || c >= 127)
            n = snprintf(piece, sizeof piece, "\\x%02x", c);
        else if (c == '"' || c == '\\')
            n = snprintf(piece, sizeof piece, "\\%c", c);
        else
            piece[0] = *s;
        if (!fits(l, (size_t)n)) {
            put(l, "...", 3);
            return;
        }
        put(l, piece, (size_t)n);
    }
}

static void
put_value(struct line *l, const char *value)
{
    if (value == NULL)
        value = "-";
    bool quoted = *value == '\0' || !is_plain(value);
    if (quoted)
        put(l, "\"", 1);
    put_escaped(l, value);
    if (quoted)
        put(l, "\"", 1);
}

static void
put_prefix(struct line *l, enum log_level level)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    static const char priorities[] = "7643";
    char text[64];
    int n;

    if (logging.sd) {
        n = snprintf(text, sizeof text, "<%c>", priorities[level]);
    } else {
        struct timespec now = clock_wall();
        struct tm tm;
        gmtime_r(&now.tv_sec, &tm);
        n = (int)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
        n += snprintf(text + n, sizeof text - (size_t)n, ".%03ldZ ", now.tv_nsec / 1000000);
    }
    put(l, text, (size_t)n);
    n = snprintf(text, sizeof text, "%s[%d] %s ", logging.role, (int)getpid(), names[level]);
    put(l, text, (size_t)n);
}

void
log_event(enum log_level level, const char *event, ...)
{
    struct line l = {.len = 0};
    va_list args;
    const char *key;

    if (!log_wants(level))
        return;
    put_prefix(&l, level);
    put(&l, event, strlen(event));
    va_start(args, event);
    while ((key = va_arg(args, const char *)) != NULL) {
        const char *value = va_arg(args, const char *);
        if (!fits(&l, strlen(key) + 8))
            break;
        put(&l, " ", 1);
        put(&l, key, strlen(key));
        put(&l, "=", 1);
        put_value(&l, value);
    }
    va_end(args);
    put(&l, "\n", 1);
    int keep = errno;
    while (write(STDERR_FILENO, l.text, l.len) < 0 && errno == EINTR)
        ;
    errno = keep;
}

const char *
log_num(long long v)
{
    static _Thread_local char texts[16][24];
    static _Thread_local unsigned next;
    char *text = texts[next++ % 16];

    snprintf(text, sizeof texts[0], "%lld", v);
    return text;
}
