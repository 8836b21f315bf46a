/* SPDX-License-Identifier: MIT
 *
 * The mbox driver's own. A mailbox is one file (RFC 4155, mboxrd quoting, LF line ends):
 *
 *     PATH                     INBOX
 *     PATH.d/Lists             "Lists"
 *     PATH.d/Lists.d/dev       "Lists/dev"
 *     .NAME.doorstep           beside a mailbox file: what is being appended to it (record.c)
 *     NAME.lock                beside a mailbox file: the dotlock
 *
 * An open store holds one descriptor (the folder of PATH), and three per mailbox while that is
 * locked.
 */
#ifndef MBOX_PRIV_H
#define MBOX_PRIV_H

#include <limits.h>
#include <sodium.h>
#include <sys/stat.h>

#include "doorstep/beneath.h"
#include "doorstep/clock.h"
#include "doorstep/pack.h"
#include "doorstep/store_driver.h"

#define MBOX_FROM_SIZE 512 /* a From_ line that we write or remember, with its NUL */
#define MBOX_HASH_SIZE 33  /* BLAKE2b-128 in hex, with its NUL */
#define MBOX_WINDOW 65536

struct mbox_file { /* a mailbox that we hold locked */
    struct mbox_file *next;
    char mailbox[STORE_MAILBOX_SIZE];
    char name[NAME_MAX + 1]; /* of the file, in dir */
    int dir;                 /* owned */
    int fd;
    int record;               /* .NAME.doorstep, or -1 */
    unsigned locks;           /* bits by enum store_lock: which are held */
    ino_t dotlock;            /* of NAME.lock, while we hold it */
    unsigned users;           /* deliveries not yet forgotten or discarded, readers */
    uint64_t origin;          /* size when it was locked */
    uint64_t start;           /* where what is not committed begins */
    uint64_t size;            /* with what we appended */
    uint64_t reserved;        /* octets allocated behind size, for staged deliveries */
    uint64_t planned;         /* where the next delivery to be staged will begin */
    ino_t inode;              /* when it was locked */
    bool is_journaled;        /* syncs nothing */
    bool is_created;          /* its name is not on stable storage yet */
    bool is_dirty;            /* its content is not */
    bool is_recorded;         /* the record names all that is staged */
    struct mbox_staged *gone; /* discarded, but others lie behind them in the file */
};

struct mbox {
    struct store base;
    int dir;                 /* folder of PATH, or -1 until it exists */
    char name[NAME_MAX + 1]; /* of INBOX's file */
    struct mbox_file *files;
    struct mbox_known *known; /* owned: while deliveries are restored */
};

struct mbox_plan { /* where a delivery will lie if all goes well; kept in a journal */
    uint64_t inode;
    uint64_t size;   /* of the file then */
    uint64_t gap;    /* line ends before it: 0, 1 or 2 */
    uint64_t quoted; /* its octets */
};

struct mbox_staged {
    struct store_staged base;
    struct mbox_file *file;
    struct mbox_staged *next_gone;
    bool is_safe;        /* committed */
    struct message *msg; /* a reference of ours */
    char *trace;         /* owned copy */
    size_t trace_length;
    bool is_crlf;
    char from[MBOX_FROM_SIZE]; /* "From sender date\n" */
    uint64_t quoted;           /* octets in the file: From_ line to blank line */
    char hash[MBOX_HASH_SIZE]; /* of these octets */
    char name[STORE_REF_SIZE];
    uint64_t reserved; /* octets set aside for it */
    uint64_t offset;   /* once published */
    struct mbox_plan plan;
};

static inline struct mbox *
mbox_of(struct store *st)
{
    return (struct mbox *)st;
}

/* place.c: mailbox name -> folder and file */
bool mbox_level_encode(struct span level, struct buf *out);
bool mbox_level_decode(struct span file, struct buf *out);
/* mbox_path() - below the folder of INBOX's file. */
bool mbox_path(const struct mbox *mb, const char *mailbox, char path[PATH_MAX],
               struct outcome *why);
/* mbox_folder() - the folder of a mailbox file (owned by the caller) and its name there; made when
 * missing with make. -1: why, NOT_FOUND when it is not there. */
int mbox_folder(struct mbox *mb, const char *mailbox, bool make, char name[NAME_MAX + 1],
                struct outcome *why);
bool mbox_exists(struct mbox *mb, bool make, struct outcome *why);
bool mbox_errno(const struct mbox *mb, struct outcome *why, const char *call, const char *name);

/* lock.c, dotlock.c */
enum mbox_locked { MBOX_LOCKED, MBOX_BUSY, MBOX_LOCK_FAILED };
enum mbox_locked mbox_lock_take(struct mbox *mb, struct mbox_file *f, struct outcome *why);
void mbox_lock_give(struct mbox *mb, struct mbox_file *f);
/* dotlock_take() - MBOX_LOCK_FAILED comes with errno. */
enum mbox_locked dotlock_take(int dir, const char *name, time_t now, ino_t *inode);
void dotlock_give(int dir, const char *name, ino_t inode);

