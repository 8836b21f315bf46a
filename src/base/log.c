/* SPDX-License-Identifier: MIT
 *
 * Log lines: see log.h. The role, the level and the form are set before the first thread starts
 * and only read afterwards; the level alone may change (SIGHUP), so it is atomic.
 */
#include "doorstep/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/clock.h"
#include "log_priv.h"

static struct {
    char role[16];
    bool sd; /* <N> priorities in place of the time */
    bool json;
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

void
log_set_json(bool json)
{
    logging.json = json;
}

bool
log_put(struct log_line *l, const char *s, size_t n)
{
    if (l->len + n + LOG_TAIL > sizeof l->text)
        return false;
    memcpy(l->text + l->len, s, n);
    l->len += n;
    return true;
}

void
log_put_tail(struct log_line *l, const char *s)
{
    size_t n = strlen(s);

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
put_escaped(struct log_line *l, const char *s)
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
        if (!log_put(l, piece, (size_t)n)) {
            log_put_tail(l, "...");
            return;
        }
    }
}

static void
put_value(struct log_line *l, const char *value)
{
    if (value == NULL)
        value = "-";
    bool quoted = *value == '\0' || !is_plain(value);
    if (quoted)
        log_put(l, "\"", 1);
    put_escaped(l, value);
    if (quoted)
        log_put_tail(l, "\"");
}

#define NUMBERS 16

static _Thread_local struct {
    char texts[NUMBERS][24];
    unsigned next;
} numbers;

/* Made by log_num(): by where it lies, since a text of digits (a queue id) stays a text. */
static bool
is_number(const char *value)
{
    return (uintptr_t)value >= (uintptr_t)numbers.texts &&
           (uintptr_t)value < (uintptr_t)numbers.texts + sizeof numbers.texts;
}

static const char *const level_names[] = {"debug", "info", "warning", "error"};

static void
put_time(struct log_line *l)
{
    struct timespec now = clock_wall();
    char text[64];
    struct tm tm;

    gmtime_r(&now.tv_sec, &tm);
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    n += (size_t)snprintf(text + n, sizeof text - n, ".%03ldZ", now.tv_nsec / 1000000);
    log_put(l, text, n);
}

static void
put_number(struct log_line *l, const char *text)
{
    log_put(l, text, strlen(text));
}

static void
begin_text(struct log_line *l, enum log_level level, const char *event)
{
    char text[64];
    int n;

    if (!logging.sd) {
        put_time(l);
        log_put(l, " ", 1);
    }
    n = snprintf(text, sizeof text, "%s[%d] %s ", logging.role, (int)getpid(), level_names[level]);
    log_put(l, text, (size_t)n);
    log_put(l, event, strlen(event));
}

static bool
put_pair_text(struct log_line *l, const char *key, const char *value)
{
    size_t before = l->len;

    if (log_put(l, " ", 1) && log_put(l, key, strlen(key)) && log_put(l, "=\"\"", 3)) {
        l->len -= 2;
        put_value(l, value);
        return true;
    }
    l->len = before;
    return false;
}

static void
begin_json(struct log_line *l, enum log_level level, const char *event)
{
    log_put(l, "{\"time\":\"", 9);
    put_time(l);
    log_put(l, "\"", 1);
    log_json_name(l, "role");
    log_json_text(l, logging.role);
    log_json_name(l, "pid");
    put_number(l, log_num(getpid()));
    log_json_name(l, "level");
    log_json_text(l, level_names[level]);
    log_json_name(l, "event");
    log_json_text(l, event);
}

static bool
put_pair_json(struct log_line *l, const char *key, const char *value)
{
    if (!log_json_name(l, key))
        return false;
    if (is_number(value))
        put_number(l, value);
    else
        log_json_text(l, value);
    return true;
}

static void
begin(struct log_line *l, enum log_level level, const char *event)
{
    static const char priorities[] = "7643";
    const char priority[] = {'<', priorities[level], '>'};

    if (logging.sd)
        log_put(l, priority, sizeof priority);
    if (logging.json)
        begin_json(l, level, event);
    else
        begin_text(l, level, event);
}

void
log_event(enum log_level level, const char *event, ...)
{
    struct log_line l;
    va_list args;
    const char *key;
    bool fits = true;

    if (!log_wants(level))
        return;
    l.len = 0;
    begin(&l, level, event);
    va_start(args, event);
    while (fits && (key = va_arg(args, const char *)) != NULL) {
        const char *value = va_arg(args, const char *);
        fits = logging.json ? value == NULL || put_pair_json(&l, key, value)
                            : put_pair_text(&l, key, value);
    }
    va_end(args);
    log_put_tail(&l, logging.json ? "}\n" : "\n");
    int keep = errno;
    while (write(STDERR_FILENO, l.text, l.len) < 0 && errno == EINTR)
        ;
    errno = keep;
}

const char *
log_num(long long v)
{
    char *text = numbers.texts[numbers.next++ % NUMBERS];

    snprintf(text, sizeof numbers.texts[0], "%lld", v);
    return text;
}
