/* SPDX-License-Identifier: MIT
 *
 * Settings with domains of every driver, and an accounts.sqlite in a scratch folder.
 */
#ifndef ACCOUNTS_FIXTURE_H
#define ACCOUNTS_FIXTURE_H

#include <check.h>

#include "doorstep/accounts.h"

enum fixture_domain { DOMAIN_SQLITE, DOMAIN_ANY, DOMAIN_PASSWD, DOMAIN_FILE, DOMAIN_STRICT };
#define FIXTURE_DOMAINS 5

struct fixture {
    char folder[128];
    char file[192]; /* the file driver's; holds fixture_file_text() at first */
    struct settings_domain domains[FIXTURE_DOMAINS];
    struct settings_route routes[2]; /* far, near */
    struct settings settings;
    struct accounts *a;
    struct outcome why;
};

/* fixture_init() - sqlite.example, any.example, passwd.example, file.example, strict.example
 * (sqlite, case-sensitive, at home where the route "far" leads). */
void fixture_init(struct fixture *f);
void fixture_release(struct fixture *f);
void fixture_reopen(struct fixture *f);
void fixture_write(struct fixture *f, const char *text);
void fixture_account(struct fixture *f, const char *name);
void fixture_alias(struct fixture *f, const char *alias, const char *target);

/* fixture_resolve() - "user@domain/detail user@domain/detail", or the outcome's enhanced code. The
 * address is in wire form: local@domain, or "postmaster". */
const char *fixture_resolve(struct fixture *f, const char *address);

#define OK(f, call) ck_assert_msg((call), "%s: %s", #call, (f)->why.cause)
#define FAILS(f, expected, call)                                                                   \
    do {                                                                                           \
        ck_assert_msg(!(call), "%s", #call);                                                       \
        ck_assert_msg((f)->why.kind == (expected), "%s: kind %d, %s", #call, (f)->why.kind,        \
                      (f)->why.cause);                                                             \
    } while (0)

#endif
