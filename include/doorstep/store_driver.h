/* SPDX-License-Identifier: MIT
 *
 * For those who write a store driver: one struct of functions, designated initialisers, one row a
 * method. docs/storage-drivers.md walks through one. Callers never see this; they use store.h.
 * Every function runs on the account's worker thread, and mailbox names were checked
 * (store_mailbox_name_check()), "INBOX" spelled in capitals.
 */
#ifndef DOORSTEP_STORE_DRIVER_H
#define DOORSTEP_STORE_DRIVER_H

#include <sys/stat.h>

#include "doorstep/store.h"

#define STORE_DRIVER_ABI 2

struct store_driver;

struct store { /* every driver's struct begins with this, named base; filled before open() */
    const struct store_driver *driver;
    const struct settings_store *settings; /* borrowed */
    unsigned can;                          /* driver->can; open() may take bits away */
    const char *path;                      /* owned: template filled in, this account's */
    const char *root;                      /* owned: literal part of it, a folder that exists */
    const char *below;                     /* borrowed: path after root, no slash in front */
    struct store_account who;              /* owned strings */
    struct store_staged *staged;           /* store.c's: what store_close() must discard */
    bool is_journaled;                     /* store_use_journal(): neither sync nor commit follow */
};

struct store_staged {          /* a driver's handle begins with this, named base */
    struct store_staged *next; /* store.c's, as is state */
    enum { STAGED_WRITTEN, STAGED_PUBLISHED, STAGED_COMMITTED } state;
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
                                    const struct store_staged *other, struct store_staged **staged,
                                    struct store_ref *ref, struct outcome *why);
    bool (*place)(struct store *st, const struct store_staged *staged, struct buf *out);
    int (*sync_fd)(struct store *st, struct outcome *why);
    enum store_result (*restore)(struct store *st, const struct store_mail *mail,
                                 const struct store_ref *ref, struct span place, char *mailbox,
                                 struct store_wait *wait, struct outcome *why);
    void (*restore_end)(struct store *st);
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
    bool (*where)(struct store *st, const char *mailbox, const char *name, struct buf *out);
    bool (*set_flags)(struct store *st, const char *mailbox, const char *name, unsigned flags,
                      struct outcome *why);
    bool (*remove)(struct store *st, const char *mailbox, const char *name, struct outcome *why);
    bool (*move)(struct store *st, const char *from, const char *name, const char *to,
                 struct store_ref *moved, struct outcome *why);
    bool (*mailbox_list)(struct store *st, store_mailbox_fn fn, void *arg, struct outcome *why);
    bool (*mailbox_create)(struct store *st, const char *mailbox, struct outcome *why);
    bool (*mailbox_rename)(struct store *st, const char *from, const char *to, struct outcome *why);
    bool (*mailbox_delete)(struct store *st, const char *mailbox, struct outcome *why);
    void (*tidy)(struct store *st, time_t now);
};

/* For drivers: what most of them need to write a delivery. */

/* store_keeps_bytes() - must it be stored byte for byte, whatever the line ends of the store? So
 * for BINARYMIME, and for a bare CR or LF, which no conversion would bring back. */
bool store_keeps_bytes(const struct store_mail *mail);

/* store_write_mail() - trace, then message, at the descriptor's position: as they are with crlf,
 * else without the CR of each line end (only where !store_keeps_bytes()). Memory use does not grow
 * with the message. *octets counts what was written. false with errno; what was written so far
 * stays. */
bool store_write_mail(int fd, const struct store_mail *mail, bool crlf, uint64_t *octets);

/* store_same_mail() - are these just the octets that the file holds, from its beginning to its end?
 * False also when it cannot be read. */
bool store_same_mail(int fd, const struct store_mail *mail, bool crlf);

/* store_wire_octets() - trace and message counted as CRLF. */
uint64_t store_wire_octets(const struct store_mail *mail);

/* store_write_all() - write(2) until all is written; false with errno. */
bool store_write_all(int fd, const void *data, size_t n);

/* store_pwrite_all() - the same at an offset. */
bool store_pwrite_all(int fd, const void *data, size_t n, uint64_t offset);

/* store_stamp_of() - a stamp of files or folders for the stamp method; false when one was changed
 * so short a time ago that its times could stay the same through the next change. */
bool store_stamp_of(const struct stat *files, size_t count, uint64_t *stamp);

/* store_new() - a store of this very driver, filled in and opened, as store_open() does for the
 * driver that the settings name. For wrapping drivers and for tests. */
struct store *store_new(const struct store_driver *driver, const struct settings_store *settings,
                        const struct store_account *who, struct outcome *why);

extern const struct store_driver store_maildir;
extern const struct store_driver store_mbox;

/* A plugin libdoorstep_store_NAME.so exports this symbol; it is looked up with dlsym(3). */
#define STORE_DRIVER_SYMBOL "doorstep_store_driver"

#endif