/* file.c: opened, checked, locked, repaired */
struct mbox_file *mbox_file_find(struct mbox *mb, const char *mailbox);
/* mbox_file_get() - locked, one more user. NULL with *busy: try again later. With create a
 * missing INBOX is made. */
struct mbox_file *mbox_file_get(struct mbox *mb, const char *mailbox, bool create, bool *busy,
                                struct outcome *why);
/* mbox_file_wait() - the same for readers: tries for a moment, never makes a file. */
struct mbox_file *mbox_file_wait(struct mbox *mb, const char *mailbox, struct outcome *why);
/* mbox_file_put() - one user less; the last one unlocks and closes. */
void mbox_file_put(struct mbox *mb, struct mbox_file *f);

/* record.c: what survives a crash in the middle of an append */
bool mbox_record_write(struct mbox *mb, struct mbox_file *f, struct outcome *why);
bool mbox_record_repair(struct mbox *mb, struct mbox_file *f, struct outcome *why);

/* quote.c: a delivery's octets as they will lie in the file */
struct mbox_quoted {
    uint64_t quoted; /* From_ line to blank line */
    uint64_t stored; /* what a reader will get, unquoted */
    bool added_end;  /* a final line end that the message lacked */
};
/* mbox_from_line() - as long as it may be cut to MBOX_FROM_SIZE. */
void mbox_from_line(const char *return_path, time_t received, char out[MBOX_FROM_SIZE]);
/* mbox_quote_measure() - lengths, the message's name, and with_hash s->hash; nothing written. */
bool mbox_quote_measure(struct mbox_staged *s, bool with_hash, struct mbox_quoted *out);
/* mbox_quote_content() - what the content is called where its id is not looked at. */
bool mbox_quote_content(const struct mbox_staged *s, char name[STORE_REF_SIZE]);
/* mbox_quote_each() - all octets in order, in pieces; false when fn says so, or with errno. */
typedef bool (*mbox_octets_fn)(void *arg, const char *p, size_t n);
bool mbox_quote_each(const struct mbox_staged *s, mbox_octets_fn fn, void *arg);
/* mbox_quote_write() - to fd at offset; false with errno. */
bool mbox_quote_write(const struct mbox_staged *s, int fd, uint64_t offset);

/* name.c: how a message is called */
struct mbox_namer {
    char head[1024];
    size_t head_length;
    enum { NAMER_HEAD, NAMER_ID, NAMER_HASH } state;
    char id[ID_SIZE];
    bool in_body;     /* past the blank line */
    bool is_decided;  /* about this header line */
    bool is_left_out; /* it is one that mail readers change */
    char line[20];    /* its beginning */
    size_t line_length;
    crypto_generichash_state hash;
};
void mbox_namer_init(struct mbox_namer *n);
void mbox_namer_init_hash(struct mbox_namer *n); /* by its content, id or not */
void mbox_namer_put(struct mbox_namer *n, const char *p, size_t length);
void mbox_namer_end(struct mbox_namer *n, char name[STORE_REF_SIZE]);

/* scanner.c: a file's octets to messages */
struct mbox_scanner {
    void (*begin)(void *arg, const char *from);             /* From_ line without its end */
    bool (*content)(void *arg, const char *p, size_t n);    /* unquoted; false stops */
    bool (*end)(void *arg, uint64_t start, uint64_t after); /* of the quoted octets */
    void *arg;
    enum {
        SCAN_START, /* of a line */
        SCAN_CR,
        SCAN_FROM,
        SCAN_QUOTE,
        SCAN_QUOTED_FROM,
        SCAN_LINE,
        SCAN_FROM_LINE
    } state;
    bool is_open;     /* in a message */
    bool is_stopped;  /* a callback said so */
    unsigned matched; /* octets of "From " seen */
    unsigned held;    /* a blank line that may be a separator: 0, 1 (LF) or 2 (CRLF) octets */
    uint64_t at;      /* octets fed */
    uint64_t start;   /* of the message */
    char from[MBOX_FROM_SIZE];
    size_t from_length;
};
void mbox_scanner_init(struct mbox_scanner *s, void *arg);
/* mbox_scanner_inside() - begin behind the From_ line of a message at offset `at`, to unquote it.
 */
void mbox_scanner_inside(struct mbox_scanner *s, uint64_t at);
bool mbox_scanner_feed(struct mbox_scanner *s, const char *p, size_t n); /* false: stopped */
/* mbox_scanner_end() - end of the file; keep_held: the last blank line is content. */
void mbox_scanner_end(struct mbox_scanner *s, bool keep_held);
/* mbox_from_time() - the date of a From_ line (UTC), or -1. */
time_t mbox_from_time(const char *from);

