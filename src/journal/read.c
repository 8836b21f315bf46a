/* SPDX-License-Identifier: MIT
 *
 * Reading a folder of segments, of all writers: at start, to carry out what a crash has left, and
 * for people. Everything is read and checked at open; run only tells.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "read_priv.h"
#include "segment_priv.h"

#define SUFFIX ".journal"
#define TRIES_MAX 8 /* that a writer beside may take a segment into use while we read it */

/* The array with room for one more; NULL: no memory, and it is as it was. */
static void *
grow(void *array, size_t *room, size_t count, size_t size)
{
    size_t n = *room > 0 ? 2 * *room : 16;
    void *grown;

    if (count < *room)
        return array;
    grown = reallocarray(array, n, size);
    if (grown != NULL)
        *room = n;
    return grown;
}

static bool
add_unknown(struct journal_reader *r, const char *name, struct outcome *why)
{
    char **grown = grow(r->unknown, &r->unknown_room, r->unknown_count, sizeof *grown);

    if (grown == NULL)
        return outcome_errno(why, ENOMEM, "malloc", NULL);
    r->unknown = grown;
    grown[r->unknown_count] = strdup(name);
    if (grown[r->unknown_count] == NULL)
        return outcome_errno(why, ENOMEM, "malloc", NULL);
    r->unknown_count++;
    return true;
}

static bool
add_segment(struct journal_reader *r, const struct segment *g, struct outcome *why)
{
    struct segment *grown = grow(r->segments, &r->room, r->count, sizeof *grown);

    if (grown == NULL)
        return outcome_errno(why, ENOMEM, "malloc", NULL);
    r->segments = grown;
    grown[r->count++] = *g;
    return true;
}

/* ---- a segment's bytes ---- */

static void
segment_release(struct segment *g)
{
    if (g->data != NULL)
        munmap(g->data, g->size);
    free(g->found);
}

/* A block that cannot be read is left as zeros: damage, found as such. */
static void
read_blocks(int fd, uint8_t *data, size_t size)
{
    size_t step = size;

    for (size_t at = 0; at < size;) {
        ssize_t n = pread(fd, data + at, size - at < step ? size - at : step, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            return;
        if (n > 0) {
            at += (size_t)n;
        } else if (step > JOURNAL_BLOCK) {
            step = JOURNAL_BLOCK;
        } else {
            memset(data + at, 0, size - at < step ? size - at : step);
            at += step;
        }
    }
}

/* Memory behind the last thing found goes back: most of a segment is usually empty. */
static void
trim(struct segment *g)
{
    const struct found *last = g->found_count > 0 ? &g->found[g->found_count - 1] : NULL;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), end = 0;

    if (last != NULL)
        end = (last->offset + JOURNAL_RECORD_HEAD + last->octets + page - 1) / page * page;
    if (end >= g->size)
        return;
    munmap(g->data + end, g->size - end);
    g->size = end;
    if (end == 0)
        g->data = NULL;
}

static bool
load(struct segment *g, int fd, struct outcome *why)
{
    g->size = g->file_octets < g->head.octets ? g->file_octets : g->head.octets;
    if (g->size > JOURNAL_SEGMENT_MAX)
        g->size = JOURNAL_SEGMENT_MAX;
    g->data = mmap(NULL, g->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g->data == MAP_FAILED) {
        g->data = NULL;
        return outcome_errno(why, errno, "mmap", g->name);
    }
    read_blocks(fd, g->data, g->size);
    if (!scan_segment(g))
        return outcome_errno(why, ENOMEM, "malloc", g->name);
    trim(g);
    return true;
}

/* ---- files ---- */

/* Unlike a crash, a writer beside may begin the file's next life while we read this one: then the
 * head is another behind the reading. */
