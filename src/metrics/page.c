/* SPDX-License-Identifier: MIT
 *
 * Pages: see metrics_page.h. Sealed against shrinking, since a page that ends under a reader would
 * kill the reader.
 */
#include "doorstep/metrics_page.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "metrics_priv.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int
metrics_page_make(void)
{
    int fd = memfd_create("doorstep-metrics", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return -1;
    if (ftruncate(fd, sizeof(struct metrics_page)) == 0 && fcntl(fd, F_ADD_SEALS, SEALS) == 0)
        return fd;
    close(fd);
    return -1;
}

int
metrics_page_reopen(int fd)
{
    char path[32];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static bool
is_page(int fd)
{
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat st;

    return seals >= 0 && (seals & F_SEAL_SHRINK) != 0 && fstat(fd, &st) == 0 &&
           st.st_size == (off_t)sizeof(struct metrics_page);
}

struct metrics_page *
metrics_page_map(int fd, bool is_writable)
{
    int access = is_writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *at = MAP_FAILED;

    if (is_page(fd))
        at = mmap(NULL, sizeof(struct metrics_page), access, MAP_SHARED, fd, 0);
    return at == MAP_FAILED ? NULL : at;
}

void
metrics_page_unmap(struct metrics_page *page)
{
    if (page != NULL)
        munmap(page, sizeof *page);
}

bool
metrics_page_use(int fd)
{
    struct metrics_page *page = metrics_page_map(fd, true);

    close(fd);
    if (page == NULL)
        return false;
    metrics_page = page; /* for good: it goes with the process */
    return true;
}

void
metrics_page_clear_gauges(struct metrics_page *page)
{
    for (unsigned m = 0; m < METRIC_COUNT; m++) {
        const struct metric_row *row = &metric_rows[m];

        for (unsigned i = 0; row->kind == METRIC_KIND_GAUGE && i < row->label->count; i++)
            atomic_store_explicit(&page->slots[row->first + i], 0, memory_order_relaxed);
    }
}
