/* SPDX-License-Identifier: MIT
 *
 * The pages that a reader holds, and sums over them.
 */
#include "book_priv.h"

#include <stdlib.h>
#include <unistd.h>

#include "doorstep/metrics_page.h"

#define PAGES_MAX 4096

struct metrics_book *
metrics_book_new(void)
{
    return calloc(1, sizeof(struct metrics_book));
}

void
metrics_book_free(struct metrics_book *book)
{
    if (book == NULL)
        return;
    for (size_t i = 0; i < book->count; i++)
        metrics_page_unmap(book->leaves[i].page);
    free(book->leaves);
    free(book);
}

static bool
add_page(struct metrics_book *book, unsigned role, struct metrics_page *page)
{
    struct metrics_leaf *more = NULL;

    if (page != NULL && role < METRICS_ROLES_COUNT && book->count < PAGES_MAX)
        more = realloc(book->leaves, (book->count + 1) * sizeof *more);
    if (more == NULL)
        return false;
    book->leaves = more;
    book->leaves[book->count++] = (struct metrics_leaf){role, page};
    return true;
}

bool
metrics_book_add(struct metrics_book *book, unsigned role, int fd)
{
    struct metrics_page *page = metrics_page_map(fd, false);

    close(fd);
    if (add_page(book, role, page))
        return true;
    metrics_page_unmap(page);
    return false;
}

uint64_t
metrics_book_slot(const struct metrics_book *book, unsigned role, unsigned slot)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < book->count; i++)
        if (book->leaves[i].role == role)
            sum += atomic_load_explicit(&book->leaves[i].page->slots[slot], memory_order_relaxed);
    return sum;
}

bool
metrics_book_name(const struct metrics_leaf *leaf, enum metrics_names list, unsigned place,
                  char text[METRICS_NAME_MAX + 1])
{
    const struct metrics_name *name = &leaf->page->names[list][place];
    size_t n = atomic_load_explicit(&name->length, memory_order_acquire);

    if (n == 0 || n > METRICS_NAME_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        text[i] = name->text[i] >= ' ' && name->text[i] <= '~' ? name->text[i] : '?';
    text[n] = '\0';
    return true;
}

uint64_t
metrics_book_value(const struct metrics_book *book, unsigned role, enum metric m, unsigned label)
{
    const struct metric_row *row = &metric_rows[m];
    unsigned first = row->first + label * row->width;
    uint64_t value = 0;

    if (label >= row->label->count)
        return 0;
    if (row->kind != METRIC_KIND_HISTOGRAM)
        return metrics_book_slot(book, role, first);
    for (unsigned i = 0; i <= METRICS_BOUNDS; i++)
        value += metrics_book_slot(book, role, first + i);
    return value;
}