static bool
load_steady(struct segment *g, int fd, struct outcome *why)
{
    struct segment_head again = g->head;

    for (int tries = 0; tries < TRIES_MAX; tries++) {
        segment_release(g);
        g->data = NULL;
        g->found = NULL;
        g->found_count = g->found_room = 0;
        g->batches = g->synced = g->needed = 0;
        g->head = again;
        if (g->head.is_free)
            return true;
        if (!load(g, fd, why))
            return false;
        if (!segment_read_head(fd, &again) || again.salt == g->head.salt)
            return true;
    }
    return outcome_set(why, OUTCOME_BUSY, "%s changes faster than it can be read", g->name);
}

static bool
load_file(const struct journal_reader *r, struct segment *g, struct outcome *why)
{
    int fd = segment_open(r->folder, g->name, O_RDONLY);
    bool ok;

    if (fd < 0)
        return outcome_errno(why, errno, "openat", g->name);
    ok = load_steady(g, fd, why);
    close(fd);
    return ok;
}

/* The newest of each writer first: they know which of the others need not be read at all. */
static bool
load_files(struct journal_reader *r, struct outcome *why)
{
    uint64_t first = 0, needed = 0;
    unsigned writer = 0;

    for (size_t i = r->count; i-- > 0;) {
        struct segment *g = &r->segments[i];
        if (g->head.writer != writer || g->head.first != first)
            needed = 0;
        writer = g->head.writer;
        first = g->head.first;
        if (g->head.is_free || g->head.segment < needed)
            continue;
        if (!load_file(r, g, why))
            return false;
        needed = g->needed > needed ? g->needed : needed;
    }
    return true;
}

/* *known: it is a segment, and g has its head. */
static bool
read_head(const char *name, int fd, struct segment *g, bool *known, struct outcome *why)
{
    unsigned writer, slot;
    bool is_new;
    struct stat st;

    *known = false;
    if (fstat(fd, &st) != 0)
        return outcome_errno(why, errno, "fstat", name);
    if (!S_ISREG(st.st_mode) || !format_parse_name(name, &writer, &slot, &is_new) ||
        !segment_read_head(fd, &g->head) || g->head.writer != writer)
        return true;
    *known = true;
    g->file_octets = (uint64_t)st.st_size;
    strcpy(g->name, name); /* format_parse_name() knows it to be short */
    return true;
}

static bool
add_file(struct journal_reader *r, const char *name, struct outcome *why)
{
    struct segment g = {.data = NULL};
    bool known, ok;
    int fd = segment_open(r->folder, name, O_RDONLY);

    if (fd < 0 && (errno == ELOOP || errno == ENXIO))
        return add_unknown(r, name, why);
    if (fd < 0)
        return errno == ENOENT || outcome_errno(why, errno, "openat", name);
    ok = read_head(name, fd, &g, &known, why);
    close(fd);
    if (!ok)
        return false;
    return known ? add_segment(r, &g, why) : add_unknown(r, name, why);
}

static bool
has_suffix(const char *name)
{
    size_t n = strlen(name), suffix = sizeof SUFFIX - 1;

    return n >= suffix && strcmp(name + n - suffix, SUFFIX) == 0;
}

static bool
add_files(struct journal_reader *r, DIR *dir, struct outcome *why)
{
    struct dirent *e;

    while (errno = 0, (e = readdir(dir)) != NULL)
        if (has_suffix(e->d_name) && !add_file(r, e->d_name, why))
            return false;
    return errno == 0 || outcome_errno(why, errno, "readdir", NULL);
}

static int
compare(const void *a, const void *b)
{
    const struct segment *x = a, *y = b;

    if (x->head.writer != y->head.writer)
        return x->head.writer < y->head.writer ? -1 : 1;
    if (x->head.segment != y->head.segment)
        return x->head.segment < y->head.segment ? -1 : 1;
    return strcmp(x->name, y->name);
}

static void
sort(struct journal_reader *r)
{
    if (r->count > 0)
        qsort(r->segments, r->count, sizeof *r->segments, compare);
}

static void
settle(struct journal_reader *r)
{
    for (size_t first = 0, n; first < r->count; first += n) {
        for (n = 1; first + n < r->count; n++)
            if (r->segments[first + n].head.writer != r->segments[first].head.writer)
                break;
        scan_settle(r->segments + first, n);
    }
}

