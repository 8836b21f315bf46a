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

/* metrics_book_name() - the name of a place in a leaf's page, with everything that is not printable
 * ASCII as '?': whoever owns a process may write anything there. false: nobody has the place. */
bool metrics_book_name(const struct metrics_leaf *leaf, enum metrics_names list, unsigned place,
                       char text[METRICS_NAME_MAX + 1]);

#endif
