/* SPDX-License-Identifier: MIT
 *
 * What was read is needed no more: its files go, durably, the oldest of each writer first. A crash
 * in between leaves the newest ones without a gap, so that nothing comes back without what took it
 * back; each is marked as free before its name goes, because nobody promises in which order names
 * go.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "read_priv.h"
#include "segment_priv.h"

static bool
mark_as_free(const struct segment *g, int fd, struct outcome *why)
{
    struct segment_head head = g->head;

    head.is_free = true;
    return segment_write_head(fd, &head) || outcome_errno(why, errno, "freeing", g->name);
}

/* What has the name may be the file of a writer that was opened since: only what was read goes. */
static bool
remove_segment(int folder, const struct segment *g, struct outcome *why)
{
    struct segment_head now;
    int fd = segment_open(folder, g->name, O_RDWR);
    bool ok;

    if (fd < 0)
        return errno == ENOENT || outcome_errno(why, errno, "openat", g->name);
    if (!segment_read_head(fd, &now) || now.salt != g->head.salt) {
        close(fd);
        return true;
    }
    ok = g->head.is_free || mark_as_free(g, fd, why);
    close(fd);
    return ok && (unlinkat(folder, g->name, 0) == 0 || errno == ENOENT ||
                  outcome_errno(why, errno, "unlinkat", g->name));
}

bool
journal_reader_clear(struct journal_reader *r, unsigned numbers_max, struct outcome *why)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct segment *g = &r->segments[i];
        if ((!g->head.is_free || g->head.writer >= numbers_max) &&
            !remove_segment(r->folder, g, why))
            return false;
    }
    return r->folder < 0 || fsync(r->folder) == 0 || outcome_errno(why, errno, "fsync", "journal");
}
