/* SPDX-License-Identifier: MIT
 *
 * The administrator's scripts: read once, before the store confines itself; the text is compiled in
 * sorters like any other.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/log.h"

#include "filing_priv.h"

#define SUFFIX ".sieve"
#define INCLUDES_MAX 1000

static bool
read_text(int fd, struct buf *out)
{
    char piece[8192];
    ssize_t n;

    while ((n = read(fd, piece, sizeof piece)) > 0)
        if (!buf_append(out, piece, (size_t)n)) {
            errno = EFBIG;
            return false;
        }
    return n == 0;
}

bool
global_file_read(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && read_text(fd, out);
    int error = errno;

    if (fd >= 0)
        close(fd);
    if (!ok)
        log_event(LOG_LEVEL_ERROR, "file_not_read", "path", path, "cause", strerror(error), NULL);
    return ok;
}

static void
add(struct global_scripts *g, enum filing_layer layer, const char *path, size_t max)
{
    struct global_script *s = &g->list[g->count];
    unsigned char hash[32];

    if (path[0] == '\0' || g->count == sizeof g->list / sizeof g->list[0])
        return;
    *s = (struct global_script){.layer = layer, .name = path};
    buf_init(&s->text, max);
    if (!global_file_read(path, &s->text)) {
        buf_release(&s->text);
        return;
    }
    crypto_generichash(hash, sizeof hash, (const unsigned char *)buf_str(&s->text), s->text.len,
                       NULL, 0);
    sodium_bin2hex(s->hash, sizeof s->hash, hash, sizeof hash);
    g->count++;
}

/* ---- scripts to be included (RFC 6609 3.2): NAME.sieve in a folder ---- */

static bool
take_name(struct global_include *in, const char *file)
{
    size_t n = strlen(file), end = sizeof SUFFIX - 1;

    if (n <= end || strcmp(file + n - end, SUFFIX) != 0 || n - end >= sizeof in->name)
        return false;
    memcpy(in->name, file, n - end);
    in->name[n - end] = '\0';
    return file[0] != '.' && personal_script_name_check(in->name);
}

static void
add_include(struct global_scripts *g, const char *folder, const char *file, size_t max)
{
    struct global_include *in = &g->includes[g->include_count];
    char path[PATH_MAX];

    if (!take_name(in, file) ||
        snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path)
        return;
    buf_init(&in->text, max);
    if (global_file_read(path, &in->text))
        g->include_count++;
    else
        buf_release(&in->text);
}

static void
read_includes(struct global_scripts *g, const char *folder, size_t max)
{
    const struct dirent *e;
    DIR *d = opendir(folder);

    if (d == NULL) {
        log_event(LOG_LEVEL_ERROR, "file_not_read", "path", folder, "cause", strerror(errno), NULL);
        return;
    }
    g->includes = calloc(INCLUDES_MAX, sizeof *g->includes);
    while (g->includes != NULL && g->include_count < INCLUDES_MAX &&
           (errno = 0, e = readdir(d)) != NULL)
        add_include(g, folder, e->d_name, max);
    if (g->include_count < INCLUDES_MAX && errno != 0)
        log_event(LOG_LEVEL_ERROR, "file_not_read", "path", folder, "cause", strerror(errno), NULL);
    closedir(d);
}

struct global_scripts *
global_scripts_read(const struct settings *settings)
{
    const struct settings_sieve *s = &settings->sieve;
    struct global_scripts *g = calloc(1, sizeof *g);

    if (g == NULL)
        return NULL;
    g->lists = sieve_lists_read(settings);
    if (s->global[0] != '\0')
        read_includes(g, s->global, s->script_size);
    for (size_t i = 0; i < s->before_count; i++)
        add(g, FILING_BEFORE, s->before[i], s->script_size);
    for (size_t i = 0; i < s->after_count; i++)
        add(g, FILING_AFTER, s->after[i], s->script_size);
    add(g, FILING_DISCARD, s->discard, s->script_size);
    return g;
}

void
global_scripts_free(struct global_scripts *g)
{
    for (uint32_t i = 0; g != NULL && i < g->count; i++)
        buf_release(&g->list[i].text);
    for (uint32_t i = 0; g != NULL && i < g->include_count; i++)
        buf_release(&g->includes[i].text);
    if (g != NULL) {
        sieve_lists_free(g->lists);
        free(g->includes);
    }
    free(g);
}
