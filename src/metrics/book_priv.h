/* SPDX-License-Identifier: MIT
 *
 * The inside of a book, for its printer.
 */
#ifndef METRICS_BOOK_PRIV_H
#define METRICS_BOOK_PRIV_H

#include "doorstep/metrics_book.h"

#include "metrics_priv.h"

struct metrics_leaf {
    unsigned role;
    struct metrics_page *page; /* mapped, to be read only */
};

struct metrics_book {
    struct metrics_leaf *leaves; /* owned */
    size_t count;
};

/* metrics_book_slot() - one number, over all processes in that role. */
uint64_t metrics_book_slot(const struct metrics_book *book, unsigned role, unsigned slot);

#endif
