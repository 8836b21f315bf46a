/* SPDX-License-Identifier: MIT
 *
 * An account's own database, new, in a scratch folder for each test.
 */
#ifndef PERSONAL_FIXTURE_H
#define PERSONAL_FIXTURE_H

#include <check.h>

#include "doorstep/personal.h"

struct fixture {
    char folder[128]; /* removed by fixture_release() */
    struct personal *p;
    struct personal_rescued rescued;
    struct outcome why;
};

void fixture_init(struct fixture *f);
void fixture_release(struct fixture *f);
void fixture_reopen(struct fixture *f); /* which must find no damage */

/* fixture_path() - of a file in the folder; valid until the next call. */
const char *fixture_path(const struct fixture *f, const char *name);

#define OK(f, call) ck_assert_msg((call), "%s: %s", #call, (f)->why.cause)
#define FAILS(f, expected, call)                                                                   \
    do {                                                                                           \
        ck_assert_msg(!(call), "%s", #call);                                                       \
        ck_assert_msg((f)->why.kind == (expected), "%s: kind %d, %s", #call, (f)->why.kind,        \
                      (f)->why.cause);                                                             \
    } while (0)

#endif
