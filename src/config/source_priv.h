/* SPDX-License-Identifier: MIT
 *
 * The files of a configuration as one text that libconfuse can be trusted with, a map from its
 * lines to the files', and the errors found in them.
 */
#ifndef DOORSTEP_CONFIG_SOURCE_PRIV_H
#define DOORSTEP_CONFIG_SOURCE_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "doorstep/arena.h"
#include "doorstep/buf.h"

#define SOURCE_SIZE_MAX (1024 * 1024)      /* octets of all files together */
#define SOURCE_TEXT_MAX (64 * 1024 * 1024) /* of a text that config_print() may have written */
#define SOURCE_DEPTH_MAX 10                /* files that include each other */

struct source_place {
    const char *file; /* as given, or as include() resolved it */
    unsigned line;
};

struct source_errors {
    struct buf *out; /* borrowed; one line an error */
    size_t count;
};

void source_error(struct source_errors *e, struct source_place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

struct source_section { /* one `name [title] {` */
    const char *name;
    struct source_place at;
};

struct source_piece { /* from this line of the text on, lines are those of a file */
    unsigned line;
    struct source_place at;
};

struct source {
    struct buf text;             /* no comments, no include(), the same lines otherwise */
    struct buf pieces, sections; /* arrays of the above */
    bool is_open;                /* the last section has no closing brace */
    struct arena *arena;         /* borrowed: names of files and sections */
};

void source_init(struct source *s, struct arena *arena);
void source_release(struct source *s);

/* source_load() - read a file and all that it includes. source_scan() - the same from a text; name
 * stands in errors, relative includes start from its folder. false: `errors` got at least one. */
bool source_load(struct source *s, const char *path, struct source_errors *errors);
bool source_scan(struct source *s, struct span text, const char *name,
                 struct source_errors *errors);

/* source_find() - where a line of the text came from. */
struct source_place source_find(const struct source *s, unsigned line);

/* source_section() - the nth section that was opened, NULL when there are fewer. */
const struct source_section *source_section(const struct source *s, size_t n);

/* source_unclosed() - the section that has no closing brace, or NULL. */
const struct source_section *source_unclosed(const struct source *s);

/* source_count() - how many sections of that name there are. */
size_t source_count(const struct source *s, const char *name);

/* file.c: what include() needs from the outside. */

/* file_read() - a regular file into out, which has room for FILE_BUFFER_MAX; false with errno set.
 */
#define FILE_BUFFER_MAX (SOURCE_SIZE_MAX + 4096)
bool file_read(const char *path, struct buf *out);

/* file_resolve() - a name in an include() of the file `from`: what is relative starts at from's
 * folder. */
char *file_resolve(struct arena *arena, const char *from, const char *name);

#endif
