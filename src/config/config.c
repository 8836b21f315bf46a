/* SPDX-License-Identifier: MIT
 *
 * The way from a file to settings: source.c reads and checks its form, reader.c its names and
 * values, check.c what belongs together. See config.h.
 */
#include "doorstep/config.h"

#include <stdlib.h>

#include "reader_priv.h"

/* 1 MiB of short sections and values takes a hundred times that. */
#define ARENA_MAX (256 * 1024 * 1024)

_Static_assert(CONFIG_TEXT_MAX == SOURCE_TEXT_MAX, "what is printed can be read");

struct config {
    struct arena arena;
    struct settings settings;
};

static void
read_source(struct config *c, const struct source *source, struct source_errors *errors)
{
    struct reader reader;

    if (!reader_init(&reader, &c->arena, &c->settings, source, errors))
        return;
    reader_run(&reader);
    if (errors->count == 0)
        check_settings(&reader);
}

/* Either path or text is NULL. */
static struct config *
make(const char *path, const char *text, const char *name, struct buf *out)
{
    struct config *c = calloc(1, sizeof(*c));
    struct source_errors errors = {.out = out};
    struct source source;

    if (c == NULL)
        return NULL;
    arena_init(&c->arena, ARENA_MAX);
    source_init(&source, &c->arena);
    if (path != NULL ? source_load(&source, path, &errors)
                     : source_scan(&source, span_of(text), name, &errors))
        read_source(c, &source, &errors);
    source_release(&source);
    if (errors.count == 0)
        return c;
    config_free(c);
    return NULL;
}

struct config *
config_load(const char *path, struct buf *errors)
{
    return make(path, NULL, path, errors);
}

struct config *
config_parse(const char *text, const char *name, struct buf *errors)
{
    return make(NULL, text, name, errors);
}

void
config_free(struct config *c)
{
    if (c == NULL)
        return;
    arena_release(&c->arena);
    free(c);
}

const struct settings *
config_settings(const struct config *c)
{
    return &c->settings;
}
