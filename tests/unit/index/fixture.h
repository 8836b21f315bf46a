/* SPDX-License-Identifier: MIT
 *
 * A fresh index in a scratch folder for each test, and messages to put into it.
 */
#ifndef INDEX_FIXTURE_H
#define INDEX_FIXTURE_H

#include <check.h>

#include "doorstep/index.h"

struct fixture {
    char folder[128]; /* removed by fixture_release() */
    struct index *ix;
    struct outcome why;
    struct index_mailbox inbox;
};

/* fixture_init() - an index with an INBOX of UIDVALIDITY 1000. */
void fixture_init(struct fixture *f);
void fixture_release(struct fixture *f);
void fixture_reopen(struct fixture *f);

/* Each in a transaction of its own, checked. */
uint32_t fixture_add(struct fixture *f, const char *name, unsigned flags,
                     const struct facts *facts);
struct index_mailbox fixture_mailbox(struct fixture *f, const char *name);

/* fixture_message() - a message as deliver/ would describe it. */
struct index_message fixture_message(int64_t mailbox, uint32_t uid, const char *name,
                                     unsigned flags, const struct facts *facts);
extern const struct facts fixture_facts;

#define OK(f, call) ck_assert_msg((call), "%s: %s", #call, (f)->why.cause)
#define FAILS(f, expected, call)                                                                   \
    do {                                                                                           \
        ck_assert_msg(!(call), "%s", #call);                                                       \
        ck_assert_msg((f)->why.kind == (expected), "%s: kind %d, %s", #call, (f)->why.kind,        \
                      (f)->why.cause);                                                             \
    } while (0)

#endif
