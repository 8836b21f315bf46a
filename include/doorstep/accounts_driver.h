/* SPDX-License-Identifier: MIT
 *
 * For those who write an accounts driver: who exists in one domain. Domains, subaddresses, case and
 * catch-all were dealt with before (accounts.c); a driver gets a checked, folded name.
 */
#ifndef DOORSTEP_ACCOUNTS_DRIVER_H
#define DOORSTEP_ACCOUNTS_DRIVER_H

#include "doorstep/accounts.h"

struct accounts_db; /* state_dir/accounts.sqlite, shared by drivers that need it */

enum accounts_result { ACCOUNTS_FOUND, ACCOUNTS_UNKNOWN, ACCOUNTS_FAILED };

struct accounts_source { /* one domain's; a driver's struct begins with this, named base */
    const struct accounts_driver *driver;
    const struct settings_domain *domain; /* borrowed */
    const struct settings *settings;      /* borrowed */
    struct accounts_db *db;               /* borrowed */
};

struct accounts_driver {
    const char *name;
    size_t size;
    bool on_first_delivery; /* names without an account get one with their first mail */

    /* NULL where there is nothing to do. */
    bool (*open)(struct accounts_source *s, struct outcome *why);
    void (*close)(struct accounts_source *s);
    uint64_t (*generation)(struct accounts_source *s); /* only rises; NULL: changes go through us */

    enum accounts_result (*find)(struct accounts_source *s, const char *user, struct account *out,
                                 struct outcome *why);
    /* Hash and keys of an account that find() knows; NULL: its accounts have no passwords here. */
    bool (*secret)(struct accounts_source *s, struct account_secret *out, struct outcome *why);
    /* Who has this uid; NULL: no system accounts. */
    enum accounts_result (*find_uid)(struct accounts_source *s, uid_t uid, struct account *out,
                                     struct outcome *why);
    bool (*list)(struct accounts_source *s, account_fn fn, void *arg, struct outcome *why);

    /* NULL where the driver is read-only. */
    bool (*add)(struct accounts_source *s, const char *user, const struct account_change *with,
                struct outcome *why);
    bool (*set)(struct accounts_source *s, const char *user, const struct account_change *with,
                struct outcome *why);
    bool (*remove)(struct accounts_source *s, const char *user, struct outcome *why);
};

extern const struct accounts_driver accounts_sqlite;
extern const struct accounts_driver accounts_passwd;
extern const struct accounts_driver accounts_file;
extern const struct accounts_driver accounts_any;

#endif