static bool
read_folder(struct journal_reader *r, const char *folder, struct outcome *why)
{
    DIR *dir = opendir(folder);
    bool ok;

    if (dir == NULL)
        return errno == ENOENT || outcome_errno(why, errno, "opendir", folder);
    r->folder = fcntl(dirfd(dir), F_DUPFD_CLOEXEC, 0);
    ok = r->folder >= 0 ? add_files(r, dir, why) : outcome_errno(why, errno, "dup", folder);
    closedir(dir);
    return ok;
}

static bool
read_all(struct journal_reader *r, const char *folder, struct outcome *why)
{
    if (!read_folder(r, folder, why))
        return false;
    sort(r);
    if (!load_files(r, why))
        return false;
    sort(r); /* again: a writer beside may have begun another life of a file meanwhile */
    settle(r);
    return true;
}

/* ---- entry points ---- */

struct journal_reader *
journal_reader_open(const char *folder, struct outcome *why)
{
    struct journal_reader *r = calloc(1, sizeof *r);

    if (r == NULL) {
        outcome_errno(why, errno, "calloc", NULL);
        return NULL;
    }
    r->folder = -1;
    if (!read_all(r, folder, why)) {
        journal_reader_close(r);
        return NULL;
    }
    return r;
}

void
journal_reader_close(struct journal_reader *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->count; i++)
        segment_release(&r->segments[i]);
    for (size_t i = 0; i < r->unknown_count; i++)
        free(r->unknown[i]);
    free(r->segments);
    free(r->unknown);
    if (r->folder >= 0)
        close(r->folder);
    free(r);
}

static bool
tell_record(const struct segment *g, const struct found *f, const struct journal_hooks *hooks,
            void *arg)
{
    struct journal_entry e = {
        .file = g->name,
        .number = g->head.writer,
        .segment = g->head.segment,
        .offset = f->offset,
        .type = f->type,
        .record = {(const char *)g->data + f->offset + JOURNAL_RECORD_HEAD, f->octets}};

    return hooks->record == NULL || hooks->record(arg, &e);
}

static void
tell_hole(const struct segment *g, const struct found *f, const struct journal_hooks *hooks,
          void *arg)
{
    if (hooks->finding != NULL)
        hooks->finding(arg, f->offset < g->synced ? JOURNAL_DAMAGED : JOURNAL_TORN, g->name,
                       f->offset);
}

static bool
tell_segment(const struct segment *g, const struct journal_hooks *hooks, void *arg)
{
    for (size_t n = 0; n < g->found_count; n++) {
        const struct found *f = &g->found[n];
        if (f->is_void)
            continue;
        if (f->kind == FOUND_HOLE)
            tell_hole(g, f, hooks, arg);
        else if (f->kind == FOUND_RECORD && !tell_record(g, f, hooks, arg))
            return false;
    }
    return true;
}

bool
journal_reader_run(struct journal_reader *r, const struct journal_hooks *hooks, void *arg)
{
    for (size_t i = 0; hooks->finding != NULL && i < r->unknown_count; i++)
        hooks->finding(arg, JOURNAL_UNKNOWN, r->unknown[i], 0);
    for (size_t i = 0; i < r->count; i++)
        if (!tell_segment(&r->segments[i], hooks, arg))
            return false;
    return true;
}

void
journal_reader_usage(const struct journal_reader *r, struct journal_usage *out)
{
    *out = (struct journal_usage){.segments = (unsigned)r->count};
    for (size_t i = 0; i < r->count; i++) {
        const struct segment *g = &r->segments[i];
        uint64_t records = 0;
        for (size_t n = 0; n < g->found_count; n++)
            if (g->found[n].kind == FOUND_RECORD && !g->found[n].is_void)
                records++;
        out->octets += g->file_octets;
        out->records += records;
        out->live += records > 0;
    }
}
