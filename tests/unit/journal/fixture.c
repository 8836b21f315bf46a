/* SPDX-License-Identifier: MIT
 *
 * See fixture.h.
 */
#include "fixture.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doorstep/buf.h"

#define SHOWN_MAX 64

char folder[64];
struct outcome why;

static struct buf text;

void
fixture_open(void)
{
    strcpy(folder, "/tmp/journal.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    buf_init(&text, 64 * 1024 * 1024);
}

void
fixture_remove(const char *name)
{
    DIR *dir = opendir(name);
    struct dirent *e;

    while ((e = readdir(dir)) != NULL)
        if (e->d_name[0] != '.')
            unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
    ck_assert_int_eq(rmdir(name), 0);
}

void
fixture_close(void)
{
    fixture_remove(folder);
    buf_release(&text);
}

struct journal *
open_writer(unsigned segments)
{
    struct journal_options options = {
        .folder = folder, .number = 1, .segment_octets = 65536, .segments_max = segments};
    struct journal *j = journal_open(&options, &why);

    ck_assert_msg(j != NULL, "%s", why.cause);
    return j;
}

uint64_t
add(struct journal *j, const char *s)
{
    struct span part = span_of(s);
    uint64_t segment;

    ck_assert_msg(journal_add(j, 20, &part, 1, &segment, &why), "%s", why.cause);
    return segment;
}

uint64_t
add_filled(struct journal *j, char fill, size_t octets)
{
    static char octet[128][256 * 1024];
    struct span part = {memset(octet[(int)fill], fill, octets), octets};
    uint64_t segment;

    ck_assert_msg(journal_add(j, 20, &part, 1, &segment, &why), "%s", why.cause);
    return segment;
}

static bool
show_record(void *arg, const struct journal_entry *e)
{
    (void)arg;
    buf_printf(&text, "%s%u:", text.len > 0 ? " " : "", e->type);
    if (e->record.n > SHOWN_MAX)
        buf_printf(&text, "%c*%zu", e->record.p[0], e->record.n);
    else
        buf_append_span(&text, e->record);
    return true;
}

static void
show_finding(void *arg, enum journal_finding what, const char *file, uint64_t offset)
{
    static const char *const names[] = {"torn", "damaged", "unknown"};

    (void)arg;
    (void)file;
    (void)offset;
    buf_printf(&text, "%s%s", text.len > 0 ? " " : "", names[what]);
}

const char *
content(void)
{
    static const struct journal_hooks hooks = {show_record, show_finding};
    struct journal_reader *r = journal_reader_open(folder, &why);

    ck_assert_msg(r != NULL, "%s", why.cause);
    buf_reset(&text);
    ck_assert(journal_reader_run(r, &hooks, NULL));
    journal_reader_close(r);
    return buf_str(&text);
}

void
clear_all(void)
{
    struct journal_reader *r = journal_reader_open(folder, &why);

    ck_assert_msg(r != NULL, "%s", why.cause);
    ck_assert_msg(journal_reader_clear(r, 100, &why), "%s", why.cause);
    journal_reader_close(r);
}

const char *
path(const char *name)
{
    static char paths[4][128];
    static int next;
    char *p = paths[next++ % 4];

    snprintf(p, sizeof paths[0], "%s/%s", folder, name);
    return p;
}

char *
read_whole(const char *name, size_t *n)
{
    int fd = open(path(name), O_RDONLY);
    struct stat st;
    char *data;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fstat(fd, &st), 0);
    *n = (size_t)st.st_size;
    data = malloc(*n + 1);
    ck_assert_int_eq(read(fd, data, *n), (ssize_t)*n);
    close(fd);
    return data;
}

void
write_whole(const char *name, const char *data, size_t n)
{
    int fd = open(path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, data, n), (ssize_t)n);
    close(fd);
}
