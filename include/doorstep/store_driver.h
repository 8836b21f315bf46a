/* SPDX-License-Identifier: MIT
 *
 * For those who write a store driver: one struct of functions, designated initialisers, one row a
 * method. docs/storage-drivers.md walks through one. Callers never see this; they use store.h.
 * Every function runs on the account's worker thread, and mailbox names were checked
 * (store_mailbox_name_check()), "INBOX" spelled in capitals.
 */
#ifndef DOORSTEP_STORE_DRIVER_H
#define DOORSTEP_STORE_DRIVER_H

#include "doorstep/store.h"

#define STORE_DRIVER_ABI 1

struct store_driver;

struct store { /* every driver's struct begins with this, named base */
    const struct store_driver *driver;
    const struct settings_store *settings; /* borrowed */
    char path[4096];                       /* template filled in: this account's */
    char root[4096];                       /* literal part of the template, an existing folder */
    const struct store_account *who;       /* owned copy */
};

struct store_staged { /* a driver's handle begins with this, named base */
    struct store_staged *next; /* kept by store.c: what is staged, for store_close() */
    enum { STAGED_WRITTEN, STAGED_PUBLISHED } state;
};

struct store_driver {
    unsigned abi;     /* STORE_DRIVER_ABI */
    const char *name; /* as the configuration spells it */
    size_t size;      /* of the driver's own struct, which begins with struct store base */
    unsigned can;     /* STORE_CAN_* */

    /* As their namesakes in store.h. NULL: the driver cannot; store.c answers with an outcome. */
    bool (*open)(struct store *st, struct outcome *why);
    void (*close)(struct store *st);
    enum store_result (*stage)(struct store *st, const struct store_mail *mail,
                               struct store_staged **staged, struct store_ref *ref,
                               struct store_wait *wait, struct outcome *why);
    enum store_result (*stage_link)(struct store *st, const struct store_mail *mail,
                                    const struct store_staged *other,
                                    struct store_staged **staged, struct store_ref *ref,
                                    struct outcome *why);
    bool (*sync)(struct store *st, struct store_staged *staged, struct outcome *why);
    bool (*publish)(struct store *st, struct store_staged *staged, struct outcome *why);
    bool (*commit)(struct store *st, struct outcome *why);
    void (*discard)(struct store *st, struct store_staged *staged); /* undo and free; cannot fail */
    void (*forget)(struct store *st, struct store_staged *staged);  /* free */
    bool (*scan)(struct store *st, const char *mailbox, store_entry_fn fn, void *arg,
                 struct outcome *why);
    bool (*stamp)(struct store *st, const char *mailbox, uint64_t *stamp);
    struct message *(*read)(struct store *st, const char *mailbox, const char *name,
                            struct outcome *why);
    bool (*set_flags)(struct store *st, const char *mailbox, const char *name, unsigned flags,
                      struct outcome *why);
    bool (*remove)(struct store *st, const char *mailbox, const char *name, struct outcome *why);
    bool (*mailbox_list)(struct store *st, store_mailbox_fn fn, void *arg, struct outcome *why);
    bool (*mailbox_create)(struct store *st, const char *mailbox, struct outcome *why);
    bool (*mailbox_rename)(struct store *st, const char *from, const char *to,
                           struct outcome *why);
    bool (*mailbox_delete)(struct store *st, const char *mailbox, struct outcome *why);
    void (*tidy)(struct store *st, time_t now);
};

/* A plugin libdoorstep_store_NAME.so exports this symbol; it is looked up with dlsym(3). */
#define STORE_DRIVER_SYMBOL "doorstep_store_driver"

#endif
