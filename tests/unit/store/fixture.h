/* SPDX-License-Identifier: MIT
 *
 * What the tests of stores share: a scratch folder, every kind of store that is tested, deliveries
 * in one line, and what a reader must get back.
 */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <check.h>
#include <sys/types.h>

#include "doorstep/buf.h"
#include "doorstep/clock.h"
#include "doorstep/store_driver.h"

struct kind { /* one way to keep mail */
    const char *name;
    const char *driver;
    const char *path; /* below the scratch folder */
    bool crlf;
    bool by_hand;    /* through a hand in a process of its own */
    bool no_unnamed; /* as where O_TMPFILE is refused */
    bool is_mbox;    /* adds a final line end where there is none */
};

extern const struct kind kinds[];
extern const int kind_count;

struct fixture {
    const struct kind *kind;
    char dir[64]; /* scratch folder, removed by fixture_end() */
    char path[256];
    struct settings_store settings;
    pid_t hand;
    struct store *st;
};

void fixture_begin(struct fixture *f, const struct kind *kind); /* folder made, store open */
void fixture_end(struct fixture *f);
void fixture_reopen(struct fixture *f);
struct store *fixture_open(struct fixture *f);                          /* once more; not by hand */
struct store *fixture_try_open(struct fixture *f, struct outcome *why); /* NULL where it fails */
const struct kind *kind_find(const char *name);

/* The account's path with a suffix, for looking behind the store's back. */
const char *fixture_path(const struct fixture *f, const char *suffix);

struct letter {          /* what is delivered */
    const char *mailbox; /* NULL: INBOX */
    struct span bytes;
    const char *sender; /* NULL: a@example.org */
    unsigned flags;
    bool keep_bytes;
    bool no_trace;
    time_t when;    /* 0: now */
    uint64_t spill; /* octets kept in memory; 0: all */
};

/* One that is staged, with all that it needs; letter_release() after the store is done with it. */
struct posted {
    struct store_staged *staged;
    struct store_ref ref;
    struct store_wait wait;
    struct outcome why;
    char id[ID_SIZE];
    char trace[256];
    struct timespec received;
    char place[64]; /* for a journal */
    size_t place_n;
};

enum store_result letter_stage(struct store *st, const struct letter *l, struct posted *p);
/* letter_deliver() - stage to forget; false with p->why, and nothing left. */
bool letter_deliver(struct store *st, const struct letter *l, struct posted *p);

/* letter_publish() - the way of a caller with a journal: no sync, no commit. */
bool letter_publish(struct store *st, const struct letter *l, struct posted *p);

/* letter_place() - of one that is staged, into p->place. */
void letter_place(struct store *st, struct posted *p);

/* letter_restore() - as after a crash; mailbox: where it lies (STORE_MAILBOX_SIZE octets). */
enum store_result letter_restore(struct store *st, const struct letter *l, struct posted *p,
                                 char *mailbox);

/* letter_stored() - what the store must give back for it. */
void letter_stored(const struct kind *kind, const struct letter *l, const struct posted *p,
                   struct buf *out);

/* The bytes of a stored message; fails the test when it cannot be read. */
void read_back(struct store *st, const char *mailbox, const char *name, struct buf *out);

struct listed { /* what store_scan() found, in its order */
    size_t count;
    struct listed_entry {
        char name[STORE_REF_SIZE];
        unsigned flags;
        uint64_t stored_octets;
        uint64_t wire_octets;
        time_t arrived;
        bool is_new;
    } list[512];
};
void list_messages(struct store *st, const char *mailbox, struct listed *out);
size_t count_messages(struct store *st, const char *mailbox);
const struct listed_entry *list_find(const struct listed *l, const char *name);

struct names { /* what store_mailbox_list() found */
    size_t count;
    char list[64][STORE_MAILBOX_SIZE];
};
void list_mailboxes(struct store *st, struct names *out);
bool names_have(const struct names *n, const char *name);

/* Regular files below a folder. */
size_t count_files(const char *folder);
void write_file(const char *path, struct span bytes);
void read_file(const char *path, struct buf *out);

#endif