/* stage.c, publish.c */
/* mbox_staged_new() - of a mail, for no file yet; NULL without memory. */
struct mbox_staged *mbox_staged_new(const struct store_mail *mail);
bool mbox_place(struct store *st, const struct store_staged *staged, struct buf *out);
/* mbox_gap() - line ends that are missing at the end of a file before a From_ line (some programs
 * leave out the blank line). false, errno: the end cannot be read; nothing may be guessed then,
 * because a line end too many belongs to the message before. */
bool mbox_gap(const struct mbox_file *f, unsigned *gap);
enum store_result mbox_stage(struct store *st, const struct store_mail *mail,
                             struct store_staged **staged, struct store_ref *ref,
                             struct store_wait *wait, struct outcome *why);
bool mbox_sync(struct store *st, struct store_staged *staged, struct outcome *why);
bool mbox_publish(struct store *st, struct store_staged *staged, struct outcome *why);
bool mbox_commit(struct store *st, struct outcome *why);
void mbox_discard(struct store *st, struct store_staged *staged);
void mbox_forget(struct store *st, struct store_staged *staged);
/* mbox_cut_gone() - what was discarded goes out of the file: at its end now; with `all`, because
 * nobody needs the file any longer, in its middle too. */
void mbox_cut_gone(struct mbox_file *f, bool all);
void mbox_staged_free(struct mbox_staged *s);

/* scan.c */
/* mbox_walk() - every message of a locked file: fn gets its entry and where it lies. */
typedef bool (*mbox_walk_fn)(void *arg, const struct store_entry *e, uint64_t start,
                             uint64_t after);
bool mbox_walk(struct mbox *mb, struct mbox_file *f, mbox_walk_fn fn, void *arg,
               struct outcome *why);
bool mbox_scan(struct store *st, const char *mailbox, store_entry_fn fn, void *arg,
               struct outcome *why);
bool mbox_stamp(struct store *st, const char *mailbox, uint64_t *stamp);

/* read.c */
struct mbox_message { /* offsets of its content, behind the From_ line */
    uint64_t start;
    uint64_t after;
};
/* mbox_unquote() - the content in pieces; false with errno, or 0 when the callback said so. */
bool mbox_unquote(const struct mbox_file *f, const struct mbox_message *m,
                  bool (*content)(void *arg, const char *p, size_t n), void *arg);
struct message *mbox_read(struct store *st, const char *mailbox, const char *name,
                          struct outcome *why);

/* known.c: what a mailbox holds, while deliveries are restored */
struct mbox_finding {
    bool is_there; /* one of that name, at: */
    struct mbox_message at;
    struct mbox_message last; /* in the file; start 0: it is empty */
};
/* mbox_known_find() - of a file that we hold locked; read only when it changed since. */
bool mbox_known_find(struct mbox *mb, struct mbox_file *f, const char *name,
                     struct mbox_finding *out, struct outcome *why);
/* mbox_known_add() - one more message was appended, by us, since mbox_known_find(). */
void mbox_known_add(struct mbox *mb, const struct mbox_file *f, const char *name,
                    const struct mbox_message *m);
/* mbox_known_forget() - the file was changed in another way. */
void mbox_known_forget(struct mbox *mb, const struct mbox_file *f);
/* mbox_known_hold() - this one could not be restored, and may lie torn at the end: nothing else is
 * appended behind it, until it is there ("") or mbox_known_release(). */
void mbox_known_hold(struct mbox *mb, const char *mailbox, const char *name);
bool mbox_known_is_held(struct mbox *mb, const char *mailbox, const char *name);
void mbox_known_release(struct mbox *mb);

/* match.c: how much of a delivery lies somewhere in a file */
enum mbox_match {
    MBOX_WHOLE,
    MBOX_TORN, /* a beginning of it up to the end of the file, or blocks of it were never written */
    MBOX_OTHER /* something else */
};
enum mbox_match mbox_match(const struct mbox_file *f, const struct mbox_staged *s, uint64_t size,
                           uint64_t gap);
/* mbox_match_content() - is it this message, but for the fields in which readers keep flags? */
bool mbox_match_content(const struct mbox_file *f, const struct mbox_staged *s,
                        const struct mbox_message *m);

/* restore.c */
int mbox_sync_fd(struct store *st, struct outcome *why);
enum store_result mbox_restore(struct store *st, const struct store_mail *mail,
                               const struct store_ref *ref, struct span place, char *mailbox,
                               struct store_wait *wait, struct outcome *why);
void mbox_restore_end(struct store *st);

/* folders.c */
bool mbox_mailbox_list(struct store *st, store_mailbox_fn fn, void *arg, struct outcome *why);
bool mbox_mailbox_create(struct store *st, const char *mailbox, struct outcome *why);
bool mbox_mailbox_rename(struct store *st, const char *from, const char *to, struct outcome *why);
bool mbox_mailbox_delete(struct store *st, const char *mailbox, struct outcome *why);

#endif
