/* SPDX-License-Identifier: MIT
 *
 * Both ends of the hand-over: main prints what is in force and seals it, so that not even a role
 * that was taken over and shares the descriptor can change it; a role parses it again. A
 * struct cannot travel between two processes, and this way no role opens the file.
 */
#include "settings_text_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "descriptors_priv.h"

#define ERRORS_MAX 4096

/* --- main --- */

static bool
write_all(int fd, struct span text)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);

        if (n < 0)
            return false;
        text = span_skip(text, (size_t)n);
    }
    return true;
}

int
sealed_memfd(const char *name, struct span text)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return -1;
    if (write_all(fd, text) &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
        return fd;
    close(fd);
    return -1;
}

int
settings_seal(const struct config *config)
{
    struct buf text;
    int fd = -1;

    buf_init(&text, SETTINGS_TEXT_MAX);
    errno = E2BIG;
    if (config_print(config, &text))
        fd = sealed_memfd("doorstep-settings", buf_span(&text));
    if (fd < 0)
        log_event(LOG_LEVEL_ERROR, "settings", "error", strerror(errno), NULL);
    buf_release(&text);
    return fd;
}

/* --- both --- */

/* By offset: all roles share one file position. */
static bool
read_all(int fd, struct buf *text)
{
    char piece[4096];
    ssize_t n;

    while ((n = pread(fd, piece, sizeof(piece), (off_t)text->len)) > 0) {
        if (!buf_append(text, piece, (size_t)n))
            return false;
    }
    return n == 0;
}

bool
settings_same(int a, int b)
{
    struct buf x, y;
    bool is_same;

    buf_init(&x, SETTINGS_TEXT_MAX);
    buf_init(&y, SETTINGS_TEXT_MAX);
    is_same = read_all(a, &x) && read_all(b, &y) && span_equal(buf_span(&x), buf_span(&y));
    buf_release(&x);
    buf_release(&y);
    return is_same;
}

/* --- roles --- */

struct held { /* as long as the process lives */
    struct config *config;
    struct settings settings; /* shares all but numbers with config */
};

static void
release_held(int status, void *arg)
{
    struct held *held = arg;

    (void)status;
    config_free(held->config);
    free(held);
}

/* The configuration until exit(3), with limits.connections cut to what fits. Takes it. */
static const struct settings *
hold(struct config *config)
{
    struct held *held = malloc(sizeof(*held));

    if (held == NULL || on_exit(release_held, held) != 0) {
        free(held);
        config_free(config);
        return NULL;
    }
    held->config = config;
    held->settings = *config_settings(config);
    held->settings.limits.connections = descriptors_connections(held->settings.limits.connections);
    return &held->settings;
}

static const struct settings *
parse(const char *text)
{
    struct config *config;
    struct buf errors;

    buf_init(&errors, ERRORS_MAX);
    config = config_parse(text, "settings", &errors);
    if (config == NULL)
        log_event(LOG_LEVEL_ERROR, "settings", "error", buf_str(&errors), NULL);
    buf_release(&errors);
    return config == NULL ? NULL : hold(config);
}

const struct settings *
settings_read(int fd)
{
    const struct settings *s = NULL;
    struct buf text;

    buf_init(&text, SETTINGS_TEXT_MAX);
    if (read_all(fd, &text))
        s = parse(buf_str(&text));
    if (s != NULL)
        log_set_level(settings_log_level(s, false));
    buf_release(&text);
    return s;
}

const struct settings *
settings_read_quietly(int fd)
{
    const struct settings *s = settings_read(fd);

    if (s != NULL)
        log_set_level(settings_log_level(s, true));
    return s;
}

enum log_level
settings_log_level(const struct settings *s, bool is_quiet)
{
    static const char *const names[] = {
        [LOG_LEVEL_DEBUG] = "debug",
        [LOG_LEVEL_INFO] = "info",
        [LOG_LEVEL_WARNING] = "warning",
        [LOG_LEVEL_ERROR] = "error",
    };
    enum log_level level = LOG_LEVEL_DEBUG;

    while (level < LOG_LEVEL_ERROR && strcmp(s->log_level, names[level]) != 0)
        level++;
    return is_quiet && level < LOG_LEVEL_WARNING ? LOG_LEVEL_WARNING : level;
}
