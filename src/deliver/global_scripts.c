/* SPDX-License-Identifier: MIT
 *
 * The administrator's scripts: read once, before the store confines itself; the text is compiled in
 * sorters like any other.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doorstep/log.h"

#include "filing_priv.h"

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

static bool
read_file(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && read_text(fd, out);
    int error = errno;

    if (fd >= 0)
        close(fd);
    if (!ok)
        log_event(LOG_LEVEL_ERROR, "script_not_read", "path", path, "cause", strerror(error), NULL);
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
    if (!read_file(path, &s->text)) {
        buf_release(&s->text);
        return;
    }
    crypto_generichash(hash, sizeof hash, (const unsigned char *)buf_str(&s->text), s->text.len,
                       NULL, 0);
    sodium_bin2hex(s->hash, sizeof s->hash, hash, sizeof hash);
    g->count++;
}

struct global_scripts *
global_scripts_read(const struct settings_sieve *s)
{
    struct global_scripts *g = calloc(1, sizeof *g);

    if (g == NULL)
        return NULL;
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
    free(g);
}
