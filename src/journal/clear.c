/* SPDX-License-Identifier: MIT
 *
 * All segments are free again, durably, the oldest of each writer first: a crash in between leaves
 * the newest ones without a gap, so that nothing comes back without what took it back.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "read_priv.h"
#include "segment_priv.h"

static bool
free_segment(int folder, struct segment *g, struct outcome *why)
{
    int fd = segment_open(folder, g->name, O_RDWR);
    bool ok;

    if (fd < 0)
        return errno == ENOENT || outcome_errno(why, errno, "openat", g->name);
    g->head.is_free = true;
    ok = segment_write_head(fd, &g->head) || outcome_errno(why, errno, "freeing", g->name);
    close(fd);
    return ok;
}

static bool
remove_file(int folder, const char *name, struct outcome *why)
{
    return unlinkat(folder, name, 0) == 0 || errno == ENOENT ||
           outcome_errno(why, errno, "unlinkat", name);
}

bool
journal_reader_clear(struct journal_reader *r, unsigned numbers_max, unsigned segments_max,
                     struct outcome *why)
{
    for (size_t i = 0; i < r->count; i++)
        if (!r->segments[i].head.is_free && !free_segment(r->folder, &r->segments[i], why))
            return false;
    for (size_t i = 0; i < r->count; i++) {
        const struct segment *g = &r->segments[i];
        if ((g->head.writer >= numbers_max || g->slot >= segments_max) &&
            !remove_file(r->folder, g->name, why))
            return false;
    }
    return r->folder < 0 || fsync(r->folder) == 0 || outcome_errno(why, errno, "fsync", "journal");
}
